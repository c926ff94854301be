"""From a typed table of events to sorted words, in bounded memory.

DuckDB reads, converts, encodes texts and writes every row as one whole number (see
`packed`), and the numbers are sorted. What is looked at first is how far each column
reaches: that decides how many bits it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import FAR, Texts
from churnhealth.sources.copied import copied_days
from churnhealth.sources.engine import Connection, fetch, literal, trimmed
from churnhealth.sources.event_ids import count_repeated, ids_again, unrepeated
from churnhealth.sources.packed import Field, Words, placed
from churnhealth.sources.quantised import MAX_DECIMALS, MAX_SUM
from churnhealth.sources.reading import Opened
from churnhealth.sources.sorting import sort_numbers
from churnhealth.sources.tables import Part, categories_of, counted, day_number
from churnhealth.sources.typed import distinct_texts, raw_column

__all__ = ["read_events"]


def read_events(
    con: Connection,
    opened: Opened,
    typed: str,
    *,
    planned: bool,
    lag: int,
    decimals: int | None = None,
) -> Part:
    """Read one events source, sorted by its total key.

    The key is account, happened_at, known_at (their days), event, user, count,
    amount, users, ended_at (its day), item: all that is kept of a row, so rows that
    tie are equal. Repeats of an ``event_id`` inside an account are dropped, the
    earliest known one stays. ``decimals`` fixes the scale of the amounts; without it
    they are held as exactly as their sum allows (at most 6 decimals).
    """
    has = opened.columns
    word = literal(opened.name)
    event = f"coalesce(event, {word})" if "event" in has else word
    codes = {"account": _encoded(con, opened, typed, "account_id")}
    codes["event"] = _Codes(texts=texts([opened.name]), code="0", join="")
    if "event" in has:
        codes["event"] = _encoded(con, opened, typed, "event", otherwise=word)
    for name, column in (("user", "user_id"), ("item", "item")):
        if column in has:
            codes[name] = _encoded(con, opened, typed, column)
    vocabulary = codes["event"].texts
    late = f"happened_at + INTERVAL {lag} DAY"
    known = f"coalesce(known_at, {late})" if "known_at" in has else late
    if not planned:
        known = f"greatest({known}, happened_at)"
    count = "coalesce(count, 1)" if "count" in has else "1::BIGINT"
    rows = (
        f"SELECT *, {event} AS event_, {known} AS known, {count} AS count_ FROM {typed}"  # noqa: S608
    )
    again = "event_id" in has and ids_again(con, typed)
    if again:
        rows = unrepeated(rows, has)
    measured = _measured(con, rows, has, typed=typed, lag=lag, decimals=decimals)
    words = _words(con, rows, measured, codes)
    counts, examples = _event_counts(con, opened, typed, codes, again=again)
    if "event_id" not in has:
        copied = copied_days(con, typed, words, rows=counts["rows"])
        counts["copied"], examples["copied"] = copied
    counts["dropped"] = counts["rows"] - words.size
    counts["oversized"] = int(measured.oversized)
    return Part(
        opened=opened,
        ids=codes["account"].texts,
        words=words,
        vocabulary=tuple(vocabulary),
        categories=categories_of(con, opened, typed, event, vocabulary),
        people=codes["user"].texts if "user" in codes else None,
        counts=counts,
        examples=examples,
    )


_KEY = (
    "account",
    "happened_at",
    "late",
    "event",
    "user",
    "count",
    "amount",
    "users",
    "ended_at",
    "item",
)
"""The columns in the order of the sort key."""

_BLANK = ("user", "item")  # -1 where there is none

_VALUES = {
    "happened_at": day_number("t.happened_at"),
    "late": f"{day_number('t.known')} - {day_number('t.happened_at')}",
    "count": "t.count_",
    "amount": "t.amount",
    "users": "t.users",
    "ended_at": day_number("t.ended_at"),
}
"""Where a column is not the typed table's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Codes:
    """Distinct texts by alphabet; how SQL finds a row's, and says that it has none."""

    texts: Texts
    code: str
    join: str
    absent: str = "false"


def _encoded(
    con: Connection, opened: Opened, typed: str, name: str, *, otherwise: str = "NULL"
) -> _Codes:
    """Give the texts of a column numbers; an empty one is ``otherwise``, or -1."""
    raw, table = raw_column(opened, name), f"codes_{name}"
    text = f"coalesce(nullif({trimmed('raw')}, ''), {otherwise})"
    found = distinct_texts(con, opened, typed, name)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS"  # noqa: S608
        " SELECT raw, id, dense_rank() OVER (ORDER BY id) - 1 AS code"
        f" FROM (SELECT raw, {text} AS id FROM {found}) WHERE id IS NOT NULL"
    )
    told = f"SELECT count(raw) = (SELECT count(raw) FROM {table}) FROM {found}"  # noqa: S608
    no_blanks = con.execute(told).fetchall()[0][0]
    con.execute(f"DROP TABLE {found}")
    ids = fetch(con, f"SELECT DISTINCT id FROM {table} ORDER BY id")["id"]  # noqa: S608
    blank = con.execute(f"SELECT code FROM {table} WHERE raw IS NULL").fetchall()  # noqa: S608
    missing = int(blank[0][0]) if blank else -1
    return _Codes(
        texts=ids.astype(object),
        code=f"coalesce({table}.code, {missing})",
        join=f" LEFT JOIN {table} ON {table}.raw = t.{raw}",
        absent=f"{raw if no_blanks else name} IS NULL",  # no row need be trimmed
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """How far the columns of a source reach; ``oversized``: too large to add up."""

    fields: Mapping[str, Field]
    oversized: bool


def _measured(
    con: Connection,
    rows: str,
    has: Mapping[str, str],
    *,
    typed: str,
    lag: int,
    decimals: int | None,
) -> _Measured:
    """Look at every row once: the range of each column, and its decimals."""
    asked = {"happened_at": [day_number(f"{m}(happened_at)") for m in ("min", "max")]}
    if "known_at" in has:
        wait = f"{day_number('known')} - {day_number('happened_at')}"
        asked["late"] = _range(wait)
    if "count" in has:
        asked["count"] = [*_range("count_"), "sum(count_::DOUBLE)"]
    if "ended_at" in has:
        asked["ended_at"] = [day_number(f"{m}(ended_at)") for m in ("min", "max")]
    for name in ("amount", "users"):
        if name in has:
            fits = _fits(con, name, None if "event_id" in has else typed)
            asked[name] = [*_range(name), f"sum(abs({name}))", fits]
    found = {}
    if "event_id" not in has:  # files often know the range of a column: ask alone
        alone = {"happened_at": asked.pop("happened_at")}
        found = _asked(con, rows, alone)
    found |= _asked(con, rows, asked)
    fields = {
        "late": Field(name="late", low=lag, high=lag),
        "count": Field(name="count", low=1, high=1),
        **{
            name: Field(name=name, low=int(low or 0), high=int(high or 0))
            for name, (low, high, *_) in found.items()
            if name not in ("amount", "users")
        },
    }
    if "ended_at" in fields:
        fields["ended_at"] = replace(fields["ended_at"], missing="last", fill=FAR)
    oversized = "count" in found and float(found["count"][2] or 0) >= MAX_SUM
    for name, fixed in (("amount", decimals), ("users", None)):
        if name in found:
            fields[name], large = _number(name, found[name], fixed)
            oversized |= large
    return _Measured(fields=fields, oversized=oversized)


def _asked(
    con: Connection, rows: str, asked: Mapping[str, list[str]]
) -> dict[str, list[Any]]:
    columns = ", ".join(e for expressions in asked.values() for e in expressions)
    if not columns:
        return {}
    row = list(con.execute(f"SELECT {columns} FROM ({rows})").fetchall()[0])  # noqa: S608
    return {name: [row.pop(0) for _ in wanted] for name, wanted in asked.items()}


def _range(expression: str) -> list[str]:
    return [f"min({expression})", f"max({expression})"]


_LOOKED_AT = 4096


def _fits(con: Connection, name: str, typed: str | None) -> str:
    """Count the decimals that hold every value exactly.

    A few rows mostly need as many as all: then it is enough to ask the others whether
    they do with these. Where repeats are dropped no row is sure to be there.
    """
    fewest = 0
    if typed is not None:
        few = f"SELECT {name} FROM {typed} LIMIT {_LOOKED_AT}"  # noqa: S608
        row = con.execute(f"SELECT {_decimals(name)} FROM ({few})").fetchall()[0]  # noqa: S608
        fewest = int(row[0] or 0)
    return _decimals(name, fewest=fewest)


def _decimals(name: str, *, fewest: int = 0) -> str:
    cases = "".join(
        f" WHEN TRY_CAST({name} * 1e{k} AS BIGINT) / 1e{k} = {name} THEN {k}"
        for k in range(fewest, MAX_DECIMALS)
    )
    none = f"CASE WHEN {name} IS NULL THEN {fewest}"
    return f"max({none}{cases} ELSE {MAX_DECIMALS} END)"


def _number(name: str, found: list[Any], fixed: int | None) -> tuple[Field, bool]:
    low, high, total = (float(x or 0) for x in found[:3])
    decimals = int(found[3] or 0) if fixed is None else fixed
    while fixed is None and decimals and total * 10.0**decimals >= MAX_SUM:
        decimals -= 1
    scale = 10.0**decimals
    oversized = total * scale >= MAX_SUM
    edges = (0.0, 0.0) if oversized else (low, high)
    least, most = (int(np.rint(edge * scale)) for edge in edges)
    field = Field(name=name, low=least, high=most, decimals=decimals, missing="first")
    return field, oversized


def _words(
    con: Connection, rows: str, measured: _Measured, codes: Mapping[str, _Codes]
) -> Words:
    """Write every row as words, and sort them.

    One word is sorted here, in place; of several, DuckDB sorts the rows.
    """
    coded = {
        name: Field(name=name, low=-(name in _BLANK), high=max(c.texts.size - 1, 0))
        for name, c in codes.items()
    }
    found = {**coded, **measured.fields}
    fields = placed([found[name] for name in _KEY if name in found])
    if measured.oversized:  # nothing can be written, and nothing will be used
        return Words(arrays=(np.zeros(0, dtype=np.int64),), fields=fields)
    words: dict[int, list[str]] = {}
    for field in fields:
        value = codes[field.name].code if field.name in codes else _VALUES[field.name]
        code = f"({_code(field, value)}) * {1 << field.shift}"
        words.setdefault(field.word, []).append(code)
    names = [f"word_{i}" for i in words]
    select = ", ".join(f"{' + '.join(w)} AS word_{i}" for i, w in words.items())
    joins = "".join(c.join for c in codes.values())
    order = f" ORDER BY {', '.join(names)}" if len(names) > 1 else ""
    con.execute("SET preserve_insertion_order = false")  # or all rows are held twice
    packed = fetch(con, f"SELECT {select} FROM ({rows}) t{joins}{order}")  # noqa: S608
    con.execute("RESET preserve_insertion_order")
    arrays = tuple(packed[name] for name in names)
    if len(names) == 1:
        sort_numbers(arrays[0], above=fields[0].shift)
    return Words(arrays=arrays, fields=fields)


def _code(field: Field, value: str) -> str:
    if field.low == field.high and field.missing is None:
        return "0::BIGINT"
    if field.decimals is not None:
        value = f"CAST({value} * 1e{field.decimals} AS BIGINT)"  # ties go to even
    code = f"{value} - {field.low - field.first}"
    return code if field.blank is None else f"coalesce({code}, {field.blank})"


def _event_counts(
    con: Connection,
    opened: Opened,
    typed: str,
    codes: Mapping[str, _Codes],
    *,
    again: bool,
) -> tuple[dict[str, int], dict[str, str]]:
    has, conditions = opened.columns, {}
    if "known_at" in has:
        conditions["unknown_known"] = "known_at IS NULL"
        conditions["skew"] = "known_at < happened_at"
        conditions["far_skew"] = "known_at < happened_at - INTERVAL 15 HOUR"
    if "user_id" in has:
        conditions["no_user"] = codes["user"].absent
    counts, examples = counted(con, opened, typed, conditions)
    if again:
        counts |= count_repeated(con, opened, typed, examples)
    return counts, examples
