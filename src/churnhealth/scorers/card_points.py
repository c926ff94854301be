"""What a scorecard says of rows: their points, and which features made them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.card import Card, Stage
from churnhealth.sources.contract import Floats, Ints

__all__ = [
    "POINT_CUTS",
    "Columns",
    "Scoring",
    "Weighed",
    "card_points",
    "rule_band",
    "rule_bands",
    "stage_of",
]

Columns = Mapping[str, Floats]
POINT_CUTS = (25.0, 50.0, 75.0)
_BANDS = np.array(["red", "orange", "yellow", "green", "grey"], dtype=object)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scoring:
    """What the card says of each row.

    ``shares`` (n, F) are signed points above ``middle`` per feature, red flags
    included: ``middle + shares.sum(axis=1) == points``. ``coverage`` is the share of
    the weight that was measured; ``points`` is NaN where none was.
    """

    points: Floats
    coverage: Floats
    shares: Floats
    stage: Ints
    told: tuple[Staged, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Staged:
    """The rows that one stage scores: its lines, and which red flags hold (flags, n).

    ``stage`` is its position on the card, ``rows`` says which of all rows they are.
    """

    stage: int
    rows: Ints
    lines: Weighed
    raised: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weighed:
    """The lines of one stage for n rows: points earned and weight, (lines, n) each.

    A missing line gives its weight to the others of its category, a category without
    any to the other categories; where the worst line wins it has all the weight.
    Weights of a row sum to 1 unless nothing is measured.
    """

    earned: Floats
    weight: Floats
    coverage: Floats

    @classmethod
    def of(cls, card: Card, stage: Stage, columns: Columns, rows: int) -> Weighed:
        """Score the lines of ``stage``."""
        earned = np.array([line.scored(columns, rows) for line in stage.measures])
        own = np.array([line.weight for line in stage.measures])
        measured = ~np.isnan(earned)
        worth = card.worth(stage)
        weight = np.zeros(earned.shape)
        full = np.zeros(own.size)
        for category in dict.fromkeys(line.category for line in stage.measures):
            mine = np.array([line.category == category for line in stage.measures])
            full[mine] = worth[category] * own[mine] / own[mine].sum()
            there = measured[mine] * own[mine, None]
            weight[mine] = worth[category] * _parts(there)
        coverage = _in_order(measured * full[:, None]) / full.sum()
        if card.mode_of(stage) == "worst":
            lowest = np.where(measured, earned, np.inf).min(axis=0)
            weight = (measured & (earned == lowest)).astype(np.float64)
        return cls(earned=earned, weight=_parts(weight), coverage=coverage)


def card_points(
    card: Card, columns: Columns, names: Sequence[str], rows: int, *, middle: float
) -> Scoring:
    """Score ``rows`` rows; ``names`` are all columns, ``columns`` those of the card."""
    which = stage_of(card, columns, rows)
    points, coverage = np.full(rows, np.nan), np.zeros(rows)
    shares = np.zeros((rows, len(names)))
    at = {name: i for i, name in enumerate(names)}
    told = []
    for i, stage in enumerate(card.stages):
        mine = np.flatnonzero(which == i)
        if not mine.size:
            continue
        part = {name: x[mine] for name, x in columns.items()}
        lines = Weighed.of(card, stage, part, mine.size)
        raised = _raised(stage, lines, part, mine.size)
        staged = Staged(stage=i, rows=mine, lines=lines, raised=raised)
        points[mine], shares[mine] = _pointed(stage, staged, at, middle)
        coverage[mine] = lines.coverage
        told.append(staged)
    return Scoring(
        points=points, coverage=coverage, shares=shares, stage=which, told=tuple(told)
    )


def stage_of(card: Card, columns: Columns, rows: int) -> Ints:
    """Find the first stage whose condition each row meets."""
    which = np.full(rows, len(card.stages) - 1, np.int64)
    for i in range(len(card.stages) - 2, -1, -1):
        condition = card.stages[i].condition
        if condition is not None:
            which[condition.holds(columns, rows)] = i
    return which


def rule_bands(
    points: Floats, coverage: Floats, *, least: float
) -> NDArray[np.object_]:
    """Colour points: 75 and more green, 50 yellow, 25 orange, below red; else grey.

    >>> rule_bands(np.array([80.0, 60.0, 30.0, 10.0, 90.0]),
    ...            np.array([1.0, 1.0, 0.5, 1.0, 0.4]), least=0.5).tolist()
    ['green', 'yellow', 'orange', 'red', 'grey']
    """
    level = np.searchsorted(POINT_CUTS, np.nan_to_num(points), side="right")
    grey = np.isnan(points) | (coverage < least)
    return np.asarray(_BANDS[np.where(grey, 4, level)], dtype=object)


def rule_band(points: float, coverage: float, *, least: float) -> str:
    """Colour the points of one row as ``rule_bands`` does.

    >>> rule_band(75.0, 0.5, least=0.5), rule_band(90.0, 0.4, least=0.5)
    ('green', 'grey')
    """
    grey = points != points or coverage < least
    return str(_BANDS[4 if grey else bisect_right(POINT_CUTS, points)])


def _raised(
    stage: Stage, lines: Weighed, columns: Columns, rows: int
) -> NDArray[np.bool_]:
    """Say which red flags hold (flags, n); where nothing is measured none does."""
    held = [flag.condition.holds(columns, rows) for flag in stage.flags]
    return np.array(held, dtype=bool).reshape(len(held), rows) & (lines.coverage > 0)


def _pointed(
    stage: Stage, staged: Staged, at: Mapping[str, int], middle: float
) -> tuple[Floats, Floats]:
    """Give the rows of one stage their points, and the shares by feature."""
    lines = staged.lines
    shares = np.zeros((staged.rows.size, len(at)))

    def spread(features: Sequence[str], amount: Floats) -> None:
        """Give a line's points to its features, in equal parts."""
        for name in features:
            shares[:, at[name]] += amount / len(features)

    for line, got, worth in zip(
        stage.measures, lines.earned, lines.weight, strict=True
    ):
        above = np.where(np.isnan(got), 0.0, worth * (np.nan_to_num(got) - middle))
        spread(line.features, above)
    points = middle + shares.sum(axis=1)
    for flag, raised in zip(stage.flags, staged.raised, strict=True):
        cut = np.where(raised, np.minimum(flag.ceiling - points, 0.0), 0.0)
        spread(flag.condition.features, cut)
        points = points + cut
    points = np.clip(points, 0.0, 100.0)  # only rounding can lie outside
    return np.where(lines.coverage > 0, points, np.nan), shares


def _parts(weight: Floats) -> Floats:
    """Make the weights of each row sum to 1; leave a row of zeros as it is."""
    total = _in_order(weight)
    parts: Floats = np.divide(
        weight, total, out=np.zeros(weight.shape), where=total > 0
    )
    return parts


def _in_order(lines: Floats) -> Floats:
    """Add up (lines, n) line by line: one row alone gives the bits of many."""
    total = np.zeros(lines.shape[1])
    for line in lines:
        total += line
    return total
