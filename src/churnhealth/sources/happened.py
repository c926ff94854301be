"""What happened, and what a table only says did not.

A nightly table has a row for every customer and day, zero of them for whoever did
nothing. Such a row shows that the source is alive; of its account it says silence.
"""

from __future__ import annotations

from collections.abc import Iterator

from churnhealth.sources.contract import EventLog, History
from churnhealth.sources.findings import Finding, finding

__all__ = ["BOOKED_DAYS", "contracts_reach", "empty_amounts", "happened", "newest_seen"]

BOOKED_DAYS = 45
"""So far ahead of all other rows contracts may start that were booked before."""

_MOSTLY = 0.5  # rows with an amount of 0: of free orders there are fewer
_FEWEST = 100


def newest_seen(history: History) -> int | None:
    """Give the last day on which an event or a state is seen, if there are any."""
    days = [log.happened_at for log in history.events if not log.planned]
    days += [log.known_at for log in history.states]
    return max((int(day.max()) for day in days if day.size), default=None)


def contracts_reach(history: History) -> int:
    """Give the last day of which contracts tell what became of it, bookings left out.

    Contracts that begin soon after the newest row of all other sources were booked.
    """
    if history.contracts is None:
        raise ValueError("there are no contracts")
    begun, seen = history.contracts.newest(), newest_seen(history)
    return begun if seen is None or begun - seen > BOOKED_DAYS else min(begun, seen)


def happened(log: EventLog) -> EventLog:
    """Leave out the rows that count nothing.

    >>> import numpy as np
    >>> day, one = np.array([5, 6, 7]), np.zeros(3, np.int64)
    >>> nightly = EventLog(name="usage", planned=False, vocabulary=("usage",),
    ...     categories=("usage",), account=one, happened_at=day, known_at=day,
    ...     event=one, count=np.array([4, 0, 1]))
    >>> happened(nightly).happened_at
    array([5, 7])
    """
    some = log.count > 0
    return log if some.all() else log.rows(some)


def empty_amounts(history: History) -> Iterator[Finding]:
    """Find sources most of whose rows count one and have an amount of 0.

    Where churn is silence, such rows keep everybody active.
    """
    for log in history.events:
        if log.planned or log.amount is None or log.size < _FEWEST:
            continue
        empty = int(((log.amount == 0) & (log.count > 0)).sum())
        if empty > _MOSTLY * log.size:
            what = f"{empty:,} of {log.size:,} rows of {log.name} have an amount of 0"
            yield finding("CH253", what, count=empty, example=log.name)
