"""The slow hidden states of every account, and what each does to the hazard.

All tables are (account, week). A state of a week rests on what happened before that
week began, so a forecast made inside the week knows nothing of its future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from churnhealth.simulated.calendar import Contracts, Timeline, in_force
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["EFFECTS", "States", "draw_states", "effects", "seats_by_week"]


# Pinned before any model was trained, frozen since: log hazard per unit of each state.
EFFECTS: Mapping[str, float] = {
    "falling_use": 0.85,  # log of the use 5-26 weeks ago over that of the last 4
    "low_seat_use": 2.00,  # share of paid seats nobody uses
    "unmet_goals": 1.40,  # share of the last four goals due that were missed
    "bad_support": 0.80,  # log(1 + urgent tickets of the last 13 weeks)
    "lost_champion": 1.30,  # 1 while the top user is gone and not replaced
    "failed_onboarding": 0.95,  # 1 until the product is really set up
    "bad_mood": 0.46,  # what NPS and, less well, the CSM's pulse measure
    "late_payment": 0.62,  # strain: 15 days late on an invoice is 1
    "price_rise": 4.50,  # share by which the price rose in the last year
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class States:
    """Hidden states before they become effects; every table is (account, week)."""

    level: Floats  # log of use against the account's own norm
    share: Floats  # share of seats in use
    aim: Floats  # how well goals are reached, in log-odds
    trouble: Flags  # a spell of bad support
    champion: Ints  # which champion is there, -1 while the place is empty
    set_up: Flags  # False while onboarding has failed
    mood: Floats
    strain: Floats
    automation: Floats  # 0 by hand, 1 fully automated


def _wander(rng: Generator, shape: tuple[int, int], *, weeks: float) -> Floats:
    """Draw a standard normal at every week, forgetting itself over ``weeks``."""
    keep = float(np.exp(-1.0 / weeks))
    steps = rng.standard_normal(shape)
    steps[:, 1:] *= np.sqrt(1.0 - keep * keep)
    for week in range(1, shape[1]):
        steps[:, week] += keep * steps[:, week - 1]
    return steps


def _spells(
    rng: Generator, shape: tuple[int, int], *, starts: float, stops: float
) -> Flags:
    """On/off states that begin with chance ``starts`` and end with ``stops`` a week."""
    draw = rng.random(shape)
    on = np.zeros(shape, dtype=bool)
    on[:, 0] = draw[:, 0] < starts / (starts + stops)
    for week in range(1, shape[1]):
        was = on[:, week - 1]
        on[:, week] = np.where(was, draw[:, week] >= stops, draw[:, week] < starts)
    return on


def _champions(rng: Generator, age: Floats) -> Ints:
    """Tell which champion is there by week; a new account starts with its first."""
    draw = rng.random(age.shape)
    here = np.zeros(age.shape, dtype=np.int64)
    count = np.zeros(age.shape[0], dtype=np.int64)
    empty = rng.random(age.shape[0]) < np.where(age[:, 0] > 0, 0.14, 0.0)
    for week in range(age.shape[1]):
        leaves = ~empty & (draw[:, week] < 0.24 / 52) & (age[:, week] > 8)
        comes = empty & (draw[:, week] < 1 / 36)
        count += comes
        empty = (empty | leaves) & ~comes
        here[:, week] = np.where(empty, -1, count)
    return here


def _set_up(rng: Generator, age: Floats) -> Flags:
    """Whether onboarding has succeeded; a failed one is mended in four years or so."""
    fails = rng.random(age.shape[:1]) < 0.42
    mended_at = rng.exponential(4.0 * 52, age.shape[0])
    still: Flags = age < np.where(fails, mended_at, -np.inf)[:, None]
    return ~still


def draw_states(rng: Generator, born: Ints, timeline: Timeline) -> States:
    """Draw every hidden state; ``born`` is the first day of each account.

    >>> line = Timeline(first=200, until=600, monday=4, weeks=86)
    >>> draw_states(np.random.default_rng(1), np.array([0, 300]), line).level.shape
    (2, 86)
    """
    shape = (born.size, timeline.weeks)
    mondays = timeline.monday + 7 * np.arange(timeline.weeks)
    age = (mondays[None, :] - born[:, None]) / 7.0
    begins = timeline.first + rng.integers(
        0, max(timeline.until - timeline.first, 1), born.size
    )
    begins = np.where(rng.random(born.size) < 0.10, begins, timeline.until + 999)
    ramp = np.clip((mondays[None, :] - begins[:, None]) / 84.0, 0.0, 1.0)
    return States(
        level=0.90 * _wander(rng, shape, weeks=40),
        share=1 / (1 + np.exp(-0.45 - 1.1 * _wander(rng, shape, weeks=52))),
        aim=0.9 + 1.7 * _wander(rng, shape, weeks=78),
        trouble=_spells(rng, shape, starts=0.24 / 52, stops=1 / 40),
        champion=_champions(rng, age),
        set_up=_set_up(rng, age),
        mood=_wander(rng, shape, weeks=78),
        strain=np.maximum(_wander(rng, shape, weeks=78) - 0.2, 0.0) * 1.2,
        automation=ramp,
    )


def _mean(table: Floats, first: int, last: int) -> Floats:
    """Mean of the weeks ``first`` to ``last`` before each week, as far as they go."""
    weeks = table.shape[1]
    sums = np.concatenate([np.zeros_like(table[:, :1]), table.cumsum(axis=1)], axis=1)
    now = np.arange(weeks)
    low, high = np.maximum(now - last, 0), np.maximum(now - first + 1, 0)
    mean: Floats = (sums[:, high] - sums[:, low]) / np.maximum(high - low, 1)
    return mean


def seats_by_week(
    contracts: Contracts, timeline: Timeline, accounts: int
) -> tuple[Ints, Floats]:
    """Paid seats, and the price rise of the last year, by account and week.

    >>> one = np.array([0])
    >>> rows = Contracts(account=one, start=one, end=one + 365, stop=one + 365,
    ...     since=one, signed=one, notice=one - 1, term=one + 12, seats=one + 5,
    ...     plan=one, price=one * 1.0, discount=one * 0.0, rise=one + 0.1,
    ...     upgraded=one > 0)
    >>> line = Timeline(first=0, until=14, monday=0, weeks=3)
    >>> seats_by_week(rows, line, 1)[0].tolist()
    [[5, 5, 5]]
    """
    mondays = timeline.monday + 7 * np.arange(timeline.weeks, dtype=np.int64)
    account = np.repeat(np.arange(accounts)[:, None], timeline.weeks, axis=1)
    row = in_force(contracts, account, np.broadcast_to(mondays, account.shape))
    first = np.searchsorted(contracts.account, np.arange(accounts))
    seats = np.where(row >= 0, contracts.seats[row], contracts.seats[first][:, None])
    # the last row with a rise, carried forward within the account
    raised = np.where(contracts.rise > 0, np.arange(contracts.rise.size), -1)
    raised = np.maximum.accumulate(raised)[np.maximum(row, 0)]
    mine = (row >= 0) & (raised >= 0) & (contracts.account[raised] == account)
    recent = mine & (contracts.start[row] - contracts.start[raised] <= 360)
    return seats, np.where(recent, contracts.rise[raised], 0.0)


def _active_users(states: States, seats: Ints) -> Ints:
    """Count the users about: the champion, and those the share of seats reaches."""
    others = np.floor(states.share * seats + 0.5).astype(np.int64) - 1
    return np.maximum(others, 0) + (states.champion >= 0)


def effects(
    states: States,
    contracts: Contracts,
    timeline: Timeline,
    *,
    urgent: Ints,
    missed: Floats,
    born: Ints,
) -> dict[str, NDArray[np.float32]]:
    """Turn states into log-hazard effects by part, each (account, week).

    ``urgent`` counts urgent tickets by week, ``missed`` is the share of the last four
    goals due that were missed.

    >>> from churnhealth.simulated.company import simulate
    >>> sorted(simulate(accounts=5, years=1).truth.effects) == sorted(EFFECTS)
    True
    """
    seats, rise = seats_by_week(contracts, timeline, born.size)
    mondays = timeline.monday + 7 * np.arange(timeline.weeks)
    grown = (mondays[None, :] - born[:, None]) >= 17 * 7
    fall = _mean(states.level, 5, 26) - _mean(states.level, 1, 4)
    tickets = np.rint(_mean(urgent.astype(float), 1, 13) * 13)
    raw = {
        "falling_use": np.where(grown, fall, 0.0),
        "low_seat_use": 0.60 - _active_users(states, seats) / seats,
        "unmet_goals": missed - 0.30,
        "bad_support": np.log1p(tickets) - 0.3,
        "lost_champion": (states.champion < 0) * 1.0,
        "failed_onboarding": ~states.set_up * 1.0,
        "bad_mood": states.mood,
        "late_payment": states.strain - 0.3,
        "price_rise": rise,
    }
    return {
        part: (weight * raw[part]).astype(np.float32)
        for part, weight in EFFECTS.items()
    }
