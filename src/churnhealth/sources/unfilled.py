"""Which mapped columns hold nothing in any row of a source."""

from __future__ import annotations

from dataclasses import replace

from churnhealth.sources.contract import TABLES
from churnhealth.sources.engine import Connection, quoted
from churnhealth.sources.tables import Part
from churnhealth.sources.unread import named

__all__ = ["unfilled"]

_TOLD_ELSEWHERE = ("known_at", "user_id")  # with the rows that lack it: CH209, CH218


def unfilled(con: Connection, part: Part, typed: str) -> Part:
    """Count the optional columns that are mapped and empty in every row.

    The search for a value ends with the first one, so only an empty column is read
    whole.
    """
    _, optional = TABLES[part.opened.table]
    empty = [
        named(ours, theirs)
        for ours, theirs in part.opened.columns.items()
        if ours in optional
        and ours not in _TOLD_ELSEWHERE
        and not con.execute(
            f"SELECT 1 FROM {typed} WHERE {quoted(ours)} IS NOT NULL LIMIT 1"  # noqa: S608
        ).fetchall()
    ]
    return replace(
        part,
        counts={**part.counts, "unfilled": len(empty)},
        examples={**part.examples, "unfilled": ", ".join(empty)},
    )
