"""A default scorecard from the training data: few lines, sound directions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from churnhealth.categories import Category
from churnhealth.scorers.card import Card, parse_card
from churnhealth.scorers.curves import rank_separation
from churnhealth.scorers.estimator import Training
from churnhealth.sources.contract import Floats

__all__ = ["ExpectedFeature", "learn_card"]

_SHARES: Mapping[str, float] = {"usage": 50.0, "value": 30.0, "experience": 20.0}
_LINES: Mapping[str, int] = {"usage": 5, "value": 3, "experience": 2}
_DEALINGS: Mapping[str, int] = {"contract": 5}  # where nothing else is known
_TOO_ALIKE = 0.75
_LEAST_MEASURED = 0.2  # of the rows; a missing line gives its weight away
_NOT_HEALTH = ("__days_since_first", "__tenure", "__is")  # who they are, not how
_WRITTEN_IN = re.compile(  # what a contract says, not what happened to it
    r"__(days_to_renewal|ends_within|term_months|renewals|value|seats|price|discount)"
    r"(__\d+d)?$"
)


class ExpectedFeature(Protocol):
    """What a card needs to know of a feature (a ``FeatureSpec`` does)."""

    @property
    def name(self) -> str:
        """Its column."""

    @property
    def category(self) -> Category:
        """Its category."""

    @property
    def label(self) -> str:
        """Its words."""

    @property
    def direction(self) -> int:
        """+1 where more raises churn risk, -1 where it lowers it, 0 unknown."""


def learn_card(
    rows: Training, names: Sequence[str], specs: Sequence[ExpectedFeature]
) -> Card:
    """Make a card of at most ten lines for everyone.

    Per category (use 50, value 30, experience 20; contracts are for a model) the
    lines that separate churn best are taken, most telling first. Where there is
    nothing but contracts and invoices, the lines are of what happened to them (seats
    cut, invoices paid late), not of what is written in them. A direction that is
    expected must be the one the training data show; near copies of a line already
    taken are passed over. Thresholds are the quantiles at a fifth and four fifths.
    """
    candidates = _candidates(rows, names, specs)
    measures = _measures(rows, names, candidates, _LINES)
    if not measures:
        measures = _measures(rows, names, candidates, _DEALINGS)
    if not measures:
        measures = [_line(names[0], names[0], "usage", (1.0, 0.0))]
    present = {str(m["category"]) for m in measures}
    return parse_card(
        {
            "name": "Learned scorecard",
            "learned": True,
            "categories": {c: s for c, s in _SHARES.items() if c in present}
            or {"contract": 100.0},
            "stages": [{"name": "everyone", "measures": measures}],
        }
    )


def _measures(
    rows: Training,
    names: Sequence[str],
    candidates: Sequence[tuple[float, int, str, Category, int]],
    most: Mapping[str, int],
) -> list[dict[str, object]]:
    """Take the most telling lines of the categories of ``most``, no near copies."""
    measures: list[dict[str, object]] = []
    taken: list[tuple[str, Floats]] = []
    for _, column, label, category, sign in candidates:
        same = [x for c, x in taken if c == category]
        x = rows.X[:, column]
        if len(same) >= most.get(category, 0) or any(_alike(x, o) for o in same):
            continue
        ends = _thresholds(x, sign)
        if ends is not None:
            taken.append((category, x))
            measures.append(_line(names[column], label, category, ends))
    return measures


def _candidates(
    rows: Training, names: Sequence[str], specs: Sequence[ExpectedFeature]
) -> list[tuple[float, int, str, Category, int]]:
    """List (minus strength, column, label, category, sign), the most telling first."""
    known = {spec.name: spec for spec in specs}
    found: list[tuple[float, int, str, Category, int]] = []
    for column, name in enumerate(names):
        spec = known.get(name)
        label, category = (
            (name, _category_of(name)) if spec is None else (spec.label, spec.category)
        )
        x = rows.X[:, column]
        measured = ~np.isnan(x)
        if name.endswith(_NOT_HEALTH):
            continue
        if category == "contract" and _WRITTEN_IN.search(name):
            continue
        if measured.mean() < _LEAST_MEASURED:
            continue
        above = rank_separation(x[measured], rows.y[measured] > 0) - 0.5
        sign = 1 if above > 0 else -1
        if above == 0 or (spec is not None and spec.direction == -sign):
            continue
        found.append((-abs(above), column, label, category, sign))
    return sorted(found)


def _category_of(name: str) -> Category:
    return "contract" if name.startswith("contract") else "usage"


def _line(
    name: str, label: str, category: str, ends: tuple[float, float]
) -> dict[str, object]:
    return {
        "label": label,
        "category": category,
        "feature": name,
        "green": ends[0],
        "red": ends[1],
        "graded": True,
    }


def _thresholds(x: Floats, sign: int) -> tuple[float, float] | None:
    """Give (green, red) at the fifths, or further out where the fifths coincide."""
    known = x[~np.isnan(x)]
    for outer in (0.2, 0.1, 0.05, 0.02, 0.0):
        low, high = (float(f"{q:.3g}") for q in np.quantile(known, [outer, 1 - outer]))
        if low < high:
            return (low, high) if sign > 0 else (high, low)
    return None


def _alike(a: Floats, b: Floats) -> bool:
    """Say whether two columns rank accounts nearly the same (Spearman)."""
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 3:
        return False
    first, second = (_ranks(v[both]) for v in (a, b))
    return abs(float(np.corrcoef(first, second)[0, 1])) > _TOO_ALIKE


def _ranks(x: Floats) -> Floats:
    """Rank values, ties at their middle; a hair of slope keeps constants finite."""
    ordered = np.sort(x)
    low = np.searchsorted(ordered, x, side="left")
    high = np.searchsorted(ordered, x, side="right")
    return (low + high) / 2.0 + 1e-9 * np.arange(x.size)
