"""How sure a single probability is: a range that holds the true one, at a stated level.

Two things stand between a model's log-odds and the truth. What another draw of the same
accounts would have taught is seen by fitting again on such draws. What no feature shows
(a champion's mood, a competitor's offer) no table of zeros and ones can reveal: a
company where everyone's chance is 10 % and one where half have 1 % and half 19 % look
alike. That part is a stated assumption: true log-odds of a company's accounts differ
by ``DIFFER`` (standard deviation), and what the model's do not show of it is unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from churnhealth.scorers.curves import sigmoid
from churnhealth.sources.contract import Floats

__all__ = ["DIFFER", "LEVEL", "LikelyRange", "likely_range"]

LEVEL = 0.8  # of the true probabilities that are meant to lie inside
DIFFER = 1.25  # log-odds, standard deviation; where it comes from: docs/experiments.md
_LEAST_UNSEEN = 0.6  # however much the model shows
_PARTS, _FEWEST = 5, 20  # neighbours in log-odds share one spread
_GRID = np.linspace(-10.0, 6.0, 33)
_LINES = ("at", "below", "above")
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)


@dataclass(frozen=True, kw_only=True, eq=False)
class LikelyRange:
    """How far below and above calibrated log-odds the true ones may lie.

    ``below`` and ``above`` are added to log-odds at ``at``; in between, straight lines.
    ``sampling`` is the standard deviation that another draw of accounts gives,
    ``unseen`` the one of what no feature shows.

    >>> flat = LikelyRange(at=(0.0,), below=(-1.0,), above=(1.0,))
    >>> low, high = flat.around(np.array([0.0]))
    >>> low.round(3), high.round(3)
    (array([0.269]), array([0.731]))
    """

    at: Sequence[float]
    below: Sequence[float]
    above: Sequence[float]
    sampling: float = 0.0
    unseen: float = 0.0

    def around(self, log_odds: Floats) -> tuple[Floats, Floats]:
        """Give the lower and the upper probability of each row (n,)."""
        low, high = sigmoid(np.array(self.ends(log_odds)))
        return low, high

    def ends(self, log_odds: Floats) -> tuple[Floats, Floats]:
        """Give the lower and the upper log-odds of each row (n,)."""
        at, below, above = self._lines
        low = log_odds + np.interp(log_odds, at, below)
        return low, log_odds + np.interp(log_odds, at, above)

    @cached_property
    def _lines(self) -> tuple[Floats, ...]:
        return tuple(np.array(getattr(self, name)) for name in _LINES)

    def to_json(self) -> dict[str, object]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        return {
            "level": LEVEL,
            "sampling": self.sampling,
            "unseen": self.unseen,
            "at": list(self.at),
            "below": list(self.below),
            "above": list(self.above),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> LikelyRange:
        """Read what ``to_json`` wrote."""
        if saved["level"] != LEVEL:
            raise ValueError("ranges of another level")
        lines = {name: tuple(map(float, saved[name])) for name in _LINES}
        return cls(
            sampling=float(saved["sampling"]), unseen=float(saved["unseen"]), **lines
        )


def likely_range(log_odds: Floats, bagged: Floats) -> LikelyRange:
    """Learn the ranges from log-odds (n,) and those of ``bagged`` fits (bags, n).

    The true log-odds are taken as normal with the variance of both parts, around a
    centre at which the mean *probability* is still the model's: most accounts lie a
    little below what is predicted, a few far above. Accounts with near log-odds share
    one spread, so that it is not itself a matter of chance.

    >>> z = np.linspace(-5.0, 0.0, 50)
    >>> shown = likely_range(z, np.stack([z, z]))
    >>> hidden = likely_range(z / 5.0, np.stack([z, z]) / 5.0)
    >>> shown.unseen < hidden.unseen < DIFFER
    True
    """
    variance = np.mean((bagged - log_odds) ** 2, axis=0)
    unseen = np.sqrt(max(DIFFER**2 - float(log_odds.var()), _LEAST_UNSEEN**2))
    parts = np.array_split(
        np.argsort(log_odds, kind="stable"),
        int(np.clip(log_odds.size // _FEWEST, 1, _PARTS)),
    )
    centre = [float(log_odds[part].mean()) for part in parts]
    pooled = [float(variance[part].mean()) for part in parts]
    spread = np.sqrt(np.interp(_GRID, centre, pooled) + unseen**2)
    middle = _centred(_GRID, spread)
    reach = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) * spread
    # Very wide spreads would leave the prediction itself outside: it never is.
    return LikelyRange(
        at=tuple(_GRID.tolist()),
        below=tuple(np.minimum(middle - reach - _GRID, 0.0).tolist()),
        above=tuple(np.maximum(middle + reach - _GRID, 0.0).tolist()),
        sampling=float(np.sqrt(variance.mean())),
        unseen=float(unseen),
    )


def _centred(log_odds: Floats, spread: Floats) -> Floats:
    """Find where a normal spread of log-odds has the mean probability of ``log_odds``.

    By bisection on a Gauss-Hermite sum.

    >>> found = _centred(np.array([-3.0]), np.array([1.0]))
    >>> draws = found + np.random.default_rng(1).normal(size=400_000)
    >>> bool(abs(sigmoid(draws).mean() - sigmoid(np.array([-3.0]))[0]) < 2e-4)
    True
    """
    wanted, weights = sigmoid(log_odds), _WEIGHTS / _WEIGHTS.sum()
    low, high = log_odds - spread**2 - 1.0, log_odds + spread**2 + 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        mean = sigmoid(middle[:, None] + spread[:, None] * _NODES) @ weights
        low = np.where(mean < wanted, middle, low)
        high = np.where(mean < wanted, high, middle)
    return (low + high) / 2.0
