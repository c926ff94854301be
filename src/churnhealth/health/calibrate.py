"""How a margin becomes a probability: one line in log-odds, so drivers stay exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churnhealth.errors import TrainingError
from churnhealth.scorers.curves import fit_line, sigmoid
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Calibrator", "fit_calibrator"]

_FLATTEST = 0.02  # the order of a scorer's margins is never turned round


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrator:
    """Calibrated log-odds = ``slope * margin + intercept``, slope above zero.

    >>> Calibrator(slope=0.5, intercept=-1.0).log_odds(np.array([2.0]))
    array([0.])
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.slope < np.inf and np.isfinite(self.intercept)):
            raise ValueError("a calibrator needs a finite slope above 0")

    def log_odds(self, margin: Floats) -> Floats:
        """Give calibrated log-odds."""
        return self.slope * margin + self.intercept

    def probability(self, margin: Floats) -> Floats:
        """Give the calibrated churn probability."""
        return sigmoid(self.log_odds(margin))

    def to_json(self) -> dict[str, float]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_json(cls, saved: Mapping[str, float]) -> Calibrator:
        """Read what ``to_json`` wrote."""
        return cls(slope=float(saved["slope"]), intercept=float(saved["intercept"]))


def fit_calibrator(
    margin: Floats,
    y: Floats | Ints,
    *,
    groups: Ints | None = None,
    prior_strength: float = 10.0,
) -> Calibrator:
    """Fit the line on margins that were made out of fold, on later days.

    Penalised maximum likelihood: the slope is pulled to 1 as hard as
    ``prior_strength`` outcomes would, the level to the margin's own as hard as half of
    that. The likelihood counts ``outcomes`` (distinct ``groups`` with a positive
    row), not rows, so with few of them the line stays near "as it is". The slope
    stays above zero whatever the data say.

    >>> margin = np.linspace(-3.0, 3.0, 4001)
    >>> y = (np.arange(4001) * 0.618034 % 1.0 < sigmoid(0.5 * margin)).astype(float)
    >>> found = fit_calibrator(margin, y, prior_strength=0.0)
    >>> round(found.slope, 1), round(abs(found.intercept), 1)
    (0.5, 0.0)
    """
    outcome = np.asarray(y, np.float64)
    _refuse_unusable(margin, outcome)
    weight = _outcomes_per_positive(outcome, groups)
    # Around the margin's own centre slope and level hardly disturb each other.
    centre = float(margin.mean())
    x = margin - centre
    spread = float(np.clip(x.var(), 0.05, 25.0))
    pull = (prior_strength * spread + 1e-9, prior_strength / 2.0 + 1e-9)
    slope, level = fit_line(
        x, outcome, start=(1.0, centre), precision=pull, weight=weight
    )
    if slope < _FLATTEST:
        slope = _FLATTEST
        hold = (1e12, pull[1])
        slope, level = fit_line(
            x, outcome, start=(slope, centre), precision=hold, weight=weight
        )
    slope = max(slope, _FLATTEST / 2.0)
    return Calibrator(slope=slope, intercept=level - slope * centre)


def _outcomes_per_positive(y: Floats, groups: Ints | None) -> float:
    positives = float(y.sum())
    if groups is None or not positives:
        return 1.0
    return float(np.unique(groups[y > 0]).size) / positives


def _refuse_unusable(margin: Floats, y: Floats) -> None:
    known = np.isfinite(margin).all() and np.isin(y, (0.0, 1.0)).all()
    if known and margin.ndim == 1 and margin.shape == y.shape and margin.size:
        return
    raise TrainingError(
        "CH340",
        "calibration needs one finite margin and one outcome (0 or 1) per row",
        why="a line through damaged points would bend every probability",
        fix="leave out censored rows; give equally long arrays that are not empty",
    )
