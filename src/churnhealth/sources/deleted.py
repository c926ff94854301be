"""Rows that their own table calls deleted, and that are read all the same.

What copies a database into a warehouse marks a row that is gone, and keeps it:
``_fivetran_deleted``, ``_ab_cdc_deleted_at``, Salesforce's ``IsDeleted``.
"""

from __future__ import annotations

import re
from dataclasses import replace

from churnhealth.sources.engine import Connection, quoted
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.reading import Opened
from churnhealth.sources.tables import Part
from churnhealth.sources.written import folded

__all__ = ["count_deleted", "deleted_rows"]

_NAME = re.compile(
    r"_*(is|has|was|been|soft|row|record|fivetran|sdc|ab_cdc|dbt)?_?(deleted|voided)"
    r"(_(at|on|date|time|timestamp|flag))?"
)
_NOT = "('', 'false', 'f', 'no', 'n', '0', '0.0', 'null', 'none')"


def _column(opened: Opened) -> str | None:
    """Find the column nobody mapped that says of a row whether it is deleted."""
    mapped = {folded(name) for name in opened.columns.values()}
    for name in opened.kinds:
        words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", name))
        if _NAME.fullmatch(words) and folded(name) not in mapped:
            return name
    return None


def count_deleted(con: Connection, part: Part) -> Part:
    """Count the rows that are read though their table calls them deleted.

    An account that is deleted has mostly left, and its history belongs here.
    """
    opened = part.opened
    theirs = None if opened.table == "accounts" else _column(opened)
    if theirs is None:
        return part
    where = f" WHERE {opened.source.where}" if opened.source.where else ""
    mark = f"lower(trim(CAST({quoted(theirs)} AS VARCHAR)))"
    account = f"CAST({quoted(opened.columns['account_id'])} AS VARCHAR)"
    deleted, first = con.execute(
        f"SELECT count(*), min({account}) FROM (SELECT * FROM {opened.view}{where})"  # noqa: S608
        f" WHERE {mark} NOT IN {_NOT}"
    ).fetchall()[0]
    return replace(
        part,
        counts={**part.counts, "deleted": int(deleted)},
        examples={**part.examples, "deleted": str(first).strip(), "mark": theirs},
    )


def deleted_rows(part: Part) -> Finding | None:
    """Tell of them, unless all are so: then the column says something else."""
    count, rows = part.counts.get("deleted", 0), part.counts["rows"]
    if not 0 < count < rows:
        return None
    what = (
        f"{part.opened.title}: {count:,} of {rows:,} rows are deleted ones by the"
        f" column {part.examples['mark']!r}, and count like the others"
    )
    return finding("CH293", what, count=count, example=part.examples["deleted"])
