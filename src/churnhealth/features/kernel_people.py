"""Features of who does the work: the champion, and people giving way to machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events
from churnhealth.features.kernel_moments import Moments, quotient
from churnhealth.features.kernel_rows import Rows, Tally
from churnhealth.sources.contract import FAR, Days, Floats, Ints

__all__ = ["PEOPLE_KINDS"]

_MOST_PAIRS = 1 << 21


def _pairs(
    events: Events, item: str | None, days: int
) -> Iterator[tuple[Ints, Ints, Days]]:
    """Yield snapshots, the use of one person in the window, and their last day.

    A person is given the snapshots of their account. The pairs come in pieces that
    hold whole accounts, so that memory stays bounded.
    """
    rows, log, moments = events.rows(item), events.log, events.moments
    at, user = events.picked(item), log.user
    if user is None:
        return
    keep = np.flatnonzero(events.real(item) & (user[at] >= 0))
    who, account = user[at][keep], rows.account[keep]
    order = keep[np.lexsort((who, account))]
    who, account = user[at][order], rows.account[order]
    new = np.ones(order.size, dtype=np.bool_)
    new[1:] = (np.diff(who) != 0) | (np.diff(account) != 0)
    first = np.flatnonzero(new)
    owner, member = account[first], np.cumsum(new) - 1
    low = np.searchsorted(moments.account, owner)
    size = np.searchsorted(moments.account, owner, side="right") - low
    piece = (np.cumsum(size) // _MOST_PAIRS)[np.searchsorted(owner, owner)]
    begins = np.flatnonzero(np.diff(piece, prepend=-1))
    for a, b in pairwise([*begins.tolist(), first.size]):
        people = np.arange(a, b, dtype=np.int64)
        pair = np.repeat(people, size[a:b])
        skipped = np.cumsum(size[a:b]) - size[a:b]
        place = np.arange(pair.size) - np.repeat(skipped - low[a:b], size[a:b])
        mine = slice(*np.searchsorted(member, [a, b]))
        seen = Moments(pair - a, moments.as_of[place])
        own = Rows(
            member[mine] - a,
            rows.happened[order[mine]],
            rows.seen[order[mine]],
            seen,
        )
        count = Tally(own, log.count[at][order[mine]]).within(days)
        yield place, count, own.last_day()


def _champion(events: Events, item: str | None, days: int) -> tuple[Ints, Ints, Days]:
    """Give the use of all, of the top user, and that user's last day.

    Of several top users the one seen last counts.
    """

    def make() -> tuple[Ints, Ints, Days]:
        size = events.moments.key.size
        total, most, last = np.zeros((3, size), dtype=np.int64)
        last -= FAR
        for place, count, day in _pairs(events, item, days):
            np.add.at(total, place, count)
            np.maximum.at(most, place, count)
            top = (count > 0) & (count == most[place])
            np.maximum.at(last, place[top], day[top])
        return total, most, last

    return events.keep(("champion", item, days), make)


def _known_users(events: Events, days: int, values: Floats) -> Floats:
    if events.log.user is None:
        return np.full(events.moments.key.size, np.nan)
    return events.recorded(days, values)


def _top_user_share(events: Events, item: str | None, days: int) -> Floats:
    total, most, _ = _champion(events, item, days)
    return _known_users(events, days, quotient(most, total))


def _top_user_silence(events: Events, item: str | None, days: int) -> Floats:
    _, most, last = _champion(events, item, days)
    since = np.where(most > 0, events.moments.as_of - last, np.nan)
    return _known_users(events, days, since)


def _unattended(events: Events, item: str | None) -> Tally:
    """Tally what happened without a known person."""

    def make() -> Tally:
        at = events.picked(item)
        user = events.log.user
        none = True if user is None else user[at] < 0
        return Tally(events.rows(item), np.where(none, events.log.count[at], 0))

    return events.keep(("unattended", item), make)


def _automation(events: Events, item: str | None, days: int) -> Floats:
    alone = _unattended(events, item).within(days)
    share = quotient(alone, events.count(item).within(days))
    return _known_users(events, days, share)


def _automation_shift(events: Events, item: str | None, days: int) -> Floats:
    now, before = (
        quotient(
            _unattended(events, item).within(days, skip=skip),
            events.count(item).within(days, skip=skip),
        )
        for skip in (0, days)
    )
    return _known_users(events, 2 * days, now - before)


PEOPLE_KINDS: Mapping[str, EventKind] = {
    "top_user_share": _top_user_share,
    "top_user_silence": _top_user_silence,
    "automation": _automation,
    "automation_shift": _automation_shift,
}
