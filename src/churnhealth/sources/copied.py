"""Exports that were loaded twice, where no `event_id` says so.

Equal rows may be legitimate: two clicks in one second. But where an export reaches back
into days that another has told already, nearly all rows of a day stand there equally
often.

Worked example: files of March and of April, each with the 45 days before its end, both
hold the second half of March: on each of those days all rows are there twice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import Ints
from churnhealth.sources.engine import Connection, columns_of, quoted
from churnhealth.sources.fanned_out import as_before
from churnhealth.sources.packed import Words

__all__ = ["copied_days"]

_ALIKE = ("account_id", "event", "item", "user_id", "count", "amount", "users")
_FEWEST = 20
_NEARLY_ALL = 0.9
_LOOKED_AT = 1_000_000
_ONE_IN = 3  # rows of a day must equal another, or it was hardly told twice
_CHUNK = 1 << 20


def copied_days(
    con: Connection, typed: str, words: Words, *, rows: int
) -> tuple[int, str]:
    """Count the days of a typed table of events that were told twice; name the first.

    Looked at are rows with a time of day, and of many rows those of some accounts.
    When a row became known may differ: it does where that is when it was loaded.
    ``words`` are the same rows, sorted; mostly they say that there is no such day.
    """
    if not _may_be_copied(words):
        return 0, ""
    alike = [c for c in columns_of(con, typed) if c in _ALIKE or c == "ended_at"]
    of = max(rows // _LOOKED_AT, 1)
    found = con.execute(
        f"""
        WITH alike AS (
            SELECT happened_at, count(*) AS times FROM {typed}
            WHERE CAST(happened_at AS TIME) <> TIME '00:00:00'
                AND hash(account_id) % {of} = 0
            GROUP BY happened_at, {", ".join(map(quoted, alike))}
        ), counted AS (
            SELECT CAST(happened_at AS DATE) AS day, times, count(*) AS n
            FROM alike GROUP BY ALL
        ), days AS (
            SELECT day, arg_max(times, n) AS times, max(n) AS n, sum(n) AS of
            FROM counted GROUP BY day
        )
        SELECT count(*), CAST(min(day) AS VARCHAR) FROM days
        WHERE times > 1 AND n >= {_FEWEST} AND n >= {_NEARLY_ALL} * of
        """  # noqa: S608
    ).fetchall()
    days, first = found[0]
    return int(days), str(first or "")


def _may_be_copied(words: Words) -> bool:
    """Say whether on any day many rows are equal but for the time of day.

    Equal words are neighbours, so that a look at them takes a fraction of the time of
    the question itself. Words also hold how late a row became known: where that
    differs, they do not tell.
    """
    field = {f.name: f for f in words.fields}
    if field["late"].bits:
        return True
    happened = field["happened_at"]

    def each_day(rows: Callable[[Words], NDArray[np.bool_] | slice]) -> Ints:
        found = np.zeros(happened.high - happened.low + 1, dtype=np.int64)
        for start in range(0, words.size, _CHUNK):
            part = words.rows(slice(start, start + _CHUNK))
            day = part.rows(rows(part)).column("happened_at") - happened.low
            found += np.bincount(day, minlength=found.size)
        return found

    equal = each_day(as_before)
    few = equal < _FEWEST
    if few.all():  # mostly: then nobody need count the others
        return False
    return bool((~few & (equal * _ONE_IN >= each_day(lambda _: slice(None)))).any())
