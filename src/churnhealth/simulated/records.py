"""What other departments write down: tickets, surveys, calls, invoices, goals.

Everything is drawn for the whole history first; rows outside cover, and what lies
beyond the end of the history, are left out when the tables are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from churnhealth.simulated.calendar import Contracts, Timeline, in_force
from churnhealth.simulated.states import States
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = [
    "Goals",
    "Tickets",
    "covered",
    "draw_calls",
    "draw_goals",
    "draw_invoices",
    "draw_pulse",
    "draw_surveys",
    "draw_tickets",
    "missed_by_week",
]

Table = dict[str, NDArray[Any]]

PRIORITIES = ("low", "normal", "urgent")
GOALS = ("faster_reporting", "fewer_errors", "more_users", "one_system")
CALLS = ("onboarding", "review", "check_in")
_NEVER = np.iinfo(np.int64).max // 4


class _Scale(NamedTuple):
    """How often somebody is asked, and how the answer follows the hidden mood."""

    days: int
    share: float
    usual: float
    by_mood: float
    noise: float
    lowest: int
    highest: int


_NPS = _Scale(60, 0.85, usual=6.6, by_mood=1.9, noise=0.6, lowest=0, highest=10)
_PULSE = _Scale(30, 0.7, usual=3.5, by_mood=0.6, noise=0.9, lowest=1, highest=5)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tickets:
    """Support tickets; ``satisfaction`` is 1-5, 0 where nobody answered."""

    account: Ints
    opened: Ints
    closed: Ints
    priority: Ints
    satisfaction: Ints
    urgent_by_week: Ints


def covered(contracts: Contracts, account: Ints, day: Ints) -> Flags:
    """Whether an account was a customer on a day.

    >>> from churnhealth.simulated.company import simulate
    >>> rows = simulate(accounts=5, years=1).truth.contracts
    >>> covered(rows, np.array([0]), rows.start[:1] + 1).tolist()
    [True]
    """
    row = in_force(contracts, account, day)
    return (row >= 0) & (day <= contracts.stop[row])


def draw_tickets(
    rng: Generator, states: States, born: Ints, size: Ints, timeline: Timeline
) -> Tickets:
    """Draw tickets week by week: many and urgent ones in a spell of bad support.

    >>> from churnhealth.simulated.states import draw_states
    >>> line = Timeline(first=200, until=565, monday=4, weeks=81)
    >>> rng, born = np.random.default_rng(1), np.array([0])
    >>> states = draw_states(rng, born, line)
    >>> tickets = draw_tickets(rng, states, born, np.array([50]), line)
    >>> bool((tickets.closed > tickets.opened).all())
    True
    """
    mondays = timeline.monday + 7 * np.arange(timeline.weeks)
    alive = mondays[None, :] >= born[:, None]
    calm = 0.10 * np.sqrt(size / 6.5)[:, None] * alive
    plain = rng.poisson(np.where(states.trouble, 2 * calm, calm))
    urgent = rng.poisson(np.where(states.trouble, 0.32, 0.010) * alive)
    count = plain + urgent
    account, week = np.nonzero(count)
    times = count[account, week]
    account, week = np.repeat(account, times), np.repeat(week, times)
    nth = np.arange(account.size) - np.repeat(np.cumsum(times) - times, times)
    high = nth < urgent[account, week]
    bad = states.trouble[account, week]
    priority = np.where(high, 2, (rng.random(high.size) < 0.6).astype(np.int64))
    opened = timeline.monday + 7 * week + rng.integers(0, 5, high.size)
    takes = 1 + rng.poisson(np.where(bad, 8.0, 2.0))
    mean = 4.3 - 1.5 * bad - 0.35 * states.mood[account, week]
    rating = np.clip(np.rint(mean + 0.8 * rng.standard_normal(high.size)), 1, 5)
    answered = rng.random(high.size) < 0.6
    return Tickets(
        account=account,
        opened=opened,
        closed=opened + takes,
        priority=priority,
        satisfaction=np.where(answered, rating, 0).astype(np.int64),
        urgent_by_week=urgent,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Goals:
    """Goals set at purchase and every year after; ``reached`` may never come."""

    account: Ints
    kind: Ints
    set_on: Ints
    due: Ints
    reached: Ints


def draw_goals(rng: Generator, states: States, born: Ints, timeline: Timeline) -> Goals:
    """Draw four goals a year, due every 13 weeks; the missed may come late.

    >>> from churnhealth.simulated.states import draw_states
    >>> line = Timeline(first=200, until=565, monday=4, weeks=81)
    >>> rng, born = np.random.default_rng(1), np.array([0])
    >>> states = draw_states(rng, born, line)
    >>> draw_goals(rng, states, born, line).due[:3].tolist()
    [91, 182, 273]
    """
    ages = 1 + (timeline.until + 364 - born) // 364
    count = 4 * ages
    account = np.repeat(np.arange(born.size), count)
    nth = np.arange(account.size) - np.repeat(np.cumsum(count) - count, count)
    due = born[account] + 91 * (nth + 1)
    odds = states.aim[account, timeline.week(due)]
    good = rng.random(account.size) < 1 / (1 + np.exp(-odds))
    late = rng.random(account.size) < 0.3
    ahead = rng.integers(0, 50, account.size)
    behind = rng.integers(10, 80, account.size)
    reached = np.where(good, due - ahead, np.where(late, due + behind, _NEVER))
    return Goals(
        account=account,
        kind=rng.integers(0, len(GOALS), account.size),
        set_on=born[account] + 364 * (nth // 4),
        due=due,
        reached=reached,
    )


def missed_by_week(goals: Goals, accounts: int, timeline: Timeline) -> Floats:
    """Share of the last four goals decided before each week that were missed.

    A goal is decided when it is reached, or falls due without; 0.3 before the first.

    >>> line = Timeline(first=200, until=565, monday=4, weeks=81)
    >>> one = np.array([0])
    >>> goals = Goals(account=one, kind=one, set_on=one, due=one + 91,
    ...               reached=one + 95)
    >>> missed_by_week(goals, 1, line)[0, [0, 20]].tolist()
    [0.3, 1.0]
    """
    decided = np.minimum(goals.reached, goals.due)
    order = np.lexsort((goals.due, decided, goals.account))
    account, decided = goals.account[order], decided[order]
    missed = (goals.reached > goals.due)[order]
    sums = np.concatenate([[0], np.cumsum(missed)])
    span = 1 << 20
    key = account * span + decided
    mondays = timeline.monday + 7 * np.arange(timeline.weeks)
    who = np.arange(accounts)[:, None]
    last = np.searchsorted(key, who * span + mondays[None, :])
    first = np.maximum(last - 4, np.searchsorted(account, who))
    size = last - first
    return np.where(size > 0, (sums[last] - sums[first]) / np.maximum(size, 1), 0.3)


def _every(
    rng: Generator, born: Ints, timeline: Timeline, *, days: int, share: float
) -> tuple[Ints, Ints]:
    """Account and day of something that comes round about every ``days`` days."""
    rounds = (timeline.until - timeline.first) // days + 1
    account = np.repeat(np.arange(born.size), rounds)
    phase = rng.integers(0, days, born.size)[account]
    day = timeline.first + phase + days * np.tile(np.arange(rounds), born.size)
    day += rng.integers(0, max(days // 6, 1), day.size)
    keep = (rng.random(day.size) < share) & (day < timeline.until)
    keep &= day >= born[account] + 14
    return account[keep], day[keep]


def draw_surveys(
    rng: Generator, states: States, born: Ints, timeline: Timeline
) -> Table:
    """Draw an NPS answer (0-10) about every 60 days; it follows the hidden mood.

    >>> from churnhealth.simulated.states import draw_states
    >>> line = Timeline(first=200, until=565, monday=4, weeks=81)
    >>> rng, born = np.random.default_rng(1), np.array([0])
    >>> states = draw_states(rng, born, line)
    >>> bool((draw_surveys(rng, states, born, line)["score"] <= 10).all())
    True
    """
    return _answers(rng, states, born, timeline, _NPS)


def draw_pulse(rng: Generator, states: States, born: Ints, timeline: Timeline) -> Table:
    """Draw the CSM's monthly pulse (1-5), partly mood and partly noise.

    >>> from churnhealth.simulated.states import draw_states
    >>> line = Timeline(first=200, until=565, monday=4, weeks=81)
    >>> rng, born = np.random.default_rng(1), np.array([0])
    >>> states = draw_states(rng, born, line)
    >>> bool((draw_pulse(rng, states, born, line)["score"] <= 5).all())
    True
    """
    return _answers(rng, states, born, timeline, _PULSE)


def _answers(
    rng: Generator, states: States, born: Ints, timeline: Timeline, scale: _Scale
) -> Table:
    account, day = _every(rng, born, timeline, days=scale.days, share=scale.share)
    mood = states.mood[account, timeline.week(day)]
    noise = scale.noise * rng.standard_normal(day.size)
    score = np.rint(scale.usual - scale.by_mood * mood + noise)
    score = np.clip(score, scale.lowest, scale.highest)
    return {"account": account, "day": day, "score": score.astype(np.int64)}


def draw_calls(
    rng: Generator, born: Ints, contracts: Contracts, timeline: Timeline
) -> Table:
    """Draw CSM calls: three while onboarding, a quarterly review, check-ins.

    >>> from churnhealth.simulated.company import simulate
    >>> calls = simulate(accounts=20, years=1).tables["calls"]
    >>> sorted(set(calls["kind"]))
    ['check_in', 'onboarding', 'review']
    """
    review, review_day = _every(rng, born, timeline, days=91, share=0.8)
    check, check_day = _every(rng, born, timeline, days=40, share=0.4)
    new = np.repeat(np.arange(born.size), 3)
    new_day = born[new] + np.tile([3, 14, 30], born.size)
    account = np.concatenate([new, review, check])
    sizes = (new.size, review.size, check.size)
    day = np.concatenate([new_day, review_day, check_day])
    kind = np.repeat(np.arange(3), sizes)
    keep = (day >= timeline.first) & (day < timeline.until)
    keep &= covered(contracts, account, day)
    minutes = 10 + 5 * rng.poisson(4.0, day.size)
    table = {"account": account, "day": day, "kind": kind, "minutes": minutes}
    return {name: column[keep] for name, column in table.items()}


def draw_invoices(
    rng: Generator, states: States, contracts: Contracts, timeline: Timeline
) -> Table:
    """Draw an invoice every 30 days of each contract, paid late under strain.

    >>> from churnhealth.simulated.company import simulate
    >>> invoices = simulate(accounts=20, years=1).tables["invoices"]
    >>> bool((invoices["due_on"] > invoices["issued_on"]).all())
    True
    """
    count = (contracts.stop - contracts.start + 29) // 30
    row = np.repeat(np.arange(count.size), count)
    nth = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    issued = contracts.start[row] + 30 * nth + 1
    account = contracts.account[row]
    strain = states.strain[account, timeline.week(issued + 20)]
    lag = np.rint(15 * strain + 1.0 * rng.standard_normal(row.size) - 1.5)
    due = issued + 14
    price = contracts.price * contracts.seats * (1 - contracts.discount)
    table: Table = {
        "account": account,
        "issued": issued,
        "due": due,
        "paid": due + lag.astype(np.int64),
        "amount": price[row].round(2),
    }
    keep = (issued >= timeline.first) & (issued < timeline.until)
    return {name: column[keep] for name, column in table.items()}
