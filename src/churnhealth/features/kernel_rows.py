"""Rows on the time line: exact sums over windows, last and first days, coverage.

A row counts for a snapshot when it happened in ``[as_of - days, as_of)`` and was known
before ``as_of``. The first half is a difference of prefix sums; rows that became known
late are then taken off again wherever they lie in the window but are not yet known.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from churnhealth.features.kernel_moments import SHIFT, SPAN, Moments, differs, key_of
from churnhealth.sources.contract import FAR, Coverage, Days, Flags, Ints

__all__ = ["Recorded", "Rows", "Tally"]


_NONE = np.zeros(0, dtype=np.int64)


class Rows:
    """Events of a batch, sorted by (account, happened_at, known_at).

    ``seen`` is the later of the two days: before it a row is no part of the past.
    ``prompt`` says that nobody needs to look for late rows: there are none.
    """

    def __init__(
        self,
        account: Ints,
        happened: Days,
        seen: Days,
        moments: Moments,
        *,
        prompt: bool = False,
    ) -> None:
        self.account, self.happened, self.seen = account, happened, seen
        self.moments, self.prompt = moments, prompt
        self.key = key_of(account, happened)
        self._edges: dict[int | None, Ints] = {}
        self._late: tuple[Ints, Ints] | None = (_NONE, _NONE) if prompt else None

    def take(self, keep: Ints | Flags) -> Rows:
        """Take some of the rows, order kept."""
        if keep.dtype == np.bool_ and keep.all():
            return self
        happened = self.happened[keep]
        seen = happened if self.prompt else self.seen[keep]
        account = self.account[keep]
        return Rows(account, happened, seen, self.moments, prompt=self.prompt)

    def edge(self, days: int | None) -> Ints:
        """Count the rows before ``as_of - days``, earlier accounts' rows included.

        ``None`` = since ever: only the rows of earlier accounts are counted.
        """
        if days not in self._edges:
            moments = self.moments
            when = moments.floor if days is None else moments.key - days
            self._edges[days] = self.key.searchsorted(when)
        return self._edges[days]

    def late(self) -> tuple[Ints, Ints]:
        """Find the late rows that had happened, unknown, for some snapshot.

        The second part is the position of the first such snapshot.
        """
        if self._late is None:
            row = np.flatnonzero(self.seen > self.happened)
            low, high = self.moments.runs(
                self.account[row], self.happened[row], self.seen[row]
            )
            some = high > low
            self._late = row[some], low[some]
        return self._late

    def first_of_day(self) -> Flags:
        """Mark the first known row of each account and day."""
        return differs(self.key)

    def last_day(self) -> Days:
        """Give the day of the last event known at each snapshot, ``FAR`` if none."""
        if self.prompt:
            now = self.edge(0)
            return self._day(now - 1, now > self.edge(None))
        order, seen = self._by_seen()
        latest = np.maximum.accumulate(self.key[order])
        return self._at(seen, latest - self.account[order] * SPAN)

    def first_day(self) -> Days:
        """Give the day of the first event known at each snapshot, ``FAR`` if none."""
        if self.prompt:
            begin = self.edge(None)
            return self._day(begin, self.edge(0) > begin)
        order, seen = self._by_seen()
        back = 2 * self.account[order] * SPAN  # accounts fall, so a minimum restarts
        earliest = np.minimum.accumulate(self.key[order] - back) + back
        return self._at(seen, earliest - self.account[order] * SPAN)

    def _day(self, row: Ints, has: Flags) -> Days:
        """Read the days of some rows, ``FAR`` where there is none."""
        if not isinstance(row, np.ndarray):
            return cast("Days", self.key[row] - SHIFT if has else np.int64(FAR))
        out = np.full(row.shape, FAR, dtype=np.int64)
        out[has] = self.key[row[has]] % SPAN - SHIFT
        return out

    def _by_seen(self) -> tuple[Ints | slice, Ints]:
        seen = key_of(self.account, self.seen)
        if np.all(seen[1:] >= seen[:-1]):
            return slice(None), seen
        order = np.argsort(seen, kind="stable")
        return order, seen[order]

    def _at(self, seen: Ints, day: Ints) -> Days:
        """Read a running value as it stood before each snapshot."""
        out = np.empty(self.moments.key.size, dtype=np.int64)
        out.fill(FAR)
        if day.size:
            place = seen.searchsorted(self.moments.key) - 1
            mine = (place >= 0) & (seen[place] >= self.moments.floor)
            out[mine] = day[place[mine]] - SHIFT
        return out


class Tally:
    """Rows with a whole number each, added up exactly over any window."""

    def __init__(self, rows: Rows, weight: Ints) -> None:
        self.rows, self._weight = rows, weight
        self._sums = np.empty(weight.size + 1, dtype=np.int64)
        self._sums[0] = 0
        weight.cumsum(out=self._sums[1:])
        self._known: dict[int | None, Ints] = {}

    def within(self, days: int | None, *, skip: int = 0) -> Ints:
        """Add up ``[as_of - skip - days, as_of - skip)``, known rows only.

        ``None`` adds up all that ever happened.
        """
        if skip:
            longer = None if days is None else skip + days
            return self.within(longer) - self.within(skip)
        if days not in self._known:
            rows = self.rows
            total = self._sums[rows.edge(0)] - self._sums[rows.edge(days)]
            row, low = rows.late()
            if row.size:
                out = rows.seen[row]
                if days is not None:
                    out = np.minimum(out, rows.happened[row] + days)
                key = key_of(rows.account[row], out)
                high = np.searchsorted(rows.moments.key, key, side="right")
                high = np.maximum(low, high)
                total = total - rows.moments.spread(low, high, self._weight[row])
            self._known[days] = total
        return self._known[days]


class Recorded:
    """Where a source was being recorded, as seen from each ``as_of``.

    Only steps with ``known < as_of`` are read. The source is *alive* when
    ``as_of - 1 <= max(known, last) + slack`` of the newest step that brought a later
    day, with ``slack = max(7, twice the longest wait between two such steps so far)``:
    silent for longer, it has stopped. It covers ``[as_of - days, as_of)`` when it is
    alive, had begun (``first <= as_of - days``), and reports with less delay
    (``known - last`` of that step) than the window is long.

    >>> steps = Coverage(known=(10, 11), first=(3, 3), last=(10, 11))
    >>> Recorded(steps, np.array([10, 11, 19, 20])).covers(7)
    array([False,  True,  True, False])
    """

    def __init__(self, coverage: Coverage, as_of: Days) -> None:
        steps: _Steps | None = coverage.kept.get("steps")
        if steps is None:
            steps = coverage.kept["steps"] = _steps(coverage)
        self._as_of = as_of
        if steps.known.size == 0:
            self._alive = np.less(as_of, as_of)
            self._first = self._delay = as_of
            return
        step = steps.known.searchsorted(as_of) - 1
        rise = steps.rises.searchsorted(step, side="right") - 1
        self._alive = (step >= 0) & (as_of - 1 <= steps.until[rise])
        self._first, self._delay = steps.first[step], steps.delay[rise]

    def covers(self, days: int | Ints | None) -> Flags:
        """Tell where the days before are covered; ``None`` asks only for life."""
        if days is None:
            return self._alive
        return self._alive & (self._first <= self._as_of - days) & (self._delay < days)

    def began(self, day: Days) -> Flags:
        """Tell where the source was recorded from a day on, or from before it.

        >>> steps = Coverage(known=(10,), first=(3,), last=(10,))
        >>> Recorded(steps, np.array([11, 11])).began(np.array([2, 3]))
        array([False,  True])
        """
        return np.asarray(self._first <= day)


class _Steps(NamedTuple):
    """Coverage as arrays; ``until`` and ``delay`` are of the steps in ``rises``."""

    known: Days
    first: Days
    rises: Ints
    until: Days
    delay: Ints


def _steps(coverage: Coverage) -> _Steps:
    known, first, last = (
        np.array(column, dtype=np.int64)
        for column in (coverage.known, coverage.first, coverage.last)
    )
    if known.size == 0:
        return _Steps(known, first, known, known, known)
    highest = np.maximum.accumulate(last)
    rises = np.flatnonzero(np.diff(highest, prepend=highest[0] - 1) > 0)
    waits = np.diff(known[rises], prepend=known[0])
    slack = np.maximum(7, 2 * np.maximum.accumulate(waits))
    return _Steps(
        known=known,
        first=np.minimum.accumulate(first),
        rises=rises,
        until=np.maximum(known, last)[rises] + slack,
        delay=(known - last)[rises],
    )
