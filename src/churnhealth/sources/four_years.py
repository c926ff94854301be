"""Days that a spreadsheet counts from 1904, read as if it counted from 1900.

Worked example: 44197 is 2021-01-01 in most workbooks, and 2025-01-02 in an old one of a
Mac. The number does not say which; rows of other sources do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["four_years_early"]

_COUNTED = "spreadsheet days"
_EARLY = 1462  # days between the two beginnings
_NEAR = 100


def four_years_early(parts: Sequence[Part]) -> Iterator[Finding]:
    """Compare the newest rows of such a source with those of all others."""
    newest = [(part, day) for part in parts if (day := _newest(part)) is not None]
    counted = [_COUNTED in part.opened.source.formats.values() for part, _ in newest]
    others = [day for (_, day), odd in zip(newest, counted, strict=True) if not odd]
    for (part, day), odd in zip(newest, counted, strict=True):
        if odd and others and abs(max(others) - day - _EARLY) <= _NEAR:
            what = (
                f"{part.opened.title}: the newest row lies {max(others) - day:,} days"
                f" before those of other sources, read as {_COUNTED!r}"
            )
            count = part.counts["rows"]
            yield finding("CH292", what, count=count, example=part.opened.name)


def _newest(part: Part) -> int | None:
    if part.words is not None:
        return int(part.words.days()[0].max()) if part.words.size else None
    table = part.opened.table
    name = {"contracts": "start", "states": "known_at"}.get(table)
    if name is None or not part.columns[name].size:
        return None
    return int(part.columns[name].max())
