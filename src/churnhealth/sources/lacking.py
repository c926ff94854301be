"""Files of one source that lack a column which others of them have.

An export whose column is renamed one day goes on without it: its rows are read as if
nothing had been said. Of JSON lines every row may leave out what it does not say.
"""

from __future__ import annotations

from pathlib import Path

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.heads import PARTED, heads_of, met
from churnhealth.sources.kinds import attribute_column, wanted_columns
from churnhealth.sources.reading import Opened
from churnhealth.sources.tables import Part
from churnhealth.sources.unread import named

__all__ = ["lacking"]


def lacking(part: Part) -> Finding | None:
    """Name the columns we read that some of a source's files have not."""
    opened, names = part.opened, _names(part.opened)
    if not (heads := heads_of(opened)):
        return None
    there = set().union(*heads.values())  # the names of folders are in none
    gone = {
        file: [n for n, t in names.items() if met(t) in there - head]
        for file, head in heads.items()
        if head
    }
    without = [file for file, absent in gone.items() if absent]
    if not without:
        return None
    told = dict.fromkeys(name for absent in gone.values() for name in absent)
    what = (
        f"{opened.title}: {len(without):,} of {len(heads):,} files lack a column that"
        f" others have: {', '.join(told)}"
    )
    example = Path(without[0]).name
    return finding("CH282", what, count=len(without), example=example)


def _names(opened: Opened) -> dict[str, str]:
    """Pair what people call the columns we read with the names in the files."""
    wanted = {o: t for o, (t, _) in wanted_columns(opened).items()}
    ours = (o for o in wanted if o in opened.columns or o == "category")
    more = (o for i in range(len(wanted)) if (o := attribute_column(i)) in wanted)
    return {
        named(o, wanted[o]) if o in opened.columns else repr(wanted[o]): wanted[o]
        for o in (*ours, *more)
        if not PARTED.search(wanted[o])
    }
