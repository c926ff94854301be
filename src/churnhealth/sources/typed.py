"""From their columns to ours: every value converted once, every failure counted.

A CSV is read as text, so that ``007`` stays ``007`` and a value that does not convert
is seen by us instead of being guessed at. Times become UTC timestamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from churnhealth.config import StatesSource
from churnhealth.sources.clocks import clock_bits, from_clock, has_offset, unknown_zone
from churnhealth.sources.contract import TABLES
from churnhealth.sources.engine import Connection, QueryError, literal, quoted, trimmed
from churnhealth.sources.kinds import (
    BLANK,
    LABEL,
    NUMBER,
    OPEN_TIME,
    TEXT,
    TIME,
    WHOLE,
    format_of,
    wanted_columns,
)
from churnhealth.sources.money import MONEY, exchanged, unrated
from churnhealth.sources.problems import Problem
from churnhealth.sources.reading import Opened
from churnhealth.sources.refused import reading_problem
from churnhealth.sources.unread import unconverted, unsuited
from churnhealth.sources.written import (
    FIRST,
    LAST,
    id_as_written,
    is_counted,
    number_as_written,
    time_as_written,
    without_nanoseconds,
)

__all__ = ["distinct_texts", "make_typed", "raw_column"]

_FLOATS = ("DOUBLE", "FLOAT")
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_EXACT = 1 << 53  # from here on a float skips whole numbers: two ids may be one
_IDS = ("account_id", "user_id", "contract_id", "event_id")
_NEVER_BLANK = (*_FLOATS, "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DATE", "DECIMAL")


def raw_column(opened: Opened, ours: str) -> str:
    """Name the typed column to look a text up by: as it stands, where that is quicker.

    Where rows are read again and again, their texts are trimmed once each, not once a
    row.
    """
    theirs = opened.columns[ours]
    raw = opened.quick and opened.kinds.get(theirs) == "VARCHAR"
    raw = raw and format_of(opened, theirs, TEXT) is None
    return f"raw_{ours}" if raw else ours


def distinct_texts(con: Connection, opened: Opened, typed: str, ours: str) -> str:
    """Collect the distinct texts of a column once, and name the table of them.

    They are collected before anything is asked of them: DuckDB would else ask it of
    every row.
    """
    table = f"texts_{opened.view}_{ours}"
    con.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {table} AS"  # noqa: S608
        f" SELECT DISTINCT {raw_column(opened, ours)} AS raw FROM {typed}"
    )
    return table


def make_typed(con: Connection, opened: Opened, *, into: str) -> list[Problem]:
    """Convert a source into the typed table ``into``; list what did not convert.

    The table is a copy, but for events in Parquet files: these are read where they are
    as often as is asked, which is quicker than to hold them. Problems: CH103 no rows,
    CH104 values that do not convert, CH106 required values that are missing, each with
    its count and first row, never with the value.
    """
    if problems := [*unsuited(con, opened), *unknown_zone(con, opened)]:
        return problems
    once = _Once(opened.kinds)
    columns, flags, checks = _expressions(opened, once)
    try:
        told = dict(zip(flags, checks, strict=True))
        if opened.quick and _view(con, opened, columns, told, once, into):
            return _unrated(con, opened, into)
        select = _select(opened, columns, flags, once)
        con.execute(f"CREATE TEMP TABLE {into} AS {select}")
    except QueryError as error:
        return [reading_problem(opened.title, opened.source, error, opened.files)]
    return unconverted(con, opened, into, checks) or _unrated(con, opened, into)


def _unrated(con: Connection, opened: Opened, into: str) -> list[Problem]:
    if "currency" not in opened.columns or MONEY[opened.table] not in opened.columns:
        return []
    return unrated(con, into, opened.title, opened.rates)


class _Once:
    """What is made of a column and asked for several times, with a name for it.

    DuckDB then plans and computes it once: written out each time, to plan the rows of
    a small file took longer than to read them. A name that is longer than those of
    all columns is none of theirs.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.named: dict[str, str] = {}
        self._prefix = "once".ljust(max(map(len, columns), default=0) + 1, "_")

    def __call__(self, expression: str) -> str:
        name = f"{self._prefix}{len(self.named)}"
        return self.named.setdefault(expression, name)


def _expressions(
    opened: Opened, once: _Once
) -> tuple[dict[str, str], list[str], list[tuple[str, str]]]:
    """Write each typed column, and the flag of each way in which a row may fail."""
    columns: dict[str, str] = {}
    flags: list[str] = []
    checks: list[tuple[str, str]] = []
    required, _ = TABLES[opened.table]
    for ours, (theirs, kind) in wanted_columns(opened).items():
        columns[ours], bad = _value(opened, theirs, kind, once)
        if ours in _IDS and opened.kinds[theirs] in _FLOATS:  # 1.10 is 1.1 by now
            bad = f"{bad} OR {quoted(theirs)} <> trunc({quoted(theirs)})"
        if kind == TEXT and ours in opened.columns and raw_column(opened, ours) != ours:
            columns[raw_column(opened, ours)] = quoted(theirs)
        if bad:
            flags.append(f"CASE WHEN {bad} THEN {1 << len(checks)} ELSE 0 END")
            checks.append((ours, kind))
        if ours in required:
            blank = f"NOT ({_given(theirs, opened.kinds[theirs], once)})"
            flags.append(f"CASE WHEN {blank} THEN {1 << len(checks)} ELSE 0 END")
            checks.append((ours, BLANK))
    if "state" in required and "state" not in columns:  # it holds one state
        columns["state"] = literal(opened.name)
    if (bits := clock_bits(opened)) is not None:
        columns["clocks"] = bits
    money = MONEY.get(opened.table)
    if money in columns and "currency" in columns:
        amount, currency = columns[money], columns["currency"]
        columns["priced"] = f"({amount}) IS NOT NULL"
        if opened.rates:
            columns[money] = exchanged(amount, currency, opened.rates)
    return columns, flags, checks


def _select(
    opened: Opened, columns: Mapping[str, str], flags: Iterable[str], once: _Once
) -> str:
    where = f" WHERE ({opened.source.where})" if opened.source.where else ""
    made = "".join(f", {value} AS {name}" for value, name in once.named.items())
    rows = f"(SELECT *{made} FROM {opened.view}{where})"  # noqa: S608
    named = ", ".join(f"{value} AS {quoted(ours)}" for ours, value in columns.items())
    return f"SELECT {named}, {' + '.join(flags) or '0'} AS bad FROM {rows}"  # noqa: S608


def _view(
    con: Connection,
    opened: Opened,
    columns: Mapping[str, str],
    flags: Mapping[str, tuple[str, str]],
    once: _Once,
    into: str,
) -> bool:
    """Look at the rows where they are, if there are some and every value converts.

    Times then are what they look like, and a blank text is looked for among the
    distinct ones.
    """
    plain = {
        ours: _moment(opened, theirs, format_of(opened, theirs, kind))
        for ours, (theirs, kind) in wanted_columns(opened).items()
        if kind == TIME
    }
    by_text = {
        flag: ours
        for flag, (ours, kind) in flags.items()
        if kind == BLANK and raw_column(opened, ours) in columns.keys() - {ours}
    }
    rowwise = [flag for flag in flags if flag not in by_text]
    select = _select(opened, {**columns, **plain}, rowwise, once)
    con.execute(f"CREATE TEMP VIEW {into} AS {select}")
    asked = f"SELECT count(*), bit_or(bad) FROM {into}"  # noqa: S608
    rows, bad = con.execute(asked).fetchall()[0]
    blank = f"nullif({trimmed('raw')}, '') IS NULL"
    if (
        rows
        and not bad
        and not any(
            con.execute(f"SELECT count(*) FROM {texts} WHERE {blank}").fetchall()[0][0]  # noqa: S608
            for texts in (
                distinct_texts(con, opened, into, o) for o in by_text.values()
            )
        )
    ):
        return True
    con.execute(f"DROP VIEW {into}")
    return False


def _given(theirs: str, native: str, once: _Once) -> str:
    if native.split("(")[0] in _NEVER_BLANK or native.startswith("TIMESTAMP"):
        return f"{quoted(theirs)} IS NOT NULL"
    return f"{once(_plain(theirs))} IS NOT NULL"


def _value(opened: Opened, theirs: str, kind: str, once: _Once) -> tuple[str, str]:
    """Write the expression of a value and of "this one did not convert"."""
    native = opened.kinds[theirs]
    pattern = format_of(opened, theirs, kind)
    if kind in (TIME, OPEN_TIME):
        t = once(_moment(opened, theirs, pattern))
        return _time(t, kind, given=_given(theirs, native, once))
    if kind in (NUMBER, WHOLE):
        n = once(_number(theirs, native, pattern, words=_words(opened, theirs)))
        return _checked(n, kind, given=_given(theirs, native, once))
    if kind == LABEL:
        if pattern is not None and native == "VARCHAR":
            return f"strftime({_parsed(theirs, native, pattern)}, '%Y-%m-%d')", ""
        text = once(_text(theirs, native))
        word = f"lower({text})"
        return (
            f"CASE WHEN {word} IN ('true', 'false') THEN {word} ELSE {text} END",
            "",
        )
    text = once(_text(theirs, native))
    lost = f"abs({quoted(theirs)}) >= {_EXACT}" if native in _FLOATS else ""
    return (text if pattern is None else id_as_written(text, pattern)), lost


def _text(theirs: str, native: str) -> str:
    q = quoted(theirs)
    if native in _FLOATS:  # a whole number that only passed through a float: 12.0
        whole = f"CAST(CAST({q} AS HUGEINT) AS VARCHAR)"
        return (
            f"CASE WHEN isfinite({q}) AND {q} = trunc({q}) AND abs({q}) < 1e15"
            f" THEN {whole} WHEN isfinite({q}) THEN CAST({q} AS VARCHAR) END"
        )
    if native.startswith("DECIMAL") and not native.endswith(",0)"):  # 12.00 is 12
        return f"rtrim(rtrim(CAST({q} AS VARCHAR), '0'), '.')"
    return _plain(theirs)


def _plain(theirs: str) -> str:
    return f"nullif({trimmed(f'CAST({quoted(theirs)} AS VARCHAR)')}, '')"


def _parsed(theirs: str, native: str, pattern: str | None) -> str:
    q = quoted(theirs)
    if native.endswith("_NS"):
        return without_nanoseconds(q)
    if native in _ZONED:
        return f"(CAST({q} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    if native == "DATE" or native.startswith("TIMESTAMP"):
        return f"CAST({q} AS TIMESTAMP)"
    if pattern is not None:
        return time_as_written(theirs, pattern)
    if native == "VARCHAR":
        return f"(TRY_CAST({trimmed(q)} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return "CAST(NULL AS TIMESTAMP)"


def _moment(opened: Opened, theirs: str, pattern: str | None) -> str:
    """Write the UTC of a time; the source's zone is that of times without an offset."""
    native, zone = opened.kinds[theirs], opened.source.timezone
    t = _parsed(theirs, native, pattern)
    if zone is None or native == "DATE" or native in _ZONED:
        return t
    if native.startswith("TIMESTAMP"):  # a pattern says how others are written
        return from_clock(t, zone)
    if pattern is not None and (is_counted(pattern) or "%z" in pattern.lower()):
        return t
    local = from_clock(t, zone)
    if pattern is not None or native != "VARCHAR":
        return local
    text = quoted(theirs)
    says = f"contains({text}, ':') AND NOT {has_offset(text)}"
    return f"(CASE WHEN {says} THEN {local} ELSE {t} END)"


def _time(t: str, kind: str, *, given: str) -> tuple[str, str]:
    """Check a time; far-away years mean "open" where a column may be open."""
    value = f"CASE WHEN {t} >= {FIRST} AND {t} < {LAST} THEN {t} END"
    late = "" if kind == OPEN_TIME else f" OR {t} >= {LAST}"
    bad = f"({given}) AND ({t} IS NULL OR {t} < {FIRST}{late})"
    return value, bad


def _words(opened: Opened, theirs: str) -> Mapping[str, float]:
    """Say what words stand for in a column of numbers: truths, and a state's levels."""
    told = {"true": 1.0, "false": 0.0}
    source = opened.source
    if isinstance(source, StatesSource) and opened.columns.get("value") == theirs:
        told |= source.levels
    return told


def _number(
    theirs: str,
    native: str,
    pattern: str | None,
    *,
    words: Mapping[str, float],
) -> str:
    """Read a number, or the ``words`` that stand for some."""
    q = quoted(theirs)
    if pattern is not None:
        return number_as_written(theirs, native, pattern)
    if native == "BOOLEAN":
        return f"CAST(CAST({q} AS INTEGER) AS DOUBLE)"
    if native == "VARCHAR":
        text = f"lower({trimmed(q)})"
        known = (f"WHEN {literal(w)} THEN {v!r}::DOUBLE" for w, v in words.items())
        return f"CASE {text} {' '.join(known)} ELSE TRY_CAST({text} AS DOUBLE) END"
    if native.startswith(("DATE", "TIME", "INTERVAL")):
        return "CAST(NULL AS DOUBLE)"
    if native == "FLOAT":  # 99.99 as it is written, not 99.98999786
        return f"TRY_CAST(CAST({q} AS VARCHAR) AS DOUBLE)"
    return f"TRY_CAST({q} AS DOUBLE)"


def _checked(n: str, kind: str, *, given: str) -> tuple[str, str]:
    """Check a number; NaN is missing."""
    fits = f"isfinite({n}) AND abs({n}) < 1e15"
    value = n
    if kind == WHOLE:
        fits = f"isfinite({n}) AND {n} = trunc({n}) AND {n} >= 0 AND {n} < 1e15"
        value = f"CAST({n} AS BIGINT)"
    bad = f"({given}) AND ({n} IS NULL OR NOT (isnan({n}) OR ({fits})))"
    return f"CASE WHEN {fits} THEN {value} END", bad
