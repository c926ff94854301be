"""Events of a kind that never ends, among others that do: they stay open for ever.

Worked example: one table holds claims, which are closed some day, and changes of an
adviser, which are over on the day. "The oldest open claim is 12 months old", for all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.sources.contract import FAR, EventLog, History
from churnhealth.sources.findings import Finding, finding, first_id

__all__ = ["never_ended"]

_LONG = 180  # days; what is newer may still end
_FEWEST = 30
_MOSTLY = 0.8  # of the other kinds have ended


def never_ended(history: History) -> Iterator[Finding]:
    """Find kinds of events none of which has ended, in sources that say when."""
    for log in history.events:
        if log.ended_at is not None and log.size and not log.planned:
            yield from _of_source(history, log)


def _of_source(history: History, log: EventLog) -> Iterator[Finding]:
    assert log.ended_at is not None
    old = log.happened_at < int(log.happened_at.max()) - _LONG
    kinds = len(log.vocabulary)
    rows = np.bincount(log.event[old], minlength=kinds)
    ended = np.bincount(log.event[old & (log.ended_at < FAR)], minlength=kinds)
    never = (rows >= _FEWEST) & (ended == 0)
    others = rows[~never].sum()
    if others < _FEWEST or ended.sum() < _MOSTLY * others:
        return
    for code in np.flatnonzero(never).tolist():
        what = (
            f"[[sources.events]] {log.name}: none of {rows[code]:,} rows of"
            f" {log.vocabulary[code]!r} that are older than {_LONG} days has ended,"
            f" {ended.sum() / others:.0%} of the others have"
        )
        example = first_id(history, log.account[log.event == code])
        yield finding("CH283", what, count=int(rows[code]), example=example)
