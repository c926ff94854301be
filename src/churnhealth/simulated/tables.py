"""The simulated company's tables, as its departments would export them.

Some columns are traps on purpose: ``is_active``, ``churned_on``, ``health_note_code``
and ``status`` are filled in after the fact.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from churnhealth.simulated.calendar import Contracts, Timeline
from churnhealth.simulated.contracts import Lives
from churnhealth.simulated.records import (
    CALLS,
    GOALS,
    PRIORITIES,
    Goals,
    Table,
    Tickets,
    covered,
    draw_calls,
    draw_invoices,
    draw_pulse,
    draw_surveys,
)
from churnhealth.simulated.states import States
from churnhealth.simulated.usage import EVENTS, MACHINE, Usage
from churnhealth.sources.contract import Flags, Ints

__all__ = ["accounts_table", "department_tables", "subscriptions_table", "usage_table"]

Text = NDArray[np.object_]
Dates = NDArray[np.datetime64]

PLANS = ("starter", "team", "scale")
COUNTRIES = ("SE", "DE", "FR", "GB", "US", "NL", "PL")
INDUSTRIES = ("retail", "health", "logistics", "media", "finance", "public")
NOTES = ("R1", "R2", "R3", "R4")
_FIRST = ("Amber", "Cedar", "Delta", "Ember", "Fjord", "Gamma", "Maple", "Onyx")
_SECOND = ("Kites", "Lanterns", "Otters", "Pebbles", "Rivets", "Teapots", "Wheels")


def _words(words: tuple[str, ...], index: Ints) -> Text:
    return np.array(words, dtype=object)[index]


def _dates(days: Ints, keep: Flags | None = None) -> Dates:
    """Turn day numbers into dates, missing where ``keep`` is false."""
    dates = days.astype("M8[D]")
    if keep is not None:
        dates = np.where(keep, dates, np.datetime64("NaT", "D"))
    return dates


def accounts_table(
    rng: Generator,
    names: Text,
    lives: Lives,
    contracts: Contracts,
    timeline: Timeline,
) -> Table:
    """List the accounts, with three columns that only know better afterwards.

    >>> from churnhealth.simulated.company import simulate
    >>> sorted(set(simulate(accounts=300, years=1).tables["accounts"]["tier"]))
    ['enterprise', 'mid', 'small']
    """
    n = names.size
    last = np.searchsorted(contracts.account, np.arange(n), side="right") - 1
    stop = contracts.stop[last]
    gone = stop + 30 < timeline.until
    nth = np.arange(n)
    company = [
        f"{_FIRST[i % len(_FIRST)]} {_SECOND[i % len(_SECOND)]} {i + 1} (fictional)"
        for i in nth
    ]
    csms = max(n // 60, 2)
    notes = _words(NOTES, rng.integers(0, len(NOTES), n))
    notes[~gone] = None
    return {
        "id": names,
        "company": np.array(company, dtype=object),
        "tier": _words(
            ("small", "mid", "enterprise"), np.digitize(lives.seats, [10, 25])
        ),
        "csm": _words(tuple(f"csm-{i + 1:02d}" for i in range(csms)), nth % csms),
        "country": _words(COUNTRIES, rng.integers(0, len(COUNTRIES), n)),
        "industry": _words(INDUSTRIES, rng.integers(0, len(INDUSTRIES), n)),
        "created_on": _dates(lives.start),
        "is_active": ~gone,
        "churned_on": _dates(stop, gone),
        "health_note_code": notes,
    }


def subscriptions_table(names: Text, rows: Contracts, timeline: Timeline) -> Table:
    """List the contract rows; ``status`` is as of the export, not of any day before.

    >>> from churnhealth.simulated.company import simulate
    >>> rows = simulate(accounts=50, years=1).tables["subscriptions"]
    >>> bool((rows["end_date"] > rows["start_date"]).all())
    True
    """
    early = rows.stop < rows.end
    over = (rows.stop < timeline.until) & ~rows.upgraded
    followed = np.append(
        (rows.since[1:] == rows.since[:-1]) & (rows.account[1:] == rows.account[:-1]),
        False,
    )
    state = np.select([rows.upgraded, followed, over & early, over], [1, 2, 3, 4], 0)
    status = ("active", "upgraded", "renewed", "cancelled", "ended")
    value = rows.seats * rows.price * (1 - rows.discount)
    return {
        "subscription_id": np.arange(1, rows.account.size + 1),
        "account_id": names[rows.account],
        "start_date": _dates(rows.start),
        "end_date": _dates(rows.end),
        "cancelled_on": _dates(rows.stop, early),
        "notice_on": _dates(rows.notice, rows.notice >= 0),
        "signed_on": _dates(rows.signed),
        "mrr": value.round(2),
        "seats": rows.seats,
        "plan": _words(PLANS, rows.plan),
        "term_months": rows.term,
        "discount": rows.discount,
        "status": _words(status, state),
    }


def usage_table(names: Text, usage: Usage) -> Table:
    """List usage by account, user, day and event; twice-sent rows share their id.

    >>> from churnhealth.simulated.company import simulate
    >>> usage = simulate(accounts=20, years=1).tables["usage"]
    >>> np.unique(usage["event_id"]).size < usage["event_id"].size
    True
    """
    users = np.array([f"u{number:03d}" for number in range(MACHINE + 1)], dtype=object)
    users[MACHINE] = None  # no person
    return {
        "event_id": np.cumsum(~usage.repeated),
        "account_id": names[usage.account],
        "user_id": users[usage.user],
        "event": _words(EVENTS, usage.event),
        "happened_at": usage.happened.astype("M8[s]"),
        "received_at": usage.received.astype("M8[s]"),
        "count": usage.count,
    }


def department_tables(
    rng: Generator,
    names: Text,
    born: Ints,
    states: States,
    tickets: Tickets,
    goals: Goals,
    contracts: Contracts,
    timeline: Timeline,
) -> dict[str, Table]:
    """Make everything but contracts and usage, cut to cover and to the history.

    >>> from churnhealth.simulated.company import simulate
    >>> sorted(simulate(accounts=5, years=1).tables)[4:7]
    ['pulse', 'subscriptions', 'surveys']
    """
    surveys = draw_surveys(rng, states, born, timeline)
    pulse = draw_pulse(rng, states, born, timeline)
    calls = draw_calls(rng, born, contracts, timeline)
    surveys, pulse = (_in_cover(table, contracts) for table in (surveys, pulse))
    return {
        "tickets": _tickets(rng, names, tickets, contracts, timeline),
        "surveys": {
            "account_id": names[surveys["account"]],
            "answered_on": _dates(surveys["day"]),
            "question": np.full(surveys["day"].size, "nps", dtype=object),
            "score": surveys["score"],
        },
        "calls": {
            "account_id": names[calls["account"]],
            "happened_on": _dates(calls["day"]),
            "kind": _words(CALLS, calls["kind"]),
            "minutes": calls["minutes"],
        },
        "invoices": _invoices(
            names, draw_invoices(rng, states, contracts, timeline), timeline
        ),
        "goals": _goals(names, goals, contracts, timeline),
        "pulse": {
            "account_id": names[pulse["account"]],
            "noted_on": _dates(pulse["day"]),
            "score": pulse["score"],
        },
    }


def _in_cover(table: Table, contracts: Contracts) -> Table:
    keep = covered(contracts, table["account"], table["day"])
    order = np.flatnonzero(keep)
    order = order[np.argsort(table["day"][order], kind="stable")]
    return {name: column[order] for name, column in table.items()}


def _tickets(
    rng: Generator,
    names: Text,
    tickets: Tickets,
    contracts: Contracts,
    timeline: Timeline,
) -> Table:
    keep = (tickets.opened >= timeline.first) & (tickets.opened < timeline.until)
    keep &= covered(contracts, tickets.account, tickets.opened)
    row = np.flatnonzero(keep)
    row = row[np.argsort(tickets.opened[row], kind="stable")]
    closed = tickets.closed[row]
    done = closed < timeline.until
    rating = tickets.satisfaction[row]
    second = rng.integers(8 * 3600, 17 * 3600, (2, row.size))
    ended = (closed * 86_400 + second[1]).astype("M8[s]")
    return {
        "ticket_id": np.arange(1, row.size + 1),
        "account_id": names[tickets.account[row]],
        "opened_at": (tickets.opened[row] * 86_400 + second[0]).astype("M8[s]"),
        "closed_at": np.where(done, ended, np.datetime64("NaT", "s")),
        "priority": _words(PRIORITIES, tickets.priority[row]),
        "satisfaction": np.where(done & (rating > 0), rating * 1.0, np.nan),
    }


def _invoices(names: Text, drawn: Table, timeline: Timeline) -> Table:
    order = np.argsort(drawn["issued"], kind="stable")
    paid = drawn["paid"][order]
    return {
        "invoice_id": np.arange(1, order.size + 1),
        "account_id": names[drawn["account"][order]],
        "issued_on": _dates(drawn["issued"][order]),
        "due_on": _dates(drawn["due"][order]),
        "paid_on": _dates(paid, paid < timeline.until),
        "amount": drawn["amount"][order],
    }


def _goals(
    names: Text, goals: Goals, contracts: Contracts, timeline: Timeline
) -> Table:
    """Goals set while a customer; one is only ever reached by a customer."""
    keep = (goals.set_on < timeline.until) & covered(
        contracts, goals.account, goals.set_on + 1
    )
    row = np.flatnonzero(keep)
    reached = goals.reached[row]
    known = reached < timeline.until
    known &= covered(contracts, goals.account[row], np.where(known, reached, 0))
    return {
        "goal_id": np.arange(1, row.size + 1),
        "account_id": names[goals.account[row]],
        "goal": _words(GOALS, goals.kind[row]),
        "set_on": _dates(goals.set_on[row]),
        "due_on": _dates(goals.due[row]),
        "reached_on": _dates(np.where(known, reached, 0), known),
    }
