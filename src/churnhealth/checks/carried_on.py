"""Events that go on when their accounts have stopped, where churn is silence.

Worked example: an app writes "Push Received" for all who have it installed. Whoever
left two years ago receives one each week, is active to this day, and never churns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import EventLog, History, Ints
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import happened

__all__ = ["carried_on"]

_FEWEST = 10  # accounts
_SHARE = 0.05  # of those that are active
_ROWS, _ROWS_BEFORE = 3, 10  # of an account, in the newest days and before them
_MOST_BEFORE = 0.5  # its share of all that the account did before
_BEYOND = 5  # times as many as chance would have


def carried_on(history: History, question: Question) -> Iterator[Finding]:
    """Find events that are all that is left of accounts which did much else before."""
    logs = [happened(log) for log in history.events if not log.planned]
    logs = [log for log in logs if log.size]
    if not logs:
        return
    n = history.accounts.ids.size
    until = min(int(log.happened_at.max()) for log in logs)
    since = until - question.active_days - question.horizon_days
    kinds = np.cumsum([0, *(len(log.vocabulary) for log in logs)])
    low, high = np.full(n, kinds[-1]), np.full(n, -1)
    newest, before = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for log, begin in zip(logs, kinds[:-1], strict=True):
        late = log.happened_at >= since
        kind = log.event[late] + begin
        np.minimum.at(low, log.account[late], kind)
        np.maximum.at(high, log.account[late], kind)
        newest += np.bincount(log.account[late], minlength=n)
        before += np.bincount(log.account[~late], minlength=n)
    judged = (newest >= _ROWS) & (before >= _ROWS_BEFORE)
    alone = judged & (low == high)
    few = max(_FEWEST, _SHARE * (newest > 0).sum())
    for kind in np.flatnonzero(np.bincount(low[alone]) >= few).tolist():
        at = int(np.searchsorted(kinds, kind, side="right")) - 1
        log, code = logs[at], kind - int(kinds[at])
        rows = (log.event == code) & (log.happened_at < since)
        share = np.bincount(log.account[rows], minlength=n) / np.maximum(before, 1)
        asked = judged & (share > 0) & (share < _MOST_BEFORE)
        theirs = np.flatnonzero(asked & alone & (low == kind))
        chance = float((share[asked] ** newest[asked]).sum())
        renamed = (judged & ~(alone & (low == kind))).sum() < few
        if theirs.size >= max(few, _BEYOND * chance) and not renamed:
            yield _told(history, log, code, theirs, (newest > 0).sum())


def _told(
    history: History, log: EventLog, code: int, accounts: Ints, active: int
) -> Finding:
    what = (
        f"[[sources.events]] {log.name}: {log.vocabulary[code]!r} is all that"
        f" {accounts.size:,} of {active:,} active accounts still have, of whose events"
        " it was less than half before"
    )
    example = first_id(history, accounts)
    return finding("CH281", what, count=accounts.size, example=example)
