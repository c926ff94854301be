"""When things are in the simulated company: days, contract rows, and their hazard.

Days are whole numbers since 1970-01-01, weeks are rows of a grid that starts on a
Monday. The contract calendar is one part of the hazard; the states multiply it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = [
    "Contracts",
    "Timeline",
    "ahead",
    "by_term",
    "chance",
    "daily_hazard",
    "in_force",
    "unannounced",
    "unsigned",
]


# Pinned before any model was trained, frozen since: annual churn 8-15 %, best possible
# AUC 0.75-0.85, no single observable feature above 0.65. Change one of them and every
# published figure about the simulated company is void.
RENEWAL_HAZARD: Mapping[int, float] = {1: 0.0032, 12: 0.0144, 24: 0.0228}
DAILY_HAZARD: Mapping[int, float] = {1: 0.0, 12: 5.2e-5, 24: 5.0e-5}
SETTLING_DAYS = 14  # nobody leaves in the first two weeks of a life
EARLY_SIGNED = 0.40  # share of renewals signed before the old end (terms over a month)
EARLY_DAYS = (5, 60)
NOTICE_AT_RENEWAL = 0.55  # share of non-renewals that are announced
NOTICE_DAYS: Mapping[int, tuple[int, int]] = {1: (1, 25), 12: (7, 75), 24: (7, 75)}
NOTICE_MIDTERM = 0.80
NOTICE_MIDTERM_DAYS = (1, 30)
LONGEST_NOTICE = 76

SPAN = 1 << 20  # days: longer than any history, so keys of two accounts never meet


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The days of the history and the weekly grid under it.

    >>> Timeline.of(date(2026, 1, 1), years=1).weeks
    79
    """

    first: int
    until: int
    monday: int
    weeks: int

    @classmethod
    def of(cls, until: date, *, years: int) -> Timeline:
        """Lay ``years`` of history and half a year of run-up before ``until``."""
        end = int(np.datetime64(until, "D").astype(np.int64))
        first = end - round(years * 365.25)
        run_up = first - 182
        monday = run_up - (run_up + 3) % 7  # 1970-01-01 was a Thursday
        return cls(first=first, until=end, monday=monday, weeks=(end - monday) // 7 + 1)

    def week(self, day: Ints) -> Ints:
        """Row of the weekly grid that holds on ``day``.

        >>> line = Timeline.of(date(2026, 1, 1), years=1)
        >>> line.week(np.array([line.monday, line.monday + 7])).tolist()
        [0, 1]
        """
        return np.clip((day - self.monday) // 7, 0, self.weeks - 1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Contracts:
    """Contract rows sorted by account, then start; days and plain numbers.

    ``stop`` is the day cover of the row really ended or will end; ``since`` the first
    day of the life (unbroken cover) the row belongs to.
    """

    account: Ints
    start: Ints
    end: Ints
    stop: Ints
    since: Ints
    signed: Ints
    notice: Ints  # -1: none given
    term: Ints
    seats: Ints
    plan: Ints
    price: Floats  # per seat and month before discount
    discount: Floats
    rise: Floats  # share by which the price rose when this row began
    upgraded: Flags

    def take(self, rows: Ints | Flags) -> Contracts:
        """Keep some rows, in the order given."""
        return Contracts(
            **{name: getattr(self, name)[rows] for name in self.__dataclass_fields__}
        )


def in_force(contracts: Contracts, account: Ints, day: Ints) -> Ints:
    """Find the last contract row that began before ``day``; -1 where there is none.

    >>> one, no = np.array([0]), np.array([False])
    >>> rows = Contracts(account=one, start=one + 10, end=one + 375, stop=one + 375,
    ...     since=one + 10, signed=one + 9, notice=one - 1, term=one + 12,
    ...     seats=one + 5, plan=one, price=one * 1.0, discount=one * 0.0,
    ...     rise=one * 0.0, upgraded=no)
    >>> in_force(rows, np.array([0, 0]), np.array([10, 11])).tolist()
    [-1, 0]
    """
    key = contracts.account * SPAN + contracts.start
    row = np.searchsorted(key, account * SPAN + day) - 1
    mine = (row >= 0) & (contracts.account[np.maximum(row, 0)] == account)
    return np.where(mine, row, -1)


def by_term(table: Mapping[int, float], term: Ints) -> Floats:
    """Look a value up for each term in months; 0 for a term the table lacks.

    >>> by_term({1: 0.5, 12: 2.0}, np.array([12, 1, 24])).tolist()
    [2.0, 0.5, 0.0]
    """
    return np.select([term == months for months in table], list(table.values()), 0.0)


def chance(rate: Floats) -> Floats:
    """Turn a hazard rate per day into the probability of that day.

    >>> chance(np.array([0.0, np.inf])).tolist()
    [0.0, 1.0]
    """
    share: Floats = -np.expm1(-rate)
    return share


def daily_hazard(
    contracts: Contracts, account: Ints, day: Ints, risk: Floats
) -> Floats:
    """Chance that cover ends for good on ``day``, given it lasted so far.

    ``risk`` is the log of what all state parts multiply the calendar by.

    >>> one, no = np.array([0]), np.array([False])
    >>> rows = Contracts(account=one, start=one + 10, end=one + 375, stop=one + 375,
    ...     since=one + 10, signed=one + 9, notice=one - 1, term=one + 12,
    ...     seats=one + 5, plan=one, price=one * 1.0, discount=one * 0.0,
    ...     rise=one * 0.0, upgraded=no)
    >>> day = np.array([100, 375, 376])  # mid-term, renewal date, no cover
    >>> daily_hazard(rows, np.zeros(3, int), day, np.zeros(3)).round(4).tolist()
    [0.0001, 0.0143, 0.0]
    """
    row = in_force(contracts, account, day)
    of = np.maximum(row, 0)
    covered = (row >= 0) & (day <= contracts.stop[of])
    settled = day > contracts.since[of] + SETTLING_DAYS
    after = np.minimum(of + 1, contracts.account.size - 1)
    committed = (
        (contracts.account[after] == account)
        & (contracts.signed[after] <= day)
        & (after > of)
    )
    at_end = (day == contracts.end[of]) & ~contracts.upgraded[of]
    term = contracts.term[of]
    calm = np.where(committed | ~settled, 0.0, by_term(DAILY_HAZARD, term))
    rate = np.where(at_end, by_term(RENEWAL_HAZARD, term), calm)
    return np.where(covered, chance(rate * np.exp(risk)), 0.0)


def _upto(lag: Ints, bounds: tuple[Floats, Floats]) -> Floats:
    """Share of a uniform whole number of days that is at most ``lag``."""
    low, high = bounds
    return np.clip((lag - low + 1) / (high - low + 1), 0.0, 1.0)


def unsigned(lag: Ints, term: Ints) -> Floats:
    """Share of coming renewals not yet signed ``lag`` days before the old end.

    >>> unsigned(np.array([0, 90]), np.array([12, 12])).round(2).tolist()
    [0.6, 1.0]
    """
    low, high = (np.float64(day) for day in EARLY_DAYS)
    early = np.where(term > 1, EARLY_SIGNED, 0.0)
    return 1.0 - early * (1.0 - _upto(lag, (np.asarray(low), np.asarray(high))))


def unannounced(lag: Ints, term: Ints, at_end: Flags) -> Floats:
    """Share of coming ends nobody has announced ``lag`` days before.

    >>> end = np.array([True, True])
    >>> unannounced(np.array([0, 90]), np.array([12, 12]), end).round(2).tolist()
    [0.45, 1.0]
    """
    low = {months: float(days[0]) for months, days in NOTICE_DAYS.items()}
    high = {months: float(days[1]) for months, days in NOTICE_DAYS.items()}
    first = np.where(at_end, by_term(low, term), NOTICE_MIDTERM_DAYS[0])
    last = np.where(at_end, by_term(high, term), NOTICE_MIDTERM_DAYS[1])
    told = np.where(at_end, NOTICE_AT_RENEWAL, NOTICE_MIDTERM)
    return 1.0 - told * (1.0 - _upto(lag, (first, last)))


def ahead(end: Ints, term: Ints, as_of: Ints, *, days: int) -> Flags:
    """Mark, by snapshot and day after it, the known end and its repeats by the term.

    >>> ahead(np.array([19_020]), np.array([1]), np.array([19_000]), days=60).sum()
    np.int64(2)
    """
    marked = np.zeros((end.size, days), dtype=bool)
    month = end.astype("M8[D]").astype("M8[M]")
    offset = end - month.astype("M8[D]").astype(np.int64)
    for step in range(days // 28 + 1):
        due = (month + term * step).astype("M8[D]").astype(np.int64) + offset - as_of
        row = np.flatnonzero((due >= 0) & (due < days))
        marked[row, due[row]] = True
    return marked
