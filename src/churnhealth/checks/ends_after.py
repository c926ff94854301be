"""Events after which cover ends, for nearly everybody: part of leaving, or its notice.

Worked example: invoices are dated to the day they were made, and ``status`` is written
over until they are paid or given up. All 70 accounts with one that is `uncollectible`
were cut off 21 days after it was made. On the day it was made it was `open`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import FAR, Days, EventLog, History
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import contracts_reach
from churnhealth.sources.under_contract import last_cover

__all__ = ["ends_after"]

_FEWEST = 10  # accounts
_NEARLY_ALL = 0.95
_WITHIN = 90  # days
_MOST_LEFT = (
    0.6  # of all accounts: where most have left soon, so have most of any group
)
_ROWS = 4  # rows of one event for each account that left: beyond, it is a habit


def ends_after(history: History, question: Question) -> Iterator[Finding]:
    """Find events that nearly all who have them have in their last days of cover.

    Only where such an end is churn: an exam comes before the end of every course.
    """
    c = history.contracts
    if c is None or not c.account.size:
        return
    n = history.accounts.ids.size
    last = last_cover(c, n)
    early = np.zeros(n, dtype=bool)
    early[c.account[c.cancelled_at == last[c.account]]] = True
    gone = (last > -FAR) & (last + question.gap_days < contracts_reach(history))
    counts = [how in question.churn_when for how in ("not_renewed", "cancelled")]
    gone &= np.where(early, counts[1], counts[0])
    had = last > -FAR
    if gone.sum() < _FEWEST or gone.sum() > _MOST_LEFT * had.sum():
        return
    for log in history.events:
        if not log.planned:
            yield from _of_source(history, log, np.where(gone, last, FAR))


def _of_source(history: History, log: EventLog, end: Days) -> Iterator[Finding]:
    rows = np.bincount(log.event, minlength=len(log.vocabulary))
    rare = rows <= _ROWS * (end < FAR).sum()
    at = np.flatnonzero(rare[log.event])
    event, account, day = log.event[at], log.account[at], log.happened_at[at]
    for code in np.flatnonzero(rare & (rows >= _FEWEST)).tolist():
        whose, first = np.unique(account[event == code], return_index=True)
        away = end[whose] - day[event == code][first]
        left = (away >= 0) & (away <= _WITHIN)
        if left.sum() < max(_FEWEST, _NEARLY_ALL * whose.size):
            continue
        what = (
            f"[[sources.events]] {log.name}: cover of {int(left.sum()):,} of"
            f" {whose.size:,} accounts with {log.vocabulary[code]!r} ended within"
            f" {_WITHIN} days of the first, in the median after"
            f" {np.median(away[left]):.0f}"
        )
        example = first_id(history, whose[left])
        yield finding("CH277", what, count=int(left.sum()), example=example)
