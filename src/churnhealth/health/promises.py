"""What each colour promises, and whether later time kept it.

The cuts alone promise too much where a colour holds few accounts: of 28 accounts with a
chance of 5 % each, nobody or four leave in one cohort out of five, and both lie outside
4 to 8 %. Even the true probabilities of simulated companies of 300 accounts kept only
four in five of such promises. So a promise is as wide as its accounts need, no wider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from churnhealth.health.bands import BANDS, BandCuts
from churnhealth.health.draws import Range, rate_interval
from churnhealth.scorers.curves import log_odds, sigmoid
from churnhealth.sources.contract import Floats, Ints

__all__ = [
    "LEVEL_DOUBT",
    "Promise",
    "broken",
    "is_kept",
    "judged_promises",
    "promised_ranges",
    "promises",
    "still_promised",
    "turned_round",
]

LEVEL_DOUBT = 0.15  # log-odds by which a cohort's level moves: docs/experiments.md
_TAILS = (0.1, 0.9)
_COHORTS = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """One colour's range, and what was predicted and seen in it.

    The range is that of the cuts, or wider: see ``promised_ranges``.
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


def promised_ranges(
    cuts: BandCuts, p: Floats, groups: Ints, *, doubt: float, seed: int
) -> tuple[Range, ...]:
    """Say which churn rates each colour can promise, before any outcome is seen.

    The range of the cuts, widened to where the observed rate lies eight times in ten
    when as many accounts are looked at (``p`` and ``groups`` of their rows; an account
    counts once) and their level differs from the training period's by ``doubt``
    (log-odds, standard deviation). With many accounts that is the range of the cuts.
    However few there are, a promise reaches over one neighbouring colour at most:
    green never promises what orange does, red never what yellow does. But where nobody
    leaving is likelier than anybody, that breaks no promise: the range begins at 0.

    >>> cuts = BandCuts(cuts=(0.1, 0.2, 0.4))
    >>> few, many = np.arange(20), np.arange(20_000)
    >>> promised_ranges(cuts, np.full(20, 0.15), few, doubt=0.0, seed=1)[1]
    (0.05, 0.25)
    >>> promised_ranges(cuts, np.full(20_000, 0.15), many, doubt=0.0, seed=1)[1]
    (0.1, 0.2)
    """
    random = np.random.default_rng(seed)
    level, edges = cuts.level(p), (0.0, *cuts.cuts, 1.0)
    told = []
    for at, band in enumerate(BANDS):
        (low, high), mine = cuts.range_of(band), level == at
        mean = p[mine].mean() if mine.any() else (low + high) / 2.0
        moved = log_odds(np.array([mean])) + doubt * random.normal(size=_COHORTS)
        size = max(np.unique(groups[mine]).size, 1)
        seen = random.binomial(size, sigmoid(moved)) / size
        least, most = np.quantile(seen, _TAILS, method="inverted_cdf").tolist()
        nobody = mine.any() and float((seen == 0.0).mean()) > 0.5
        least = 0.0 if nobody else max(least, edges[max(at - 1, 0)])
        most = min(most, edges[min(at + 2, len(BANDS))])
        told.append((min(low, least), max(high, most)))
    return tuple(told)


def still_promised(
    said: Sequence[Range], cuts: BandCuts, p: Floats, groups: Ints, *, seed: int
) -> list[Range]:
    """Hold a bundle to what it said, or to what as few accounts as these can show.

    What one account made a colour promise cannot be asked of nine others.

    >>> cuts, nine = BandCuts(cuts=(0.1, 0.2, 0.4)), np.arange(9)
    >>> still_promised([(0.1, 0.2)] * 4, cuts, np.full(9, 0.15), nine, seed=1)[1]
    (0.0, 0.3333333333333333)
    """
    here = promised_ranges(cuts, p, groups, doubt=LEVEL_DOUBT, seed=seed)
    return [
        (min(low, least), max(high, most))
        for (low, high), (least, most) in zip(said, here, strict=False)
    ]


def promises(
    cuts: BandCuts,
    p: Floats,
    y: Floats | Ints,
    groups: Ints,
    *,
    seed: int,
    ranges: Sequence[Range] | None = None,
    samples: int = 1000,
) -> tuple[Promise, ...]:
    """Judge the four colours on later rows: probabilities, outcomes, accounts.

    ``ranges`` are what was promised; without them the ranges of the cuts are. Grey
    accounts belong in: the colour may be withheld, the promise is not.

    >>> cuts = BandCuts(cuts=(0.1, 0.2, 0.3))
    >>> p, y = np.full(100, 0.05), np.arange(100) % 25 == 0
    >>> green = promises(cuts, p, y, np.arange(100), seed=1)[0]
    >>> green.n, green.observed, green.kept
    (100, 0.04, True)
    """
    level, outcome = cuts.level(p), np.asarray(y, np.float64)
    promised = ranges or [cuts.range_of(band) for band in BANDS]
    told = []
    for at, (band, (low, high)) in enumerate(zip(BANDS, promised, strict=True)):
        mine = level == at
        empty = Promise(band=band, low=low, high=high, n=int(mine.sum()))
        if empty.n:
            interval = rate_interval(
                outcome[mine], groups[mine], seed=seed, samples=samples
            )
            told.append(_judged(empty, p[mine], outcome[mine], interval))
        else:
            told.append(empty)
    return tuple(told)


def judged_promises(
    said: Sequence[Range],
    cuts: BandCuts,
    p: Floats,
    y: Floats | Ints,
    groups: Ints,
    *,
    seed: int,
) -> tuple[Promise, ...]:
    """Judge on later rows what a bundle ``said``, as far as so few can show it."""
    ranges = still_promised(said, cuts, p, groups, seed=seed)
    return promises(cuts, p, y, groups, seed=seed, ranges=ranges)


def _judged(
    promise: Promise, p: Floats, y: Floats, interval: tuple[float, float]
) -> Promise:
    observed = float(y.mean())
    return replace(
        promise,
        predicted=float(p.mean()),
        observed=observed,
        interval=interval,
        kept=is_kept((promise.low, promise.high), observed, interval),
    )


def is_kept(
    promised: tuple[float, float], observed: float, interval: tuple[float, float]
) -> bool:
    """Say whether a rate keeps a range: it or its narrower interval lies there.

    >>> is_kept((0.1, 0.3), 0.31, (0.25, 0.37)), is_kept((0.1, 0.3), 0.4, (0.1, 0.7))
    (True, False)
    """
    low, high = promised
    overlaps = interval[0] <= high and interval[1] >= low
    narrower = interval[1] - interval[0] < high - low
    return low <= observed <= high or (overlaps and narrower)


def broken(told: Sequence[Promise], *, skill: bool) -> tuple[str, ...]:
    """List every broken promise and every broken order, in words; empty = all kept.

    An order is broken when the better colour churned more by more than noise: the
    95 % interval of the difference, made of those of the two rates (Zou and Donner's
    MOVER), lies above zero. With ``skill`` an empty band is a broken promise too: the
    colours do not tell accounts apart that the data could.
    """
    lines = []
    for promise in told:
        if promise.kept is False:
            low, high, seen = _told_apart(promise)
            lines.append(f"{promise.band} promises {low} to {high}, {seen} churned")
        elif promise.kept is None and skill:
            lines.append(f"{promise.band} is empty although the data have skill")
    for better, worse in pairwise(p for p in told if p.n):
        if turned_round(better, worse):
            lines.append(
                f"{better.band} churned more ({better.observed:.1%}) than"
                f" {worse.band} ({worse.observed:.1%})"
            )
    return tuple(lines)


def _told_apart(promise: Promise) -> list[str]:
    """Say a range and the rate that misses it with as many digits as show the miss.

    >>> _told_apart(Promise(band="orange", low=0.067, high=0.1346, n=9, observed=0.135))
    ['6.70%', '13.46%', '13.50%']
    """
    rates = (promise.low, promise.high, promise.observed or 0.0)
    for digits in range(1, 6):
        said = [f"{rate:.{digits}%}" for rate in rates]
        if said[2] not in said[:2]:
            break
    return said


def turned_round(better: Promise, worse: Promise) -> bool:
    """Say whether the better of two colours churned more, beyond noise.

    >>> said = {"low": 0.0, "high": 1.0, "n": 40, "interval": (0.05, 0.3)}
    >>> green = Promise(band="green", observed=0.15, **said)
    >>> turned_round(green, Promise(band="red", observed=0.1, **said))
    False
    """
    if better.observed is None or worse.observed is None:
        return False
    if better.interval is None or worse.interval is None:
        return better.observed > worse.observed
    below = better.observed - better.interval[0]
    above = worse.interval[1] - worse.observed
    return better.observed - worse.observed > float(np.hypot(below, above))
