"""How many distinct users, or kinds of event, a window holds.

A user is active at ``as_of`` when any row of theirs is in sight: the union, per user,
of intervals ``(seen, happened + days]``. Cut into disjoint pieces, a snapshot counts
the pieces it lies in: no pair of snapshot and user is ever written out, and rows that
became known late need no second thought.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events, trend
from churnhealth.features.kernel_moments import SHIFT, SPAN, differs, key_of, quotient
from churnhealth.sources.contract import Days, Floats, Ints

__all__ = ["USER_KINDS", "active_users"]


class _Members:
    """Rows of a batch by member (a user or an event name of one account)."""

    def __init__(self, account: Ints, who: Ints, happened: Days, seen: Days) -> None:
        key = account * (np.max(who, initial=0) + 1) + who
        order = np.argsort(key, kind="stable")  # a member's days stay in order
        key = key[order]
        account, happened, seen = account[order], happened[order], seen[order]
        new = differs(key)
        once = new | differs(happened) | differs(seen)
        self.member = (new.cumsum() - 1)[once]
        self.account, self.happened, self.seen = (
            column[once] for column in (account, happened, seen)
        )


def active_users(events: Events, item: str | None, days: int, *, skip: int = 0) -> Ints:
    """Count the known users of ``[as_of - skip - days, as_of - skip)``."""
    return events.keep(
        ("active_users", item, days, skip),
        lambda: _distinct(events, _users_of(events, item), days, skip),
    )


def _users_of(events: Events, item: str | None) -> _Members:
    def make() -> _Members:
        rows, user = events.rows(item), events.log.user
        if user is None:
            none = np.zeros(0, dtype=np.int64)
            return _Members(none, none, none, none)
        user = user[events.picked(item)]
        given = events.real(item) & (user >= 0)
        part = (rows.account, user, rows.happened, rows.seen)
        return _Members(*(column[given] for column in part))

    return events.keep(("users_of", item), make)


def _kinds_of(events: Events) -> _Members:
    def make() -> _Members:
        rows, given = events.rows(None), events.real(None)
        part = (rows.account, events.log.event, rows.happened, rows.seen)
        return _Members(*(column[given] for column in part))

    return events.keep("kinds_of", make)


def _distinct(events: Events, of: _Members, days: int, skip: int) -> Ints:
    """Count the members with a row in the window, known rows only."""
    start = key_of(of.member, np.maximum(of.seen, of.happened + skip))
    end = key_of(of.member, of.happened + skip + days)
    account = of.account
    if np.any(start[1:] < start[:-1]):
        order = np.argsort(start, kind="stable")
        start, end, account = start[order], end[order], account[order]
    # what earlier rows of the same member already cover is not counted again; the keys
    # of earlier members lie lower than any of this one's
    start[1:] = np.maximum(start[1:], np.maximum.accumulate(end)[:-1])
    new = end > start
    start, end, account = start[new], end[new], account[new]
    low, high = events.moments.runs(account, start % SPAN - SHIFT, end % SPAN - SHIFT)
    return events.moments.spread(low, high)


def _active_users(events: Events, item: str | None, days: int) -> Floats:
    return _with_users(events, days, active_users(events, item, days))


def _with_users(events: Events, days: int, values: Ints | Floats) -> Floats:
    if events.log.user is None:
        return np.full(events.moments.key.size, np.nan)
    return events.recorded(days, values)


def _silent_users(events: Events, item: str | None, days: int) -> Floats:
    """Whoever is active in both windows together but not in the last fell silent."""
    both = active_users(events, item, 2 * days)
    return _with_users(events, 2 * days, both - active_users(events, item, days))


def _active_users_trend(events: Events, item: str | None, days: int) -> Floats:
    now = active_users(events, item, days)
    before = active_users(events, item, days, skip=days)
    return _with_users(events, 2 * days, trend(now, before))


def _reach(events: Events, item: str | None, days: int) -> Floats:
    users, everyone = (active_users(events, name, days) for name in (item, None))
    return _with_users(events, days, quotient(users, everyone))


def _per_user(events: Events, item: str | None, days: int) -> Floats:
    count = events.count(item).within(days)
    return _with_users(events, days, quotient(count, active_users(events, None, days)))


def _breadth(events: Events, item: str | None, days: int) -> Floats:
    del item
    return events.recorded(days, _distinct(events, _kinds_of(events), days, 0))


USER_KINDS: Mapping[str, EventKind] = {
    "active_users": _active_users,
    "silent_users": _silent_users,
    "active_users_trend": _active_users_trend,
    "reach": _reach,
    "per_user": _per_user,
    "breadth": _breadth,
}
