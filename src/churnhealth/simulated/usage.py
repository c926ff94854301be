"""What users do: one row per account, user, day and event, with weekly habits.

A user has fixed weekdays. How much of the habit is kept, and how much is done on a
day, follows the hidden level of use; a holiday thins it out; automation replaces
people by an interface user who calls all day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from churnhealth.simulated.calendar import Contracts, Timeline, in_force
from churnhealth.simulated.states import States
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["EVENTS", "FEATURES", "MACHINE", "Usage", "draw_usage"]


FEATURES: Mapping[str, float] = {  # chance on a day the user is there
    "dashboard": 0.20,
    "report": 0.10,
    "search": 0.10,
    "comment": 0.05,
    "upload": 0.05,
    "export": 0.14,
    "integration": 0.10,  # this and the next need a product that is set up
    "automation": 0.18,
    "api_call": 0.03,
    "settings": 0.0,  # the champion's own, see below
}
NEED_SET_UP = ("integration", "automation")
EVENTS = ("login", *FEATURES)
LATE = 0.04  # share of rows that arrive one to twelve days late
TWICE = 0.002  # share of rows delivered twice, with the same id
CHAMPION, MACHINE = 0, 999  # user numbers; a champion's successors count from 900
_BLOCK = 250  # accounts drawn at once, to bound memory


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Usage:
    """Rows of use; ``event`` is a position in ``EVENTS``, times are seconds."""

    account: Ints
    user: Ints
    event: Ints
    happened: Ints
    received: Ints
    count: Ints
    repeated: Flags  # the row before it, delivered once more


def _season(day: Ints) -> Floats:
    """Share of normal use on a day: a summer lull and a deep dip at the year's end."""
    dates = day.astype("M8[D]")
    start = dates.astype("M8[Y]").astype("M8[D]")
    nth = (dates - start).astype(np.int64)
    summer = np.where((nth >= 190) & (nth < 228), 0.78, 1.0)
    return np.where((nth >= 355) | (nth < 2), 0.35, summer)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Habits:
    """Weekly slots: who comes on which weekday; user 0 is the champion."""

    account: Ints
    user: Ints
    weekday: Ints


def _habits(rng: Generator, first: int, most: Ints) -> _Habits:
    """Give every possible user one or two weekdays, the champion two."""
    account = np.repeat(np.arange(most.size), most)
    user = np.arange(account.size) - np.repeat(np.cumsum(most) - most, most)
    days = np.where(user == CHAMPION, 2, 1 + (rng.random(user.size) < 0.2))
    slot = np.repeat(np.arange(user.size), days)
    nth = np.arange(slot.size) - np.repeat(np.cumsum(days) - days, days)
    begin = rng.integers(0, 5, user.size)[slot]
    return _Habits(
        account=account[slot] + first,
        user=user[slot],
        weekday=(begin + 2 * nth) % 5,
    )


def _visits(
    rng: Generator,
    habits: _Habits,
    states: States,
    seats: Ints,
    contracts: Contracts,
    timeline: Timeline,
    activity: float,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw which slots were kept: slot, day and week of every visit."""
    of = habits.account
    reached = states.share[of] * seats[of] + 0.5 >= habits.user[:, None] + 1
    there = np.where(
        (habits.user == CHAMPION)[:, None], states.champion[of] >= 0, reached
    )
    keep = 0.62 * np.exp(0.40 * states.level[of]) * (1 - 0.65 * states.automation[of])
    # the champion looks in whatever the others do
    keep = np.where((habits.user == CHAMPION)[:, None], 0.85, np.minimum(keep, 0.97))
    there &= rng.random(there.shape) < keep * activity
    slot, week = np.nonzero(there)
    day = timeline.monday + 7 * week + habits.weekday[slot]
    holds = (day >= timeline.first) & (day < timeline.until)
    holds &= rng.random(day.size) < _season(day)
    slot, week, day = slot[holds], week[holds], day[holds]
    row = in_force(contracts, of[slot], day)
    covered = (row >= 0) & (day <= contracts.stop[row])
    champion = states.champion[of[slot], week]
    follows = (habits.user[slot] == CHAMPION) & (champion > 0)
    user = np.where(follows, 900 + champion, habits.user[slot])
    return slot[covered], user[covered], day[covered], week[covered]


def _deeds(
    rng: Generator, account: Ints, leads: Flags, week: Ints, states: States
) -> tuple[Ints, Ints, Ints]:
    """Draw what each visit did: visit, event and how often."""
    chance = np.array(list(FEATURES.values()), dtype=np.float32)
    does = rng.random((account.size, chance.size), dtype=np.float32)
    needs = np.isin(list(FEATURES), NEED_SET_UP)
    ready = states.set_up[account, week]
    hit = does < chance
    hit &= ready[:, None] | ~needs | (does < 0.06 * chance)
    hit[:, -1] = leads & (does[:, -1] < 0.75)
    visit, feature = np.nonzero(hit)
    visit = np.concatenate([np.arange(account.size), visit])
    event = np.concatenate([np.zeros(account.size, dtype=np.int64), feature + 1])
    level = np.exp(0.8 * states.level[account[visit], week[visit]])
    mean = np.where(event == 0, 1.2, 3.0) * level
    return visit, event, 1 + rng.poisson(mean)


def _machines(
    rng: Generator,
    accounts: Ints,
    states: States,
    contracts: Contracts,
    timeline: Timeline,
    activity: float,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw what no person does: account, event, day and count.

    A product that is set up synchronises every week; one that is automated is called
    on every working day.
    """
    days = np.arange(timeline.first, timeline.until)
    account, day = np.repeat(accounts, days.size), np.tile(days, accounts.size)
    week, weekday = timeline.week(day), (day + 3) % 7
    row = in_force(contracts, account, day)
    there = (row >= 0) & (day <= contracts.stop[row])
    there &= rng.random(day.size) < 0.95 * activity
    sync = np.flatnonzero(
        there & states.set_up[account, week] & (weekday == account % 5)
    )
    share = states.automation[account, week]
    call = np.flatnonzero(there & (share > 0) & (weekday < 5))
    level = np.exp(states.level[account[call], week[call]])
    counts = (
        1 + rng.poisson(2.0, sync.size),
        1 + rng.poisson(120 * share[call] * level),
    )
    row = np.concatenate([sync, call])
    names = EVENTS.index("integration"), EVENTS.index("api_call")
    event = np.repeat(names, (sync.size, call.size))
    return account[row], event, day[row], np.concatenate(counts)


def _arrivals(rng: Generator, happened: Ints) -> Ints:
    """When each row reached the warehouse: minutes later, a few after days."""
    lag = rng.integers(5, 900, happened.size)
    late = rng.random(happened.size) < LATE
    return happened + lag + late * 86_400 * rng.integers(1, 13, happened.size)


def draw_usage(
    rng: Generator,
    states: States,
    seats: Ints,
    contracts: Contracts,
    timeline: Timeline,
    *,
    activity: float,
) -> Usage:
    """Draw all rows that arrived before ``until``, in order of arrival.

    >>> from churnhealth.simulated.company import simulate
    >>> usage = simulate(accounts=20, years=1).tables["usage"]
    >>> bool((usage["received_at"] > usage["happened_at"]).all())
    True
    """
    blocks = range(0, seats.shape[0], _BLOCK)
    streams = rng.spawn(len(blocks))
    parts = [
        _block(stream, first, states, seats, contracts, timeline, activity)
        for stream, first in zip(streams, blocks, strict=True)
    ]
    whole = [np.concatenate(column) for column in zip(*parts, strict=True)]
    account, user, event, happened, count = whole
    received = _arrivals(rng, happened)
    order = np.lexsort((user, event, account, received))
    order = order[received[order] < timeline.until * 86_400]
    again = rng.random(order.size) < TWICE
    order = np.repeat(order, 1 + again)
    repeated = np.append(False, order[1:] == order[:-1])
    return Usage(
        account=account[order],
        user=user[order],
        event=event[order],
        happened=happened[order],
        received=received[order],
        count=count[order],
        repeated=repeated,
    )


def _block(
    rng: Generator,
    first: int,
    states: States,
    seats: Ints,
    contracts: Contracts,
    timeline: Timeline,
    activity: float,
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    last = min(first + _BLOCK, seats.shape[0])
    accounts = np.arange(first, last)
    habits = _habits(rng, first, seats[accounts].max(axis=1))
    slot, user, day, week = _visits(
        rng, habits, states, seats, contracts, timeline, activity
    )
    account = habits.account[slot]
    leads = habits.user[slot] == CHAMPION
    visit, event, count = _deeds(rng, account, leads, week, states)
    second = rng.integers(8 * 3600, 18 * 3600, day.size)[visit]
    second += np.where(event > 0, rng.integers(30, 1800, visit.size), 0)
    owner, deed, when, often = _machines(
        rng, accounts, states, contracts, timeline, activity
    )
    return (
        np.concatenate([account[visit], owner]),
        np.concatenate([user[visit], np.full(owner.size, MACHINE)]),
        np.concatenate([event, deed]),
        np.concatenate([day[visit] * 86_400 + second, when * 86_400 + 3600]),
        np.concatenate([count, often]),
    )
