"""What a table of states says of itself before it is read: repeats, several surveys.

Worked example: an export that was loaded twice holds every answer of an account twice.
Of two people who answer within one moment some give the same mark; that all of them do,
all the time, does not happen.
"""

from __future__ import annotations

import re

import numpy as np

from churnhealth.sources.engine import Connection, quoted
from churnhealth.sources.reading import Opened
from churnhealth.sources.scales import scale_of

__all__ = ["repeated_answers", "telling_column", "version_number"]

_FEW = 10
_NEARLY_ALL = 0.9
_MOST_ALIKE = 0.5  # of two answers taken at random: where nearly all are, none tells
_ALL_DIFFER = 0.99
_MOST_LEVELS = 12
_COLUMN = re.compile(
    r"(?:^|[^a-z])(?:survey|question|kind|type|metric|measure|form|template)"
)
_SURVEYS = re.compile(
    r"(?:^|[^a-z])(nps|csat|ces|csi)(?:$|[^a-z])|(promoter|satisf|effort)"
)


def repeated_answers(con: Connection, opened: Opened, typed: str) -> tuple[int, str]:
    """Count the rows that stand there again, and name the first account of them.

    Where a column of theirs has a value of its own in nearly every row, an id, it is
    certain that they are the same; else by how many moments hold nothing else.
    """
    return _same_id(con, opened) or _same_moment(con, typed)


def _same_id(con: Connection, opened: Opened) -> tuple[int, str] | None:
    """Count rows that repeat another in every column, where one of these is an id."""
    mapped = set(opened.columns.values())
    others = [quoted(name) for name in opened.kinds if name not in mapped]
    where = f" WHERE {opened.source.where}" if opened.source.where else ""
    if not others:
        return None
    account = quoted(opened.columns["account_id"])
    alike = f"(SELECT *, count(*) AS times FROM {opened.view}{where} GROUP BY ALL)"  # noqa: S608
    rows, again, first = con.execute(
        f"SELECT count(*), coalesce(sum(times - 1), 0), min({account})"  # noqa: S608
        f" FILTER (times > 1) FROM {alike}"
    ).fetchall()[0]
    if not again:
        return None
    each = ", ".join(f"count(DISTINCT {name})" for name in others)
    distinct = con.execute(f"SELECT {each} FROM {alike}").fetchall()[0]  # noqa: S608
    certain = max(distinct) >= _ALL_DIFFER * rows
    return (int(again), str(first).strip()) if certain else None


def _same_moment(con: Connection, typed: str) -> tuple[int, str]:
    found = con.execute(
        f"""
        WITH alike AS (
            SELECT account_id, state, known_at, value, count(*) AS times
            FROM {typed} WHERE value IS NOT NULL GROUP BY ALL
        ), moments AS (
            SELECT account_id, state, known_at, min(times) AS least,
                sum(times - 1) AS again
            FROM alike GROUP BY ALL HAVING sum(times) > 1
        ), marks AS (
            SELECT state, value, sum(times) AS n FROM alike GROUP BY ALL
        ), chance AS (
            SELECT state, sum(n * n) / sum(n) ** 2 AS equal FROM marks GROUP BY ALL
        )
        SELECT sum(again) FILTER (least > 1), min(account_id) FILTER (least > 1)
        FROM moments JOIN chance USING (state)
        WHERE equal <= {_MOST_ALIKE}
        GROUP BY state
        HAVING count(*) FILTER (least > 1) >= greatest({_FEW}, {_NEARLY_ALL} * count(*))
        """  # noqa: S608
    ).fetchall()
    if not found:
        return 0, ""
    return sum(int(n) for n, _ in found), min(str(account) for _, account in found)


def telling_column(con: Connection, opened: Opened) -> str:
    """Name the column that tells surveys apart where all are read as one state."""
    if "state" in opened.columns:
        return ""
    mapped = set(opened.columns.values())
    names = [n for n, k in opened.kinds.items() if k == "VARCHAR" and n not in mapped]
    return next((name for name in names if _tells(con, opened, name)), "")


def _tells(con: Connection, opened: Opened, name: str) -> bool:
    """Say whether a column's words are names of surveys, or part their scales."""
    where = f"AND ({opened.source.where})" if opened.source.where else ""
    word = f"lower(trim({quoted(name)}))"
    rows = con.execute(
        f"SELECT {word}, list(TRY_CAST({quoted(opened.columns['value'])} AS DOUBLE))"  # noqa: S608
        f" FROM {opened.view} WHERE {word} <> '' {where} GROUP BY ALL"
        f" HAVING count(*) >= {_FEW} ORDER BY 1 LIMIT {_MOST_LEVELS + 1}"
    ).fetchall()
    if not 2 <= len(rows) <= _MOST_LEVELS:
        return False
    if len({m[0] for word, _ in rows if (m := _SURVEYS.search(word))}) > 1:
        return True
    marks = (np.array([v for v in given if v is not None]) for _, given in rows)
    scales = {scale_of(mark) for mark in marks} - {None}
    return _COLUMN.search(name.lower()) is not None and len(scales) > 1


def version_number(con: Connection, opened: Opened) -> str:
    """Give a text such as 3.10 that stands beside 3.9: a number would read 3.1."""
    theirs = opened.columns["value"]
    if opened.kinds.get(theirs) != "VARCHAR" or getattr(opened.source, "levels", None):
        return ""
    where = f"AND ({opened.source.where})" if opened.source.where else ""
    rows = con.execute(
        f"SELECT DISTINCT trim({quoted(theirs)}) AS text FROM {opened.view}"  # noqa: S608
        f" WHERE regexp_full_match(trim({quoted(theirs)}), '\\d+[.](9|10)') {where}"
    ).fetchall()
    texts = {text for (text,) in rows}
    both = (t for t in texts if t.endswith(".10") and f"{t[:-2]}9" in texts)
    return min(both, default="")
