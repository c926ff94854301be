"""How many distinct users, items, or kinds of event, a window holds.

A user is active at ``as_of`` when any row of theirs is in sight: the union, per user,
of intervals ``(seen, happened + days]``. Cut into disjoint pieces, a snapshot counts
the pieces it lies in: no pair of snapshot and user is ever written out, and rows that
became known late need no second thought.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias, cast

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events, Item, trend
from churnhealth.features.kernel_moments import (
    Moment,
    differs,
    key_of,
    order_of,
    quotient,
)
from churnhealth.features.kernel_rows import Rows
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["USER_KINDS", "OneByOne", "active_users", "by_user", "members_of"]

Values: TypeAlias = "Ints | Floats"
Column: TypeAlias = Literal["user", "item"]

_SPARSE = 4  # times as many codes as rows: then they are numbered anew


class _Members:
    """Rows of a batch by member: a user, an item, an event's name, of one account.

    Members may stand in several ``parts``, a line each. Every row has the position
    among the snapshots from which it is in sight; what is added to it, member by
    member, keeps a running maximum from reaching over.
    """

    def __init__(self, rows: Rows, order: Ints, new: Flags, part: Ints | None) -> None:
        happened, seen = rows.happened[order], rows.seen[order]
        once = new | differs(happened)
        if not rows.prompt:
            once |= differs(seen)
        order = order[once]
        self._key, self.prompt, self._moments = (
            rows.key[order],
            rows.prompt,
            rows.moments,
        )
        self._seen = None if rows.prompt else key_of(rows.account[order], seen[once])
        self._step = rows.moments.key.size + 1
        self._base = (new.cumsum() - 1)[once] * self._step
        self._back = (
            self._base if part is None else self._base - part[once] * self._step
        )
        self._edges: dict[int, Ints] = {}

    def edge(self, days: int) -> Ints:
        """Give the position of the first snapshot more than ``days`` after each row."""
        if days not in self._edges:
            self._edges[days] = self._position(self._key + days)
        return self._edges[days]

    def _position(self, key: Ints) -> Ints:
        before: Ints = self._moments.key.searchsorted(key, side="right")
        before += self._base
        return before

    def distinct(self, days: int, skip: int, parts: int | None) -> Ints:
        """Count the members with a row in the window, known rows only, by part."""
        start, end = self.edge(skip), self.edge(skip + days)
        reach = end
        if self._seen is not None:
            start = np.maximum(start, self._position(self._seen))
            order = np.argsort(start, kind="stable")
            start, end = start[order], end[order]
            reach = np.maximum.accumulate(end)
        # what earlier rows of the same member already cover is not counted again
        start = np.maximum(start, np.concatenate((start[:1], reach[:-1])))
        size = (parts or 1) * self._step
        step = np.bincount(start - self._back, minlength=size)
        step -= np.bincount(np.maximum(start, end) - self._back, minlength=size)
        found = step.reshape(-1, self._step)[:, :-1].cumsum(axis=1)
        return found[0] if parts is None else found


class OneByOne:
    """The same at a single snapshot, of rows that are all known: by their places.

    ``code`` tells each row's part and member, from 1 on; 0 stands for none.
    """

    def __init__(self, rows: Rows, whose: _Whose) -> None:
        member = whose.member
        if member.max(initial=0) > _SPARSE * (member.size + 1):
            member = np.unique(member, return_inverse=True)[1]
        self._rows, self._width = rows, int(member.max(initial=0)) + 1
        self.code = np.zeros(rows.key.size, dtype=np.int64)
        part = 0 if whose.part is None else whose.part * self._width
        self.code[whose.row] = 1 + part + member

    def window(self, days: int, skip: int = 0) -> slice:
        """Find the rows of ``[as_of - skip - days, as_of - skip)``."""
        return slice(self._rows.edge(skip + days), self._rows.edge(skip))

    def distinct(self, days: int, skip: int, parts: int | None) -> Ints:
        """Count the members with a row in the window, by part."""
        code, size = self.code[self.window(days, skip)], (parts or 1) * self._width
        there = np.bincount(code, minlength=1 + size)[1:] > 0
        found = there.reshape(-1, self._width).sum(axis=1)
        return cast("Ints", found[0]) if parts is None else found[:, None]


class _Whose(NamedTuple):
    """The rows that tell of a member: their places, their member, and its part."""

    row: Ints
    member: Ints
    part: Ints | None = None


def by_user(events: Events, item: Item) -> tuple[Ints, Flags, Ints | None]:
    """Sort the rows of known users by (part, account, user), days in order.

    Gives their places among the rows of the item (of all events where it is several),
    where a user's rows begin, and the part of each.
    """
    return _by_member(events, item, "user")


def _by_member(
    events: Events, item: Item, column: Column
) -> tuple[Ints, Flags, Ints | None]:
    def make() -> tuple[Ints, Flags, Ints | None]:
        keep, member, part = _whose(events, item, column)
        key = events.rows(None if isinstance(item, tuple) else item).account[keep]
        if part is not None:
            key = key + part * (key.max(initial=0) + 1)
        key = key * (member.max(initial=0) + 1) + member
        order = order_of(key)
        return keep[order], differs(key[order]), None if part is None else part[order]

    return events.keep(("by", column, item), make)


def _whose(events: Events, item: Item, column: Column) -> _Whose:
    one, part = None if isinstance(item, tuple) else item, None
    member = getattr(events.log, column)
    if member is None:
        none = np.zeros(0, dtype=np.int64)
        return _Whose(none, none)
    member = member[events.picked(one)]
    given = events.real(one) & (member >= 0)
    if isinstance(item, tuple):
        part = events.part_of(item)
        given &= part >= 0
    keep = given.nonzero()[0]
    return _Whose(keep, member[keep], None if part is None else part[keep])


def active_users(events: Events, item: Item, days: int, *, skip: int = 0) -> Ints:
    """Count the known users of ``[as_of - skip - days, as_of - skip)``."""
    return _distinct(events, item, "user", days, skip)


def _distinct(events: Events, item: Item, column: Column, days: int, skip: int) -> Ints:
    def make() -> Ints:
        parts = len(item) if isinstance(item, tuple) else None
        return members_of(events, item, column).distinct(days, skip, parts)

    return events.keep(("distinct", column, item, days, skip), make)


def members_of(events: Events, item: Item, column: Column) -> _Members | OneByOne:
    """Take the rows of an event, or of several, by their members."""

    def make() -> _Members | OneByOne:
        rows = events.rows(None if isinstance(item, tuple) else item)
        if isinstance(events.moments, Moment):
            return OneByOne(rows, _whose(events, item, column))
        return _Members(rows, *_by_member(events, item, column))

    return events.keep(("members_of", column, item), make)


def _kinds_of(events: Events) -> _Members | OneByOne:
    def make() -> _Members | OneByOne:
        rows, keep = events.rows(None), events.real(None).nonzero()[0]
        event = events.log.event[keep]
        if isinstance(events.moments, Moment):
            return OneByOne(rows, _Whose(keep, event))
        key = rows.account[keep] * len(events.log.vocabulary) + event
        order = order_of(key)
        return _Members(rows, keep[order], differs(key[order]), None)

    return events.keep("kinds_of", make)


def _active_users(events: Events, item: str | None, days: int) -> Values:
    return with_users(events, days, active_users(events, item, days))


def with_users(events: Events, days: int, values: Values) -> Values:
    """Give values where users are told apart, and missing where they are not."""
    if events.log.user is None:
        return events.moments.missing()
    return events.recorded(days, values)


def _silent_users(events: Events, item: str | None, days: int) -> Values:
    """Whoever is active in both windows together but not in the last fell silent."""
    both = active_users(events, item, 2 * days)
    return with_users(events, 2 * days, both - active_users(events, item, days))


def _active_users_trend(events: Events, item: str | None, days: int) -> Values:
    now = active_users(events, item, days)
    before = active_users(events, item, days, skip=days)
    return with_users(events, 2 * days, trend(now, before))


def _reach(events: Events, item: Item, days: int) -> Values:
    users, everyone = (active_users(events, name, days) for name in (item, None))
    return with_users(events, days, quotient(users, everyone))


def _per_user(events: Events, item: str | None, days: int) -> Values:
    count = events.count(item).within(days)
    return with_users(events, days, quotient(count, active_users(events, None, days)))


def _items(events: Events, item: str | None, days: int) -> Values:
    if events.log.item is None:
        return events.moments.missing()
    return events.recorded(days, _distinct(events, item, "item", days, 0))


def _items_trend(events: Events, item: str | None, days: int) -> Values:
    if events.log.item is None:
        return events.moments.missing()
    now, before = (_distinct(events, item, "item", days, skip) for skip in (0, days))
    return events.recorded(2 * days, trend(now, before))


def _breadth(events: Events, item: str | None, days: int) -> Values:
    del item
    return events.recorded(days, _kinds_of(events).distinct(days, 0, None))


USER_KINDS: Mapping[str, EventKind] = {
    "active_users": _active_users,
    "silent_users": _silent_users,
    "active_users_trend": _active_users_trend,
    "reach": _reach,
    "per_user": _per_user,
    "items": _items,
    "items_trend": _items_trend,
    "breadth": _breadth,
}
