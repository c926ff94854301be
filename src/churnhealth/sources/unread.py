"""What cannot be read: how often, where first, and what the values look like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from churnhealth.sources.engine import Connection, literal, quoted
from churnhealth.sources.heads import headless
from churnhealth.sources.kinds import (
    BLANK,
    FAMILIES,
    NUMBER,
    OPEN_TIME,
    TEXT,
    TIME,
    WHOLE,
    format_of,
    wanted_columns,
)
from churnhealth.sources.money import MONEY
from churnhealth.sources.problems import Problem
from churnhealth.sources.reading import Opened
from churnhealth.sources.written import (
    Family,
    currencies_in,
    empty_words,
    fitting,
    folded,
    hides_thousands,
    toml_key,
    understood,
)

__all__ = ["named", "unconverted", "unsuited"]

_MERGED = 0.5  # of the rows without an account: an id was written once for several

_WORDS: Mapping[str, str] = {
    TIME: "a date or time",
    OPEN_TIME: "a date or time",
    NUMBER: "a number",
    WHOLE: "a whole number of 0 or more",
    TEXT: "exact, having passed through a float of 16 digits,",
}
# by what a time may be counted in: how many of it are a second
_PER_SECOND: Mapping[str, int] = {"unix seconds": 1, "unix milliseconds": 1000}


def unsuited(con: Connection, opened: Opened) -> list[Problem]:
    """List the formats that are none, or none for what their column is read as."""
    fix = (
        'formats are "%d.%m.%Y" and the like, "unix seconds", "unix milliseconds" or'
        ' "spreadsheet days" for times; "1.234,50", "1,234.50" or "cents" for numbers;'
        ' "00000" (leading zeros), "lower" or "upper" for ids'
    )
    problems = []
    for theirs, pattern in opened.source.formats.items():
        kinds = [
            kind
            for name, kind in wanted_columns(opened).values()
            if folded(name) == folded(theirs)
        ]
        used = not kinds or any(format_of(opened, theirs, kind) for kind in kinds)
        if not used or not understood(con, pattern):
            what = f"{opened.title}: the format {pattern!r} cannot read {theirs!r}"
            problems.append(Problem(code="CH114", what=what, fix=fix))
    return problems


def unconverted(
    con: Connection, opened: Opened, into: str, checks: list[tuple[str, str]]
) -> list[Problem]:
    """List what of a typed table did not convert, or means something else."""
    found = con.execute(f"SELECT count(*), bit_or(bad) FROM {into}").fetchall()[0]  # noqa: S608
    rows, bits = int(found[0]), int(found[1] or 0)
    if rows == 0:
        what = f"{opened.title}: there are no rows"
        some = con.execute(f"SELECT 1 FROM {opened.view} LIMIT 1").fetchall()  # noqa: S608
        also = " that pass `where`" if some else ""
        fix = "correct `where`" if also else "give a table with rows"
        fix += ", or remove the source"
        return [Problem(code="CH103", what=what + also, fix=fix)]
    problems = []
    for i, (ours, kind) in enumerate(checks):
        if not bits >> i & 1:
            continue
        sql = f"SELECT count(*), min(rowid) + 1 FROM {into} WHERE bad & {1 << i} > 0"  # noqa: S608
        count, first = con.execute(sql).fetchall()[0]
        if kind == BLANK:
            most = int(count) > _MERGED * rows
            found_at = (int(count), int(first))
            problems.append(_blank(con, opened, ours, found_at, most=most))
        else:
            rows_at = (int(count), int(first))
            problems.append(
                _too_large(con, opened, ours, kind, rows_at)
                or _unread(con, opened, ours, kind, rows_at)
            )
    return problems or [*_misread(con, opened), *_mixed(con, opened)]


def _misread(con: Connection, opened: Opened) -> list[Problem]:
    """List the numbers that convert and mean a thousand times as much."""
    texts = {
        theirs: ours
        for ours, (theirs, kind) in wanted_columns(opened).items()
        if kind in (NUMBER, WHOLE)
        and opened.kinds[theirs] == "VARCHAR"
        and format_of(opened, theirs, kind) is None
    }
    return [
        Problem(
            code="CH104",
            what=f"{opened.title}: the points in {named(texts[theirs], theirs)} seem"
            " to part thousands: all have three digits behind them, and no number"
            " without one reaches a thousand",
            fix=f'add to `formats`: {toml_key(theirs)} = "1.234,50" if they do, or'
            ' "1,234.50" if they part decimals',
        )
        for theirs in hides_thousands(con, _rows(opened), list(texts))
    ]


def _mixed(con: Connection, opened: Opened) -> list[Problem]:
    """List the amounts that are written with several currencies and added up as one."""
    ours = MONEY.get(opened.table, "")
    theirs = opened.columns.get(ours, "")
    if (
        "currency" in opened.columns
        or opened.kinds.get(theirs) != "VARCHAR"
        or format_of(opened, theirs, NUMBER) is None
    ):
        return []
    signs = currencies_in(con, _rows(opened), theirs)
    if len(signs) < 2:
        return []
    return [
        Problem(
            code="CH116",
            what=f"{opened.title}: {named(ours, theirs)} is written with"
            f" {len(signs)} currencies ({', '.join(signs[:5])})",
            fix="make a column of the currency in `sql`, map it to `currency`, and say"
            " what one of each is worth in [company] rates; of one currency that is"
            " written in two ways, correct the values",
        )
    ]


def _rows(opened: Opened) -> str:
    where = f" WHERE ({opened.source.where})" if opened.source.where else ""
    return f"(SELECT * FROM {opened.view}{where})"  # noqa: S608


def _blank(
    con: Connection,
    opened: Opened,
    ours: str,
    found: tuple[int, int],
    *,
    most: bool,
) -> Problem:
    theirs, (count, first) = opened.columns[ours], found
    rows = "row is" if count == 1 else "rows are"
    what = (
        f"{opened.title}: {named(ours, theirs)} is empty; {count} {rows} without"
        f" it, the first is data row {first}{_among(opened)}"
    )
    without = f"where = {_not_empty(con, opened, theirs)}"
    fix = f"fill the column, or leave those rows out: {without}"
    if most and ours == "account_id":
        fix = (
            "write the id into every row: of merged cells a spreadsheet keeps the first"
            " alone, and the rows below it are of the same account; where they are of"
            f" nobody leave them out: {without}"
        )
    if nameless := headless(opened, opened.columns.values()):
        what += (
            f": the first line of {Path(nameless[0]).name!r} names no column that we"
            f" read, as of {len(nameless)} of {len(opened.files)} files"
        )
        fix = "write the names of the columns above the rows of every file"
    return Problem(code="CH106", what=what, fix=fix)


def _not_empty(con: Connection, opened: Opened, theirs: str) -> str:
    """Write the condition that leaves out what is read as empty, as TOML has it.

    In JSON and Parquet that may be a text without a letter, and anywhere a word that
    stands for nothing: neither is null.
    """
    q = quoted(theirs)
    if opened.kinds[theirs] != "VARCHAR":
        return f"'{q} is not null'"
    nothing = ", ".join(map(literal, ("", *opened.source.missing)))
    sql = f"SELECT 1 FROM {_rows(opened)} WHERE trim({q}) IN ({nothing}) LIMIT 1"  # noqa: S608
    if not con.execute(sql).fetchall():
        return f"'{q} is not null'"
    return json.dumps(f"trim({q}) not in ({nothing})", ensure_ascii=False)


def _unread(
    con: Connection, opened: Opened, ours: str, kind: str, rows: tuple[int, int]
) -> Problem:
    """Tell of values that do not convert, and of the way they seem to be written."""
    theirs, (count, first) = opened.columns[ours], rows
    values = "value is" if count == 1 else "values are"
    native = opened.kinds[theirs]
    ways = fitting(con, _rows(opened), theirs, native, FAMILIES[kind])
    counted = _counted_among_texts(con, opened, ours, kind)
    if format_of(opened, theirs, kind) in ways:
        ways = []  # the few others are mistakes
    fix = f"mend the values of {theirs!r}, or leave those rows out with `where`"
    key = toml_key(theirs)
    empty = empty_words(con, _rows(opened), theirs)
    if empty:
        fix = f"name what stands for nothing: missing = {json.dumps(empty)}"
    elif ways and not counted:
        fix = _formats(theirs, ways)
    elif others := counted or _other_way(con, opened, ours, FAMILIES[kind]):
        fix = others
    elif kind in (TIME, OPEN_TIME):
        fix += f', or add to `formats` how they are written: {key} = "%d-%m-%Y"'
    elif kind == TEXT:
        fix = (
            f"write {theirs!r} as text or as a whole number; where one is missing, too"
            + (
                " (`read_csv` keeps texts: all_varchar = true)"
                if opened.source.sql
                else ""
            )
        )
    elif opened.table == "states" and ours == "value":
        fix += ", or say what words stand for: levels = { red = 1, green = 3 }"
        if getattr(opened.source, "levels", None):
            fix = f"give every word of {theirs!r} a number in `levels`; {fix}"
    elif kind == WHOLE:
        fix += "; map what is not whole, or is taken back (below zero), to `amount`"
    return Problem(
        code="CH104",
        what=f"{opened.title}: {count} {values} not {_WORDS[kind]} in"
        f" {named(ours, theirs)}, the first in data row {first}{_among(opened)}",
        fix=fix,
    )


def _too_large(
    con: Connection, opened: Opened, ours: str, kind: str, rows: tuple[int, int]
) -> Problem | None:
    """Tell of values that are numbers all, and larger than what can be counted."""
    theirs, (count, first) = opened.columns[ours], rows
    size = f"coalesce(abs(try_cast({quoted(theirs)} as double)), 0) < 1e15"
    sql = f"SELECT count(*) FROM {_rows(opened)} WHERE NOT ({size})"  # noqa: S608
    if kind != NUMBER or con.execute(sql).fetchall()[0][0] != count:
        return None
    values = "value is" if count == 1 else "values are"
    return Problem(
        code="CH104",
        what=f"{opened.title}: {count} {values} not within 1e15 of zero in"
        f" {named(ours, theirs)}, the first in data row {first}{_among(opened)}",
        fix=f"mend the values of {theirs!r}, or leave those rows out: where = '{size}'",
    )


def _per_cent(con: Connection, opened: Opened, theirs: str) -> bool:
    """Say whether a text column holds numbers with a sign of per cent."""
    q = quoted(theirs)
    signed = f"contains({q}, '%') AND TRY_CAST(replace({q}, '%', '') AS DOUBLE)"
    sql = f"SELECT 1 FROM {_rows(opened)} WHERE {signed} IS NOT NULL LIMIT 1"  # noqa: S608
    return bool(con.execute(sql).fetchall())


def _formats(theirs: str, ways: Sequence[str]) -> str:
    named = ", or ".join(f'{toml_key(theirs)} = "{w}"' for w in ways)
    twofold = "; the first reads 1,200 as 1.2, the second as 1200"
    return f"add to `formats`: {named}{twofold if '1,234.50' in ways[1:] else ''}"


def _counted_among_texts(
    con: Connection, opened: Opened, ours: str, kind: str
) -> str | None:
    """Say how to read a column that holds times counted from 1970 and ISO texts."""
    theirs = opened.columns[ours]
    q, rows = quoted(theirs), _rows(opened)
    if opened.kinds[theirs] != "VARCHAR" or FAMILIES[kind] != "dates":
        return None
    numbers = f"(SELECT * FROM {rows} WHERE TRY_CAST({q} AS DOUBLE) IS NOT NULL)"  # noqa: S608
    ways = fitting(con, numbers, theirs, "VARCHAR", "dates")
    texts = f"SELECT 1 FROM {rows} WHERE TRY_CAST({q} AS TIMESTAMPTZ) IS NOT NULL"  # noqa: S608
    if not ways or ways[0] not in _PER_SECOND:
        return None
    if not con.execute(f"{texts} LIMIT 1").fetchall():
        return None
    seconds = f"try_cast({q} as double) / {_PER_SECOND[ways[0]]}"
    return (
        f"{theirs!r} holds {ways[0]} and texts: make one of it in `sql`,"
        f" coalesce(to_timestamp({seconds}), try_cast({q} as timestamptz))"
    )


def _other_way(
    con: Connection, opened: Opened, ours: str, family: Family
) -> str | None:
    """Say how to read a column some of whose values are plain and the others not.

    In a workbook the former are cells that Excel knows to be dates or numbers: they are
    written as the format of the column says, so that it reads both.
    """
    theirs = opened.columns[ours]
    q, plain = quoted(theirs), "DOUBLE" if family == "numbers" else "TIMESTAMP"
    if opened.kinds[theirs] != "VARCHAR" or theirs in opened.source.formats:
        return None
    if family == "numbers" and _per_cent(con, opened, theirs):
        return f"take off the sign in `sql`: replace({q}, '%', '')"
    rest = f"(SELECT * FROM {_rows(opened)} WHERE TRY_CAST({q} AS {plain}) IS NULL)"  # noqa: S608
    ways = fitting(con, rest, theirs, "VARCHAR", family)
    if not ways or (family != "numbers" and "%" not in ways[0]):
        return None
    if (opened.source.path or "").lower().endswith((".xlsx", ".xlsm")):
        return _formats(theirs, ways)
    if family == "numbers":
        return None
    return (
        f"{theirs!r} is written in two ways: make one of it in `sql`,"
        f" coalesce(try_strptime({q}, '{ways[0]}'), try_cast({q} as timestamp))"
        + (f", if it is not '{ways[1]}'" if ways[1:] else "")
    )


def named(ours: str, theirs: str) -> str:
    """Name a column as it stands in the source, and ours that it is mapped to."""
    return f"{theirs!r}" if theirs == ours else f"{theirs!r} (our `{ours}`)"


def _among(opened: Opened) -> str:
    return " of the rows that pass `where`" if opened.source.where else ""
