"""From the oracle's plain rows to the arrays that the shipped code reads."""

from datetime import date

import numpy as np
from tests.snapshots.oracle import NEVER, Ask, Term

from churnhealth.config import Question
from churnhealth.snapshots.cohort import STATUSES, cohort
from churnhealth.snapshots.labels import CENSORED, LEFT_EARLY, NO, YES, labels
from churnhealth.sources.contract import (
    FAR,
    Accounts,
    Contracts,
    EventLog,
    History,
    day_of,
)

assert NEVER == FAR

WORDS = {NO: "no", YES: "yes", CENSORED: "censored", LEFT_EARLY: "left"}


def day(text):
    """Read an ISO date as a day number."""
    return day_of(date.fromisoformat(text))


def term(start, end=None, *, cancelled=None, notice=None, known=None):
    """One contract row with ISO dates; known from its start unless said."""
    days = [None if t is None else day(t) for t in (start, end, cancelled, notice)]
    return Term(*days, known_at=days[0] if known is None else day(known))


def numbers(values):
    return np.array(list(values), dtype=np.int64)


def contracts(rows):
    """Turn ``(account, Term)`` pairs into sorted columns."""
    rows = sorted(
        rows,
        key=lambda r: (
            r[0], r[1].start, r[1].agreed_end, r[1].known_at, r[1].learned_at,
            NEVER if r[1].cancelled_at is None else r[1].cancelled_at,
        ),
    )  # fmt: skip
    terms = [t for _, t in rows]
    nothing = np.full(len(rows), np.nan)
    return Contracts(
        account=numbers(a for a, _ in rows),
        start=numbers(t.start for t in terms),
        end=numbers(t.agreed_end for t in terms),
        cancelled_at=numbers(
            FAR if t.cancelled_at is None else t.cancelled_at for t in terms
        ),
        notice_at=numbers(t.learned_at for t in terms),
        known_at=numbers(t.known_at for t in terms),
        replaced_at=np.full(len(rows), FAR),
        value=nothing,
        seats=nothing,
        term_months=nothing,
        discount=nothing,
        plan=np.full(len(rows), None, dtype=object),
        contract=np.zeros(len(rows), int),
    )


def event_log(rows, name, *, planned=False):
    """Turn ``(account, Event)`` pairs into one sorted source."""
    rows = sorted(rows, key=lambda r: (r[0], r[1].happened_at, r[1].known_at))
    return EventLog(
        name=name,
        planned=planned,
        vocabulary=("login",),
        categories=("usage",),
        account=numbers(a for a, _ in rows),
        happened_at=numbers(e.happened_at for _, e in rows),
        known_at=numbers(e.known_at for _, e in rows),
        event=np.zeros(len(rows), np.int64),
        count=np.ones(len(rows), np.int64),
    )


def history(terms, events=None, *, planned=None):
    """Build a history from each account's terms and events (lists by account)."""
    n = max(len(terms or ()), len(events or ()))
    texts = np.full(n, None, dtype=object)
    logs = []
    if events is not None:
        flat = [(a, e) for a, rows in enumerate(events) for e in rows]
        for source in sorted({e.source for _, e in flat} | {0}):
            mine = [r for r in flat if r[1].source == source]
            logs.append(event_log(mine, f"source{source}"))
    if planned is not None:
        flat = [(a, e) for a, rows in enumerate(planned) for e in rows]
        logs.append(event_log(flat, "meetings", planned=True))
    rows = [(a, t) for a, mine in enumerate(terms or ()) for t in mine]
    return History(
        accounts=Accounts(
            ids=np.array([f"a{i}" for i in range(n)], dtype=object),
            name=texts,
            segment=texts,
            owner=texts,
            group=texts,
            known_at=np.zeros(n, np.int64),
        ),
        contracts=None if terms is None else contracts(rows),
        events=tuple(logs),
    )


def question(ask):
    """Ask the shipped code what the oracle is asked."""
    gap = {} if ask.kind == "inactivity" else {"gap_days": ask.gap}
    return Question(
        kind=ask.kind,
        lead_days=ask.lead,
        lead_max_days=ask.lead_max,
        horizon_days=ask.horizon,
        active_days=ask.active,
        min_age_days=ask.min_age,
        churn_when=ask.churn_when,
        **gap,
    )


def grid(accounts, days):
    """Every account on every day."""
    days = numbers(days)
    return np.repeat(np.arange(accounts), days.size), np.tile(days, accounts)


def statuses(past, ask, days):
    """Give {(account, day): (status, start, end)} by the shipped code."""
    account, as_of = grid(past.accounts.ids.size, days)
    found = cohort(past, question(ask), account=account, as_of=as_of)
    return {
        (int(a), int(t)): (STATUSES[s], int(b), int(e))
        for a, t, s, b, e in zip(
            found.account, found.as_of, found.status, found.start, found.end,
            strict=True,
        )
    }  # fmt: skip


def outcomes(past, ask, snapshots, *, known_before=FAR, data_until):
    """Give [(word, closing day, outcome day)] of ``(account, as_of, end)`` rows."""
    account, as_of, end = (numbers(row[i] for row in snapshots) for i in range(3))
    found = labels(
        past,
        question(ask),
        account=account,
        as_of=as_of,
        end=end,
        known_before=known_before,
        data_until=data_until,
    )
    return [
        (WORDS[int(c)], int(k), int(o))
        for c, k, o in zip(found.code, found.closes, found.outcome, strict=True)
    ]


def look(terms, ask, when):
    """Give the status of one account with these terms on one ISO date."""
    found = statuses(history([terms]), ask, [day(when)])
    return next(iter(found.values()))[0] if found else None


def outcome(terms, ask, when, *, known_before=FAR, data_until="2100-01-01"):
    """Give the label of one covered account, its end as it was known on the day."""
    as_of, past = day(when), history([terms])
    _, _, end = statuses(past, ask, [as_of])[0, as_of]
    if known_before != FAR:
        known_before = day(known_before)
    rows = outcomes(
        past, ask, [(0, as_of, end)], known_before=known_before,
        data_until=day(data_until),
    )  # fmt: skip
    return rows[0][0]


__all__ = ["Ask", "Term"]
