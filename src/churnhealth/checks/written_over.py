"""A status that is written over: only the newest rows still say what old ones once did.

Worked example: invoices carry the status that they have today. Those of the last weeks
are `open`, all others `paid`. On the day it was made each was `open`: no row says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from churnhealth.config import EventsSource
from churnhealth.said import many
from churnhealth.sources.contract import EventLog, History
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.written import folded

__all__ = ["written_over"]

_STATUS = re.compile(
    r"(?:^|[^a-z])(?:status|state|stage|statut|stato|estado|stand|zustand)(?:$|[^a-z])"
)
_UNFINISHED = (
    *("open", "pending", "unpaid", "outstanding", "draft", "in_progress"),
    *("unresolved", "offen", "ausstehend", "unbezahlt", "abierto", "pendiente"),
)
_NEWEST, _OLD = 30, 120  # days before the last row
_FEWEST = 10  # unfinished rows among the newest
_MANY = 100  # old rows
_OFTENER = 10.0
_FEWER = 0.7  # times a day what other names had before: a new name leaves them alone


def written_over(
    history: History, sources: Sequence[EventsSource]
) -> Iterator[Finding]:
    """Find names that the newest rows have far oftener than those of months ago.

    Asked of a column that is named as a status is, or of names that say "not done yet".
    """
    mapped = {source.name: source.columns.get("event", "event") for source in sources}
    for log in history.events:
        theirs = mapped.get(log.name, "")
        words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", theirs))
        asked = [
            code
            for code, name in enumerate(log.vocabulary)
            if _STATUS.search(words) or _plain(name) in _UNFINISHED
        ]
        if not log.planned and len(log.vocabulary) > 1 and asked and log.size:
            yield from _of_source(log, theirs, asked)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", folded(name))


def _of_source(log: EventLog, theirs: str, asked: Sequence[int]) -> Iterator[Finding]:
    age = log.happened_at.max() - log.happened_at
    kinds = len(log.vocabulary)
    newest = np.bincount(log.event[age < _NEWEST], minlength=kinds)
    old = np.bincount(log.event[age >= _OLD], minlength=kinds)
    if old.sum() < _MANY or newest.sum() < _FEWEST:
        return
    now, then = newest / newest.sum(), old / old.sum()
    before = np.bincount(log.event[(age >= _NEWEST) & (age < _OLD)], minlength=kinds)
    others = (newest.sum() - newest) * (_OLD - _NEWEST)
    fewer = others < _FEWER * _NEWEST * (before.sum() - before)
    for code in asked:
        oftener = now[code] >= _OFTENER * then[code] and fewer[code]
        if newest[code] >= _FEWEST and oftener:
            what = (
                f"[[sources.events]] {log.name}: {theirs!r} (our `event`) is"
                f" {log.vocabulary[code]!r} in {100 * now[code]:.0f} % of the rows of"
                f" the newest {_NEWEST} days, and in {100 * then[code]:.1f} % of the"
                f" {many(int(old.sum()), 'row')} that are {_OLD} days old and older"
            )
            count = int(newest[code])
            yield finding("CH274", what, count=count, example=log.name)
            return
