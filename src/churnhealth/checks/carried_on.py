"""Events that go on when their accounts have stopped, where churn is silence.

Worked example: an app writes "Push Received" for all who have it installed. Whoever
left two years ago receives one each week, is active to this day, and never churns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import EventLog, Flags, History, Ints
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import happened

__all__ = ["carried_on"]

_FEWEST = 10  # accounts
_SHARE = 0.05  # of those that are active
_ROWS, _ROWS_BEFORE = 3, 10  # of an account, in the newest days and before them
_MOST_BEFORE = 0.5  # its share of all that the account did before
_BEYOND = 5  # times as many as chance would have


def carried_on(history: History, question: Question) -> Iterator[Finding]:
    """Find events that are all that is left of accounts which did much else before.

    One event, or two of which each account may have both: an operator's credits and
    the calls that come in. A pair is looked at where neither of them is told alone.
    """
    logs = [happened(log) for log in history.events if not log.planned]
    logs = [log for log in logs if log.size]
    if not logs:
        return
    n = history.accounts.ids.size
    until = min(int(log.happened_at.max()) for log in logs)
    since = until - question.active_days - question.horizon_days
    kinds = np.cumsum([0, *(len(log.vocabulary) for log in logs)])
    late = [log.happened_at >= since for log in logs]
    account = np.concatenate([g.account[of] for g, of in zip(logs, late, strict=True)])
    kind = np.concatenate(
        [g.event[of] + k for g, of, k in zip(logs, late, kinds[:-1], strict=True)]
    )
    newest = np.bincount(account, minlength=n)
    before = sum(np.bincount(g.account, minlength=n) for g in logs) - newest
    judged = (newest >= _ROWS) & (before >= _ROWS_BEFORE)
    few = max(_FEWEST, _SHARE * (newest > 0).sum())
    divisor = np.maximum(before, 1)
    told: set[int] = set()
    low, high = _all_that_is_left(account, kind, judged, int(kinds[-1]))
    for both in _one_or_two(low, high, int(kinds[-1])):
        if told & set(both):
            continue
        theirs = np.isin(low, both) & np.isin(high, both)
        if theirs.sum() < few:  # before all events are gone through
            continue
        events = _events(logs, kinds, both)
        share = sum(_before(*event, since, n) for event in events) / divisor
        asked = judged & (share > 0) & (share < _MOST_BEFORE)
        chance = float((share[asked] ** newest[asked]).sum())
        renamed = (judged & ~theirs).sum() < few
        left = np.flatnonzero(asked & theirs)
        if left.size >= max(few, _BEYOND * chance) and not renamed:
            told |= set(both)
            yield _told(history, events, left, (newest > 0).sum())


def _all_that_is_left(
    account: Ints, kind: Ints, judged: Flags, none: int
) -> tuple[Ints, Ints]:
    """Give the one or two kinds of each account that has no third; else ``none``."""
    low, high = np.full(judged.size, none), np.full(judged.size, -1)
    np.minimum.at(low, account, kind)
    np.maximum.at(high, account, kind)
    third = account[(kind != low[account]) & (kind != high[account])]
    more = ~judged
    more[third] = True
    return np.where(more, none, low), np.where(more, none, high)


def _one_or_two(low: Ints, high: Ints, none: int) -> list[list[int]]:
    """List what is all that some accounts have, the events that stand alone first."""
    left = np.stack([low, high])[:, low < none]
    pairs, many = np.unique(left, axis=1, return_counts=True)
    common = [sorted(set(pair)) for pair in pairs.T[many >= _FEWEST].tolist()]
    return sorted(common, key=len)


def _events(
    logs: list[EventLog], kinds: Ints, both: list[int]
) -> list[tuple[EventLog, int]]:
    """Find the source of each event, and its code there."""
    at = (np.searchsorted(kinds, both, side="right") - 1).tolist()
    return [(logs[i], kind - int(kinds[i])) for i, kind in zip(at, both, strict=True)]


def _before(log: EventLog, code: int, since: int, n: int) -> Ints:
    """Count how often each account did it before the newest days."""
    rows = (log.event == code) & (log.happened_at < since)
    return np.bincount(log.account[rows], minlength=n)


def _told(
    history: History, events: list[tuple[EventLog, int]], accounts: Ints, active: int
) -> Finding:
    names = [
        f"[[sources.events]] {g.name}: {g.vocabulary[code]!r}" for g, code in events
    ]
    are, were = ("are", "they were") if len(names) > 1 else ("is", "it was")
    what = (
        f"{' and '.join(names)} {are} all that {accounts.size:,} of {active:,} active"
        f" accounts still have, of whose events {were} less than half before"
    )
    example = first_id(history, accounts)
    return finding("CH281", what, count=accounts.size, example=example)
