"""From their columns to ours: every value converted once, every failure counted.

A CSV is read as text, so that ``007`` stays ``007`` and a value that does not convert
is seen by us instead of being guessed at. Times become UTC timestamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from churnhealth.config import (
    AccountsSource,
    CategoryColumn,
    EventsSource,
    StatesSource,
)
from churnhealth.sources.contract import TABLES
from churnhealth.sources.engine import Connection, QueryError, literal, quoted
from churnhealth.sources.reading import Opened, Problem, reading_problem

__all__ = ["attribute_column", "distinct_texts", "make_typed", "raw_column"]

TEXT, LABEL, TIME, OPEN_TIME = "text", "label", "time", "open time"
NUMBER, WHOLE, BLANK = "number", "whole", "blank"

KINDS: Mapping[str, str] = {
    "known_at": TIME,
    "happened_at": TIME,
    "start": TIME,
    "end": OPEN_TIME,
    "cancelled_at": OPEN_TIME,
    "notice_at": OPEN_TIME,
    "ended_at": OPEN_TIME,
    "discount": NUMBER,
    "value": NUMBER,
    "seats": NUMBER,
    "term_months": NUMBER,
    "amount": NUMBER,
    "users": NUMBER,
    "count": WHOLE,
}
"""How each of our columns is read; what is not listed is text."""

_WORDS = {
    TIME: "a date or time",
    OPEN_TIME: "a date or time",
    NUMBER: "a number",
    WHOLE: "a whole number of 0 or more",
}
_FIRST, _FAR_AWAY = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'"
_FLOATS = ("DOUBLE", "FLOAT")
_NEVER_BLANK = (*_FLOATS, "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DATE", "DECIMAL")


def attribute_column(number: int) -> str:
    """Name the typed column of the n-th attribute."""
    return f"attribute_{number}"


def raw_column(opened: Opened, ours: str) -> str:
    """Name the typed column to look a text up by: as it stands, where that is quicker.

    Where rows are read again and again, their texts are trimmed once each, not once a
    row.
    """
    raw = opened.quick and opened.kinds.get(opened.columns[ours]) == "VARCHAR"
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
    columns, flags, checks = _expressions(opened)
    try:
        told = dict(zip(flags, checks, strict=True))
        if opened.quick and _view(con, opened, columns, told, into):
            return []
        con.execute(f"CREATE TEMP TABLE {into} AS {_select(opened, columns, flags)}")
    except QueryError as error:
        return [reading_problem(opened.title, opened.source, error)]
    return _unconverted(con, opened, into, checks)


def _expressions(
    opened: Opened,
) -> tuple[dict[str, str], list[str], list[tuple[str, str]]]:
    """Write each typed column, and the flag of each way in which a row may fail."""
    columns: dict[str, str] = {}
    flags: list[str] = []
    checks: list[tuple[str, str]] = []
    required, _ = TABLES[opened.table]
    for ours, (theirs, kind) in _wanted(opened).items():
        columns[ours], bad = _value(opened, theirs, kind)
        if kind == TEXT and ours in opened.columns and raw_column(opened, ours) != ours:
            columns[raw_column(opened, ours)] = quoted(theirs)
        if bad:
            flags.append(f"CASE WHEN {bad} THEN {1 << len(checks)} ELSE 0 END")
            checks.append((ours, kind))
        if ours in required:
            blank = f"NOT ({_given(theirs, opened.kinds[theirs])})"
            flags.append(f"CASE WHEN {blank} THEN {1 << len(checks)} ELSE 0 END")
            checks.append((ours, BLANK))
    return columns, flags, checks


def _select(opened: Opened, columns: Mapping[str, str], flags: Iterable[str]) -> str:
    where = f" WHERE ({opened.source.where})" if opened.source.where else ""
    named = ", ".join(f"{value} AS {quoted(ours)}" for ours, value in columns.items())
    return (
        f"SELECT {named}, {' + '.join(flags) or '0'} AS bad FROM {opened.view}{where}"  # noqa: S608
    )


def _view(
    con: Connection,
    opened: Opened,
    columns: Mapping[str, str],
    flags: Mapping[str, tuple[str, str]],
    into: str,
) -> bool:
    """Look at the rows where they are, if there are some and every value converts.

    Times then are what they look like, and a blank text is looked for among the
    distinct ones.
    """
    plain = {
        ours: _parsed(theirs, opened.kinds[theirs], _format(opened, theirs))
        for ours, (theirs, kind) in _wanted(opened).items()
        if kind == TIME
    }
    by_text = {
        flag: ours
        for flag, (ours, kind) in flags.items()
        if kind == BLANK and raw_column(opened, ours) in columns.keys() - {ours}
    }
    rowwise = [flag for flag in flags if flag not in by_text]
    con.execute(
        f"CREATE TEMP VIEW {into} AS {_select(opened, {**columns, **plain}, rowwise)}"
    )
    asked = f"SELECT count(*), bit_or(bad) FROM {into}"  # noqa: S608
    rows, bad = con.execute(asked).fetchall()[0]
    blank = "nullif(trim(raw), '') IS NULL"
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


def _wanted(opened: Opened) -> dict[str, tuple[str, str]]:
    """Pair the name of each typed column with their column and its kind."""
    wanted = {o: (t, KINDS.get(o, TEXT)) for o, t in opened.columns.items()}
    source = opened.source
    for o in ("segment", "plan"):
        if o in wanted:
            wanted[o] = (wanted[o][0], LABEL)
    theirs = {k.casefold(): k for k in opened.kinds}
    if isinstance(source, AccountsSource):
        for i, name in enumerate(source.attributes):
            wanted[attribute_column(i)] = (theirs[name.casefold()], LABEL)
    if isinstance(source, EventsSource | StatesSource) and isinstance(
        source.category, CategoryColumn
    ):
        wanted["category"] = (theirs[source.category.column.casefold()], LABEL)
    for i, name in enumerate(opened.flags):
        wanted[f"flag_{i}"] = (name, LABEL)
    return wanted


def _given(theirs: str, native: str) -> str:
    if native.split("(")[0] in _NEVER_BLANK or native.startswith("TIMESTAMP"):
        return f"{quoted(theirs)} IS NOT NULL"
    return f"nullif(trim(CAST({quoted(theirs)} AS VARCHAR)), '') IS NOT NULL"


def _value(opened: Opened, theirs: str, kind: str) -> tuple[str, str]:
    """Write the expression of a value and of "this one did not convert"."""
    native = opened.kinds[theirs]
    pattern = _format(opened, theirs)
    if kind in (TIME, OPEN_TIME):
        return _time(theirs, native, pattern, kind)
    if kind in (NUMBER, WHOLE):
        return _number(theirs, native, kind)
    if kind == LABEL:
        if pattern is not None and native == "VARCHAR":
            return f"strftime({_parsed(theirs, native, pattern)}, '%Y-%m-%d')", ""
        text = _text(theirs, native)
        word = f"lower({text})"
        return (
            f"CASE WHEN {word} IN ('true', 'false') THEN {word} ELSE {text} END",
            "",
        )
    return _text(theirs, native), ""


def _format(opened: Opened, theirs: str) -> str | None:
    for name, pattern in opened.source.formats.items():
        if name.casefold() == theirs.casefold():
            return pattern
    return None


def _text(theirs: str, native: str) -> str:
    q = quoted(theirs)
    if native in _FLOATS:  # a whole number that only passed through a float: 12.0
        whole = f"CAST(CAST({q} AS HUGEINT) AS VARCHAR)"
        return (
            f"CASE WHEN isfinite({q}) AND {q} = trunc({q}) AND abs({q}) < 1e15"
            f" THEN {whole} WHEN isfinite({q}) THEN CAST({q} AS VARCHAR) END"
        )
    return f"nullif(trim(CAST({q} AS VARCHAR)), '')"


def _parsed(theirs: str, native: str, pattern: str | None) -> str:
    q = quoted(theirs)
    if native == "TIMESTAMP WITH TIME ZONE":
        return f"({q} AT TIME ZONE 'UTC')"
    if native == "DATE" or native.startswith("TIMESTAMP"):
        return f"CAST({q} AS TIMESTAMP)"
    text = f"trim(CAST({q} AS VARCHAR))"
    if pattern is not None:
        made = f"try_strptime({text}, {literal(pattern)})"
        return f"(CAST({made} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    if native == "VARCHAR":
        return f"(TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return "CAST(NULL AS TIMESTAMP)"


def _time(theirs: str, native: str, pattern: str | None, kind: str) -> tuple[str, str]:
    """Read a time; far-away years mean "open" where a column may be open."""
    t = _parsed(theirs, native, pattern)
    value = f"CASE WHEN {t} >= {_FIRST} AND {t} < {_FAR_AWAY} THEN {t} END"
    late = "" if kind == OPEN_TIME else f" OR {t} >= {_FAR_AWAY}"
    bad = f"({_given(theirs, native)}) AND ({t} IS NULL OR {t} < {_FIRST}{late})"
    return value, bad


def _number(theirs: str, native: str, kind: str) -> tuple[str, str]:
    """Read a number; TRUE and FALSE are 1 and 0, NaN is missing."""
    q = quoted(theirs)
    if native == "BOOLEAN":
        n = f"CAST(CAST({q} AS INTEGER) AS DOUBLE)"
    elif native == "VARCHAR":
        text = f"lower(trim({q}))"
        n = (
            f"CASE {text} WHEN 'true' THEN 1.0::DOUBLE WHEN 'false' THEN 0.0::DOUBLE"
            f" ELSE TRY_CAST({text} AS DOUBLE) END"
        )
    elif native.startswith(("DATE", "TIME", "INTERVAL")):
        n = "CAST(NULL AS DOUBLE)"
    else:
        n = f"TRY_CAST({q} AS DOUBLE)"
    n = f"({n})"
    given = _given(theirs, native)
    if kind == WHOLE:
        fits = f"isfinite({n}) AND {n} = trunc({n}) AND {n} >= 0 AND {n} < 1e15"
        value = f"CASE WHEN {fits} THEN CAST({n} AS BIGINT) END"
        return value, f"({given}) AND ({n} IS NULL OR NOT (isnan({n}) OR ({fits})))"
    fits = f"isfinite({n}) AND abs({n}) < 1e15"
    bad = f"({given}) AND ({n} IS NULL OR NOT (isnan({n}) OR ({fits})))"
    return f"CASE WHEN {fits} THEN {n} END", bad


def _unconverted(
    con: Connection, opened: Opened, into: str, checks: list[tuple[str, str]]
) -> list[Problem]:
    found = con.execute(f"SELECT count(*), bit_or(bad) FROM {into}").fetchall()[0]  # noqa: S608
    rows, bits = int(found[0]), int(found[1] or 0)
    if rows == 0:
        what = f"{opened.title}: there are no rows"
        also = " that pass `where`" if opened.source.where else ""
        fix = "give a table with rows, or remove the source"
        return [Problem(code="CH103", what=what + also, fix=fix)]
    problems = []
    for i, (ours, kind) in enumerate(checks):
        if not bits >> i & 1:
            continue
        sql = f"SELECT count(*), min(rowid) + 1 FROM {into} WHERE bad & {1 << i} > 0"  # noqa: S608
        count, first = con.execute(sql).fetchall()[0]
        if kind == BLANK:
            problems.append(_blank(opened, ours, int(count), int(first)))
        else:
            problems.append(_unread(opened, ours, kind, int(count), int(first)))
    return problems


def _blank(opened: Opened, ours: str, count: int, first: int) -> Problem:
    theirs = opened.columns[ours]
    rows = "row is" if count == 1 else "rows are"
    return Problem(
        code="CH106",
        what=f"{opened.title}: {_named(ours, theirs)} is empty; {count} {rows} without"
        f" it, the first is data row {first}{_among(opened)}",
        fix=f'fill the column, or leave those rows out: where = "{theirs} is not null"',
    )


def _unread(opened: Opened, ours: str, kind: str, count: int, first: int) -> Problem:
    theirs = opened.columns[ours]
    values = "value is" if count == 1 else "values are"
    fix = f"mend the values of {theirs!r}, or leave those rows out with `where`"
    if kind in (TIME, OPEN_TIME):
        fix = f'name the way dates are written: formats = {{ {theirs} = "%d-%m-%Y" }}'
    elif kind == WHOLE:
        fix += "; map measures that are not whole to `amount`"
    return Problem(
        code="CH104",
        what=f"{opened.title}: {count} {values} not {_WORDS[kind]} in"
        f" {_named(ours, theirs)}, the first in data row {first}{_among(opened)}",
        fix=fix,
    )


def _named(ours: str, theirs: str) -> str:
    return f"{theirs!r}" if theirs == ours else f"{theirs!r} (our `{ours}`)"


def _among(opened: Opened) -> str:
    return " of the rows that pass `where`" if opened.source.where else ""
