"""When we look: as-of dates on a calendar, and the dates that folds are judged at.

``as_of`` is a UTC date and means its midnight; a month begins on the 1st, a week on
Monday. A fold judged at ``t`` trains on what could be known at ``t`` (see ``labels``)
and is tested on the snapshots from ``t`` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from churnhealth.sources.contract import Days, date_of, day_of

__all__ = ["Fold", "calendar_days", "fold_days", "newest_quarter"]

_MONTHS = {"month": 1, "quarter": 3, "half-year": 6}
Every = str | int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Train on what was known before ``judged_at``; test on [test_from, test_to)."""

    judged_at: int
    test_from: int
    test_to: int


def calendar_days(every: Every, *, first: int, last: int) -> list[int]:
    """List the as-of days from ``first`` to ``last``, both included.

    >>> [str(date_of(d)) for d in calendar_days(
    ...     "quarter", first=day_of(date(2025, 1, 2)), last=day_of(date(2025, 7, 1)))]
    ['2025-04-01', '2025-07-01']
    >>> calendar_days(30, first=0, last=70)
    [0, 30, 60]
    """
    if isinstance(every, int):
        return list(range(first, last + 1, every))
    if every == "day":
        return list(range(first, last + 1))
    if every == "week":  # 1970-01-01 was a Thursday
        return list(range(first + (4 - first) % 7, last + 1, 7))
    step, begin = _MONTHS[every], date_of(first)
    month = begin.year * 12 + begin.month - 1
    month += -month % step
    days: list[int] = []
    while (day := day_of(date(month // 12, month % 12 + 1, 1))) <= last:
        if day >= first:
            days.append(day)
        month += step
    return days


def newest_quarter(as_of: Days) -> int:
    """Find where the newest quarter of the dates begins: the default test period.

    >>> newest_quarter(np.array([0, 0, 30, 60, 90, 120, 150, 180, 210]))
    180
    """
    days = np.unique(as_of)
    return int(days[days.size - max(1, days.size // 4)])


def fold_days(
    as_of: Sequence[int], *, test_from: int, each: bool, monthly: bool
) -> list[Fold]:
    """Place the folds: one at ``test_from``, or a new one at every later date.

    Dates counted from each account's own start fall on nearly every day; for them
    (``monthly``) a new fold begins with each calendar month.

    >>> fold_days([0, 30, 60], test_from=30, each=True,
    ...           monthly=False)  # doctest: +NORMALIZE_WHITESPACE
    [Fold(judged_at=30, test_from=30, test_to=60),
     Fold(judged_at=60, test_from=60, test_to=61)]
    """
    tests = sorted({d for d in as_of if d >= test_from})
    if not tests:
        return []
    end = tests[-1] + 1
    origins = tests if each else [test_from]
    if each and monthly:
        later = calendar_days("month", first=test_from + 1, last=tests[-1])
        origins = [test_from, *later]
    stops = [*origins[1:], end]
    return [
        Fold(judged_at=a, test_from=a, test_to=b)
        for a, b in zip(origins, stops, strict=True)
    ]
