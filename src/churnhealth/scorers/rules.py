"""The transparent scorecard as a scorer: points, words, a curve in points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.card import Card, Stage, parse_card
from churnhealth.scorers.card_row import CardRow, Opinion
from churnhealth.scorers.curves import fit_line, log_odds
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.scorers.learned_card import ExpectedFeature, learn_card
from churnhealth.sources.contract import Floats, Ints

__all__ = ["RuleScorer", "rule_bands"]

_BANDS = np.array(["red", "orange", "yellow", "green", "grey"], dtype=object)
_FLATTEST = -0.0005  # log-odds per point: more points never mean more risk


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


class RuleScorer(Scorer):
    """A scorecard (docs/rules.md) with a logistic curve from points to probability.

    ``card`` is a card as plain values (``Card.model_dump()`` or the parsed TOML);
    without one a default is learned from the training rows and ``specs``. Each
    feature's contribution is its share of the points above the mean, times the slope.
    """

    name: ClassVar[str] = "rules"
    may_score_poorly: ClassVar[bool] = True

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        card: Mapping[str, Any] | Card | None = None,
        specs: Sequence[ExpectedFeature] | None = None,
    ) -> None:
        self.feature_names = feature_names
        self.card = card
        self.specs = specs

    def _learn(self, rows: Training) -> None:
        if self.card is None:
            self.card_ = learn_card(rows, self.names_, self.specs or ())
        else:
            given = self.card
            self.card_ = given if isinstance(given, Card) else parse_card(given)
        self.card_.check(self.names_)
        points = self._scoring(rows.X, 0.0).points
        known = ~np.isnan(points)
        self.middle_ = float(points[known].mean()) if known.any() else 50.0
        self.slope_, self.level_ = _curve(points[known] - self.middle_, rows, known)

    def points(self, X: Floats) -> Floats:
        """Give each row's points, 0 to 100 (high = good); NaN where none measured."""
        return self._scoring(self._checked(X), self.middle_).points

    def coverage(self, X: Floats) -> Floats:
        """Give the share of the card's weight that was measured."""
        return self._scoring(self._checked(X), self.middle_).coverage

    def bands(self, X: Floats) -> NDArray[np.object_]:
        """Give the rule's colour: 75 points green, 50 yellow, 25 orange; or grey."""
        told = self._scoring(self._checked(X), self.middle_)
        return self.coloured(told.points, told.coverage)

    def coloured(self, points: Floats, coverage: Floats) -> NDArray[np.object_]:
        """Give the colours of points that were given already."""
        return rule_bands(points, coverage, least=self.card_.least_measured)

    def stages(self, X: Floats) -> list[str]:
        """Name the stage that scores each row."""
        which = self._scoring(self._checked(X), self.middle_).stage
        return [self.card_.stages[i].name for i in which]

    def opinions(self, X: Floats) -> list[Opinion]:
        """Give each row's points, coverage and reasons: `points` bit for bit."""
        tell = self._row_card
        return [tell(row) for row in self._checked(X).tolist()]

    def reasons(self, row: Floats) -> list[str]:
        """Tell one row (F,) in words: red flags, then lines, most points lost first."""
        return self.opinions(np.atleast_2d(row))[0].reasons

    @property
    def _row_card(self) -> CardRow:
        kept = self.__dict__.get("_told")
        made_of = (self.card_, self.names_, self.middle_)
        if kept is None or kept[0] != made_of:
            kept = (made_of, CardRow(self.card_, self.names_, middle=self.middle_))
            self.__dict__["_told"] = kept
        told: CardRow = kept[1]
        return told

    def _margin(self, X: Floats) -> Floats:
        return np.asarray(self._parts(X).sum(axis=1), np.float64)

    def _parts(self, X: Floats) -> Floats:
        parts = np.empty((X.shape[0], X.shape[1] + 1))
        parts[:, :-1] = self.slope_ * self._scoring(X, self.middle_).shares
        parts[:, -1] = self.level_
        return parts

    def _columns(self, X: Floats) -> Mapping[str, Floats]:
        at = {name: i for i, name in enumerate(self.names_)}
        return {name: X[:, at[name]] for name in self.card_.features}

    def _scoring(self, X: Floats, middle: float) -> Scoring:
        rows = X.shape[0]
        columns = self._columns(X)
        which = _stage_of(self.card_, columns, rows)
        points, coverage = np.full(rows, np.nan), np.zeros(rows)
        shares = np.zeros(X.shape)
        for i, stage in enumerate(self.card_.stages):
            mine = np.flatnonzero(which == i)
            if mine.size:
                part = {name: x[mine] for name, x in columns.items()}
                points[mine], coverage[mine], told = self._staged(
                    stage, part, mine.size, middle
                )
                shares[mine] = told
        return Scoring(points=points, coverage=coverage, shares=shares, stage=which)

    def _staged(
        self, stage: Stage, columns: Mapping[str, Floats], rows: int, middle: float
    ) -> tuple[Floats, Floats, Floats]:
        """Score the rows of one stage: points, coverage, shares by feature."""
        earned, weight, coverage = _weighed(self.card_, stage, columns, rows)
        shares = np.zeros((rows, len(self.names_)))
        for line, got, worth in zip(stage.measures, earned, weight, strict=True):
            above = np.where(np.isnan(got), 0.0, worth * (np.nan_to_num(got) - middle))
            self._spread(shares, line.features, above)
        measured = coverage > 0
        points = middle + shares.sum(axis=1)
        for flag in stage.flags:
            raised = measured & flag.condition.holds(columns, rows)
            cut = np.where(raised, np.minimum(flag.ceiling - points, 0.0), 0.0)
            self._spread(shares, flag.condition.features, cut)
            points = points + cut
        points = np.clip(points, 0.0, 100.0)  # only rounding can lie outside
        return np.where(measured, points, np.nan), coverage, shares

    def _spread(self, shares: Floats, features: Sequence[str], amount: Floats) -> None:
        """Give a line's points to its features, in equal parts."""
        for name in features:
            shares[:, self.names_.index(name)] += amount / len(features)

    def _json_params(self) -> dict[str, Any]:
        return {}  # the card itself is state: learned or given, it is the same then

    def _state(self) -> dict[str, object]:
        return {
            "card": self.card_.model_dump(mode="json", exclude_defaults=True),
            "middle": self.middle_,
            "slope": self.slope_,
            "level": self.level_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.card_ = parse_card(state["card"])
        self.card_.check(self.names_)
        self.middle_ = float(state["middle"])
        self.slope_, self.level_ = float(state["slope"]), float(state["level"])


def rule_bands(
    points: Floats, coverage: Floats, *, least: float = 0.5
) -> NDArray[np.object_]:
    """Colour points: 75 and more green, 50 yellow, 25 orange, below red; else grey.

    >>> rule_bands(np.array([80.0, 60.0, 30.0, 10.0, 90.0]),
    ...            np.array([1.0, 1.0, 0.5, 1.0, 0.4])).tolist()
    ['green', 'yellow', 'orange', 'red', 'grey']
    """
    level = np.searchsorted([25.0, 50.0, 75.0], np.nan_to_num(points), side="right")
    grey = np.isnan(points) | (coverage < least)
    return np.asarray(_BANDS[np.where(grey, 4, level)], dtype=object)


def _curve(
    above: Floats, rows: Training, known: NDArray[np.bool_]
) -> tuple[float, float]:
    """Fit log-odds in points above the mean; the slope is forced below zero.

    The pull to a flat curve is worth two outcomes at ten points from the mean.
    """
    y = rows.y[known]
    base = float(log_odds(np.array([rows.rate]))[0])
    if y.size == 0:
        return _FLATTEST, base
    weight = rows.outcomes / max(float(rows.y.sum()), 1.0)
    slope, level = fit_line(
        above, y, start=(0.0, base), precision=(200.0, 1e-3), weight=weight
    )
    if slope <= _FLATTEST:
        return slope, level
    return _FLATTEST, base


def _stage_of(card: Card, columns: Mapping[str, Floats], rows: int) -> Ints:
    """Find the first stage whose condition each row meets."""
    which = np.full(rows, len(card.stages) - 1, np.int64)
    for i in range(len(card.stages) - 2, -1, -1):
        condition = card.stages[i].condition
        if condition is not None:
            which[condition.holds(columns, rows)] = i
    return which


def _weighed(
    card: Card, stage: Stage, columns: Mapping[str, Floats], rows: int
) -> tuple[Floats, Floats, Floats]:
    """Give each line's points and weight (lines, n), and the coverage (n,).

    A missing line gives its weight to the others of its category, a category without
    any to the other categories; weights of a row sum to 1 unless nothing is measured.
    """
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
        total = _in_order(there)
        weight[mine] = worth[category] * np.divide(
            there, total, out=np.zeros_like(there), where=total > 0
        )
    total = _in_order(weight)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    coverage = _in_order(measured * full[:, None]) / full.sum()
    return earned, weight, coverage


def _in_order(lines: Floats) -> Floats:
    """Add up (lines, n) line by line: one row alone gives the bits of many."""
    total = np.zeros(lines.shape[1])
    for line in lines:
        total += line
    return total
