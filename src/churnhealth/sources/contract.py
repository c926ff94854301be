"""The tables we need, as data: what a business may give and how it is held in memory.

Times are whole days since 1970-01-01 (int64, UTC). ``FAR`` stands for "never" and
"open-ended". Every table is sorted by account and then by a total key, so that the
rows of a run of accounts are one slice, and equal inputs give equal bits whatever
order the files had.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import RequestError
from churnhealth.sources.quantised import rounded

__all__ = [
    "CONTRACT_COLUMNS",
    "EVENT_ABOUT",
    "EVENT_COLUMNS",
    "FAR",
    "MONTH_DAYS",
    "TABLES",
    "Accounts",
    "Contracts",
    "Coverage",
    "Days",
    "EventLog",
    "Flags",
    "Floats",
    "History",
    "Ints",
    "StateLog",
    "Texts",
    "date_of",
    "day_of",
    "parse_day",
]

Ints = NDArray[np.int64]
Days = NDArray[np.int64]
Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]

FAR = 10_000_000
MONTH_DAYS = 365.25 / 12.0
_EPOCH = date(1970, 1, 1).toordinal()

TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accounts": (
        ("account_id",),
        ("name", "segment", "owner", "group", "known_at"),
    ),
    "contracts": (
        ("account_id", "start"),
        (
            "end",
            "cancelled_at",
            "notice_at",
            "discount",
            "contract_id",
            "value",
            "currency",
            "seats",
            "plan",
            "term_months",
            "known_at",
        ),
    ),
    "events": (
        ("account_id", "happened_at"),
        (
            "event",
            "item",
            "count",
            "amount",
            "currency",
            "user_id",
            "users",
            "known_at",
            "ended_at",
            "event_id",
        ),
    ),
    "states": (("account_id", "known_at", "state", "value"), ()),
}
"""Required and optional columns of each table, by our names."""


def day_of(when: date) -> int:
    """Count the days from 1970-01-01.

    >>> day_of(date(2026, 1, 1)), date_of(20454)
    (20454, datetime.date(2026, 1, 1))
    """
    return when.toordinal() - _EPOCH


def parse_day(text: str) -> int:
    """Read a day as it is typed, ``YYYY-MM-DD``; ``RequestError`` CH502 otherwise.

    >>> parse_day("2026-01-01")
    20454
    """
    try:
        return day_of(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date())
    except ValueError as error:
        raise RequestError(
            "CH502",
            "a date could not be read",
            why="every answer depends on the day it is given from",
            fix="write dates as YYYY-MM-DD",
        ) from error


def date_of(day: int) -> date:
    """Turn a day count back into a date."""
    return date.fromordinal(int(day) + _EPOCH)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Accounts:
    """One row per account, sorted by id. Missing texts are ``None``."""

    ids: Texts
    name: Texts
    segment: Texts
    owner: Texts
    group: Texts
    known_at: Days
    attributes: Mapping[str, Texts] = field(default_factory=dict)

    def rows(self, keep: NDArray[Any] | slice) -> Accounts:
        """Take accounts by mask, index or slice."""
        names = (f.name for f in fields(self) if f.name != "attributes")
        attributes = {k: v[keep] for k, v in self.attributes.items()}
        columns = {n: getattr(self, n)[keep] for n in names}
        return Accounts(**columns, attributes=attributes)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Contracts:
    """Contract terms, sorted by (account, start, ...), what is told later the last.

    ``end`` is the agreed end (``FAR`` = open-ended); ``cancelled_at`` the day cover
    really stopped early; ``notice_at`` the day we learned that it will stop early or
    not be renewed (``FAR`` = never); ``replaced_at`` the day a later version of the
    same contract became known, which holds from then on (``FAR`` = never); ``contract``
    numbers an account's contract ids. With ``renews_months`` open-ended rows renew.
    """

    account: Ints
    start: Days
    end: Days
    cancelled_at: Days
    notice_at: Days
    known_at: Days
    replaced_at: Days
    value: Floats
    seats: Floats
    term_months: Floats
    discount: Floats
    plan: Texts
    contract: Ints
    renews_months: int = 0

    def rows(self, keep: NDArray[Any]) -> Contracts:
        """Take rows by mask, index or slice, order kept."""
        return replace(self, **{n: getattr(self, n)[keep] for n in CONTRACT_COLUMNS})

    def standing(self, day: int) -> Flags:
        """Mark the rows known before a day that nothing had replaced before it."""
        return (self.known_at < day) & (self.replaced_at >= day)

    def newest(self) -> int:
        """Give the last day a row proves: what was booked ahead, only its booking."""
        begun = np.minimum(self.start, self.known_at)
        stopped = np.minimum(self.cancelled_at, self.notice_at)
        return int(np.concatenate([begun, stopped[self.cancelled_at < FAR]]).max())


CONTRACT_COLUMNS = tuple(f.name for f in fields(Contracts) if f.name != "renews_months")
"""What is held of every row of `Contracts`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """When a source was being recorded, as seen from each day.

    A step function: from ``known[i] + 1`` on, the source is seen to have begun on
    ``first[i]`` and to reach to ``last[i]`` (both days of ``happened_at``). It is a
    function of rows known before the day asked about, so later rows cannot move it.
    """

    known: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    kept: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Room for what readers make of the steps once."""

    def before(self, day: int) -> Coverage:
        """Give the steps that were known before a day.

        >>> Coverage(known=(3, 9), first=(1, 1), last=(3, 9)).before(9)
        Coverage(known=(3,), first=(1,), last=(3,))
        """
        n = bisect_left(self.known, day)
        return Coverage(known=self.known[:n], first=self.first[:n], last=self.last[:n])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EventLog:
    """One events source, sorted by (account, happened_at, known_at, event, ...).

    ``event`` indexes ``vocabulary``; ``user`` is an integer per person, -1 = unknown,
    or ``None`` when the source has no users; ``users`` is a number of people in an
    already aggregated row; ``amount`` is NaN where missing, ``None`` when unmapped,
    and means ``amount`` rounded to ``decimals`` places. ``unrepeated`` says that the
    source names its events, so that repeats inside an account were dropped.
    ``people`` are the texts behind ``user``, for pages alone: no feature reads them.
    """

    name: str
    planned: bool
    vocabulary: tuple[str, ...]
    categories: tuple[str, ...]
    account: Ints
    happened_at: Days
    known_at: Days
    event: Ints
    count: Ints
    amount: Floats | None = None
    decimals: int = 0
    user: Ints | None = None
    users: Floats | None = None
    ended_at: Days | None = None
    item: Ints | None = None
    unrepeated: bool = False
    coverage: Coverage = Coverage()
    people: Texts | None = None

    def rows(self, keep: NDArray[Any] | slice) -> EventLog:
        """Take rows by mask, index or slice, order kept."""
        given = [n for n in EVENT_COLUMNS if getattr(self, n) is not None]
        return replace(self, **{n: getattr(self, n)[keep] for n in given})

    def of_accounts(self, low: int, high: int) -> EventLog:
        """Take the accounts ``low:high`` with their rows, accounts counted from 0."""
        part: EventLog = _of_accounts(self, low, high)
        return part

    @property
    def size(self) -> int:
        """Count the rows."""
        return int(self.account.size)

    def rows_before(self, account: Ints) -> Ints:
        """Count the rows of the accounts before each of these (ascending)."""
        return np.searchsorted(self.account, account)

    def as_known(self, day: int) -> EventLog:
        """Give the rows known before a day; an end noticed later has not happened."""
        known = self.rows(self.known_at < day)
        ended = known.ended_at
        if ended is not None:
            ended = np.where(ended >= day, FAR, ended)
        return replace(known, coverage=self.coverage.before(day), ended_at=ended)

    def rescaled(self, decimals: int) -> EventLog:
        """Give the same rows with amounts of that many decimals."""
        if self.amount is None or decimals == self.decimals:
            return self
        amount = rounded(self.amount, decimals)
        return replace(self.as_arrays(), amount=amount, decimals=decimals)

    def as_arrays(self) -> EventLog:
        """Give the same rows as arrays, whatever they are held as."""
        names = (*EVENT_ABOUT, *EVENT_COLUMNS)
        return EventLog(**{n: getattr(self, n) for n in names})


EVENT_COLUMNS = (
    "account",
    "happened_at",
    "known_at",
    "event",
    "count",
    "amount",
    "user",
    "users",
    "ended_at",
    "item",
)
"""What is held of every row of an `EventLog`."""

EVENT_ABOUT = (
    "name",
    "planned",
    "vocabulary",
    "categories",
    "decimals",
    "unrepeated",
    "coverage",
    "people",
)
"""What is held of the source as a whole."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StateLog:
    """One states source, sorted by (account, state, known_at, value).

    ``state`` indexes ``vocabulary``. Same-day values keep the order of their exact
    times, so the last row is the latest.
    """

    name: str
    vocabulary: tuple[str, ...]
    categories: tuple[str, ...]
    account: Ints
    known_at: Days
    state: Ints
    value: Floats
    coverage: Coverage = Coverage()

    def rows(self, keep: NDArray[Any] | slice) -> StateLog:
        """Take rows by mask, index or slice, order kept."""
        names = ("account", "known_at", "state", "value")
        return replace(self, **{n: getattr(self, n)[keep] for n in names})


def _unnoticed(rows: Contracts, day: int) -> Contracts:
    later = rows.notice_at >= day
    return replace(
        rows,
        replaced_at=np.where(rows.replaced_at >= day, FAR, rows.replaced_at),
        notice_at=np.where(later, FAR, rows.notice_at),
        cancelled_at=np.where(later, FAR, rows.cancelled_at),
    )


def _of_accounts(table: Any, low: int, high: int) -> Any:
    """Slice a sorted table: views, nothing is copied but the account column."""
    a, b = np.searchsorted(table.account, [low, high])
    part = table.rows(slice(int(a), int(b)))
    return replace(part, account=part.account - low)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """Everything a business gave us; ``account`` columns index ``accounts``."""

    accounts: Accounts
    contracts: Contracts | None
    events: tuple[EventLog, ...] = ()
    states: tuple[StateLog, ...] = ()

    def as_known(self, day: int) -> History:
        """Give what was known before a day, as files cut on that day would hold it.

        Later rows are gone; a stop, a notice or an end noticed later has not happened,
        and what a later version replaced still holds.
        """

        def cut(table: Any) -> Any:
            return table.rows(table.known_at < day)

        contracts = self.contracts
        return History(
            accounts=self.accounts,
            contracts=None if contracts is None else _unnoticed(cut(contracts), day),
            events=tuple(e.as_known(day) for e in self.events),
            states=tuple(
                replace(cut(s), coverage=s.coverage.before(day)) for s in self.states
            ),
        )

    def batch(self, low: int, high: int) -> History:
        """Take the accounts ``low:high`` with their rows, accounts counted from 0.

        Slices are views: nothing is copied but the shifted account column.
        """
        contracts = self.contracts
        if low == 0 and high == self.accounts.ids.size:
            return self
        return History(
            accounts=self.accounts.rows(slice(low, high)),
            contracts=None if contracts is None else _of_accounts(contracts, low, high),
            events=tuple(e.of_accounts(low, high) for e in self.events),
            states=tuple(_of_accounts(s, low, high) for s in self.states),
        )
