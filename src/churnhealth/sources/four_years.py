"""Days that a spreadsheet counts from 1904, read as if it counted from 1900.

Worked example: 44197 is 2021-01-01 in most workbooks, and 2025-01-02 in an old one of a
Mac. The number does not say which; rows of other sources do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["four_years_early"]

_COUNTED = "spreadsheet days"
_DAYS = {"contracts": ("start", "known_at"), "states": ("known_at",)}
_EARLY = 1462  # days between the two beginnings
_NEAR = 100


def four_years_early(parts: Sequence[Part]) -> Iterator[Finding]:
    """Compare the newest rows of such a source with those of all others."""
    newest = [(part, day) for part in parts if (day := _newest(part)) is not None]
    counted = [_is_counted(part) for part, _ in newest]
    others = [day for (_, day), odd in zip(newest, counted, strict=True) if not odd]
    for (part, day), odd in zip(newest, counted, strict=True):
        if odd and others and abs(max(others) - day - _EARLY) <= _NEAR:
            what = (
                f"{part.opened.title}: the newest row lies {max(others) - day:,} days"
                f" before those of other sources, read as {_COUNTED!r}"
            )
            count = part.counts["rows"]
            yield finding("CH292", what, count=count, example=part.opened.name)


def _is_counted(part: Part) -> bool:
    """Say whether the days that `_newest` looks at are such numbers."""
    formats, theirs = part.opened.source.formats, part.opened.columns
    ours = _DAYS.get(part.opened.table, ("happened_at",))
    return any(formats.get(theirs.get(name, "")) == _COUNTED for name in ours)


def _newest(part: Part) -> int | None:
    """Give the newest day of which something was known; plans lie ahead."""
    if part.words is not None:
        planned = getattr(part.opened.source, "planned", False)
        used = part.words.size and not planned
        return int(part.words.days()[0].max()) if used else None
    days = [part.columns[name] for name in _DAYS.get(part.opened.table, ())]
    return int(np.minimum.reduce(days).max()) if days and days[0].size else None
