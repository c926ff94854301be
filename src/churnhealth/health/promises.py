"""What each colour promises, and whether later time kept it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from churnhealth.health.bands import BANDS, BandCuts
from churnhealth.health.draws import rate_interval
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Promise", "broken", "promises"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """One colour's range, and what was predicted and seen in it.

    ``kept``: the observed rate lies in [low, high], or its account-clustered 95 %
    interval overlaps that range and is narrower than it. An empty band has ``None``
    for predicted, observed, interval and kept.
    """

    band: str
    low: float
    high: float
    n: int
    predicted: float | None = None
    observed: float | None = None
    interval: tuple[float, float] | None = None
    kept: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        said = asdict(self)
        said["interval"] = None if self.interval is None else list(self.interval)
        return said

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Promise:
        """Read what ``to_json`` wrote."""
        interval = saved["interval"]
        return cls(**{**saved, "interval": None if interval is None else (*interval,)})


def promises(
    cuts: BandCuts,
    p: Floats,
    y: Floats | Ints,
    groups: Ints,
    *,
    seed: int,
    samples: int = 1000,
) -> tuple[Promise, ...]:
    """Judge the four colours on later rows: probabilities, outcomes, accounts.

    Grey accounts belong in: the colour may be withheld, the promise is not.

    >>> cuts = BandCuts(cuts=(0.1, 0.2, 0.3))
    >>> p, y = np.full(100, 0.05), np.arange(100) % 25 == 0
    >>> green = promises(cuts, p, y, np.arange(100), seed=1)[0]
    >>> green.n, green.observed, green.kept
    (100, 0.04, True)
    """
    level, outcome = cuts.level(p), np.asarray(y, np.float64)
    told = []
    for at, band in enumerate(BANDS):
        mine = level == at
        empty = Promise(
            band=band,
            low=cuts.range_of(band)[0],
            high=cuts.range_of(band)[1],
            n=int(mine.sum()),
        )
        if empty.n:
            interval = rate_interval(
                outcome[mine], groups[mine], seed=seed, samples=samples
            )
            told.append(_judged(empty, p[mine], outcome[mine], interval))
        else:
            told.append(empty)
    return tuple(told)


def _judged(
    promise: Promise, p: Floats, y: Floats, interval: tuple[float, float]
) -> Promise:
    observed = float(y.mean())
    return replace(
        promise,
        predicted=float(p.mean()),
        observed=observed,
        interval=interval,
        kept=_kept((promise.low, promise.high), observed, interval),
    )


def _kept(
    promised: tuple[float, float], observed: float, interval: tuple[float, float]
) -> bool:
    low, high = promised
    overlaps = interval[0] <= high and interval[1] >= low
    narrower = interval[1] - interval[0] < high - low
    return low <= observed <= high or (overlaps and narrower)


def broken(told: Sequence[Promise], *, skill: bool) -> tuple[str, ...]:
    """List every broken promise and every broken order, in words; empty = all kept.

    With ``skill`` an empty band is a broken promise too: the colours do not tell
    accounts apart that the data could.
    """
    lines = []
    for promise in told:
        if promise.kept is False:
            lines.append(
                f"{promise.band} promises {promise.low:.1%} to {promise.high:.1%},"
                f" {promise.observed:.1%} churned"
            )
        elif promise.kept is None and skill:
            lines.append(f"{promise.band} is empty although the data have skill")
    seen = [(p.band, p.observed) for p in told if p.observed is not None]
    for (better, low), (worse, high) in pairwise(seen):
        if low > high:
            lines.append(f"{better} churned more ({low:.1%}) than {worse} ({high:.1%})")
    return tuple(lines)
