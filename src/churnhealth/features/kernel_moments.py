"""The snapshots of a batch, and which of them see what.

Everything known about an account is in sight for an interval of as-of dates
``(start, end]``: a login of day 10 counts for a 7-day window when ``10 < as_of <= 17``,
a ticket is open when ``opened < as_of <= closed``. Snapshots sorted by account and date
make such an interval a run of positions, and whole-number arithmetic over runs is
exact: same bits alone, in a batch, in any order.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import Days, Flags, Floats, Ints

__all__ = [
    "EARLIEST",
    "SHIFT",
    "SPAN",
    "Moment",
    "Moments",
    "differs",
    "key_of",
    "order_of",
    "quotient",
    "read",
    "where",
]


SPAN = 1 << 25
"""Longer than any history, so that the keys of two accounts never meet."""
SHIFT = 1 << 22
"""Added to every day, so that days before 1970 keep their place."""
EARLIEST = -SHIFT
_FEW = 1 << 16


def key_of(group: Ints, day: Days) -> Ints:
    """Write group and day as one whole number that sorts by group, then day.

    >>> int(key_of(np.array([3]), np.array([10]))[0]) - 3 * SPAN - SHIFT
    10
    """
    placed: Ints = np.maximum(day, EARLIEST)
    placed += group * SPAN + SHIFT
    return placed


def order_of(key: Ints) -> Ints:
    """Sort rows by a key of 0 and more, ties in their order; small keys by counting.

    >>> order_of(np.array([3, 0, 3, 1]))
    array([1, 3, 0, 2])
    """
    if key.max(initial=0) < _FEW:
        return np.argsort(key.astype(np.uint16), kind="stable")
    return np.argsort(key, kind="stable")


def differs(column: Ints) -> Flags:
    """Mark what is not as the one before it; the first is new.

    >>> differs(np.array([4, 4, 5]))
    array([ True, False,  True])
    """
    out = np.empty(column.size, dtype=np.bool_)
    out[:1] = True
    np.not_equal(column[1:], column[:-1], out=out[1:])
    return out


def where(test: Flags, yes: Any, no: Any) -> NDArray[Any]:
    """Choose between two values, for many snapshots or for one.

    >>> where(np.array([True, False]), 1.0, np.nan), where(np.bool_(True), 1.0, np.nan)
    (array([ 1., nan]), 1.0)
    """
    if not isinstance(test, np.ndarray):
        return cast("NDArray[Any]", yes if test else no)
    chosen: NDArray[Any] = np.where(test, yes, no)
    return chosen


def read(column: Floats, row: Ints) -> Floats:
    """Read a column at the row of each snapshot; missing where that is -1.

    >>> read(np.array([4.0, 5.0]), np.array([1, -1])), read(np.array([]), np.int64(-1))
    (array([ 5., nan]), nan)
    """
    if not isinstance(row, np.ndarray):
        return cast("Floats", column[row] if row >= 0 else np.nan)
    out = np.full(row.size, np.nan)
    has = row >= 0
    out[has] = column[row[has]]
    return out


def quotient(above: Ints | Floats, below: Ints | Floats) -> Floats:
    """Divide; missing where the divisor is 0 or missing.

    >>> quotient(np.array([1, 2]), np.array([4, 0]))
    array([0.25,  nan])
    """
    if not (isinstance(above, np.ndarray) or isinstance(below, np.ndarray)):
        return cast("Floats", above / below if below else np.nan)
    out = np.empty(np.broadcast(above, below).shape)
    out.fill(np.nan)
    return np.divide(above, below, out=out, where=np.not_equal(below, 0))


class Moments:
    """Snapshots sorted by (account, as_of); repeats are allowed."""

    __slots__ = ("account", "as_of", "floor", "key")

    def __init__(self, account: Ints, as_of: Days) -> None:
        self.account, self.as_of = account, as_of
        self.key = key_of(account, as_of)
        self.floor = account * SPAN

    def missing(self) -> Floats:
        """Give a value that is missing at every snapshot."""
        return np.full(self.key.size, np.nan)

    def runs(self, account: Ints, start: Days, end: Days) -> tuple[Ints, Ints]:
        """Find the positions ``low:high`` of snapshots with ``start < as_of <= end``.

        >>> moments = Moments(np.array([0, 0, 1]), np.array([5, 9, 7]))
        >>> moments.runs(np.array([0, 0, 1]), np.array([5, 1, 7]), np.array([9, 9, 9]))
        (array([1, 0, 3]), array([2, 2, 3]))
        """
        low = self.key.searchsorted(key_of(account, start), side="right")
        high = self.key.searchsorted(key_of(account, end), side="right")
        return low, np.maximum(low, high)

    def spread(self, low: Ints, high: Ints, weight: Ints | None = None) -> Ints:
        """Add a whole number to every snapshot of each run.

        >>> moments = Moments(np.array([0, 0, 0]), np.array([1, 2, 3]))
        >>> moments.spread(np.array([0, 1]), np.array([2, 3]), np.array([10, 1]))
        array([10, 11,  1])
        """
        size = self.key.size + 1
        if weight is None:
            step = np.bincount(low, minlength=size) - np.bincount(high, minlength=size)
        else:
            step = np.zeros(size, dtype=np.int64)
            np.add.at(step, low, weight)
            np.subtract.at(step, high, weight)
        return step[:-1].cumsum()

    def lowest(self, low: Ints, high: Ints, value: Ints, *, none: int) -> Ints:
        """Take the smallest value over the runs that hold each snapshot.

        A run of length L is two overlapping blocks of the largest power of two that
        fits; blocks are then halved until they are single snapshots.

        >>> moments = Moments(np.array([0, 0, 0]), np.array([1, 2, 3]))
        >>> low, high = np.array([0, 0]), np.array([2, 1])
        >>> moments.lowest(low, high, np.array([7, 4]), none=99)
        array([ 4,  7, 99])
        """
        size = self.key.size
        some = high > low
        low, high, value = low[some], high[some], value[some]
        level = np.frexp((high - low).astype(np.float64))[1] - 1
        best = np.full(size, none, dtype=np.int64)
        for step in range(int(level.max(initial=0)), -1, -1):
            here = level == step
            block = 1 << step
            np.minimum.at(best, low[here], value[here])
            np.minimum.at(best, high[here] - block, value[here])
            if step:
                half = block // 2
                best[half:] = np.minimum(best[half:], best[: size - half])
        return best


class Moment(Moments):
    """A single snapshot, of account 0: what is a column for many is a number here.

    Whatever is written for columns then works with numbers, at a tenth of the price.
    Its tables hold no row that was not yet known.
    """

    __slots__ = ()

    def __init__(self, as_of: int) -> None:
        number: Any = np.int64
        super().__init__(number(0), number(as_of))

    @property
    def alone(self) -> Moments:
        """The same as columns of one."""
        return Moments(np.zeros(1, np.int64), np.array([self.as_of], np.int64))

    def missing(self) -> Floats:
        """Give a value that is missing."""
        return cast("Floats", np.nan)

    def runs(self, account: Ints, start: Days, end: Days) -> tuple[Ints, Ints]:
        """Give 0:1 for each run that holds the snapshot, an empty run for the others.

        >>> Moment(7).runs(np.zeros(2, int), np.array([5, 7]), np.array([9, 9]))
        (array([0, 1]), array([1, 1]))
        """
        del account
        low = (start >= self.as_of).astype(np.int64)
        return low, np.maximum(low, end >= self.as_of)

    def spread(self, low: Ints, high: Ints, weight: Ints | None = None) -> Ints:
        """Add up a whole number over the runs that hold the snapshot."""
        held = high - low
        total: Ints = held.sum() if weight is None else held.dot(weight)
        return total

    def lowest(self, low: Ints, high: Ints, value: Ints, *, none: int) -> Ints:
        """Take the smallest value over the runs that hold the snapshot."""
        least: Ints = value[high > low].min(initial=none)
        return least
