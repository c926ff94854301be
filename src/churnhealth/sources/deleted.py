"""Rows that their own table calls deleted, or deals not won, and that are read too.

What copies a database into a warehouse marks a row that is gone, and keeps it:
``_fivetran_deleted``, ``_ab_cdc_deleted_at``, Salesforce's ``IsDeleted``. A table of
deals holds those that are open or were lost beside those that became contracts.
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

_DELETED = re.compile(
    r"_*(is|has|was|been|soft|row|record|fivetran|sdc|ab_cdc|dbt)?_?(deleted|voided)"
    r"(_(at|on|date|time|timestamp|flag))?"
)
_STAGE = re.compile(r"(stage_name|deal[_ ]?stage)")  # of Salesforce, of HubSpot
_WON = re.compile(r"(hs_)?is_(closed_)?won")
_NOT = "('', 'false', 'f', 'no', 'n', '0', '0.0', 'null', 'none')"
_MARKS = {
    "deleted": ((_DELETED, f"NOT IN {_NOT}"),),
    "unwon": ((_STAGE, "NOT LIKE '%won%'"), (_WON, f"IN {_NOT}")),
}
_WORDS = {"deleted": "deleted ones", "unwon": "of deals that are not won"}


def _marked(opened: Opened, key: str) -> tuple[str, str] | None:
    """Find the column nobody mapped that says it of a row, and what it then holds."""
    mapped = {folded(name) for name in opened.columns.values()}
    for pattern, holds in _MARKS[key]:
        for name in opened.kinds:
            words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", name))
            if pattern.fullmatch(words) and folded(name) not in mapped:
                return name, holds
    return None


def count_deleted(con: Connection, part: Part) -> Part:
    """Count the rows that are read though their table calls them deleted, or not won.

    An account that is deleted has mostly left, and its history belongs here.
    """
    opened = part.opened
    counts, examples = dict(part.counts), dict(part.examples)
    keys = {"accounts": (), "contracts": tuple(_MARKS)}.get(opened.table, ("deleted",))
    for key in keys:
        found = _marked(opened, key)
        if found is None:
            continue
        theirs, holds = found
        where = f" WHERE {opened.source.where}" if opened.source.where else ""
        mark = f"lower(trim(CAST({quoted(theirs)} AS VARCHAR)))"
        account = f"CAST({quoted(opened.columns['account_id'])} AS VARCHAR)"
        count, first = con.execute(
            f"SELECT count(*), min({account}) FROM (FROM {opened.view}{where})"  # noqa: S608
            f" WHERE {mark} {holds}"
        ).fetchall()[0]
        counts[key] = int(count)
        examples |= {key: str(first).strip(), f"{key} by": theirs}
    return replace(part, counts=counts, examples=examples)


def deleted_rows(part: Part) -> list[Finding]:
    """Tell of them, unless all are so: then the column says something else."""
    rows, told = part.counts["rows"], []
    for key, words in _WORDS.items():
        count = part.counts.get(key, 0)
        if 0 < count < rows:
            what = (
                f"{part.opened.title}: {count:,} of {rows:,} rows are {words}, by the"
                f" column {part.examples[f'{key} by']!r}, and count like the others"
            )
            example = part.examples[key]
            told.append(finding("CH293", what, count=count, example=example))
    return told
