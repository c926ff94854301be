"""The contract calendar: terms, renewals early and late, upgrades, and how lives end.

A calendar is first drawn as if nobody ever left; the true hazard then ends lives, and
what would have come after is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from churnhealth.simulated.calendar import (
    EARLY_DAYS,
    EARLY_SIGNED,
    NOTICE_AT_RENEWAL,
    NOTICE_DAYS,
    NOTICE_MIDTERM,
    NOTICE_MIDTERM_DAYS,
    Contracts,
    Timeline,
    daily_hazard,
    in_force,
)
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Lives", "draw_calendar", "draw_lives", "end_lives", "joined", "returning"]


TERMS, TERM_SHARES = (1, 12, 24), (0.30, 0.52, 0.18)
PLAN_PRICES = (29.0, 49.0, 79.0)  # per seat and month: starter, team, scale
PRESENT = 0.66  # share of accounts that were customers before the history begins
RETURNS = 0.08  # share of lost accounts that come back after some months
UPGRADES = 0.12  # chance of an upgrade within a yearly or longer term
_BLOCK = 500  # accounts whose days are drawn at once, to bound memory


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lives:
    """Customers at the start of an unbroken life; one entry per life."""

    account: Ints
    start: Ints
    term: Ints
    seats: Ints
    plan: Ints
    discount: Floats


def draw_lives(rng: Generator, accounts: int, timeline: Timeline) -> Lives:
    """Draw who signs when, for how long and how big.

    >>> line = Timeline(first=9000, until=10000, monday=8816, weeks=170)
    >>> lives = draw_lives(np.random.default_rng(1), 100, line)
    >>> int((lives.start < line.first).sum())
    66
    """
    span = timeline.until - timeline.first
    old = rng.permutation(accounts) < round(PRESENT * accounts)
    before = timeline.first - 30 - rng.integers(0, 1500, accounts)
    later = timeline.first + rng.integers(0, max(span - 30, 1), accounts)
    size = np.exp(np.log(5.2) + 0.70 * rng.standard_normal(accounts))
    return Lives(
        account=np.arange(accounts),
        start=np.where(old, before, later),
        term=rng.choice(np.array(TERMS), accounts, p=TERM_SHARES),
        seats=np.clip(np.rint(size), 3, 60).astype(np.int64),
        plan=rng.choice(3, accounts, p=[0.4, 0.4, 0.2]),
        discount=rng.choice([0.0, 0.05, 0.1, 0.2], accounts, p=[0.6, 0.15, 0.15, 0.1]),
    )


def _months_later(day: Ints, term: Ints) -> Ints:
    """Add ``term`` months, same day of the month; days 29-31 become the 28th."""
    month = day.astype("M8[D]").astype("M8[M]")
    offset = np.minimum(day - month.astype("M8[D]").astype(np.int64), 27)
    later: Ints = (month + term).astype("M8[D]").astype(np.int64) + offset
    return later


def _renewals(rng: Generator, end: Ints, term: Ints) -> tuple[Ints, Ints]:
    """When each renewal starts and when it was signed: early, on the day, or late."""
    draw, lag = rng.random(end.size), rng.integers(1, 21, end.size)
    ahead = rng.integers(EARLY_DAYS[0], EARLY_DAYS[1] + 1, end.size)
    early = (draw < EARLY_SIGNED) & (term > 1)
    late = draw > np.where(term > 1, 0.90, 0.98)
    backdated = rng.random(end.size) < 0.5
    signed = np.where(early, end - ahead, np.where(late, end + lag, end))
    return np.where(late & ~backdated, end + lag, end), signed


def _rises(rng: Generator, term: Ints) -> Floats:
    """Share by which the price rises at a renewal: none, a little, or a lot."""
    draw = rng.random(term.size) * np.where(term > 1, 1.0, 12.0)
    low, high = rng.uniform(0.02, 0.06, term.size), rng.uniform(0.10, 0.25, term.size)
    return np.where(draw < 0.15, high, np.where(draw < 0.45, low, 0.0)).round(3)


def draw_calendar(rng: Generator, lives: Lives, timeline: Timeline) -> Contracts:
    """Draw every contract row signed before ``until``, as if nobody ever left.

    >>> line = Timeline(first=19000, until=20000, monday=18800, weeks=172)
    >>> rng = np.random.default_rng(1)
    >>> rows = draw_calendar(rng, draw_lives(rng, 50, line), line)
    >>> bool((rows.signed < line.until).all() and (rows.end > rows.start).all())
    True
    """
    row = _first(rng, lives)
    parts: list[Contracts] = []
    while row.account.size:
        row, upgrade = _upgrades(rng, row, timeline.until)
        parts += [row, upgrade]
        row = _renewed(rng, row, upgrade)
        row = row.take(row.signed < timeline.until)
    return _sorted(parts)


def _first(rng: Generator, lives: Lives) -> Contracts:
    """Make the first contract of every life, signed up to three weeks ahead."""
    size = lives.start.size
    signed = lives.start - rng.integers(0, 21, size)
    end = _months_later(lives.start, lives.term)
    return Contracts(
        account=lives.account,
        start=lives.start,
        end=end,
        stop=end,
        since=lives.start,
        signed=signed,
        notice=np.full(size, -1),
        term=lives.term,
        seats=lives.seats,
        plan=lives.plan,
        price=np.array(PLAN_PRICES)[lives.plan],
        discount=lives.discount,
        rise=np.zeros(size),
        upgraded=np.zeros(size, dtype=bool),
    )


def _renewed(rng: Generator, row: Contracts, upgrade: Contracts) -> Contracts:
    """Follow every row with the next, which goes on from its upgrade if it has one."""
    start, signed = _renewals(rng, row.end, row.term)
    rise = _rises(rng, row.term)
    seats, price, plan = row.seats.copy(), row.price.copy(), row.plan.copy()
    place = np.searchsorted(row.account, upgrade.account)
    seats[place], price[place] = upgrade.seats, upgrade.price
    plan[place] = upgrade.plan
    end = _months_later(start, row.term)
    return replace(
        row,
        start=start,
        end=end,
        stop=end,
        signed=signed,
        seats=_resize(rng, seats),
        plan=plan,
        price=price * (1 + rise),
        rise=rise,
        upgraded=np.zeros(end.size, dtype=bool),
    )


def _resize(rng: Generator, seats: Ints) -> Ints:
    change = rng.choice([0.85, 1.0, 1.2], seats.size, p=[0.06, 0.84, 0.10])
    resized: Ints = np.clip(np.rint(seats * change), 3, 90).astype(np.int64)
    return resized


def _upgrades(
    rng: Generator, row: Contracts, until: int
) -> tuple[Contracts, Contracts]:
    """Stop some rows early for a bigger plan that runs to the same agreed end."""
    length = row.end - row.start
    day = row.start + 30 + (rng.random(length.size) * 0.55 * length).astype(np.int64)
    years = row.term / 12
    up = (rng.random(length.size) < UPGRADES * years) & (row.term > 1) & (day < until)
    grown = np.ceil(row.seats * rng.uniform(1.1, 1.4, length.size)).astype(np.int64)
    new = replace(
        row,
        start=day,
        signed=day - rng.integers(0, 6, length.size),
        seats=grown,
        plan=np.minimum(row.plan + 1, 2),
        price=row.price * np.where(row.plan < 2, 1.25, 1.0),
        rise=np.zeros(length.size),
    ).take(up)
    return replace(row, stop=np.where(up, day, row.end), upgraded=up), new


def _sorted(parts: list[Contracts]) -> Contracts:
    whole = Contracts(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Contracts.__dataclass_fields__
        }
    )
    return whole.take(np.lexsort((whole.start, whole.account)))


def end_lives(
    rng: Generator,
    contracts: Contracts,
    risk: NDArray[np.float32],
    timeline: Timeline,
    *,
    from_day: Ints,
) -> tuple[Contracts, Ints]:
    """Let the hazard end lives from each account's ``from_day`` on.

    Gives the contracts that are left and, by account, the day cover ended (-1: never).

    >>> line = Timeline(first=19000, until=20000, monday=18800, weeks=172)
    >>> rng = np.random.default_rng(1)
    >>> rows = draw_calendar(rng, draw_lives(rng, 50, line), line)
    >>> doom = np.full((50, 172), 9.0, dtype=np.float32)
    >>> left, ended = end_lives(rng, rows, doom, line, from_day=np.full(50, 19000))
    >>> bool((ended >= 0).sum() > 25)
    True
    """
    days = np.arange(timeline.first, timeline.until)
    ended = np.full(risk.shape[0], -1)
    for at in range(0, risk.shape[0], _BLOCK):
        account = np.arange(at, min(at + _BLOCK, risk.shape[0]))
        pair = np.broadcast_arrays(account[:, None], days[None, :])
        power = risk[pair[0], timeline.week(pair[1])].astype(np.float64)
        chance = daily_hazard(contracts, pair[0], pair[1], power)
        hit = (rng.random(chance.shape) < chance) & (pair[1] >= from_day[account, None])
        first = hit.argmax(axis=1)
        ended[account] = np.where(hit.any(axis=1), days[first], -1)
    return _cut(rng, contracts, ended), ended


def _cut(rng: Generator, contracts: Contracts, ended: Ints) -> Contracts:
    """Stop the row in force on each account's last day, drop all that follow."""
    lost = np.flatnonzero(ended >= 0)
    row = in_force(contracts, lost, ended[lost])
    day, term = ended[lost], contracts.term[row]
    at_end = day == contracts.end[row]
    low = np.select(
        [term == m for m in NOTICE_DAYS], [d[0] for d in NOTICE_DAYS.values()]
    )
    high = np.select(
        [term == m for m in NOTICE_DAYS], [d[1] for d in NOTICE_DAYS.values()]
    )
    low = np.where(at_end, low, NOTICE_MIDTERM_DAYS[0])
    high = np.where(at_end, high, NOTICE_MIDTERM_DAYS[1])
    told = rng.random(lost.size) < np.where(at_end, NOTICE_AT_RENEWAL, NOTICE_MIDTERM)
    ahead = rng.integers(low, high + 1)
    notice = np.maximum(day - ahead, contracts.start[row] + 1)
    # an early exit without warning is noticed on the day; a silent end never is
    silent = np.where(at_end, -1, day)
    stop, given = contracts.stop.copy(), contracts.notice.copy()
    stop[row], given[row] = day, np.where(told, notice, silent)
    last = ended[contracts.account]
    keep = (last < 0) | (contracts.start < last)
    upgraded = contracts.upgraded.copy()
    upgraded[row] &= contracts.stop[row] < day
    return replace(contracts, stop=stop, notice=given, upgraded=upgraded).take(keep)


def returning(
    rng: Generator, contracts: Contracts, ended: Ints, timeline: Timeline
) -> Lives:
    """Draw which lost accounts come back, three to eight months later.

    >>> line = Timeline(first=19000, until=20000, monday=18800, weeks=172)
    >>> rng = np.random.default_rng(1)
    >>> rows = draw_calendar(rng, draw_lives(rng, 50, line), line)
    >>> returning(rng, rows, np.full(50, -1), line).account.size  # nobody had left
    0
    """
    back = ended + rng.integers(90, 240, ended.size)
    come = (ended >= 0) & (rng.random(ended.size) < RETURNS) & (back < timeline.until)
    who = np.flatnonzero(come)
    row = in_force(contracts, who, back[who])
    return Lives(
        account=who,
        start=back[who],
        term=contracts.term[row],
        seats=contracts.seats[row],
        plan=contracts.plan[row],
        discount=contracts.discount[row],
    )


def joined(first: Contracts, second: Contracts) -> Contracts:
    """Put two sets of rows into one, sorted by account and start.

    >>> line = Timeline(first=19000, until=20000, monday=18800, weeks=172)
    >>> rng = np.random.default_rng(1)
    >>> rows = draw_calendar(rng, draw_lives(rng, 5, line), line)
    >>> joined(rows, rows).account.size == 2 * rows.account.size
    True
    """
    return _sorted([first, second])
