"""How a margin becomes a probability: one line in log-odds, so drivers stay exact.

Steps (isotonic) may be laid upon the line where outcomes are many. Drivers then still
add up, but each account's are scaled by a factor of its own: see ``explain_margin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from churnhealth.errors import TrainingError
from churnhealth.scorers.curves import fit_line, log_odds, monotone, sigmoid
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Calibrator", "fit_calibrator", "stepped"]

_LEAST_ROWS, _LEAST_OUTCOMES = 1_000, 100  # below, steps are noise
_FLATTEST = 0.02  # the order of a scorer's margins is never turned round


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrator:
    """Calibrated log-odds = ``slope * margin + intercept``, slope above zero.

    ``steps`` = ((line, calibrated), ...), rising in both, bend that line further:
    straight between neighbours, level beyond the ends.

    >>> Calibrator(slope=0.5, intercept=-1.0).log_odds(np.array([2.0]))
    array([0.])
    """

    slope: float = 1.0
    intercept: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not (0.0 < self.slope < np.inf and np.isfinite(self.intercept)):
            raise ValueError("a calibrator needs a finite slope above 0")
        if self.steps:
            line, told = np.array(self.steps).T
            if (np.diff(line) <= 0).any() or (np.diff(told) < 0).any():
                raise ValueError("the steps of a calibrator must rise")

    def log_odds(self, margin: Floats) -> Floats:
        """Give calibrated log-odds."""
        line = self.slope * margin + self.intercept
        return self.bent(line) if self.steps else line

    def bent(self, line: Floats) -> Floats:
        """Lay the steps upon log-odds of the line."""
        at, told = np.array(self.steps).T
        return np.asarray(np.interp(line, at, told), np.float64)

    def at_level(self, intercept: float) -> Self:
        """Give the same slope and steps upon another level of the line."""
        return replace(self, intercept=intercept)

    def probability(self, margin: Floats) -> Floats:
        """Give the calibrated churn probability."""
        return sigmoid(self.log_odds(margin))

    def raised(self, by: float) -> Self:
        """Give the same shape with all calibrated log-odds higher by ``by``."""
        if not self.steps:
            return replace(self, intercept=self.intercept + by)
        return replace(self, steps=tuple((z, told + by) for z, told in self.steps))

    def to_json(self) -> dict[str, object]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        line: dict[str, object] = {"slope": self.slope, "intercept": self.intercept}
        return line | ({"steps": [list(s) for s in self.steps]} if self.steps else {})

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Calibrator:
        """Read what ``to_json`` wrote."""
        return cls(
            slope=float(saved["slope"]),
            intercept=float(saved["intercept"]),
            steps=tuple((float(z), float(t)) for z, t in saved.get("steps", ())),
        )


def fit_calibrator(
    margin: Floats,
    y: Floats | Ints,
    *,
    groups: Ints | None = None,
    prior_strength: float = 10.0,
    level: bool = True,
) -> Calibrator:
    """Fit the line on margins that were made out of fold, on later days.

    Penalised maximum likelihood: the slope is pulled to 1 as hard as
    ``prior_strength`` outcomes would, the level to the margin's own as hard as half of
    that. The likelihood counts ``outcomes`` (distinct ``groups`` with a positive
    row), not rows, so with few of them the line stays near "as it is". The slope
    stays above zero whatever the data say. Without ``level`` the line goes through
    zero: only the slope, the temperature, is free.

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
    centre = float(margin.mean()) if level else 0.0
    x = margin - centre
    spread = float(np.clip(margin.var(), 0.05, 25.0))
    hold_level = prior_strength / 2.0 + 1e-9 if level else 1e12
    pull = (prior_strength * spread + 1e-9, hold_level)
    slope, height = fit_line(
        x, outcome, start=(1.0, centre), precision=pull, weight=weight
    )
    if slope < _FLATTEST:
        slope = _FLATTEST
        hold = (1e12, pull[1])
        slope, height = fit_line(
            x, outcome, start=(slope, centre), precision=hold, weight=weight
        )
    slope = max(slope, _FLATTEST / 2.0)
    return Calibrator(slope=slope, intercept=height - slope * centre)


def stepped(
    line: Calibrator, log_odds_seen: Floats, y: Floats | Ints, groups: Ints
) -> Calibrator:
    """Lay isotonic steps upon a line: the rates seen at its out-of-fold log-odds.

    Neighbours are pooled until the rate never falls (pool adjacent violators); each
    step is smoothed by one outcome at the rate of all, so that none is 0 or 1.

    Raises
    ------
    TrainingError
        CH342 below 1,000 rows or 100 outcomes (distinct ``groups`` with a positive).

    >>> z = np.linspace(-3.0, 3.0, 4001)
    >>> y = (np.arange(4001) * 0.618034 % 1.0 < sigmoid(0.5 * z)).astype(float)
    >>> found = stepped(Calibrator(), z, y, np.arange(4001))
    >>> found.probability(np.array([-2.0, 2.0])).round(1)
    array([0.3, 0.7])
    """
    outcome = np.asarray(y, np.float64)
    outcomes = np.unique(groups[outcome > 0]).size
    if outcome.size < _LEAST_ROWS or outcomes < _LEAST_OUTCOMES:
        raise TrainingError(
            "CH342",
            f"isotonic calibration has {outcome.size} later rows and {outcomes}"
            f" outcomes to learn from; it needs {_LEAST_ROWS} and {_LEAST_OUTCOMES}",
            why="with fewer its steps follow noise and bend every probability",
            fix='use [calibration] method = "affine", or give a longer history',
        )
    _refuse_unusable(log_odds_seen, outcome)
    order = np.argsort(log_odds_seen, kind="stable")
    level = monotone(outcome[order], np.ones(order.size))
    start = np.flatnonzero(np.diff(level, prepend=-1.0))
    size = np.diff(start, append=order.size)
    middle = np.add.reduceat(log_odds_seen[order], start) / size
    seen = np.add.reduceat(outcome[order], start)
    rate = float(outcome.mean())
    told = log_odds((seen + 1.0) / (size + 1.0 / rate))
    rising = np.maximum.accumulate(told)
    apart = np.diff(middle, prepend=-np.inf) > 0
    kept = zip(middle[apart].tolist(), rising[apart].tolist(), strict=True)
    return replace(line, steps=tuple(kept))


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
