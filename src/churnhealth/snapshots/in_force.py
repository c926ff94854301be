"""Contract rows in force beside each other: which is the main one, what they add up to.

A contract may have add-ons: rows that begin while one of more value goes on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, Contracts, Days, Flags, Floats, Ints
from churnhealth.sources.repeated import repeats

__all__ = [
    "Rows",
    "added_up",
    "day_before",
    "main_rows",
    "some",
    "take",
    "terms_before",
    "worth_of",
]


def some(group: Ints, rows: Flags, n: int) -> Flags:
    """Say for each group whether it has any of these rows."""
    return np.bincount(group[rows], minlength=n) > 0


def take(values: NDArray[Any], index: Ints) -> NDArray[Any]:
    """Take rows; -1 means none and gives any value, which the caller masks."""
    return values[index] if values.size else np.zeros(index.size, values.dtype)


class Rows(NamedTuple):
    """Some contract rows of each snapshot, in order.

    ``last`` (n,) is the last of each snapshot (-1: none), and ``alone`` says that it is
    the only one everywhere, which needs no adding up.
    """

    row: Ints
    snapshot: Ints
    last: Ints
    alone: bool

    @classmethod
    def of(cls, row: Ints, snapshot: Ints, n: int) -> Rows:
        """Take rows and whose they are."""
        last = np.full(n, -1, np.int64)
        last[snapshot] = row
        return cls(row, snapshot, last, row.size == np.count_nonzero(last >= 0))


def worth_of(contracts: Contracts, row: Ints) -> Floats:
    """Give the value of rows; one that is not known is worth less than any."""
    return np.nan_to_num(contracts.value[row], nan=-np.inf)


def main_rows(contracts: Contracts, rows: Rows, n: int) -> Ints:
    """Find the row worth most of each snapshot: of equals by seats, then the newest."""
    if rows.alone:
        return rows.last
    seats = np.nan_to_num(contracts.seats[rows.row], nan=-np.inf)
    order = np.lexsort((seats, worth_of(contracts, rows.row), rows.snapshot))
    found = np.full(n, -1, np.int64)
    found[rows.snapshot[order]] = rows.row[order]  # the last one wins
    return found


def day_before(start: Days, reach: Days, begins: Flags) -> Days:
    """Give for each row the day on which to look for what was before it.

    That is its start, or the end of cover before, where a gap lies between; ``FAR``
    where it is among the first of its period.
    """
    at = np.arange(start.size)
    apart = begins.copy()
    apart[1:] |= start[1:] != start[:-1]
    group = np.maximum.accumulate(np.where(apart, at, 0))  # who began on that day
    head = np.maximum.accumulate(np.where(begins, at, 0))
    ended = take(reach, np.maximum(group - 1, 0))
    return np.where(group > head, np.minimum(start, ended), FAR)


def terms_before(
    s: Ints, start: Days, until: Days, agreed: Days, begins: Flags, worth: Floats
) -> Ints:
    """Count for each row the main terms before it in its period.

    Row by row: what begins while the main term goes on and is worth less is an add-on;
    all else is the next main term. It is no later one if it begins on the same day, or
    ends no later than was agreed for the one it takes over from: an upgrade.

    >>> s = np.zeros(4, np.int64); start = np.array([0, 100, 365, 730])
    >>> until = np.array([365, 9999, 730, 1095])
    >>> first = np.array([True, False, False, False])
    >>> terms_before(s, start, until, until, first, np.array([9.0, 1.0, 9.0, 9.0]))
    array([0, 0, 1, 2])
    """
    at = np.arange(start.size)
    count = at - np.maximum.accumulate(np.where(begins, at, 0))
    known = np.where(agreed < FAR, agreed, start)
    if not (~begins[1:] & (start[1:] < np.maximum(until, known)[:-1])).any():
        return count  # one after the other
    fresh = np.ones(s.size, bool)
    fresh[1:] = s[1:] != s[:-1]
    place = at - np.maximum.accumulate(np.where(fresh, at, 0))
    order = np.argsort(place, kind="stable")
    n = int(s.max()) + 1
    main, terms = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        mine, its = s[rows], main[s[rows]]
        beside = ~begins[rows] & (start[rows] < until[its]) & (worth[rows] < worth[its])
        later = ~beside & (start[rows] > start[its])
        later &= (start[rows] >= known[its]) | (agreed[rows] > known[its])
        terms[mine] = np.where(begins[rows], 0, terms[mine] + later)
        main[mine] = np.where(beside, its, rows)
        count[rows] = terms[mine]
    return count


def added_up(contracts: Contracts, rows: Rows, as_of: Days) -> dict[str, Floats]:
    """Add up what is known of some rows of each snapshot: value, seats, the price.

    What stands there twice counts once, also if one of the two will be cancelled: the
    day does not know it. The price is that of the rows which have both.
    """
    n = as_of.size
    if rows.alone:
        value, seats = (
            np.where(rows.last >= 0, take(column, rows.last), np.nan)
            for column in (contracts.value, contracts.seats)
        )
        return {"value": value, "seats": seats, "price": _price(value, seats)}
    again = repeats(contracts, rows.row, seen=as_of[rows.snapshot])
    again[1:] &= rows.snapshot[1:] == rows.snapshot[:-1]
    once = ~again
    value, seats = contracts.value[rows.row], contracts.seats[rows.row]
    has_value, has_seats = once & (value == value), once & (seats == seats)

    def total(column: Floats, known: Flags) -> Floats:
        found = np.bincount(rows.snapshot[known], weights=column[known], minlength=n)
        return np.where(some(rows.snapshot, known, n), found, np.nan)

    both = has_value & has_seats
    return {
        "value": total(value, has_value),
        "seats": total(seats, has_seats),
        "price": _price(total(value, both), total(seats, both)),
    }


def _price(value: Floats, seats: Floats) -> Floats:
    price: Floats = np.full(value.size, np.nan)
    np.divide(value, seats, out=price, where=seats != 0)
    return price
