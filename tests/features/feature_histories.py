"""Small random businesses, as plain rows, and how they become a History."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from churnhealth.sources.contract import (
    FAR,
    Accounts,
    Contracts,
    EventLog,
    History,
    StateLog,
)
from churnhealth.sources.joining import coverage_of

DECIMALS = 2


class Event(NamedTuple):
    account: int
    happened: int
    known: int
    name: str
    count: int
    amount: float | None
    user: int
    users: float | None
    ended: int
    item: int = -1


class State(NamedTuple):
    account: int
    known: int
    name: str
    value: float


class Term(NamedTuple):
    account: int
    start: int
    end: int
    cancelled: int
    notice: int
    known: int
    value: float
    seats: float
    plan: str | None = None
    contract: int = 0


@dataclass(frozen=True, kw_only=True)
class Business:
    """Rows as a person would write them down, per source."""

    accounts: int
    profiles: tuple[tuple[int, str | None], ...]
    events: dict[str, tuple[Event, ...]]
    planned: tuple[str, ...] = ("plans",)
    states: tuple[State, ...] = ()
    terms: tuple[Term, ...] = ()
    extra_names: tuple[str, ...] = ()
    user_offset: int = 0
    names: tuple[str, ...] = field(default=("a", "b", "c"))


def history_of(business):
    return History(
        accounts=_accounts(business),
        contracts=_contracts(business.terms),
        events=tuple(_log(n, r, business) for n, r in business.events.items()),
        states=(_states(business),),
    )


def whole(values):
    return np.array(list(values), dtype=np.int64)


def real(values):
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def words(values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def columns(kind, rows):
    return {name: [getattr(row, name) for row in rows] for name in kind._fields}


def _accounts(business):
    n = business.accounts
    none = words([None] * n)
    level = words([country for _, country in business.profiles])
    return Accounts(
        ids=words([f"a{i}" for i in range(n)]),
        name=none,
        segment=level,
        owner=none,
        group=none,
        known_at=whole(known for known, _ in business.profiles),
        attributes={"country": level},
    )


def _contracts(terms):
    rows = sorted(terms, key=lambda r: (*r[:-2], r.plan or "", r.contract))
    column = columns(Term, rows)
    none = np.full(len(rows), np.nan)
    return Contracts(
        account=whole(column["account"]),
        start=whole(column["start"]),
        end=whole(column["end"]),
        cancelled_at=whole(column["cancelled"]),
        notice_at=whole(column["notice"]),
        known_at=whole(column["known"]),
        replaced_at=np.full(len(rows), FAR),
        value=real(column["value"]),
        seats=real(column["seats"]),
        term_months=none,
        discount=none,
        plan=words(column["plan"]),
        contract=whole(column["contract"]),
    )


def _log(name, rows, business):
    vocabulary = tuple(sorted((*business.extra_names, *business.names)))
    rows = sorted(rows, key=lambda r: (r[:4], r[4], str(r[5:])))
    column = columns(Event, rows)
    users = [u + business.user_offset if u >= 0 else -1 for u in column["user"]]
    return EventLog(
        name=name,
        planned=name in business.planned,
        vocabulary=vocabulary,
        categories=("usage",) * len(vocabulary),
        account=whole(column["account"]),
        happened_at=whole(column["happened"]),
        known_at=whole(column["known"]),
        event=whole(vocabulary.index(n) for n in column["name"]),
        count=whole(column["count"]),
        amount=real(column["amount"]),
        decimals=DECIMALS,
        user=whole(users),
        users=real(column["users"]),
        ended_at=whole(column["ended"]),
        item=whole(column["item"]),
        coverage=coverage_of(whole(column["known"]), whole(column["happened"])),
    )


def _states(business):
    vocabulary = tuple(sorted({*business.extra_names, "x", "y"}))
    rows = sorted(business.states, key=lambda r: (r.account, r.name, r.known))
    return StateLog(
        name="surveys",
        vocabulary=vocabulary,
        categories=("experience",) * len(vocabulary),
        account=whole(r.account for r in rows),
        known_at=whole(r.known for r in rows),
        state=whole(vocabulary.index(r.name) for r in rows),
        value=real(r.value for r in rows),
    )


ACCOUNTS, LAST_DAY = 3, 60
_account = st.integers(0, ACCOUNTS - 1)
_day = st.integers(-5, LAST_DAY)
_lag = st.sampled_from([0, 0, 0, 0, 1, 2, 5, 12, 40, FAR])
_lead = st.sampled_from([0, 3, -4, -20, -60, 12])
_open = st.sampled_from([0, 1, 4, 15, FAR])
_done = st.sampled_from([0, 1, 4, -1, -6, FAR])


def event(*, planned=False):
    return st.tuples(
        _account,
        _day,
        _lead if planned else _lag,
        st.sampled_from("abc"),
        st.sampled_from([1, 1, 2, 7, 0]),
        st.sampled_from([None, 0.1, 1.25, -3.3, 1e6]),
        st.integers(-1, 3),
        st.sampled_from([None, 1.0, 4.0, 2.5]),
        _done if planned else _open,
        st.integers(-1, 3),
    ).map(_event)


def _event(drawn):
    account, happened, lag, name, count, amount, user, users, took, item = drawn
    return Event(
        account=account,
        happened=happened,
        known=FAR if lag == FAR else happened + lag,
        name=name,
        count=count,
        amount=amount,
        user=user,
        users=users,
        ended=FAR if took == FAR else happened + took,
        item=item,
    )


def state():
    value = st.sampled_from([1.0, 2.0, 2.0, np.nan])
    return st.builds(State, _account, _day, st.sampled_from("xy"), value)


def term():
    return st.tuples(
        _account,
        _day,
        st.sampled_from([5, 20, 31, FAR]),
        st.sampled_from([None, None, 1, 10]),
        st.sampled_from([0, 3, 8]),
        st.sampled_from([0, 0, -10, 6]),
        st.sampled_from([np.nan, 10.0, 25.0]),
        st.sampled_from([np.nan, 0.0, 3.0, 8.0]),
        st.sampled_from([None, "pro", "team"]),
        st.sampled_from([0, 0, 1]),
    ).map(_term)


def _term(drawn):
    account, start, length, stopped, notice, known, value, seats, plan, number = drawn
    stop = FAR if stopped is None else start + stopped
    return Term(
        account=account,
        start=start,
        end=FAR if length == FAR else start + length,
        cancelled=stop,
        notice=FAR if stopped is None else stop - notice,
        known=start + known,
        value=value,
        seats=seats,
        plan=plan,
        contract=number,
    )


def many(rows, most=14):
    return st.lists(rows, max_size=most).map(tuple)


def _prompt(drawn):
    """Half of the businesses know of everything at once, as most sources do."""
    events, prompt = drawn
    if not prompt:
        return events
    told = (e._replace(known=e.happened) for e in events["product"])
    return {**events, "product": tuple(told)}


def businesses():
    profile = st.tuples(
        st.sampled_from([-FAR, 0, 30]),
        st.sampled_from(["SE", "DK", "12", "-2.5", "007", None]),
    )
    return st.builds(
        Business,
        accounts=st.just(ACCOUNTS),
        profiles=st.tuples(*[profile] * ACCOUNTS),
        events=st.tuples(
            st.fixed_dictionaries(
                {"product": many(event(), 30), "plans": many(event(planned=True))}
            ),
            st.booleans(),
        ).map(_prompt),
        states=many(state()),
        terms=many(term(), 6),
    )


def retold(business, other, as_of):
    """Keep what was known before ``as_of`` and take the rest from another business."""

    def mixed(ours, theirs):
        kept = [row for row in ours if row.known < as_of]
        return tuple(kept + [row for row in theirs if row.known >= as_of])

    def later(event):
        moved = event.ended + 3 if as_of <= event.ended < FAR else event.ended
        return event._replace(ended=moved)

    def unnoticed(row):
        return row._replace(cancelled=FAR, notice=FAR) if row.notice >= as_of else row

    return replace(
        business,
        profiles=tuple(
            ours if ours[0] < as_of else (max(as_of, theirs[0]), theirs[1])
            for ours, theirs in zip(business.profiles, other.profiles, strict=True)
        ),
        events={
            name: mixed(map(later, rows), other.events[name])
            for name, rows in business.events.items()
        },
        states=mixed(business.states, other.states),
        terms=mixed(map(unnoticed, business.terms), other.terms),
        extra_names=("0 new",),
        user_offset=5,
    )
