"""Features of who does the work: the champion, and people giving way to machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TypeAlias, cast

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events
from churnhealth.features.kernel_moments import Moment, Moments, quotient, where
from churnhealth.features.kernel_rows import Rows, Tally
from churnhealth.features.kernel_users import OneByOne, by_user, members_of, with_users
from churnhealth.sources.contract import FAR, Days, Floats, Ints

__all__ = ["PEOPLE_KINDS"]

_MOST_PAIRS = 1 << 21

_Piece: TypeAlias = tuple[Ints, Rows, Tally]


class _People:
    """The known users of a batch, each given the snapshots of their account.

    The pairs come in pieces that hold whole accounts, so that memory stays bounded; a
    single piece is kept for the next window.
    """

    def __init__(self, events: Events, item: str | None) -> None:
        self._as_of, self._rows = events.moments.as_of, events.rows(item)
        self._order, new, _ = by_user(events, item)
        self._count = events.log.count[events.picked(item)]
        owner = self._rows.account[self._order[new]]
        self._member = new.cumsum() - 1
        account = events.moments.account
        self._low = account.searchsorted(owner)
        self._size = account.searchsorted(owner, side="right") - self._low
        piece = (self._size.cumsum() // _MOST_PAIRS)[owner.searchsorted(owner)]
        begins = np.diff(piece, prepend=-1).nonzero()[0]
        self._bounds = list(pairwise([*begins.tolist(), owner.size]))
        self._kept: list[_Piece] | None = None

    def pieces(self) -> Iterable[_Piece]:
        """Yield snapshots, the rows of one person at each, and what they add up to."""
        if len(self._bounds) > 1:
            return (self._piece(a, b) for a, b in self._bounds)
        if self._kept is None:
            self._kept = [self._piece(a, b) for a, b in self._bounds]
        return self._kept

    def _piece(self, a: int, b: int) -> _Piece:
        low, size, rows = self._low[a:b], self._size[a:b], self._rows
        pair = np.repeat(np.arange(b - a), size)
        skipped = size.cumsum() - size
        place = np.arange(pair.size) - np.repeat(skipped - low, size)
        mine = slice(*self._member.searchsorted([a, b]))
        order, member = self._order[mine], self._member[mine] - a
        own = Rows(
            member,
            rows.happened[order],
            rows.seen[order],
            Moments(pair, self._as_of[place]),
            prompt=rows.prompt,
        )
        return place, own, Tally(own, self._count[order])


def _champion(events: Events, item: str | None, days: int) -> tuple[Ints, Ints, Days]:
    """Give the use of all, of the top user, and that user's last day.

    Of several top users the one seen last counts.
    """

    def make() -> tuple[Ints, Ints, Days]:
        if isinstance(events.moments, Moment):
            return _champion_of_one(events, item, days)
        size = events.moments.key.size
        total, most, last = np.zeros((3, size), dtype=np.int64)
        last -= FAR
        people = events.keep(("people", item), lambda: _People(events, item))
        for place, own, tally in people.pieces():
            count, day = tally.within(days), own.last_day()
            np.add.at(total, place, count)
            np.maximum.at(most, place, count)
            top = (count > 0) & (count == most[place])
            np.maximum.at(last, place[top], day[top])
        return total, most, last

    return events.keep(("champion", item, days), make)


def _champion_of_one(
    events: Events, item: str | None, days: int
) -> tuple[Ints, Ints, Days]:
    """Give the same at a single snapshot: a top user's last row is in the window."""
    users = cast("OneByOne", members_of(events, item, "user"))
    window = users.window(days)
    whose, count = users.code[window], events.log.count[events.picked(item)][window]
    use = np.zeros(whose.max(initial=0) + 1, dtype=np.int64)
    np.add.at(use, whose, count)
    use[0] = 0  # nobody's
    most = use.max()
    last = events.rows(item).happened[window][(use == most)[whose]][-1:]
    return use.sum(), most, last.max(initial=-FAR)


def _top_user_share(events: Events, item: str | None, days: int) -> Ints | Floats:
    total, most, _ = _champion(events, item, days)
    return with_users(events, days, quotient(most, total))


def _top_user_silence(events: Events, item: str | None, days: int) -> Ints | Floats:
    _, most, last = _champion(events, item, days)
    since = where(most > 0, events.moments.as_of - last, np.nan)
    return with_users(events, days, since)


def _unattended(events: Events, item: str | None) -> Tally:
    """Tally what happened without a known person."""

    def make() -> Tally:
        at = events.picked(item)
        user = events.log.user
        none = True if user is None else user[at] < 0
        return Tally(events.rows(item), np.where(none, events.log.count[at], 0))

    return events.keep(("unattended", item), make)


def _automation(events: Events, item: str | None, days: int) -> Ints | Floats:
    alone = _unattended(events, item).within(days)
    share = quotient(alone, events.count(item).within(days))
    return with_users(events, days, share)


def _automation_shift(events: Events, item: str | None, days: int) -> Ints | Floats:
    now, before = (
        quotient(
            _unattended(events, item).within(days, skip=skip),
            events.count(item).within(days, skip=skip),
        )
        for skip in (0, days)
    )
    return with_users(events, 2 * days, now - before)


PEOPLE_KINDS: Mapping[str, EventKind] = {
    "top_user_share": _top_user_share,
    "top_user_silence": _top_user_silence,
    "automation": _automation,
    "automation_shift": _automation_shift,
}
