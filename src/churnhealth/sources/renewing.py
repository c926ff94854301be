"""Open-ended contracts that renew by themselves: their end as it was agreed on a day.

Worked example, ``renews_months = 12``: a contract began on 2023-03-01 and has no end.
Seen from 2023-06-01 it is agreed until 2024-03-01, and still on that day; from the day
after, when nobody has left, until 2025-03-01. A notice of 2024-11-05 that tells no stop
ends it on 2025-03-01.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, Contracts, Days, Ints

__all__ = ["agreed_ends", "every_agreed_end", "stopped_by_notice", "times_renewed"]

Row = Ints | slice
_ALL = slice(None)


def agreed_ends(contracts: Contracts, row: Row, day: Days) -> Days:
    """Give the agreed end of rows: of those that renew, the next as seen from a day.

    A day of ``FAR`` asks how far they may go: then those have none.
    """
    end: Days = contracts.end[row]
    if not contracts.renews_months:
        return end
    renews = (end >= FAR) & (day < FAR)
    term = _months(contracts, row)
    seen = _anniversary(contracts.start[row], term, np.where(renews, day, 0))[0]
    return np.where(renews, seen, end)


def times_renewed(contracts: Contracts, row: Ints, day: Days) -> Ints:
    """Count how often rows had renewed by themselves before a day."""
    if not contracts.renews_months or not contracts.start.size:
        return np.zeros(row.size, np.int64)
    term = _months(contracts, row)
    times = _anniversary(contracts.start[row], term, day)[1] - 1
    return np.where(contracts.end[row] >= FAR, times, 0)


def stopped_by_notice(contracts: Contracts) -> Contracts:
    """Let a notice that tells no stop end what renews where its term ends."""
    told = (contracts.notice_at < FAR) & (contracts.cancelled_at >= FAR)
    if not contracts.renews_months or not told.any():
        return contracts
    ends = agreed_ends(contracts, _ALL, contracts.notice_at)
    stops = told & (contracts.end >= FAR)
    return replace(
        contracts, cancelled_at=np.where(stops, ends, contracts.cancelled_at)
    )


def every_agreed_end(contracts: Contracts, until: int) -> tuple[Ints, Days, Days]:
    """List each row with its agreed end, and the day since when that is the next.

    Of those that renew by themselves all ends are listed that come next by ``until``.
    """
    since = np.minimum(contracts.start, contracts.known_at) + 1
    if not contracts.renews_months:
        return np.arange(since.size), contracts.end, since
    term, renews = _months(contracts, _ALL), contracts.end >= FAR
    last = np.minimum(contracts.cancelled_at, until)
    times = np.where(renews, _anniversary(contracts.start, term, last)[1], 1)
    row = np.repeat(np.arange(times.size), times)
    nth = np.arange(row.size) - np.repeat(np.cumsum(times) - times, times) + 1
    own = _after(contracts.start[row], term[row] * nth)
    before = _after(contracts.start[row], term[row] * (nth - 1)) + 1
    end = np.where(renews[row], own, contracts.end[row])
    return row, end, np.where(nth > 1, before, since[row])


def _months(contracts: Contracts, row: Row) -> Ints:
    """Give the term of rows that renew: their own, or that of all."""
    own = contracts.term_months[row]
    months = np.where(own >= 1, own, contracts.renews_months)
    return np.asarray(np.rint(months), dtype=np.int64)


def _anniversary(start: Days, months: Ints, day: Days) -> tuple[Days, Ints]:
    """Find the first anniversary on a day or after it, and which it is (1: the first).

    >>> start, months = np.array([30, 30]), np.array([1, 1])  # 31 January 1970
    >>> _anniversary(start, months, np.array([58, 59]))  # 28 February, 1 March
    (array([58, 89]), array([1, 2]))
    """
    nth = np.maximum((_month(day) - _month(start)) // months, 1)
    nth += _after(start, months * nth) < day
    return _after(start, months * nth), nth


def _after(start: Days, months: Ints) -> Days:
    """Give the same day of the month so many months later, or that month's last."""
    month = _month(start)
    into = start - _first(month)
    begins, following = _first(month + months), _first(month + months + 1)
    return np.asarray(begins + np.minimum(into, following - begins - 1))


def _month(day: Days) -> Ints:
    return _whole(day.astype("datetime64[D]").astype("datetime64[M]"))


def _first(month: Ints) -> Days:
    return _whole(month.astype("datetime64[M]").astype("datetime64[D]"))


def _whole(times: NDArray[Any]) -> Ints:
    return times.astype(np.int64)
