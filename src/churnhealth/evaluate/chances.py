"""What the test period says of the chances themselves: their level, their spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.choosing import FEW
from churnhealth.evaluate.metrics import slope_interval
from churnhealth.evaluate.panel import distinct
from churnhealth.health.draws import rate_interval

__all__ = ["untrue_chances"]

_TRUE = 1.15  # expected over seen, or the other way round: up to this it is true
_STEEP = 1.25  # a calibration slope, or the other way round: the same


def untrue_chances(
    judged: Judged, *, corrects: bool, skill: bool, seed: int
) -> Iterator[str]:
    """Say where the chances were not true: by more than noise, and by much.

    ``corrects``: whether the level follows a rate that moves. Without ``skill`` there
    is no order either that could be trusted instead.
    """
    instead = ", so trust the order of accounts more than their chances"
    trust = instead if skill else ""
    level, spread = _level(judged, seed=seed), _spread(judged)
    if level is not None:
        way = '; [calibration] base_rate = "corrected" follows a rate that moves'
        yield f"{level}{'' if spread else trust}{'' if corrects else way}"
    if spread is not None:
        yield f"{spread}{trust}"


def _level(judged: Judged, *, seed: int) -> str | None:
    y = judged.y.astype(np.float64)
    expected, seen = float(judged.p["chosen"].mean()), float(y.mean())
    low, high = rate_interval(y, judged.account, seed=seed)
    if low <= expected <= high or 1.0 / _TRUE < expected / seen < _TRUE:
        return None
    side = "high" if expected > seen else "low"
    return (
        f"its chances were too {side} in the test period: {expected:.1%} expected,"
        f" {seen:.1%} churned (95 % interval {low:.1%} to {high:.1%})"
    )


def _spread(judged: Judged) -> str | None:
    """Compare the slope with one that is right; of a constant only levels differ."""
    if judged.chosen == "constant" or distinct(judged.account[judged.y == 1]) < FEW:
        return None
    low, high = slope_interval(judged.p["chosen"], judged.y, judged.account)
    if not (high < 1.0 / _STEEP or low > _STEEP) or high <= 0.0:
        return None
    told, differ = ("close together", "more") if low > 1.0 else ("far apart", "less")
    return (
        f"its chances lay too {told} in the test period (95 % interval of the"
        f" calibration slope {low:.2f} to {high:.2f}, 1 is right): accounts differ"
        f" {differ} than it says"
    )
