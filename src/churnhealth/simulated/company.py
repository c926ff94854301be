"""A simulated business-to-business software company whose true churn risk is known.

Everything is drawn from one seed. The tables look like those of a real company, with
their late rows, duplicates and columns one must not learn from; what is really true
is kept apart in ``Truth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from churnhealth.simulated.calendar import Contracts, Timeline
from churnhealth.simulated.contracts import (
    draw_calendar,
    draw_lives,
    end_lives,
    joined,
    returning,
)
from churnhealth.simulated.records import draw_goals, draw_tickets, missed_by_week
from churnhealth.simulated.states import (
    EFFECTS,
    States,
    draw_states,
    effects,
    seats_by_week,
)
from churnhealth.simulated.tables import (
    accounts_table,
    department_tables,
    subscriptions_table,
    usage_table,
)
from churnhealth.simulated.truth import Measures, Truth, measure
from churnhealth.simulated.usage import draw_usage

__all__ = ["Company", "Measures", "Truth", "measure", "simulate", "write_company"]

Column = NDArray[Any]
Effects = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """Tables by file stem, column by column, and the truth behind them."""

    tables: Mapping[str, Mapping[str, Column]]
    truth: Truth


def simulate(
    *,
    accounts: int = 600,
    years: int = 3,
    seed: int = 7,
    until: date = date(2026, 1, 1),
    activity: float = 1.0,
) -> Company:
    """Draw a company with ``years`` of history before ``until``.

    ``activity`` thins out the usage rows (1 = all) and nothing else; it keeps small
    samples small. The same arguments give the same company.

    >>> company = simulate(accounts=20, years=1)
    >>> sorted(company.tables)[:4]
    ['accounts', 'calls', 'goals', 'invoices']
    >>> company.tables["accounts"]["company"][0]
    'Amber Kites 1 (fictional)'
    """
    timeline = Timeline.of(until, years=years)
    rng = np.random.default_rng(seed)
    life, state, records, use, people = rng.spawn(5)
    lives = draw_lives(life, accounts, timeline)
    born = lives.start
    states = draw_states(state, born, timeline)
    tickets = draw_tickets(records, states, born, lives.seats, timeline)
    goals = draw_goals(records, states, born, timeline)
    missed = missed_by_week(goals, accounts, timeline)

    def parts(rows: Contracts) -> Effects:
        return effects(
            states,
            rows,
            timeline,
            urgent=tickets.urgent_by_week,
            missed=missed,
            born=born,
        )

    contracts = _live(life, draw_calendar(life, lives, timeline), parts, timeline)
    seats, _ = seats_by_week(contracts, timeline, accounts)
    usage = draw_usage(use, states, seats, contracts, timeline, activity=activity)
    names = np.array([f"A{n:05d}" for n in range(1, accounts + 1)], dtype=object)
    truth = Truth(
        account_id=names,
        timeline=timeline,
        effects=parts(contracts),
        contracts=contracts,
        automated_on=_automated(states, timeline),
    )
    tables = {
        "accounts": accounts_table(people, names, lives, contracts, timeline),
        "subscriptions": subscriptions_table(names, contracts, timeline),
        "usage": usage_table(names, usage),
        **department_tables(
            records, names, born, states, tickets, goals, contracts, timeline
        ),
    }
    return Company(tables=tables, truth=truth)


def _live(
    rng: Generator,
    calendar: Contracts,
    parts: Callable[[Contracts], Effects],
    timeline: Timeline,
) -> Contracts:
    """Let the hazard end lives; a few accounts come back and live a second time."""

    def risk(rows: Contracts) -> NDArray[np.float32]:
        total: NDArray[np.float32] = np.sum(list(parts(rows).values()), axis=0)
        return total

    accounts = int(calendar.account.max()) + 1
    begin = np.full(accounts, timeline.first)
    first, ended = end_lives(rng, calendar, risk(calendar), timeline, from_day=begin)
    back = returning(rng, first, ended, timeline)
    if back.account.size == 0:
        return first
    both = joined(first, draw_calendar(rng, back, timeline))
    begin[:] = timeline.until
    begin[back.account] = back.start
    return end_lives(rng, both, risk(both), timeline, from_day=begin)[0]


def _automated(states: States, timeline: Timeline) -> NDArray[np.datetime64]:
    on = states.automation > 0
    day = timeline.monday + 7 * on.argmax(axis=1)
    when: NDArray[np.datetime64] = day.astype("M8[D]")
    when[~on.any(axis=1)] = np.datetime64("NaT", "D")
    return when


def write_company(
    company: Company, directory: Path, *, file_format: Literal["csv", "parquet"]
) -> None:
    """Write one file per table, and what is true apart in ``truth/``.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_company(simulate(accounts=5, years=1), folder, file_format="csv")
    >>> sorted(file.name for file in (folder / "truth").iterdir())
    ['accounts.csv', 'effects.csv']
    """
    # the engine loads DuckDB; drawing a company must not
    from churnhealth.sources.engine import write_table

    for stem, columns in company.tables.items():
        write_table(directory / f"{stem}.{file_format}", columns)
    for stem, columns in _truth_tables(company.truth).items():
        write_table(directory / "truth" / f"{stem}.{file_format}", columns)


def _truth_tables(truth: Truth) -> dict[str, dict[str, Column]]:
    """Effects of every state part by account and month, and who automated when."""
    line = truth.timeline
    weeks = np.arange((line.first - line.monday) // 7, line.weeks, 4)
    account = np.repeat(np.arange(truth.account_id.size), weeks.size)
    week = np.tile(weeks, truth.account_id.size)
    effects: dict[str, Column] = {
        "account_id": truth.account_id[account],
        "week": (line.monday + 7 * week).astype("M8[D]"),
    }
    for part in EFFECTS:
        value = truth.effects[part][account, week]
        effects[part] = value.astype(np.float64).round(3)
    people: dict[str, Column] = {
        "account_id": truth.account_id,
        "automated_on": truth.automated_on,
    }
    return {"effects": effects, "accounts": people}
