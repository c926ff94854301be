"""Which colour a probability gets, and where the cuts between colours come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import TrainingError
from churnhealth.scorers.curves import log_odds, sigmoid
from churnhealth.sources.contract import Floats

__all__ = [
    "BANDS",
    "BandCuts",
    "band_cuts",
    "base_odds_cuts",
    "capacity_cuts",
    "cost_cuts",
    "held_bands",
    "shown_bands",
]

BANDS = ("green", "yellow", "orange", "red")
_COLOURS = np.array(BANDS, dtype=object)
_SCORES = np.array([100.0, 75.0, 50.0, 25.0, 0.0])
_END = float(np.log(20.0))  # odds 20 times beyond the outer cuts end the scale
_LEAST_MEASURED = 0.5
_LEAST_STEP = 1e-9  # between two cuts, in log-odds
_MULTIPLES = (0.5, 1.5, 3.0)


@dataclass(frozen=True, kw_only=True)
class BandCuts:
    """Three rising probabilities; each is the first of the worse colour.

    >>> cuts = BandCuts(cuts=(0.05, 0.15, 0.3))
    >>> cuts.band(np.array([0.049, 0.05, 0.2, 0.9])).tolist()
    ['green', 'yellow', 'orange', 'red']
    >>> cuts.health_score(np.array([0.05, 0.15, 0.3])).round(9).tolist()
    [75.0, 50.0, 25.0]
    """

    cuts: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 0.0 < self.cuts[0] < self.cuts[1] < self.cuts[2] < 1.0:
            raise _refused(
                f"the cuts {tuple(round(c, 6) for c in self.cuts)} do not rise"
                " between 0 and 1"
            )

    def band(self, p: Floats) -> NDArray[np.object_]:
        """Give the colour of each probability."""
        return np.asarray(_COLOURS[self.level(p)], dtype=object)

    def level(self, p: Floats) -> NDArray[np.intp]:
        """Give 0 for green to 3 for red."""
        return self._edges.searchsorted(p, side="right")

    def health_score(self, p: Floats) -> Floats:
        """Give 0 to 100 (high = good): 75, 50 and 25 at the cuts.

        Straight lines in log-odds between the cuts. Beyond them the outer lines end
        at 100 where the odds are a twentieth of the first cut's, and at 0 where they
        are twenty times the last cut's; further out the score stays there.
        """
        return np.asarray(np.interp(log_odds(p), self._knots, _SCORES), np.float64)

    @cached_property
    def _edges(self) -> Floats:
        return np.array(self.cuts)

    @cached_property
    def _knots(self) -> Floats:
        inner = log_odds(self._edges)
        return np.concatenate([[inner[0] - _END], inner, [inner[-1] + _END]])

    def range_of(self, band: str) -> tuple[float, float]:
        """Give the churn rates [low, high) that a colour promises."""
        edges = (0.0, *self.cuts, 1.0)
        at = BANDS.index(band)
        return edges[at], edges[at + 1]

    def to_json(self) -> list[float]:
        """Say it as a JSON list."""
        return list(self.cuts)

    @classmethod
    def from_json(cls, saved: Sequence[float]) -> BandCuts:
        """Read what ``to_json`` wrote."""
        low, middle, high = (float(c) for c in saved)
        return cls(cuts=(low, middle, high))


def base_odds_cuts(
    base_rate: float, *, multiples: tuple[float, float, float] = _MULTIPLES
) -> BandCuts:
    """Cut at multiples of the base odds: half as likely, half more, three times.

    >>> [round(c, 4) for c in base_odds_cuts(0.1).cuts]
    [0.0526, 0.1429, 0.25]
    """
    base = log_odds(np.array([base_rate]))
    if min(multiples) <= 0:
        raise _refused("multiples of the base odds must be above 0")
    low, middle, high = sigmoid(base + np.log(np.array(multiples))).tolist()
    return BandCuts(cuts=(low, middle, high))


def capacity_cuts(p: Floats, *, capacity: tuple[int, int, int]) -> BandCuts:
    """Cut so that today about (yellow, orange, red) accounts get each colour.

    A cut lies half-way (in log-odds) between the last account that fits and the
    next. Equal probabilities share a colour: the milder one where not all of them fit,
    so that no more are that bad or worse than may be.

    >>> p = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    >>> capacity_cuts(p, capacity=(2, 2, 1)).band(p).tolist()
    ['green', 'yellow', 'yellow', 'orange', 'orange', 'red']
    """
    falling = np.sort(log_odds(p))[::-1]
    last = np.cumsum(capacity[::-1])
    if min(capacity) < 1 or last[-1] >= falling.size:
        raise _refused(
            f"capacity {tuple(capacity)} needs more than {int(last[-1])} accounts"
            f" to tell apart, there are {falling.size}"
        )
    fits, beyond = falling[last - 1], falling[last]
    middle = np.where(fits == beyond, beyond + _LEAST_STEP, (fits + beyond) / 2.0)
    for at in (1, 0):  # alike up to both of two cuts
        middle[at] = max(middle[at], middle[at + 1] + _LEAST_STEP)
    high, mid, low = sigmoid(middle).tolist()
    return BandCuts(cuts=(low, mid, high))


def cost_cuts(costs: Mapping[str, float]) -> BandCuts:
    """Cut where the action of each colour begins to pay for itself.

    ``costs`` holds ``loss`` (what a churned account costs), ``saved`` (the share of
    churners an action keeps) and the price of the action taken at ``yellow``,
    ``orange`` and ``red``. An action pays when ``p * saved * loss`` exceeds its price.

    >>> cost_cuts({"loss": 1000, "saved": 0.2, "yellow": 10, "orange": 30,
    ...            "red": 60}).cuts
    (0.05, 0.15, 0.3)
    """
    wanted = {"loss", "saved", "yellow", "orange", "red"}
    if set(costs) != wanted or min(costs.values(), default=0.0) <= 0.0:
        raise _refused(f"costs need {sorted(wanted)}, all above 0; got {sorted(costs)}")
    worth = costs["loss"] * costs["saved"]
    prices = [costs[band] for band in ("yellow", "orange", "red")]
    if sorted({*prices, worth}) != [*prices, worth]:
        raise _refused(
            f"the prices of yellow, orange and red {tuple(prices)} must rise and stay"
            f" below loss x saved = {worth:g}, or an action never pays"
        )
    low, middle, high = (price / worth for price in prices)
    return BandCuts(cuts=(low, middle, high))


def band_cuts(
    policy: str,
    *,
    base_rate: float,
    p: Floats,
    cuts: tuple[float, float, float] | None = None,
    capacity: tuple[int, int, int] | None = None,
    costs: Mapping[str, float] | None = None,
) -> BandCuts:
    """Make the cuts of ``[bands]``: its policy and that policy's own key.

    ``cuts`` are probabilities for ``fixed`` and multiples for ``base-odds``; ``p`` is
    the portfolio that ``capacity`` counts in. Raises ``TrainingError`` CH341.
    """
    match policy:
        case "base-odds":
            return base_odds_cuts(base_rate, multiples=cuts or _MULTIPLES)
        case "fixed" if cuts is not None:
            return BandCuts(cuts=cuts)
        case "capacity" if capacity is not None:
            return capacity_cuts(p, capacity=capacity)
        case "cost" if costs is not None:
            return cost_cuts(costs)
        case _:
            raise _refused(f"the policy {policy!r} lacks its own key or does not exist")


def shown_bands(band: NDArray[np.object_], coverage: Floats) -> NDArray[np.object_]:
    """Show grey where under half of the model's features were measured.

    The probability and its metrics stay as they are: only the colour is withheld.

    >>> shown_bands(np.array(["green", "red"], dtype=object), np.array([0.4, 0.5]))
    array(['grey', 'red'], dtype=object)
    """
    return np.where(coverage < _LEAST_MEASURED, "grey", band)


def held_bands(
    cuts: BandCuts, p: Floats, previous: Sequence[str | None], *, hysteresis: float
) -> NDArray[np.object_]:
    """Give colours that do not flap: the one before is kept near a cut.

    An account leaves its colour of the run before only when its log-odds lie further
    than ``hysteresis`` beyond the cut; without such a colour (or with 0) it gets the
    plain one.

    >>> cuts = BandCuts(cuts=(0.05, 0.15, 0.3))
    >>> p = np.array([0.055, 0.055, 0.09, 0.2])
    >>> before = ["green", None, "green", "red"]
    >>> held_bands(cuts, p, before, hysteresis=0.2).tolist()
    ['green', 'yellow', 'yellow', 'orange']
    """
    z, edges = log_odds(p), log_odds(np.array(cuts.cuts))
    level = cuts.level(p)
    surely = np.searchsorted(edges, z - hysteresis, side="right")
    perhaps = np.searchsorted(edges, z + hysteresis, side="right")
    known = {band: i for i, band in enumerate(BANDS)}
    was = np.array([known.get(b or "", -1) for b in previous], dtype=np.intp)
    held = np.where(was < 0, level, np.clip(was, surely, perhaps))
    return np.asarray(_COLOURS[held], dtype=object)


def _refused(what: str) -> TrainingError:
    return TrainingError(
        "CH341",
        what,
        why="a colour is a promise: its range must be plain",
        fix="correct [bands] policy and its key: cuts, capacity or costs",
    )
