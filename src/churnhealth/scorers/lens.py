"""How a line sees raw features: compressed, clipped, bent twice, weighed by evidence.

All of it is learned from training rows only. A feature ``x`` is read as
``t = clip(signed log1p(x))``; a missing value takes the training median. Its columns
are ``t`` itself, ``max(t - knot, 0)`` at the thirds of what training saw, and whether
it was missing where that tells something. Every column is standardised and then
shrunk by how surely it has to do with churn, so that ridge falls on noise first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["Lens", "learn_lens"]

_LINE, _BEND, _ABSENCE = 0, 1, 2
_THIRDS = (1.0 / 3.0, 2.0 / 3.0)
_RARE = 0.01  # an absence in fewer rows than this (or in all but them) is noise
_TELLING = 2.0  # standard errors that an absence must show
_HALF = 9.0  # a column three standard errors from nothing keeps half its variance
_MOST_COLUMNS = 160
_ROWS = 4096  # rows weighed at a time, so that memory stays small
_HOT = 256  # rows seen at a time, so that they stay in the processor's cache


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Plan:
    """What of a lens depends on no row: the features it reads, and its columns."""

    used: Ints
    start: Ints
    low: Floats
    high: Floats
    middle: Floats
    column: Ints
    knot: Floats
    floor: Floats
    absences: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Lens:
    """Columns of a linear model, each made of one feature; sorted by feature.

    Column ``c`` is ``(raw - centre[c]) * gain[c]`` with mean 0 over training rows,
    where ``raw`` is the line, bend or absence (``kind``) of feature ``source[c]``.
    """

    low: Floats
    high: Floats
    middle: Floats
    source: Ints
    kind: Ints
    knot: Floats
    centre: Floats
    gain: Floats

    def seen(self, X: Floats) -> Floats:
        """Give the columns (n, K) of raw features (n, F)."""
        out = np.empty((X.shape[0], self.source.size))
        for at in range(0, X.shape[0], _HOT):
            part = out[at : at + _HOT]
            self._fill(X[at : at + _HOT], part)
            part -= self.centre
            part *= self.gain
        return out

    def by_feature(self, each: Floats, width: int) -> Floats:
        """Add up columns (n, K) feature by feature: (n, ``width``)."""
        parts = np.zeros((each.shape[0], width))
        if self.source.size:
            plan = self._plan
            parts[:, plan.used] = np.add.reduceat(each, plan.start, axis=1)
        return parts

    def _raw(self, X: Floats) -> Floats:
        out = np.empty((X.shape[0], self.source.size))
        for at in range(0, X.shape[0], _HOT):
            self._fill(X[at : at + _HOT], out[at : at + _HOT])
        return out

    def _fill(self, X: Floats, raw: Floats) -> None:
        plan = self._plan
        given = X.take(plan.used, axis=1)
        missing = np.isnan(given)
        t = np.minimum(np.maximum(stretch(given), plan.low), plan.high)
        np.copyto(t, plan.middle, where=missing)
        # "clip" changes nothing here, but lets take write without a copy of its own
        t.take(plan.column, axis=1, out=raw, mode="clip")
        raw -= plan.knot
        np.maximum(raw, plan.floor, out=raw)
        if plan.absences.size:
            raw[:, plan.absences] = missing.take(plan.column[plan.absences], axis=1)

    @cached_property
    def _plan(self) -> _Plan:
        used, start = np.unique(self.source, return_index=True)
        bends = self.kind == _BEND
        return _Plan(
            used=used,
            start=start,
            low=self.low[used],
            high=self.high[used],
            middle=self.middle[used],
            column=np.searchsorted(used, self.source),
            knot=np.where(bends, self.knot, 0.0),
            floor=np.where(bends, 0.0, -np.inf),
            absences=np.flatnonzero(self.kind == _ABSENCE),
        )

    def to_json(self) -> dict[str, object]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        return {f.name: getattr(self, f.name).tolist() for f in fields(self)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Lens:
        """Read what ``to_json`` wrote."""
        whole = ("source", "kind")
        parts: dict[str, Any] = {
            name: np.array(values, np.int64 if name in whole else np.float64)
            for name, values in saved.items()
        }
        return cls(**parts)


def learn_lens(
    X: Floats, y: Floats, groups: Ints, *, below: Floats | None = None
) -> Lens:
    """Learn all of a lens from training rows; ``groups`` are their accounts.

    ``below`` is the margin that is there already: evidence is what it leaves open.
    """
    low, middle, high, knots = _quantiles(X)
    source, kind, knot = _candidates(np.isnan(X), knots, low, high)
    plain = Lens(
        low=low,
        high=high,
        middle=middle,
        source=source,
        kind=kind,
        knot=knot,
        centre=np.zeros(source.size),
        gain=np.ones(source.size),
    )
    centre, spread, evidence = _weigh(plain, X, y - _expected(y, below), groups)
    alive = (spread > 1e-9) & ((kind != _ABSENCE) | (evidence > _TELLING))
    strongest = np.argsort(-np.where(alive, evidence, -1.0), kind="stable")
    kept = np.sort(strongest[: min(int(alive.sum()), _MOST_COLUMNS)])
    sure = evidence[kept] ** 2
    return Lens(
        low=low,
        high=high,
        middle=middle,
        source=source[kept],
        kind=kind[kept],
        knot=knot[kept],
        centre=centre[kept],
        gain=np.sqrt(sure / (sure + _HALF)) / spread[kept],
    )


def stretch(x: Floats) -> Floats:
    """Compress long tails on both sides of zero.

    >>> stretch(np.array([0.0, np.e - 1.0, 1.0 - np.e]))
    array([ 0.,  1., -1.])
    """
    return np.copysign(np.log1p(np.abs(x)), x)


def _quantiles(X: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Give per column the 0.2, 50 and 99.8 % quantile of t, and its thirds (2, F)."""
    asked = (0.002, 0.5, 0.998, *_THIRDS)
    found = np.zeros((len(asked), X.shape[1]))
    for j in range(X.shape[1]):
        known = X[~np.isnan(X[:, j]), j]
        if known.size:
            found[:, j] = np.quantile(stretch(known), asked)
    return found[0], found[1], found[2], found[3:]


def _candidates(
    missing: Flags, knots: Floats, low: Floats, high: Floats
) -> tuple[Ints, Ints, Floats]:
    """List every column that could be made: its feature, its kind and its knot."""
    rows: list[tuple[int, int, float]] = []
    patterns: set[bytes] = set()
    for j in range(missing.shape[1]):
        rows.append((j, _LINE, 0.0))
        inside = np.unique(knots[:, j])
        bends = inside[(inside > low[j]) & (inside < high[j])]
        rows.extend((j, _BEND, float(knot)) for knot in bends)
        if not _RARE < missing[:, j].mean() < 1.0 - _RARE:
            continue
        pattern = np.packbits(missing[:, j]).tobytes()
        if pattern not in patterns:  # of columns absent together the first tells it
            patterns.add(pattern)
            rows.append((j, _ABSENCE, 0.0))
    source, kind, knot = zip(*rows, strict=True)
    return np.array(source), np.array(kind), np.array(knot)


def _expected(y: Floats, below: Floats | None) -> Floats | float:
    """Give what is expected of each row already, at the level that was seen."""
    if below is None:
        return float(y.mean())
    return sigmoid(below + level_shift(below, y))


def _weigh(
    plain: Lens, X: Floats, pull: Floats, groups: Ints
) -> tuple[Floats, Floats, Floats]:
    """Give mean, spread and evidence of each column.

    Evidence is the score statistic of a model with this column alone, in standard
    errors that count accounts, not rows; ``pull`` is outcome minus expectation.
    """
    count, columns = int(groups.max()) + 1, plain.source.size
    total, squares = np.zeros(columns), np.zeros(columns)
    for at in range(0, X.shape[0], _ROWS):
        raw = plain._raw(X[at : at + _ROWS])
        total += raw.sum(axis=0)
        squares += np.square(raw, out=raw).sum(axis=0)
    mean = total / X.shape[0]
    spread = np.sqrt(np.maximum(squares / X.shape[0] - mean**2, 0.0))
    spread[spread <= 1e-7 * np.maximum(1.0, np.abs(mean))] = 0.0
    order = np.argsort(groups, kind="stable")
    score, noise = np.zeros(columns), np.full(columns, 1e-12)
    starts = np.searchsorted(groups[order], np.arange(count + 1))
    for low, high in _runs(starts):
        mine = order[starts[low] : starts[high]]
        if not mine.size:
            continue
        each = plain._raw(X[mine])
        each -= mean
        each *= pull[mine, None]
        filled = np.unique(groups[mine], return_index=True)[1]
        sums = np.add.reduceat(each, filled, axis=0)
        score += sums.sum(axis=0)
        noise += np.square(sums).sum(axis=0)
    return mean, spread, np.abs(score) / np.sqrt(noise)


def _runs(starts: Ints) -> list[tuple[int, int]]:
    """Cut accounts into runs of about ``_ROWS`` rows, no account cut in two."""
    last = starts.size - 1
    wanted = np.arange(0, int(starts[-1]) + _ROWS, _ROWS)
    edges = np.unique(np.minimum(np.searchsorted(starts, wanted), last)).tolist()
    return list(pairwise(edges))
