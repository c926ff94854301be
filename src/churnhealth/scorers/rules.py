"""The transparent scorecard as a scorer: points, words, a curve in points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.card import Card, parse_card
from churnhealth.scorers.card_points import Scoring, card_points, rule_bands
from churnhealth.scorers.card_row import CardRow, Opinion, Verdict
from churnhealth.scorers.condition_words import Words
from churnhealth.scorers.curves import fit_line, log_odds
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.scorers.learned_card import ExpectedFeature, learn_card
from churnhealth.scorers.rule_words import card_rows, card_text
from churnhealth.sources.contract import Floats

__all__ = ["RuleScorer"]

_FEW = 32  # so many rows are faster one by one
_KEPT: WeakKeyDictionary[RuleScorer, tuple[object, CardRow]] = WeakKeyDictionary()
"""The card of each scorer as functions; beside it, for they cannot be pickled."""

_FLATTEST = -0.0005  # log-odds per point: more points never mean more risk


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
        told = {spec.name: spec.label for spec in self.specs or ()}
        self.labels_ = {f: told[f] for f in self.card_.features if f in told}
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
        checked, tell = self._checked(X), self._row_card
        rows = self._read(checked)
        if len(rows) <= _FEW:
            verdicts = self._once("verdicts", checked, self._verdicts)
            return list(map(tell.opinion, rows, verdicts))
        return tell.of_rows(rows, self._once("scoring", checked, self._scored))

    def _read(self, X: Floats) -> list[dict[str, float]]:
        """Take what the card reads of each row."""
        names, columns = self._row_card.reads
        return [
            dict(zip(names, row, strict=True))
            for row in X.take(columns, axis=1).tolist()
        ]

    def _verdicts(self, X: Floats) -> list[Verdict]:
        return list(map(self._row_card.verdict, self._read(X)))

    def _scored(self, X: Floats) -> Scoring:
        return self._scoring(X, self.middle_)

    def reasons(self, row: Floats) -> list[str]:
        """Tell one row (F,) in words: "red because: ... AND ...", then line by line."""
        return self.opinions(np.atleast_2d(row))[0].reasons

    @property
    def _row_card(self) -> CardRow:
        kept = _KEPT.get(self)
        made_of = (self.card_, self.names_, self.middle_)
        if kept is None or kept[0] != made_of:
            told = CardRow(
                self.card_, self.names_, middle=self.middle_, words=self._words()
            )
            kept = _KEPT[self] = (made_of, told)
        return kept[1]

    def table(self) -> str:
        """Print the card as a table."""
        self._must_be_fitted()
        return card_text(self.card_, self._words())

    def rows(self) -> list[dict[str, str]]:
        """Give the card as rows of a table: stage, line, weight, colours in words."""
        self._must_be_fitted()
        return card_rows(self.card_, self._words())

    def _words(self) -> Words:
        return Words.of(self.card_.words, self.labels_)

    def _margin(self, X: Floats) -> Floats:
        return self._summed_parts(X)

    def _parts(self, X: Floats) -> Floats:
        parts = np.empty((X.shape[0], X.shape[1] + 1))
        parts[:, :-1] = self.slope_ * self._shares(X)
        parts[:, -1] = self.level_
        return parts

    def _shares(self, X: Floats) -> Floats:
        if X.shape[0] <= _FEW:  # the same bits, without a hundred small arrays
            verdicts = self._once("verdicts", X, self._verdicts)
            return np.array([verdict.shares for verdict in verdicts])
        return self._once("scoring", X, self._scored).shares

    def _columns(self, X: Floats) -> Mapping[str, Floats]:
        at = {name: i for i, name in enumerate(self.names_)}
        return {name: X[:, at[name]] for name in self.card_.features}

    def _scoring(self, X: Floats, middle: float) -> Scoring:
        return card_points(
            self.card_, self._columns(X), self.names_, X.shape[0], middle=middle
        )

    def _json_params(self) -> dict[str, Any]:
        return {}  # the card itself is state: learned or given, it is the same then

    def _state(self) -> dict[str, object]:
        return {
            "card": self.card_.model_dump(mode="json", exclude_defaults=True),
            "labels": self.labels_,
            "middle": self.middle_,
            "slope": self.slope_,
            "level": self.level_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.card_ = parse_card(state["card"])
        self.card_.check(self.names_)
        self.labels_ = dict(state.get("labels", {}))
        self.middle_ = float(state["middle"])
        self.slope_, self.level_ = float(state["slope"]), float(state["level"])


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
