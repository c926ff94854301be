"""What happened, and what a table only says did not.

A nightly table has a row for every customer and day, zero of them for whoever did
nothing. Such a row shows that the source is alive; of its account it says silence.
"""

from __future__ import annotations

from churnhealth.sources.contract import EventLog

__all__ = ["happened"]


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
