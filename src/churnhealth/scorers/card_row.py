"""What the scorecard says of one account: points, coverage and its reasons in words.

The arrays of ``rules.py`` are fast for a portfolio and slow for one row: a card has a
dozen lines, and each would cost several small arrays. Here the card is turned into
plain functions of numbers once. The steps and their order are those of the arrays, so
the points are the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

import numpy as np

from churnhealth.scorers.card import Card, Flag, Measure, Stage
from churnhealth.scorers.card_points import Scoring, rule_band
from churnhealth.scorers.condition_row import row_test
from churnhealth.scorers.condition_words import Words, value_speaker
from churnhealth.scorers.conditions import Condition
from churnhealth.scorers.rule_words import colour_because
from churnhealth.sources.contract import Floats

__all__ = ["CardRow", "Opinion", "Verdict", "line_colour"]

Row = Mapping[str, float]
_Holds = Callable[[Row], bool]
_Earns = Callable[[Row], float]


class Opinion(NamedTuple):
    """Points (NaN where nothing was measured), share measured, colour, and why."""

    points: float
    coverage: float
    band: str
    reasons: list[str]


class _Line(NamedTuple):
    label: str
    category: int
    weight: float
    full: float
    earns: _Earns
    feature: str | None  # the one it reads, if it reads no condition
    speaks: Callable[[float], str]  # how that one's values are said
    columns: tuple[int, ...]
    unmeasured: str


class _Flag(NamedTuple):
    ceiling: float
    holds: _Holds
    columns: tuple[int, ...]
    told: Flag


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Stage:
    told: Stage
    worst: bool
    holds: _Holds | None
    lines: tuple[_Line, ...]
    flags: tuple[_Flag, ...]
    worth: tuple[float, ...]
    full: float


class Verdict(NamedTuple):
    """What the card makes of one row: points (NaN: nothing measured) and their shares.

    ``earned`` and ``weight`` are those of the lines of ``stage``, ``raised`` its red
    flags that hold; ``shares`` (F,) split the points above the middle by feature.
    """

    stage: _Stage
    earned: list[float]
    weight: list[float]
    coverage: float
    raised: list[_Flag]
    points: float
    shares: Floats


class CardRow:
    """A card, ready to be asked about one row at a time: numbers by feature.

    ``names`` are the features of a whole row, in the order of its columns.

    >>> from churnhealth.scorers.card import parse_card
    >>> card = parse_card({"categories": {"usage": 100}, "stages": [{"name": "all",
    ...     "measures": [{"label": "Logins", "category": "usage", "feature": "logins",
    ...                   "green": 20, "red": 5}]}]})
    >>> rows = CardRow(card, ["logins"], middle=50.0, words=Words.of({}, {}))
    >>> told = rows({"logins": 12.0})
    >>> told.points, told.reasons[0]
    (50.0, 'yellow because: Logins 12')
    >>> told.reasons[1]
    'Logins 12: yellow (50 of 100 points)'
    """

    def __init__(
        self, card: Card, names: Sequence[str], *, middle: float, words: Words
    ) -> None:
        at = {name: i for i, name in enumerate(names)}
        self._card, self._words = card, words
        self._width, self._middle = len(names), middle
        self._stages = tuple(_stage(card, stage, at) for stage in card.stages)
        reads = tuple(card.features)
        self.reads = reads, np.array([at[name] for name in reads], np.int64)

    def __call__(self, row: Row) -> Opinion:
        """Say what the card says of one row: a number or NaN per feature."""
        return self.opinion(row, self.verdict(row))

    def verdict(self, row: Row) -> Verdict:
        """Judge one row, without words."""
        stage = next(s for s in self._stages if s.holds is None or s.holds(row))
        earned = [line.earns(row) for line in stage.lines]
        weight, coverage = _weighed(stage, earned)
        flags = [f for f in stage.flags if coverage > 0 and f.holds(row)]
        shares, points = self._spread(stage, earned, weight, flags)
        points = min(max(points, 0.0), 100.0) if coverage > 0 else math.nan
        return Verdict(stage, earned, weight, coverage, flags, points, shares)

    def opinion(self, row: Row, verdict: Verdict) -> Opinion:
        """Put a verdict into words."""
        stage, earned, weight, coverage, flags, points, _ = verdict
        return self._opinion(stage, row, earned, weight, flags, points, coverage)

    def of_rows(self, rows: Sequence[Row], scoring: Scoring) -> list[Opinion]:
        """Say it of many rows whose points were worked out as arrays."""
        points, coverage = scoring.points.tolist(), scoring.coverage.tolist()
        found: dict[int, Opinion] = {}
        for staged in scoring.told:
            stage, lines = self._stages[staged.stage], staged.lines
            told = (lines.earned.T, lines.weight.T, staged.raised.T)
            listed = zip(staged.rows.tolist(), *(x.tolist() for x in told), strict=True)
            for i, earned, weight, raised in listed:
                found[i] = self._opinion(
                    stage,
                    rows[i],
                    earned,
                    weight,
                    list(compress(stage.flags, raised)),
                    points[i],
                    coverage[i],
                )
        return [found[i] for i in range(len(rows))]

    def _opinion(
        self,
        stage: _Stage,
        row: Row,
        earned: list[float],
        weight: list[float],
        flags: list[_Flag],
        points: float,
        coverage: float,
    ) -> Opinion:
        band = rule_band(points, coverage, least=self._card.least_measured)
        here = [
            "" if line.feature is None else line.speaks(row[line.feature])
            for line in stage.lines
        ]
        because = colour_because(
            self._card,
            stage.told,
            row,
            here=here,
            earned=earned,
            weight=weight,
            raised=[flag.told for flag in flags],
            words=self._words,
            band=band,
        )
        lines = _reasons(stage, here, earned, weight, flags)
        return Opinion(points, coverage, band, [because, *lines])

    def _spread(
        self,
        stage: _Stage,
        earned: list[float],
        weight: list[float],
        raised: list[_Flag],
    ) -> tuple[Floats, float]:
        """Give lines and flags to their features in equal parts; and the points."""
        shares = np.zeros(self._width)
        for line, got, worth in zip(stage.lines, earned, weight, strict=True):
            if got == got:
                amount = worth * (got - self._middle)
                for column in line.columns:
                    shares[column] += amount / len(line.columns)
        points = self._middle + float(shares.sum())
        for flag in raised:
            cut = min(flag.ceiling - points, 0.0)
            for column in flag.columns:
                shares[column] += cut / len(flag.columns)
            points = points + cut
        return shares, points


def line_colour(points: float) -> str:
    """Name the colour of one line's points."""
    return "green" if points >= 75.0 else "red" if points < 25.0 else "yellow"


def _weighed(stage: _Stage, earned: list[float]) -> tuple[list[float], float]:
    """Give each line's share of all points, and how much was measured."""
    there = [0.0] * len(stage.worth)
    measured = 0.0
    for line, got in zip(stage.lines, earned, strict=True):
        if got == got:
            there[line.category] += line.weight
            measured += line.full
    weight = [
        stage.worth[line.category] * (line.weight / there[line.category])
        if got == got
        else 0.0
        for line, got in zip(stage.lines, earned, strict=True)
    ]
    if stage.worst:
        lowest = min((got for got in earned if got == got), default=math.nan)
        weight = [float(got == lowest) for got in earned]
    total = 0.0
    for share in weight:
        total += share
    if total > 0:
        weight = [share / total for share in weight]
    return weight, measured / stage.full


def _reasons(
    stage: _Stage,
    here: Sequence[str],
    earned: list[float],
    weight: list[float],
    raised: Sequence[_Flag],
) -> list[str]:
    """Tell red flags first, then lines, most points lost first."""
    told: list[tuple[float, str]] = []
    unmeasured: list[str] = []
    lines = zip(stage.lines, here, earned, weight, strict=True)
    for line, value, got, worth in lines:
        if got != got:
            unmeasured.append(line.unmeasured)
            continue
        text = f"{line.label} {value}" if value else line.label
        told.append((worth * (got - 100.0), text + _points_words(got, worth)))
    flags = [
        f"Red flag: {flag.told.label} (at most {flag.ceiling:g} points)"
        for flag in raised
    ]
    return [*flags, *(text for _, text in sorted(told)), *unmeasured]


@lru_cache(maxsize=4096)  # most lines have one of three points
def _points_words(got: float, worth: float) -> str:
    points = f"{worth * got:.0f} of {100 * worth:.0f} points"
    return f": {line_colour(got)} ({points})"


def _stage(card: Card, stage: Stage, at: Mapping[str, int]) -> _Stage:
    worth = card.worth(stage)
    categories = list(dict.fromkeys(m.category for m in stage.measures))
    own = np.array([m.weight for m in stage.measures])
    full = np.zeros(own.size)
    for category in categories:
        mine = np.array([m.category == category for m in stage.measures])
        full[mine] = worth[category] * own[mine] / own[mine].sum()
    lines = tuple(
        _Line(
            label=m.label,
            category=categories.index(m.category),
            weight=float(m.weight),
            full=float(share),
            earns=_earns(m),
            feature=m.feature,
            speaks=value_speaker(m.feature or ""),
            columns=tuple(at[f] for f in m.features),
            unmeasured=f"{m.label}: not measured, its weight goes to others",
        )
        for m, share in zip(stage.measures, full, strict=True)
    )
    flags = tuple(
        _Flag(
            ceiling=flag.ceiling,
            holds=_holds(flag.condition),
            columns=tuple(at[f] for f in flag.condition.features),
            told=flag,
        )
        for flag in stage.flags
    )
    return _Stage(
        told=stage,
        worst=card.mode_of(stage) == "worst",
        holds=None if stage.condition is None else _holds(stage.condition),
        lines=lines,
        flags=flags,
        worth=tuple(float(worth[c]) for c in categories),
        full=float(full.sum()),
    )


def _earns(measure: Measure) -> _Earns:
    if measure.feature is None:
        return _by_condition(measure)
    name = measure.feature
    green, red = float(measure.green or 0.0), float(measure.red or 0.0)
    if measure.points:
        values, points = zip(*measure.points, strict=True)
        return _along(name, np.array(values, np.float64), np.array(points, np.float64))
    if measure.graded:
        low, high = sorted((green, red))
        ends = (0.0, 100.0) if green > red else (100.0, 0.0)
        return _along(name, np.array((low, high)), np.array(ends))
    sign = 1.0 if green > red else -1.0

    def threshold(row: Row) -> float:
        x = row[name]
        if x != x:
            return math.nan
        if sign * (x - green) >= 0:
            return 100.0
        return 0.0 if sign * (x - red) <= 0 else 50.0

    return threshold


def _along(name: str, at: Floats, points: Floats) -> _Earns:
    return lambda row: float(np.interp(row[name], at, points))


def _by_condition(measure: Measure) -> _Earns:
    green, red = (
        (lambda _: False) if c is None else _holds(c) for c in measure.conditions
    )
    features = tuple(measure.features)

    def spoken(row: Row) -> float:
        if red(row):
            return 0.0
        if green(row):
            return 100.0
        return math.nan if all(row[f] != row[f] for f in features) else 50.0

    return spoken


def _holds(condition: Condition) -> Callable[[Row], bool]:
    return row_test(condition.tree, {name: name for name in condition.features})
