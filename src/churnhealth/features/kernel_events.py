"""Features of an events source: how often, how much, on how many days, how lately."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

from churnhealth.features.kernel_moments import Bools, Moments, quotient
from churnhealth.features.kernel_parts import Parts, PartTally
from churnhealth.features.kernel_rows import Recorded, Rows, Tally
from churnhealth.features.kinds_events import OWN_NORM_DAYS
from churnhealth.sources.contract import FAR, Days, EventLog, Floats, Ints

__all__ = ["EVENT_KINDS", "EventKind", "Events", "trend"]

T = TypeVar("T")

_USERS_SCALE = 100  # `users` may be a daily mean: two decimals are kept
_MOST_USERS = 1 << 30


class Events:
    """One events source of a batch, and what several of its features share."""

    def __init__(
        self,
        log: EventLog,
        moments: Moments,
        *,
        started: Callable[[], Days | None],
        items: Collection[str] = (),
    ) -> None:
        self.log, self.moments, self._started = log, moments, started
        self._code = {name: code for code, name in enumerate(log.vocabulary)}
        self._kept: dict[Hashable, Any] = {}
        self.seen_from = Recorded(log.coverage, moments.as_of)
        self._covered: dict[int | None, Bools] = {}
        self._prompt = not np.any(log.known_at > log.happened_at)

        self._items = items

    def parts(self, item: str | None) -> tuple[Parts, int] | None:
        """Find an event among those that are asked for side by side, if it is one."""
        if item is None or item not in self._items or not self._prompt:
            return None
        parts, place = self.keep("parts", self._parts)
        at = place.get(item)
        return None if at is None else (parts, at)

    def _parts(self) -> tuple[Parts, dict[str, int]]:
        names = [n for n in self._items if n in self._code]
        codes = np.array([self._code[n] for n in names], dtype=np.int64)
        parts = Parts(self.log, self.moments, codes)
        return parts, {n: i for i, n in enumerate(names)}

    def keep(self, name: Hashable, make: Callable[[], T]) -> T:
        """Compute a value once."""
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = make()
        return cast("T", kept)

    def start(self) -> Days:
        """Give the day cover began; without contracts, of the first event."""
        started = self.keep("start", self._started)
        return self.first_day(None) if started is None else started

    def recorded(self, days: int | None, values: Ints | Floats) -> Floats:
        """Make values missing where the source does not cover their window."""
        covered = self._covered.get(days)
        if covered is None:
            covered = self._covered[days] = self.seen_from.covers(days)
        return np.where(covered, values, np.nan)

    def picked(self, item: str | None) -> Ints | slice:
        """Index the rows of one event by its name; all rows for ``None``."""
        if item is None:
            return slice(None)
        code = self._code.get(item, -1)
        found: Ints = self.keep(
            ("picked", item), lambda: (self.log.event == code).nonzero()[0]
        )
        return found

    def rows(self, item: str | None) -> Rows:
        """Take the rows of one event, or all."""
        return self.keep(("rows", item), lambda: self._rows(item))

    def _rows(self, item: str | None) -> Rows:
        log, at = self.log, self.picked(item)
        happened, account = log.happened_at[at], log.account[at]
        if self._prompt:
            return Rows(account, happened, happened, self.moments, prompt=True)
        seen = np.maximum(log.known_at[at], happened)
        return Rows(account, happened, seen, self.moments)

    def real(self, item: str | None) -> Bools:
        """Mark rows that tell of something: dense tables also write zeros."""
        return self.keep(("real", item), lambda: self.log.count[self.picked(item)] > 0)

    def active(self, item: str | None) -> Rows:
        """Take the rows that tell of something."""
        return self.keep(
            ("active", item), lambda: self.rows(item).take(self.real(item))
        )

    def count(self, item: str | None) -> Tally | PartTally:
        """Tally how often it happened."""
        return self.keep(("count", item), lambda: self._count(item))

    def _count(self, item: str | None) -> Tally | PartTally:
        found = self.parts(item)
        if found is not None:
            return PartTally(*found)
        return Tally(self.rows(item), self.log.count[self.picked(item)])

    def amount(self, item: str | None) -> tuple[Tally, Tally]:
        """Tally the amounts, as whole numbers, and how many there are."""
        return self.keep(("amount", item), lambda: self._amount(item))

    def _amount(self, item: str | None) -> tuple[Tally, Tally]:
        rows = self.rows(item)
        if self.log.amount is None:
            none = np.zeros(rows.key.size, dtype=np.int64)
            return Tally(rows, none), Tally(rows, none)
        amount = self.log.amount[self.picked(item)]
        given = np.isfinite(amount)
        scaled = np.rint(np.where(given, amount, 0.0) * 10.0**self.log.decimals)
        return (
            Tally(rows, scaled.astype(np.int64)),
            Tally(rows, given.astype(np.int64)),
        )

    def days(self, item: str | None) -> Tally:
        """Tally the distinct days with an event, each from its first known row on."""
        return self.keep(("days", item), lambda: _distinct_days(self.active(item)))

    def users(self, item: str | None) -> tuple[Tally, Tally]:
        """Tally the largest ``users`` of each day, and the days that have one."""
        return self.keep(("users", item), lambda: self._users(item))

    def _users(self, item: str | None) -> tuple[Tally, Tally]:
        """Write the day's running maximum as steps, each known with its row."""
        rows = self.rows(item)
        if self.log.users is None:
            none = np.zeros(rows.key.size, dtype=np.int64)
            return Tally(rows, none), Tally(rows, none)
        users = self.log.users[self.picked(item)]
        given = np.isfinite(users)
        rows = rows.take(given)
        people = np.rint(np.clip(users[given], 0, _MOST_USERS) * _USERS_SCALE)
        first = rows.first_of_day()
        base = np.cumsum(first) * (_MOST_USERS * _USERS_SCALE * 2)
        highest = np.maximum.accumulate(base + people.astype(np.int64)) - base
        step = np.where(first, highest, np.diff(highest, prepend=0))
        return Tally(rows, step), _distinct_days(rows)

    def first_day(self, item: str | None) -> Days:
        """Give the day it first happened, ``FAR`` if it never did."""
        found = self.parts(item)
        if found is None or not found[0].real:
            return self.keep(("first", item), lambda: self.active(item).first_day())
        days: list[Days] = self.keep("first", lambda: [*found[0].first_day()])
        return days[found[1]]

    def last_day(self, item: str | None) -> Days:
        """Give the day it last happened, ``FAR`` if it never did."""
        found = self.parts(item)
        if found is None or not found[0].real:
            return self.keep(("last", item), lambda: self.active(item).last_day())
        days: list[Days] = self.keep("last", lambda: [*found[0].last_day()])
        return days[found[1]]


EventKind = Callable[[Events, str | None, int], Floats]


def _distinct_days(rows: Rows) -> Tally:
    days = rows.take(rows.first_of_day())
    return Tally(days, np.ones(days.key.size, dtype=np.int64))


def trend(now: Ints, before: Ints) -> Floats:
    """Compare two amounts: 1 all new, 0 the same, -1 all gone, missing if both are 0.

    >>> trend(np.array([3, 0]), np.array([1, 0]))
    array([0.5, nan])
    """
    return quotient(now - before, np.abs(now) + np.abs(before))


def _count(events: Events, item: str | None, days: int) -> Floats:
    return events.recorded(days, events.count(item).within(days))


def _sum(events: Events, item: str | None, days: int) -> Floats:
    total = events.amount(item)[0].within(days) / 10.0**events.log.decimals
    return events.recorded(days, total)


def _mean(events: Events, item: str | None, days: int) -> Floats:
    total, given = events.amount(item)
    mean = quotient(total.within(days) / 10.0**events.log.decimals, given.within(days))
    return events.recorded(days, mean)


def _active_days(events: Events, item: str | None, days: int) -> Floats:
    return events.recorded(days, events.days(item).within(days))


def _active_weeks(events: Events, item: str | None, days: int) -> Floats:
    tally = events.days(item)
    weeks = np.zeros(events.moments.key.size, dtype=np.int64)
    for week in range(days // 7):
        weeks += tally.within(7, skip=7 * week) > 0
    return events.recorded(days, weeks)


def mean_users(events: Events, item: str | None, days: int) -> Floats:
    """Average the largest ``users`` of each day over the days that have one."""
    total, given = events.users(item)
    mean = quotient(total.within(days), given.within(days) * _USERS_SCALE)
    return events.recorded(days, mean)


def _per_day(events: Events, item: str | None, days: int) -> Floats:
    count, active = events.count(item).within(days), events.days(item).within(days)
    return events.recorded(days, quotient(count, active))


def _share(events: Events, item: str | None, days: int) -> Floats:
    count, total = events.count(item).within(days), events.count(None).within(days)
    return events.recorded(days, quotient(count, total))


def _trend(events: Events, tally: Tally | PartTally, days: int) -> Floats:
    moved = trend(tally.within(days), tally.within(days, skip=days))
    return events.recorded(2 * days, moved)


def _count_trend(events: Events, item: str | None, days: int) -> Floats:
    return _trend(events, events.count(item), days)


def _sum_trend(events: Events, item: str | None, days: int) -> Floats:
    return _trend(events, events.amount(item)[0], days)


def _active_days_trend(events: Events, item: str | None, days: int) -> Floats:
    return _trend(events, events.days(item), days)


def _mean_users_trend(events: Events, item: str | None, days: int) -> Floats:
    total, given = events.users(item)
    now = total.within(days), given.within(days)
    before = total.within(days, skip=days), given.within(days, skip=days)
    moved = trend(now[0] * before[1], before[0] * now[1])
    moved[(now[1] == 0) | (before[1] == 0)] = np.nan
    return events.recorded(2 * days, moved)


def _own_norm(events: Events, item: str | None, days: int) -> Floats:
    """Compare rates; an account younger than the norm is compared with its own life."""
    tally = events.count(item)
    now, before = tally.within(days), tally.within(OWN_NORM_DAYS, skip=days)
    age = events.moments.as_of - events.first_day(None)
    lived = np.clip(age - days, 0, OWN_NORM_DAYS)
    moved = trend(now * lived, before * days)
    moved[lived < days] = np.nan
    return events.recorded(days, moved)


def _days_since(events: Events, item: str | None, days: int) -> Floats:
    del days
    last = events.last_day(item)
    since = np.where(last == FAR, np.nan, events.moments.as_of - last)
    return events.recorded(None, since)


def _days_since_first(events: Events, item: str | None, days: int) -> Floats:
    del days
    first = events.first_day(item)
    return np.where(first == FAR, np.nan, events.moments.as_of - first)


EVENT_KINDS: Mapping[str, EventKind] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "active_days": _active_days,
    "active_weeks": _active_weeks,
    "mean_users": mean_users,
    "per_day": _per_day,
    "share": _share,
    "trend": _count_trend,
    "sum_trend": _sum_trend,
    "active_days_trend": _active_days_trend,
    "mean_users_trend": _mean_users_trend,
    "own_norm": _own_norm,
    "days_since": _days_since,
    "days_since_first": _days_since_first,
}
