"""Times without an offset: which clock they were read from.

Worked example: with ``timezone = "Asia/Tokyo"`` the text 2025-03-01 08:00 is
2025-02-28 23:00 in UTC, and so is 2025-03-01 00:00+01:00, which says its offset. A
plain day, or midnight to the second, stays that day: it stands for a date.
"""

from __future__ import annotations

from churnhealth.said import nearest
from churnhealth.sources.engine import Connection, QueryError, literal, quoted
from churnhealth.sources.kinds import OPEN_TIME, TIME, format_of, wanted_columns
from churnhealth.sources.problems import Problem
from churnhealth.sources.reading import Opened

__all__ = ["clock_bits", "clocked", "from_clock", "has_offset", "unknown_zone"]

_OFFSET = r"([A-Za-z]|[+-]\d\d(:?\d\d)?)\s*$"


def has_offset(text: str) -> str:
    """Write the condition that a time with a clock says its offset, or its zone."""
    return f"regexp_matches({text}, {literal(_OFFSET)})"


def from_clock(moment: str, zone: str) -> str:
    """Write the UTC of what a clock in a zone showed; midnight stands for the day."""
    there = f"(({moment} AT TIME ZONE {literal(zone)}) AT TIME ZONE 'UTC')"
    return (
        f"(CASE WHEN CAST({moment} AS TIME) = TIME '00:00:00' THEN {moment}"
        f" ELSE {there} END)"
    )


def clocked(opened: Opened) -> list[str]:
    """List our columns of times that are texts, whose zone nobody named."""
    if opened.source.timezone is not None:
        return []
    return [
        ours
        for ours, (theirs, kind) in wanted_columns(opened).items()
        if kind in (TIME, OPEN_TIME)
        and opened.kinds[theirs] == "VARCHAR"
        and format_of(opened, theirs, kind) is None
    ]


def clock_bits(opened: Opened) -> str | None:
    """Write which columns of a row show a clock: a bit without and one with offset."""
    parts = []
    for i, ours in enumerate(clocked(opened)):
        text = quoted(opened.columns[ours])
        parts.append(
            f"CASE WHEN contains({text}, ':') IS NOT TRUE THEN 0"  # an empty one too
            f" WHEN {has_offset(text)} THEN {2 << 2 * i} ELSE {1 << 2 * i} END"
        )
    return " + ".join(f"coalesce({part}, 0)" for part in parts) or None


def unknown_zone(con: Connection, opened: Opened) -> list[Problem]:
    """Refuse a zone that there is none of, and name the nearest.

    >>> from churnhealth.sources.engine import connect
    >>> from types import SimpleNamespace as Some
    >>> given = Some(title="logins", source=Some(timezone="Europe/Berln"))
    >>> with connect() as con:
    ...     unknown_zone(con, given)[0].what
    "logins: there is no time zone 'Europe/Berln'; the nearest is `Europe/Berlin`"
    """
    zone = opened.source.timezone
    if zone is None:
        return []
    try:
        con.execute(f"SELECT TIMESTAMP '2000-01-01 12:00' AT TIME ZONE {literal(zone)}")
    except QueryError:
        rows = con.execute("SELECT name FROM pg_timezone_names()").fetchall()
        hint = nearest(zone, [str(name) for (name,) in rows])
        return [
            Problem(
                code="CH117",
                what=f"{opened.title}: there is no time zone {zone!r}{hint}",
                fix='name it as the IANA does: timezone = "America/New_York"',
            )
        ]
    return []
