"""Features of an events source: how often, how much, on how many days, how lately."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from churnhealth.features.kernel_moments import Moment, Moments, quotient, where
from churnhealth.features.kernel_parts import Named, Parts, PartTally, Place
from churnhealth.features.kernel_rows import Recorded, Rows, Tally
from churnhealth.features.kinds_events import OWN_NORM_DAYS
from churnhealth.sources.contract import FAR, Days, EventLog, Flags, Floats, Ints

__all__ = ["EVENT_KINDS", "SIDE_BY_SIDE", "EventKind", "Events", "Item", "trend"]

T = TypeVar("T")
Item: TypeAlias = "str | tuple[str, ...] | None"
"""An event by its name; several, answered with a line for each; or all of them."""

_USERS_SCALE = 100  # `users` may be a daily mean: two decimals are kept
_MOST_USERS = 1 << 30
_MOST_DAYS = 64


class Events:
    """One events source of a batch, and what several of its features share."""

    def __init__(
        self,
        log: EventLog,
        moments: Moments,
        *,
        started: Callable[[], Days | None],
        named: Named,
    ) -> None:
        self.prompt = not np.any(log.known_at > log.happened_at)
        if isinstance(moments, Moment) and not self.prompt:
            log, self.prompt = _known(log, moments), True
        self.log, self.moments, self._started = log, moments, started
        self._code = {name: code for code, name in enumerate(log.vocabulary)}
        self._kept: dict[Hashable, Any] = {}
        self.seen_from = Recorded(log.coverage, moments.as_of)
        self._covered: dict[int | None, tuple[Flags, bool]] = {}
        self._named = named
        alone = isinstance(moments, Moment) and not log.size
        self._silence = _silence(log, int(moments.as_of)) if alone else None

    def ask(self, of: EventKind, item: Item, days: int) -> Ints | Floats:
        """Answer for a feature.

        A source that is silent about the account says the same of all such on a day:
        that is kept, unless the account's own start was asked for.
        """
        if self._silence is None:
            return of(self, item, days)
        answer = self._silence.get((of, item, days))
        if answer is None:
            answer = of(self, item, days)
            if "start" not in self._kept:
                self._silence[of, item, days] = answer
        return answer

    def parts(self, item: Item) -> tuple[Parts, Place] | None:
        """Find events among those that are asked for side by side, if they are."""
        if item is None or not self.prompt:
            return None
        parts, place = self.keep("parts", self._parts)
        if isinstance(item, str):
            at = place.get(item)
            return None if at is None else (parts, at)
        return parts, self.keep(("places", item), lambda: _places(place, item))

    def _parts(self) -> tuple[Parts, dict[str, int]]:
        items, back = self._named
        codes = np.array([self._code.get(n, -1) for n in items], dtype=np.int64)
        parts = Parts(self.log, self.moments, codes, back)
        return parts, {n: i for i, n in enumerate(items)}

    def part_of(self, items: tuple[str, ...]) -> Ints:
        """Give the place of every row's event among these, -1 if it is none of them."""
        place = np.full(len(self._code) + 1, -1, dtype=np.int64)
        place[[self._code.get(name, -1) for name in items]] = np.arange(len(items))
        return place[self.log.event]

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

    def recorded(self, days: int | None, values: Ints | Floats) -> Ints | Floats:
        """Make values missing where the source does not cover their window."""
        found = self._covered.get(days)
        if found is None:
            covered = self.seen_from.covers(days)
            found = self._covered[days] = covered, bool(covered.all())
        covered, everywhere = found
        return values if everywhere else where(covered, values, np.nan)

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
        if self.prompt:
            return Rows(account, happened, happened, self.moments, prompt=True)
        seen = np.maximum(log.known_at[at], happened)
        return Rows(account, happened, seen, self.moments)

    def real(self, item: str | None) -> Flags:
        """Mark rows that tell of something: dense tables also write zeros."""
        return self.keep(("real", item), lambda: self.log.count[self.picked(item)] > 0)

    def active(self, item: str | None) -> Rows:
        """Take the rows that tell of something."""
        return self.keep(
            ("active", item), lambda: self.rows(item).take(self.real(item))
        )

    def count(self, item: Item) -> Tally | PartTally:
        """Tally how often it happened."""
        return self._tally("count", item, lambda: self.log.count)

    def amount(self, item: Item) -> Tally | PartTally:
        """Tally the amounts, as whole numbers."""
        return self._tally("amount", item, self._scaled)

    def given(self, item: Item) -> Tally | PartTally:
        """Tally how many amounts there are."""
        return self._tally("given", item, lambda: self._given().astype(np.int64))

    def _tally(
        self, name: str, item: Item, weight: Callable[[], Ints]
    ) -> Tally | PartTally:
        """Add up a number that every row of the log has."""

        def make() -> Tally | PartTally:
            found = self.parts(item)
            if found is None:
                one = cast("str | None", item)
                return Tally(self.rows(one), self.keep(name, weight)[self.picked(one)])
            parts, place = found
            parts.add(name, lambda: self.keep(name, weight))
            return PartTally(parts, place, name)

        return self.keep((name, item), make)

    def _given(self) -> Flags:
        amount = self.log.amount
        if amount is None:
            return np.zeros(self.log.size, dtype=np.bool_)
        return self.keep("finite", lambda: np.isfinite(amount))

    def _scaled(self) -> Ints:
        amount, given = self.log.amount, self._given()
        if amount is None:
            return np.zeros(self.log.size, dtype=np.int64)
        known = amount if given.all() else np.where(given, amount, 0.0)
        return np.rint(known * 10.0**self.log.decimals).astype(np.int64)

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

    def first_day(self, item: Item) -> Days:
        """Give the day it first happened, ``FAR`` if it never did."""
        return self._day("first_day", item)

    def last_day(self, item: Item) -> Days:
        """Give the day it last happened, ``FAR`` if it never did."""
        return self._day("last_day", item)

    def _day(self, which: str, item: Item) -> Days:
        found = self.parts(item)
        if found is not None and found[0].real:
            days: Days = self.keep(which, lambda: getattr(found[0], which)())
            return days[found[1]]
        if isinstance(item, tuple):
            each = np.array([self._day(which, name) for name in item])
            return each.reshape(len(item), -1)
        return self.keep((which, item), lambda: getattr(self.active(item), which)())


def _silence(log: EventLog, day: int) -> dict[Hashable, Any]:
    """Find what is kept of a silent source and day; a few days are."""
    columns = (log.amount, log.user, log.users, log.ended_at, log.item)
    of = (day, *(column is None for column in columns))
    kept: dict[Hashable, dict[Hashable, Any]]
    kept = log.coverage.kept.setdefault("silence", {})
    if of not in kept and len(kept) >= _MOST_DAYS:
        kept.clear()
    return kept.setdefault(of, {})


def _known(log: EventLog, moment: Moment) -> EventLog:
    """Take the rows that are known at a snapshot, each as if it had been at once."""
    known = log.as_arrays().rows(log.known_at < moment.as_of)
    return replace(known, known_at=np.minimum(known.known_at, known.happened_at))


def _places(place: Mapping[str, int], items: tuple[str, ...]) -> Place:
    if items == (*place,):
        return slice(None)
    return np.array([place[name] for name in items], dtype=np.int64)


EventKind = Callable[[Events, Any, int], Ints | Floats]
"""Given an `Item` where the kind stands in `SIDE_BY_SIDE`, else a name or none."""


def _distinct_days(rows: Rows) -> Tally:
    days = rows.take(rows.first_of_day())
    return Tally(days, np.ones(days.key.size, dtype=np.int64))


def trend(now: Ints, before: Ints) -> Floats:
    """Compare two amounts: 1 all new, 0 the same, -1 all gone.

    Missing if both are 0, or one is below: after a refund nothing "stopped".

    >>> trend(np.array([3, 0, -2]), np.array([1, 0, 3]))
    array([0.5, nan, nan])
    """
    return quotient(now - before, (now + before) * ((now >= 0) & (before >= 0)))


def _count(events: Events, item: Item, days: int) -> Ints | Floats:
    return events.recorded(days, events.count(item).within(days))


def _sum(events: Events, item: Item, days: int) -> Ints | Floats:
    total = events.amount(item).within(days) / 10.0**events.log.decimals
    return events.recorded(days, total)


def _mean(events: Events, item: Item, days: int) -> Ints | Floats:
    total = events.amount(item).within(days) / 10.0**events.log.decimals
    return events.recorded(days, quotient(total, events.given(item).within(days)))


def _active_days(events: Events, item: str | None, days: int) -> Ints | Floats:
    return events.recorded(days, events.days(item).within(days))


def _active_weeks(events: Events, item: str | None, days: int) -> Ints | Floats:
    tally = events.days(item)
    active = [tally.within(7, skip=7 * week) > 0 for week in range(days // 7)]
    return events.recorded(days, np.array(active).sum(axis=0))


def mean_users(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Average the largest ``users`` of each day over the days that have one."""
    total, given = events.users(item)
    mean = quotient(total.within(days), given.within(days) * _USERS_SCALE)
    return events.recorded(days, mean)


def _per_day(events: Events, item: str | None, days: int) -> Ints | Floats:
    count, active = events.count(item).within(days), events.days(item).within(days)
    return events.recorded(days, quotient(count, active))


def _share(events: Events, item: Item, days: int) -> Ints | Floats:
    count, total = events.count(item).within(days), events.count(None).within(days)
    return events.recorded(days, quotient(count, total))


def _trend(events: Events, tally: Tally | PartTally, days: int) -> Ints | Floats:
    moved = trend(tally.within(days), tally.within(days, skip=days))
    return events.recorded(2 * days, moved)


def _count_trend(events: Events, item: Item, days: int) -> Ints | Floats:
    return _trend(events, events.count(item), days)


def _sum_trend(events: Events, item: Item, days: int) -> Ints | Floats:
    return _trend(events, events.amount(item), days)


def _active_days_trend(events: Events, item: str | None, days: int) -> Ints | Floats:
    return _trend(events, events.days(item), days)


def _mean_users_trend(events: Events, item: str | None, days: int) -> Ints | Floats:
    total, given = events.users(item)
    now = total.within(days), given.within(days)
    before = total.within(days, skip=days), given.within(days, skip=days)
    moved = trend(now[0] * before[1], before[0] * now[1])
    moved = where((now[1] == 0) | (before[1] == 0), np.nan, moved)
    return events.recorded(2 * days, moved)


def _own_norm(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Compare rates; an account younger than the norm is compared with its own life."""
    tally = events.count(item)
    now, before = tally.within(days), tally.within(OWN_NORM_DAYS, skip=days)
    age = events.moments.as_of - events.first_day(None)
    lived = np.minimum(np.maximum(age - days, 0), OWN_NORM_DAYS)
    moved = where(lived < days, np.nan, trend(now * lived, before * days))
    return events.recorded(days, moved)


def _own_life(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Compare rates with the whole life: a decline that lasts becomes no habit."""
    tally = events.count(item)
    now = tally.within(days)
    lived = events.moments.as_of - days - events.first_day(None)
    moved = trend(now * lived, (tally.within(None) - now) * days)
    moved = where(lived < days, np.nan, moved)
    return events.recorded(days, moved)


def _days_since(events: Events, item: Item, days: int) -> Ints | Floats:
    del days
    last = events.last_day(item)
    since = where(last == FAR, np.nan, events.moments.as_of - last)
    return events.recorded(None, since)


def _days_since_first(events: Events, item: Item, days: int) -> Floats:
    del days
    first = events.first_day(item)
    return where(first == FAR, np.nan, events.moments.as_of - first)


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
    "own_life": _own_life,
    "days_since": _days_since,
    "days_since_first": _days_since_first,
}

SIDE_BY_SIDE: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("count", "sum", "mean", "share"), (0, 1)),
    **dict.fromkeys(("trend", "sum_trend"), (0, 1, 2)),
    "days_since": (0,),
    "reach": (),
}
"""Kinds that answer for several events at once; the edges they ask for, in windows."""
