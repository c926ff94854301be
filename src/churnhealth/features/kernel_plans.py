"""Features of things that take time or lie ahead: tickets, invoices, deadlines.

An item has a day it began or is due (``happened_at``) and a day it ended: a ticket
closed, an invoice paid, a piece of work handed in. Who sees it open, ended or overdue
is an interval of as-of dates, so all of it is whole-number arithmetic over runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events
from churnhealth.features.kernel_moments import SPAN, quotient, where
from churnhealth.sources.contract import FAR, Days, Flags, Floats, Ints

__all__ = ["PLAN_KINDS"]


class _Items:
    """The rows of one event that have an end, and when each end is known."""

    def __init__(self, events: Events, item: str | None, ended: Days) -> None:
        rows, at = events.rows(item), events.picked(item)
        self.moments = events.moments
        self.account, self.due, self.ended = rows.account, rows.happened, ended[at]
        self.known = events.log.known_at[at]
        self.over: Flags = self.ended < FAR

    @property
    def took(self) -> Ints:
        """Count the days from begin, or from the day it was due, to the end."""
        return np.where(self.over, self.ended - self.due, 0)

    def run(self, start: Days, end: Days | int) -> tuple[Ints, Ints]:
        """Find the snapshots with ``start < as_of <= end`` that know of the row."""
        begin = np.maximum(self.known, start)
        return self.moments.runs(self.account, begin, np.broadcast_to(end, begin.shape))


def _ending(measure: Callable[[Events, _Items, int], Ints | Floats]) -> EventKind:
    """Measure the rows that have an end; without any end column all is missing."""

    def of(events: Events, item: str | None, days: int) -> Ints | Floats:
        ended = events.log.ended_at
        if ended is None:
            return events.moments.missing()
        items = events.keep(("items", item), lambda: _Items(events, item, ended))
        return measure(events, items, days)

    return of


def _open(events: Events, items: _Items, _days: int) -> Ints | Floats:
    """Count who began, or was due, and is not known to have ended."""
    low, high = items.run(items.due, items.ended)
    return events.recorded(None, items.moments.spread(low, high))


def _oldest_open(events: Events, items: _Items, _days: int) -> Ints | Floats:
    low, high = items.run(items.due, items.ended)
    began = items.moments.lowest(low, high, items.due, none=FAR)
    age = where(began == FAR, np.nan, items.moments.as_of - began)
    return events.recorded(None, age)


def _missed(events: Events, items: _Items, days: int) -> Ints | Floats:
    """Count what came due in the window and is still not done."""
    low, high = items.run(items.due, np.minimum(items.ended, items.due + days))
    return events.recorded(days, items.moments.spread(low, high))


def _done_share(events: Events, items: _Items, _days: int) -> Ints | Floats:
    """Divide what is done by what has come due so far."""
    spread = items.moments.spread
    due = spread(*items.run(items.due, FAR))
    done = spread(*items.run(np.maximum(items.due, items.ended), FAR))
    return events.recorded(None, quotient(done, due))


def _late_share(events: Events, items: _Items, _days: int) -> Ints | Floats:
    """Divide what was not done by the end of its day by what has come due so far.

    An end on the day after the day it was due is late, and known from then on.
    """
    spread, late = items.moments.spread, items.ended > items.due
    low, high = items.run(items.due, FAR)
    overdue = spread(low[late], high[late])
    return events.recorded(None, quotient(overdue, spread(low, high)))


def _mean_delay(events: Events, items: _Items, _days: int) -> Ints | Floats:
    """Average the days from due to done over all that is known to be done."""
    low, high = items.run(items.ended, FAR)
    total = items.moments.spread(low, high, items.took)
    return events.recorded(None, quotient(total, items.moments.spread(low, high)))


def _days_to_end(events: Events, items: _Items, days: int) -> Ints | Floats:
    """Average the days from start to end over what ended in the window."""
    until = np.where(items.over, items.ended + days, items.ended)
    low, high = items.run(items.ended, until)
    total = items.moments.spread(low, high, items.took)
    return events.recorded(days, quotient(total, items.moments.spread(low, high)))


def _last_delay(events: Events, items: _Items, _days: int) -> Ints | Floats:
    """Take the delay of what was done last; of several on one day the longest."""
    low, high = items.run(items.ended, FAR)
    # the latest end wins, then the longest delay: both in one number, lowest first
    rank = -(items.ended * SPAN + items.took)
    best = items.moments.lowest(low, high, rank, none=FAR * SPAN)
    has = best < FAR * SPAN
    delay = where(has, -best, 0)
    delay = (delay + SPAN // 2) % SPAN - SPAN // 2
    return events.recorded(None, where(has, delay, np.nan))


def _days_to_next(events: Events, item: str | None, days: int) -> Ints | Floats:
    del days
    at, log = events.picked(item), events.log
    account, happens = log.account[at], log.happened_at[at]
    low, high = events.moments.runs(account, log.known_at[at], happens)
    following = events.moments.lowest(low, high, happens, none=FAR)
    wait = where(following == FAR, np.nan, following - events.moments.as_of)
    return events.recorded(None, wait)


def _ahead(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Count ``[as_of, as_of + days)``: in sight for as_of in ``(day - days, day]``."""
    at, log = events.picked(item), events.log
    account, happens = log.account[at], log.happened_at[at]
    start = np.maximum(log.known_at[at], happens - days)
    low, high = events.moments.runs(account, start, happens)
    return events.recorded(None, events.moments.spread(low, high, log.count[at]))


PLAN_KINDS: Mapping[str, EventKind] = {
    "open": _ending(_open),
    "oldest_open": _ending(_oldest_open),
    "overdue": _ending(_open),
    "oldest_overdue": _ending(_oldest_open),
    "missed": _ending(_missed),
    "done_share": _ending(_done_share),
    "late_share": _ending(_late_share),
    "mean_delay": _ending(_mean_delay),
    "last_delay": _ending(_last_delay),
    "days_to_end": _ending(_days_to_end),
    "days_to_next": _days_to_next,
    "ahead": _ahead,
}
