"""Accounts that arrive in a request become the same arrays that loading makes.

The rows of one account come out as that account's slice of a loaded history would:
same order, same rounding, so that features agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import FAR, TABLES, Accounts, History
from churnhealth.sources.given import (
    DAY,
    NEVER,
    known_fields,
    label,
    listed,
    moment,
    number,
    object_of,
    open_moment,
    refuse,
    required,
    text,
    whole,
)
from churnhealth.sources.quantised import MAX_SUM, USERS_DECIMALS
from churnhealth.sources.rows_events import (
    EVENT_FIELDS,
    EventRows,
    Words,
    event_table,
    whole_columns,
)
from churnhealth.sources.rows_tables import (
    ContractRow,
    StateRow,
    contract_table,
    floats,
    ints,
    state_table,
)
from churnhealth.sources.schema import EventsShape, Schema

__all__ = ["history_from_rows"]

Row = Mapping[str, object]

_ACCOUNT = ("account_id", "profile", "contracts", "events", "states")
_PROFILE = ("name", "segment", "owner", "group", "known_at")


def _fields(table: str, *more: str) -> frozenset[str]:
    required, optional = TABLES[table]
    # money in a request is in the currency that the model was trained in
    return frozenset((*required, *optional, *more)) - {"account_id", "currency"}


_CONTRACT_FIELDS = _fields("contracts")
_STATE_FIELDS = _fields("states", "source")


class _Event(NamedTuple):
    """One event to the microsecond; a missing number is -inf, so that events sort."""

    happened_at: int
    known_at: int
    event: str
    user: str
    times: int
    amount: float
    users: float
    ended_at: int
    item: str


def history_from_rows(
    schema: Schema, accounts: Sequence[Row], *, first: int = 0
) -> History:
    """Turn the accounts of a request into a history, sorted by account id.

    Fields are those of the design's ``POST /v1/score``. Words the model never saw get
    entries of their own behind the schema's vocabulary. ``first`` is the place in the
    request of the first account.

    Raises
    ------
    RequestError
        CH521 a value of the wrong kind, CH522 a field that does not exist, CH523 an
        unknown source, CH524 something required is missing, CH525 an account twice,
        CH526 amounts too large to add up.

    >>> h = history_from_rows(Schema(contracts=False), [{"account_id": "b"},
    ...                                                 {"account_id": "a"}])
    >>> h.accounts.ids.tolist()
    ['a', 'b']
    """
    places = [f"accounts[{i}]" for i in range(first, first + len(accounts))]
    found = [_account(row, at) for row, at in zip(accounts, places, strict=True)]
    order = sorted(range(len(found)), key=lambda i: found[i][0])
    _refuse_repeats(found, order, places)
    tables = _Tables(schema)
    for code, i in enumerate(order):
        tables.add(code, found[i][1], places[i])
    profiles = [found[i][1].get("profile") for i in order]
    profiled = [
        _profile(schema, p, f"{places[i]}.profile")
        for p, i in zip(profiles, order, strict=True)
    ]
    return History(
        accounts=_accounts(schema, [found[i][0] for i in order], profiled),
        contracts=contract_table(tables.contracts, renews_months=schema.renews_months)
        if schema.contracts
        else None,
        events=tuple(event_table(s, tables.events[s.name]) for s in schema.events),
        states=tuple(state_table(s, tables.states[s.name]) for s in schema.states),
    )


def _account(value: object, where: str) -> tuple[str, Row]:
    row = object_of(value, where)
    known_fields(row, _ACCOUNT, where)
    return required(text(row, "account_id", where), f"{where}.account_id"), row


def _refuse_repeats(
    found: Sequence[tuple[str, Row]], order: Sequence[int], places: Sequence[str]
) -> None:
    for a, b in pairwise(order):
        if found[a][0] == found[b][0]:
            raise refuse(
                "CH525",
                f"{places[max(a, b)]}.account_id",
                "is there twice",
                fix="send each account once, with all its rows",
            )


class _Tables:
    """The rows of all accounts so far, by source."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.shapes = {s.name: s for s in schema.events}
        self.contracts: list[ContractRow] = []
        self.events: dict[str, list[EventRows]] = {s.name: [] for s in schema.events}
        self.states: dict[str, list[StateRow]] = {s.name: [] for s in schema.states}

    def add(self, account: int, row: Row, where: str) -> None:
        """Read one account's rows."""
        for i, value in enumerate(listed(row.get("contracts"), f"{where}.contracts")):
            at = f"{where}.contracts[{i}]"
            if not self.schema.contracts:
                fix = "leave contracts out"
                raise refuse("CH523", at, "the model has no contracts", fix=fix)
            self.contracts.append(self._contract(account, value, at))
        self._add_events(account, listed(row.get("events"), f"{where}.events"), where)
        for i, value in enumerate(listed(row.get("states"), f"{where}.states")):
            at = f"{where}.states[{i}]"
            state = object_of(value, at)
            known_fields(state, _STATE_FIELDS, at)
            source = _source(state, at, self.states)
            self.states[source].append(_state(account, state, at))

    def _contract(self, account: int, value: object, at: str) -> ContractRow:
        row = object_of(value, at)
        known_fields(row, _CONTRACT_FIELDS, at)
        start = required(moment(row, "start", at), f"{at}.start")
        cancelled = open_moment(row, "cancelled_at", at)
        notice = open_moment(row, "notice_at", at)
        return ContractRow(
            account=account,
            start=start,
            end=_or(open_moment(row, "end", at), NEVER),
            known_at=_or(moment(row, "known_at", at), start + self._lag),
            cancelled_at=_or(cancelled, NEVER),
            notice_at=_or(None if notice == NEVER else notice, _or(cancelled, NEVER)),
            replaced_at=NEVER,
            value=_first(number(row, "value", at)),
            seats=_first(number(row, "seats", at)),
            term_months=_first(number(row, "term_months", at)),
            discount=_first(number(row, "discount", at)),
            plan=label(row, "plan", at) or "",
            contract_id=text(row, "contract_id", at) or "",
        )

    @property
    def _lag(self) -> int:
        return self.schema.known_at_lag_days * DAY

    def _add_events(self, account: int, rows: Sequence[object], where: str) -> None:
        lag = self.schema.known_at_lag_days
        found = whole_columns(rows, account, self.shapes, lag=lag)
        if found is None:
            found = self._row_by_row(account, rows, where)
        for source, part in found.items():
            self.events[source].append(part)

    def _row_by_row(
        self, account: int, rows: Sequence[object], where: str
    ) -> dict[str, EventRows]:
        """Read events one by one: of repeats of an id the earliest known one stays."""
        found: dict[str, list[_Event]] = {}
        named: dict[tuple[str, str], _Event] = {}
        for i, value in enumerate(rows):
            at = f"{where}.events[{i}]"
            row = object_of(value, at)
            known_fields(row, EVENT_FIELDS, at)
            source = _source(row, at, self.events)
            shape = self.shapes[source]
            event = self._made(row, at, shape)
            key = text(row, "event_id", at)
            if key is None or not shape.unrepeated:
                found.setdefault(source, []).append(event)
                continue
            before = named.get((source, key))
            if before is None or _known_first(event) < _known_first(before):
                named[source, key] = event
        for (source, _), event in named.items():
            found.setdefault(source, []).append(event)
        return {
            s: _as_columns(account, events, self.shapes[s].decimals)
            for s, events in found.items()
        }

    def _made(self, row: Row, at: str, shape: EventsShape) -> _Event:
        happened = required(moment(row, "happened_at", at), f"{at}.happened_at")
        known = _or(moment(row, "known_at", at), happened + self._lag)
        item = text(row, "item", at)
        user, amount = text(row, "user_id", at), number(row, "amount", at)
        users, ended = number(row, "users", at), open_moment(row, "ended_at", at)
        has = shape.columns
        return _Event(
            happened_at=happened,
            known_at=known if shape.planned else max(known, happened),
            event=text(row, "event", at) or shape.name,
            user=(user or "") if "user_id" in has else "",
            times=whole(row, "count", at, default=1),
            amount=_first(amount if "amount" in has else math.nan),
            users=_first(users if "users" in has else math.nan),
            ended_at=_or(ended, NEVER) if "ended_at" in has else NEVER,
            item=(item or "") if "item" in has else "",
        )


def _known_first(event: _Event) -> tuple[object, ...]:
    return (event.known_at, event.happened_at, *event[2:])


def _as_columns(account: int, events: Sequence[_Event], decimals: int) -> EventRows:
    """Keep of a moment its day, of a number what loading keeps of it."""
    return EventRows(
        account=account,
        happened_at=ints(events, lambda e: e.happened_at // DAY),
        known_at=ints(events, lambda e: e.known_at // DAY),
        event=Words.of([e.event for e in events]),
        user=Words.of([e.user for e in events]),
        times=ints(events, lambda e: e.times),
        amount=floats(events, lambda e: _kept(e.amount, decimals)),
        users=floats(events, lambda e: _kept(e.users, USERS_DECIMALS)),
        ended_at=ints(events, lambda e: e.ended_at // DAY),
        item=Words.of([e.item for e in events]),
    )


def _source(row: Row, at: str, among: Mapping[str, object]) -> str:
    name = required(text(row, "source", at), f"{at}.source")
    if name not in among:
        known = ", ".join(sorted(among)) or "none"
        raise refuse(
            "CH523",
            f"{at}.source",
            "the model knows no such source",
            fix=f"use one of: {known}",
        )
    return name


def _state(account: int, row: Row, at: str) -> StateRow:
    value = number(row, "value", at)
    return StateRow(
        account=account,
        state=required(text(row, "state", at), f"{at}.state"),
        known_at=required(moment(row, "known_at", at), f"{at}.known_at"),
        value=required(None if math.isnan(value) else value, f"{at}.value"),
    )


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _first(value: float) -> float:
    """Let a missing number sort before all others, as DuckDB's NULLS FIRST does."""
    return -math.inf if math.isnan(value) else value


def _kept(value: float, decimals: int) -> float:
    """Round as loading does, once it has been said which of repeats stays."""
    scaled = value * 10.0**decimals
    if not abs(scaled) < MAX_SUM:  # missing, or refused when all are added up
        return value
    return round(scaled) / 10.0**decimals + 0.0


def _profile(schema: Schema, value: object, where: str) -> Row:
    row = object_of({} if value is None else value, where)
    known_fields(row, (*_PROFILE, *schema.attributes), where)
    names = ("name", "owner", "group")
    known = moment(row, "known_at", where)
    return {
        **{n: text(row, n, where) for n in names},
        "segment": label(row, "segment", where),
        "known_at": -FAR if known is None else known // DAY,
        "attributes": {n: label(row, n, where) for n in schema.attributes},
    }


def _accounts(schema: Schema, ids: Sequence[str], rows: Sequence[Row]) -> Accounts:
    given = [object_of(r["attributes"], "profile") for r in rows]
    return Accounts(
        ids=texts(ids),
        name=texts(r["name"] for r in rows),
        segment=texts(r["segment"] for r in rows),
        owner=texts(r["owner"] for r in rows),
        group=texts(r["group"] for r in rows),
        known_at=np.array([r["known_at"] for r in rows], dtype=np.int64),
        attributes={n: texts(g[n] for g in given) for n in schema.attributes},
    )
