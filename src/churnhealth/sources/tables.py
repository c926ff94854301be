"""From a typed table in DuckDB to sorted integer arrays, one source at a time.

Texts are encoded before they leave DuckDB: each source numbers its own accounts,
events and users alphabetically, so that joining sources later keeps every order.
Times are compared exactly (microseconds) and handed over as whole days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import AccountsSource
from churnhealth.sources.contract import FAR, Accounts, Ints, Texts
from churnhealth.sources.engine import Connection, fetch, literal, quoted
from churnhealth.sources.reading import Opened
from churnhealth.sources.typed import attribute_column

__all__ = ["Part", "read_accounts", "read_contracts", "read_events", "read_states"]

Columns = dict[str, NDArray[Any]]

_EPOCH = "DATE '1970-01-01'"
_TEXTS = ("name", "segment", "owner", "group")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Part:
    """One source as arrays; ``columns["account"]`` indexes ``ids`` (sorted).

    ``counts`` tells what was seen on the way: rows, repeated ids, missing times, and
    ``examples`` one account for each.
    """

    opened: Opened
    ids: Texts
    columns: Columns
    vocabulary: tuple[str, ...] = ()
    categories: tuple[str | None, ...] = ()
    people: Texts | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)


def _day(expression: str) -> str:
    return f"CAST(CAST({expression} AS DATE) - {_EPOCH} AS BIGINT)"


def _encode(con: Connection, typed: str, expression: str, into: str) -> Texts:
    """Encode the distinct texts of an expression alphabetically into a table."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT id, row_number() OVER"  # noqa: S608
        f" (ORDER BY id) - 1 AS code FROM (SELECT DISTINCT {expression} AS id"
        f" FROM {typed}) WHERE id IS NOT NULL"
    )
    return fetch(con, f"SELECT id FROM {into} ORDER BY code")["id"].astype(object)  # noqa: S608


def _counted(
    con: Connection, typed: str, conditions: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Count the rows of each condition, with the first account as an example."""
    asked = ", ".join(
        f"count(*) FILTER ({c}), min(account_id) FILTER ({c})"
        for c in conditions.values()
    )
    row = con.execute(f"SELECT {asked} FROM {typed}").fetchall()[0]  # noqa: S608
    counts = {k: int(row[2 * i]) for i, k in enumerate(conditions)}
    examples = {k: str(row[2 * i + 1] or "") for i, k in enumerate(conditions)}
    return counts, examples


def read_events(
    con: Connection, opened: Opened, typed: str, *, planned: bool, lag: int
) -> Part:
    """Read one events source, sorted by its total key.

    The key is account, happened_at, known_at (their days), event, user, count,
    amount, users, ended_at (its day). Repeats of an ``event_id`` inside an account are
    dropped, the earliest known one stays.
    """
    has = opened.columns
    word = literal(opened.name)
    event = f"coalesce(event, {word})" if "event" in has else word
    ids = _encode(con, typed, "account_id", "codes_account")
    words = _encode(con, typed, event, "codes_event")
    people = None
    if "user_id" in has:
        people = _encode(con, typed, "user_id", "codes_user")
    late = f"happened_at + INTERVAL {lag} DAY"
    known = f"coalesce(known_at, {late})" if "known_at" in has else late
    if not planned:
        known = f"greatest({known}, happened_at)"
    count = "coalesce(count, 1)" if "count" in has else "1::BIGINT"
    rows = (
        f"SELECT *, {event} AS event_, {known} AS known, {count} AS count_ FROM {typed}"  # noqa: S608
    )
    if "event_id" in has:
        rows = _unrepeated(rows, has)
    found = fetch(con, _sorted_events(rows, has))
    counts, examples = _event_counts(con, typed, has)
    counts["dropped"] = counts["rows"] - found["account"].size
    return Part(
        opened=opened,
        ids=ids,
        columns=found,
        vocabulary=tuple(words),
        categories=_categories(con, opened, typed, event, words),
        people=people,
        counts=counts,
        examples=examples,
    )


def _sorted_events(rows: str, has: Mapping[str, str]) -> str:
    """Write the query that encodes the rows and sorts them by their total key.

    The key is all that is kept of a row, so rows that tie are equal: of the rows of a
    day, the first is the first known.
    """
    select = [
        "a.code AS account",
        f"{_day('t.happened_at')} AS happened_at",
        f"{_day('t.known')} AS known_at",
        "e.code AS event",
        "t.count_ AS count",
    ]
    days = [_day("t.happened_at"), _day("t.known")]
    order = ["a.code", *days, "e.code"]
    join = "JOIN codes_account a ON a.id = t.account_id"
    join += " JOIN codes_event e ON e.id = t.event_"
    if "user_id" in has:
        join += " LEFT JOIN codes_user u ON u.id = t.user_id"
        select.append("coalesce(u.code, -1) AS user_id")
        order.append("coalesce(u.code, -1)")
    order.append("t.count_")
    for column in ("amount", "users"):
        if column in has:
            select.append(f"t.{column}")
            order.append(f"t.{column} NULLS FIRST")
    if "ended_at" in has:
        select.append(f"coalesce({_day('t.ended_at')}, {FAR}) AS ended_at")
        order.append(f"{_day('t.ended_at')} NULLS LAST")
    key = ", ".join(order)
    return f"SELECT {', '.join(select)} FROM ({rows}) t {join} ORDER BY {key}"  # noqa: S608


def _unrepeated(rows: str, has: Mapping[str, str]) -> str:
    """Keep the earliest known row of each event id inside an account."""
    order = ["known", "happened_at", "event_"]
    order += [
        f"{c} NULLS FIRST" for c in ("user_id", "count_") if c in (*has, "count_")
    ]
    order += [f"{c} NULLS FIRST" for c in ("amount", "users") if c in has]
    order += ["ended_at NULLS LAST"] if "ended_at" in has else []
    return (
        f"SELECT * FROM ({rows}) QUALIFY event_id IS NULL OR row_number() OVER"  # noqa: S608
        f" (PARTITION BY account_id, event_id ORDER BY {', '.join(order)}) = 1"
    )


def _event_counts(
    con: Connection, typed: str, has: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, str]]:
    conditions = {"rows": "true"}
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
        conditions["skew"] = "known_at < happened_at"
    if "user_id" in has:
        conditions["no_user"] = "user_id IS NULL"
    counts, examples = _counted(con, typed, conditions)
    if "event_id" in has:
        again = (
            f"SELECT count(*) - 1 AS extra, min(account_id) AS account FROM {typed}"  # noqa: S608
            " WHERE event_id IS NOT NULL GROUP BY event_id HAVING count(*) > 1"
        )
        row = con.execute(
            f"SELECT coalesce(sum(extra), 0), min(account) FROM ({again})"  # noqa: S608
        ).fetchall()[0]
        counts["repeated"], examples["repeated"] = int(row[0]), str(row[1] or "")
    return counts, examples


def _categories(
    con: Connection, opened: Opened, typed: str, word: str, words: Texts
) -> tuple[str | None, ...]:
    """Find each word's most frequent category; ties go to the first by alphabet."""
    constant = getattr(opened.source, "category", None)
    if isinstance(constant, str):
        return tuple(constant for _ in words)
    rows = con.execute(
        f"SELECT word, category FROM (SELECT {word} AS word, lower(category) AS"  # noqa: S608
        f" category, count(*) AS n FROM {typed} WHERE category IS NOT NULL"
        " GROUP BY ALL)"
        " QUALIFY row_number() OVER (PARTITION BY word ORDER BY n DESC, category) = 1"
    ).fetchall()
    best = {str(w): str(c) for w, c in rows}
    return tuple(best.get(w) for w in words)


def read_states(con: Connection, opened: Opened, typed: str) -> Part:
    """Read one states source, sorted by account, state, exact known_at and value.

    Rows without a value are left out and counted.
    """
    ids = _encode(con, typed, "account_id", "codes_account")
    words = _encode(con, typed, "state", "codes_state")
    found = fetch(
        con,
        f"SELECT a.code AS account, {_day('t.known_at')} AS known_at, s.code AS state,"  # noqa: S608
        f" t.value FROM {typed} t JOIN codes_account a ON a.id = t.account_id JOIN"
        " codes_state s ON s.id = t.state WHERE t.value IS NOT NULL"
        " ORDER BY a.code, s.code, t.known_at, t.value",
    )
    counts, examples = _counted(con, typed, {"rows": "true", "empty": "value IS NULL"})
    return Part(
        opened=opened,
        ids=ids,
        columns=found,
        vocabulary=tuple(words),
        categories=_categories(con, opened, typed, "state", words),
        counts=counts,
        examples=examples,
    )


def read_contracts(con: Connection, opened: Opened, typed: str, *, lag: int) -> Part:
    """Read the contracts, sorted by everything they say: account, start, end, ..."""
    has = opened.columns
    ids = _encode(con, typed, "account_id", "codes_account")

    def time(name: str) -> str:
        return f"t.{quoted(name)}" if name in has else "CAST(NULL AS TIMESTAMP)"

    late = f"t.start + INTERVAL {lag} DAY"
    known = f"coalesce({time('known_at')}, {late})"
    notice = f"coalesce({time('notice_at')}, {time('cancelled_at')})"
    times = [
        ("start", "t.start"),
        ("end_", time("end")),
        ("known_at", known),
        ("cancelled_at", time("cancelled_at")),
        ("notice_at", notice),
    ]
    numbers = [
        (n, f"t.{n}" if n in has else "CAST(NULL AS DOUBLE)")
        for n in ("value", "seats", "term_months", "discount")
    ]
    plan = "t.plan" if "plan" in has else "CAST(NULL AS VARCHAR)"
    select = [f"coalesce({_day(e)}, {FAR}) AS {n}" for n, e in times]
    select += [f"{e} AS {n}" for n, e in numbers]
    order = [f"{e} NULLS LAST" for _, e in times]
    order += [f"{e} NULLS FIRST" for _, e in numbers]
    found = fetch(
        con,
        f"SELECT a.code AS account, {', '.join(select)}, {plan} AS plan"  # noqa: S608
        f" FROM {typed} t JOIN codes_account a ON a.id = t.account_id"
        f" ORDER BY a.code, {', '.join(order)}, {plan} NULLS FIRST",
    )
    found["end"] = found.pop("end_")
    conditions = {"rows": "true"}
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
    counts, examples = _counted(con, typed, conditions)
    found |= _flags(con, opened, typed)
    return Part(opened=opened, ids=ids, columns=found, counts=counts, examples=examples)


def read_accounts(con: Connection, opened: Opened, typed: str) -> tuple[Accounts, Part]:
    """Read the accounts, sorted by id, with their attributes under their own names."""
    has = opened.columns
    source = opened.source
    names = source.attributes if isinstance(source, AccountsSource) else ()
    select = [n if n in has else f"CAST(NULL AS VARCHAR) AS {n}" for n in _TEXTS]
    select = [s.replace("group", '"group"') for s in select]
    select += [attribute_column(i) for i in range(len(names))]
    known = _day("known_at") if "known_at" in has else "CAST(NULL AS BIGINT)"
    found = fetch(
        con,
        f"SELECT account_id, {', '.join(select)}, coalesce({known}, {-FAR}) AS known_at"  # noqa: S608
        f" FROM {typed} ORDER BY account_id",
    )
    attributes = {n: found[attribute_column(i)] for i, n in enumerate(names)}
    accounts = Accounts(
        ids=found["account_id"].astype(object),
        **{n: found[n].astype(object) for n in _TEXTS},
        known_at=found["known_at"],
        attributes={k: v.astype(object) for k, v in attributes.items()},
    )
    conditions = {"rows": "true"}
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
    counts, examples = _counted(con, typed, conditions)
    own: Ints = np.arange(accounts.ids.size, dtype=np.int64)
    columns: Columns = {"account": own, **_flags(con, opened, typed)}
    part = Part(
        opened=opened,
        ids=accounts.ids,
        columns=columns,
        counts=counts,
        examples=examples,
    )
    return accounts, part


def _flags(con: Connection, opened: Opened, typed: str) -> Columns:
    """Say for each account whether a churn-flag column is ever true (1, 0 or -1)."""
    flags: Columns = {}
    for i, name in enumerate(opened.flags):
        yes = f"lower(flag_{i}) IN ('true', '1', 'yes', 'y', 't', 'churned')"
        no = f"lower(flag_{i}) IN ('false', '0', 'no', 'n', 'f', 'active')"
        other = f"count(*) FILTER (flag_{i} IS NOT NULL AND NOT ({yes}) AND NOT ({no}))"
        if con.execute(f"SELECT {other} FROM {typed}").fetchall()[0][0]:  # noqa: S608
            continue
        found = fetch(
            con,
            "SELECT account_id, coalesce(max(CASE WHEN "  # noqa: S608
            f"{yes} THEN 1 WHEN {no} THEN 0 END), -1)::BIGINT AS flag"
            f" FROM {typed} GROUP BY account_id ORDER BY account_id",
        )
        flags[f"flag {name}"] = found["flag"]
    return flags
