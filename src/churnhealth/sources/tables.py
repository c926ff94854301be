"""From a typed table in DuckDB to sorted arrays, one source at a time.

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
from churnhealth.sources.answers import (
    repeated_answers,
    telling_column,
    version_number,
)
from churnhealth.sources.clocks import clocked
from churnhealth.sources.contract import FAR, Accounts, Coverage, Ints, Texts
from churnhealth.sources.engine import Connection, fetch, quoted, trimmed
from churnhealth.sources.kinds import attribute_column
from churnhealth.sources.money import seen_currencies
from churnhealth.sources.packed import Words
from churnhealth.sources.passed_on import held_twice, passed_on
from churnhealth.sources.reading import Opened
from churnhealth.sources.typed import raw_column

__all__ = [
    "Part",
    "categories_of",
    "counted",
    "day_number",
    "encode",
    "read_accounts",
    "read_contracts",
    "read_states",
]

Columns = dict[str, NDArray[Any]]

_EPOCH = "DATE '1970-01-01'"
_TEXTS = ("name", "segment", "owner", "group")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Part:
    """One source as arrays; ``columns["account"]`` indexes ``ids`` (sorted).

    Events come as ``words`` and nothing else. ``counts`` tells what was seen on the
    way: rows, repeated ids, missing times, and ``examples`` one account for each.
    """

    opened: Opened
    ids: Texts
    columns: Columns = field(default_factory=dict)
    words: Words | None = None
    coverage: Coverage = field(default_factory=Coverage)
    vocabulary: tuple[str, ...] = ()
    categories: tuple[str | None, ...] = ()
    people: Texts | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)


def day_number(expression: str) -> str:
    """Write the whole day of a time as a number."""
    return f"CAST(CAST({expression} AS DATE) - {_EPOCH} AS BIGINT)"


def encode(con: Connection, typed: str, expression: str, into: str) -> Texts:
    """Encode the distinct texts of an expression alphabetically into a table."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT id, row_number() OVER"  # noqa: S608
        f" (ORDER BY id) - 1 AS code FROM (SELECT DISTINCT {expression} AS id"
        f" FROM {typed}) WHERE id IS NOT NULL"
    )
    return fetch(con, f"SELECT id FROM {into} ORDER BY code")["id"].astype(object)  # noqa: S608


def counted(
    con: Connection, opened: Opened, typed: str, conditions: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Count all rows, and those of each condition with the first account of each.

    Currencies that nobody mapped are counted too, and times with and without an offset.
    """
    bits = {
        f"{word} {ours}": f"clocks & {bit << 2 * i} > 0"
        for i, ours in enumerate(clocked(opened))
        for word, bit in (("local", 1), ("placed", 2))
    }
    conditions = {**conditions, **bits}
    account = raw_column(opened, "account_id")
    asked = "".join(
        f", count(*) FILTER ({c}) AS n{i}, min({account}) FILTER ({c}) AS first{i}"
        for i, c in enumerate(conditions.values())
    )
    told = "".join(f", n{i}, {trimmed(f'first{i}')}" for i, _ in enumerate(conditions))
    rows, *row = con.execute(
        f"SELECT rows{told} FROM (SELECT count(*) AS rows{asked} FROM {typed})"  # noqa: S608
    ).fetchall()[0]
    counts = {k: int(row[2 * i]) for i, k in enumerate(conditions)}
    examples = {k: str(row[2 * i + 1] or "") for i, k in enumerate(conditions)}
    if opened.currency is not None:
        seen = seen_currencies(con, typed, "unmapped_currency")
        if seen is not None:
            counts["currencies"], counts["foreign"], examples["currencies"] = seen
    return {"rows": int(rows), **counts}, examples


def categories_of(
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
    ids = encode(con, typed, "account_id", "codes_account")
    words = encode(con, typed, "state", "codes_state")
    found = fetch(
        con,
        f"SELECT a.code AS account, {day_number('t.known_at')} AS known_at,"  # noqa: S608
        f" s.code AS state, t.value FROM {typed} t JOIN codes_account a"
        " ON a.id = t.account_id JOIN codes_state s ON s.id = t.state"
        " WHERE t.value IS NOT NULL ORDER BY a.code, s.code, t.known_at, t.value",
    )
    counts, examples = counted(con, opened, typed, {"empty": "value IS NULL"})
    counts["again"], examples["again"] = repeated_answers(con, opened, typed)
    examples["telling"] = telling_column(con, opened)
    examples["version"] = version_number(con, opened)
    return Part(
        opened=opened,
        ids=ids,
        columns=found,
        vocabulary=tuple(words),
        categories=categories_of(con, opened, typed, "state", words),
        counts=counts,
        examples=examples,
    )


_VERSIONS = "PARTITION BY account_id, contract_id, start"


def _versions(typed: str, known: str) -> str:
    """Write numbered contract rows with the day on which a later row replaced each.

    Rows of one account, contract and start are versions of it: the one known last
    holds, from when it was known.
    """
    later = "RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING AND UNBOUNDED FOLLOWING"
    return (
        "(SELECT *, dense_rank() OVER (PARTITION BY account_id ORDER BY contract_id"  # noqa: S608
        " NULLS FIRST) - 1 AS contract, contract_id IS NOT NULL AND count(*) OVER"
        f" ({_VERSIONS}, {known}) > 1 AS beside, CASE WHEN contract_id IS NOT NULL"
        f" THEN min({known}) OVER ({_VERSIONS} ORDER BY {known} {later}) END"
        f" AS replaced_at FROM {typed} t)"
    )


def read_contracts(con: Connection, opened: Opened, typed: str, *, lag: int) -> Part:
    """Read the contracts, sorted by everything they say: account, start, end, ...

    What may be told later (a notice, a stop) comes last, as `Contracts` asks.
    """
    has = opened.columns
    ids = encode(con, typed, "account_id", "codes_account")

    def time(name: str) -> str:
        return f"t.{quoted(name)}" if name in has else "CAST(NULL AS TIMESTAMP)"

    late = f"t.start + INTERVAL {lag} DAY"
    known = f"coalesce({time('known_at')}, {late})"
    cancelled = time("cancelled_at")
    notice = f"coalesce({time('notice_at')}, {cancelled})"
    replaced, contract, conditions = "CAST(NULL AS TIMESTAMP)", "0::BIGINT", {}
    if "contract_id" in has:
        typed, replaced = _versions(typed, known), "t.replaced_at"
        contract = "t.contract"
        conditions = {"replaced": "replaced_at IS NOT NULL", "beside": "beside"}
    times = [("start", "t.start"), ("end_", time("end")), ("known_at", known)]
    later = [
        ("notice_at", notice),
        ("cancelled_at", cancelled),
        ("replaced_at", replaced),
    ]
    numbers = [
        (n, f"t.{n}" if n in has else "CAST(NULL AS DOUBLE)")
        for n in ("value", "seats", "term_months", "discount")
    ]
    plan = "t.plan" if "plan" in has else "CAST(NULL AS VARCHAR)"
    select = [f"coalesce({day_number(e)}, {FAR}) AS {n}" for n, e in (*times, *later)]
    select += [f"{e} AS {n}" for n, e in numbers]
    order = [f"{e} NULLS LAST" for _, e in times]
    order += [f"{e} NULLS FIRST" for e in (*(e for _, e in numbers), plan, contract)]
    order += [f"{e} NULLS LAST" for _, e in later]
    found = fetch(
        con,
        f"SELECT a.code AS account, {', '.join(select)}, {plan} AS plan,"  # noqa: S608
        f" {contract} AS contract"
        f" FROM {typed} t JOIN codes_account a ON a.id = t.account_id"
        f" ORDER BY a.code, {', '.join(order)}",
    )
    found["end"] = found.pop("end_")
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
    counts, examples = counted(con, opened, typed, conditions)
    if "contract_id" in has:
        stop = f"least({time('end')}, {cancelled})"
        for key, look in (("moved", passed_on), ("twice", held_twice)):
            counts[key], examples[key] = look(
                con,
                typed,
                account="t.account_id",
                until=f"coalesce({stop}, TIMESTAMP '9999-12-31')",
                standing="t.replaced_at IS NULL",
            )
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
    known = day_number("known_at") if "known_at" in has else "CAST(NULL AS BIGINT)"
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
    conditions = {}
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
    counts, examples = counted(con, opened, typed, conditions)
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
