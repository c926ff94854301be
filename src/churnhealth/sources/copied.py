"""Exports that were loaded twice, where no `event_id` says so.

Equal rows may be legitimate: two clicks in one second. But where an export reaches back
into days that another has told already, nearly all rows of a day stand there equally
often.

Worked example: files of March and of April, each with the 45 days before its end, both
hold the second half of March: on each of those days all rows are there twice.
"""

from __future__ import annotations

from churnhealth.sources.engine import Connection, columns_of, quoted

__all__ = ["copied_days"]

_ALIKE = ("account_id", "event", "item", "user_id", "count", "amount", "users")
_FEWEST = 20
_NEARLY_ALL = 0.9
_LOOKED_AT = 1_000_000


def copied_days(con: Connection, typed: str, *, rows: int) -> tuple[int, str]:
    """Count the days of a typed table of events that were told twice; name the first.

    Looked at are rows with a time of day, and of many rows those of some accounts.
    When a row became known may differ: it does where that is when it was loaded.
    """
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
