"""All events of a source side by side: one search answers for every name at once.

Most features ask the same of every event by its name. Rows are put in the order (name,
account, day), so that the edge of a window is one search for all names, and what lies
between two edges is a difference of one running sum. Edges that are known beforehand
are found by counting: the rows between two of them, by name. Only for sources without
late rows: these are taken off row by row (`kernel_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from churnhealth.features.kernel_moments import SHIFT, SPAN, Moments, key_of
from churnhealth.sources.contract import FAR, Days, EventLog, Flags, Ints

__all__ = ["Named", "PartTally", "Parts", "Place"]

Place: TypeAlias = "int | slice | Ints"
"""Which part; or which parts, a line for each."""

_APART = 1 << 44  # further than the keys of any batch reach
_FEW_NAMES = 1 << 15


class Named(NamedTuple):
    """The events asked for by name, and how many days their windows look back."""

    items: tuple[str, ...] = ()
    back: tuple[int, ...] = ()


class Parts:
    """The rows of some events, each a part of its own; one never seen has none: -1.

    ``back`` are the days of edges that will be asked for.
    """

    def __init__(
        self, log: EventLog, moments: Moments, codes: Ints, back: Sequence[int]
    ) -> None:
        place = np.full(len(log.vocabulary) + 1, -1, dtype=np.int64)
        place[codes] = np.arange(codes.size)
        part = place[log.event]
        small = np.int16 if codes.size < _FEW_NAMES else np.int64  # sorted by counting
        order = np.argsort(part.astype(small), kind="stable")
        order = order[np.count_nonzero(part < 0) :]
        count = log.count[order]
        self.real = bool(count.size == 0 or count.min() > 0)
        self._order, self._sums = order, {"count": _running(count)}
        self._log, self._part, self._moments = log, part, moments
        self._base = np.arange(codes.size)[:, None] * _APART
        self._edges: dict[int | None, Ints] = {}
        if back and isinstance(moments.key, np.ndarray):  # one snapshot has few edges
            self._count_edges(back)
        self._now: dict[str, Ints] = {}
        self._known: dict[tuple[str, int | None], Ints] = {}

    def add(self, name: str, weight: Callable[[], Ints]) -> None:
        """Give every row of the log one more number to add up, unless it has it."""
        if name not in self._sums:
            self._sums[name] = _running(weight()[self._order])

    @cached_property
    def _when(self) -> Ints:
        return key_of(self._log.account, self._log.happened_at)

    @cached_property
    def _key(self) -> Ints:
        return (self._part * _APART + self._when)[self._order]

    def _count_edges(self, back: Sequence[int]) -> None:
        """Search once for all names, then count the rows from edge to edge by name."""
        edges = np.array([self._moments.key - days for days in back])
        order = np.argsort(edges, axis=None, kind="stable")
        rows = self._when.searchsorted(edges.ravel()[order])
        steps, parts = order.size + 1, self._base.size
        step = np.repeat(
            np.arange(steps), np.diff(rows, prepend=0, append=self._when.size)
        )
        cell = (self._part * steps + step)[self._part >= 0]
        before = np.bincount(cell, minlength=parts * steps).cumsum()
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        found = before.reshape(parts, steps).take(place.reshape(edges.shape), axis=1)
        self._edges.update(zip(back, found.swapaxes(0, 1), strict=True))

    def edge(self, days: int | None) -> Ints:
        """Count the rows before ``as_of - days``, a line for each part."""
        if days not in self._edges:
            moments = self._moments
            when = moments.floor if days is None else moments.key - days
            self._edges[days] = self._key.searchsorted(self._base + when)
        return self._edges[days]

    def within(self, name: str, days: int | None) -> Ints:
        """Add up ``[as_of - days, as_of)``, a line for each part."""
        if (name, days) not in self._known:
            sums = self._sums[name]
            if name not in self._now:
                self._now[name] = sums.take(self.edge(0))
            self._known[name, days] = self._now[name] - sums.take(self.edge(days))
        return self._known[name, days]

    def last_day(self) -> Days:
        """Give the day of the last event before each snapshot, ``FAR`` if none."""
        now = self.edge(0)
        return self._day(now - 1, now > self.edge(None))

    def first_day(self) -> Days:
        """Give the day of the first event before each snapshot, ``FAR`` if none."""
        begin = self.edge(None)
        return self._day(begin, self.edge(0) > begin)

    def _day(self, row: Ints, has: Flags) -> Days:
        out = np.full(row.shape, FAR, dtype=np.int64)
        out[has] = self._key[row[has]] % SPAN - SHIFT
        return out


def _running(weight: Ints) -> Ints:
    sums = np.zeros(weight.size + 1, dtype=np.int64)
    weight.cumsum(out=sums[1:])
    return sums


class PartTally:
    """What some parts add up to over any window (compare `kernel_rows.Tally`)."""

    def __init__(self, parts: Parts, place: Place, name: str) -> None:
        self._parts, self._place, self._name = parts, place, name

    def within(self, days: int | None, *, skip: int = 0) -> Ints:
        """Add up ``[as_of - skip - days, as_of - skip)``; ``None`` = since ever."""
        if skip:
            longer = None if days is None else skip + days
            return self.within(longer) - self.within(skip)
        total: Ints = self._parts.within(self._name, days)[self._place]
        return total
