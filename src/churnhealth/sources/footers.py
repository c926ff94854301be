"""The foot of a report below its rows: a copyright, who made it, when.

Worked example: Salesforce ends an exported report with five lines of one cell each,
"Copyright (c) 2000-2026 salesforce.com, inc." among them. DuckDB calls the file odd.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from churnhealth.config import Source
from churnhealth.sources.encodings import open_text
from churnhealth.sources.engine import quoted
from churnhealth.sources.files import in_root
from churnhealth.sources.problems import Problem

__all__ = ["PARTING", "foot_of"]

_MOST_BYTES = 50_000_000  # reports are small; a broken large file is not read again
_MOST_LINES = 20
_TEXT = frozenset({".csv", ".tsv", ".txt"})
PARTING = (",", ";", "\t", "|")


def foot_of(files: Sequence[str], title: str, source: Source) -> Problem | None:
    """See whether a text file has whole rows and then only lines of fewer cells."""
    for file in files:
        text = Path(file).suffix.lower() in _TEXT
        if not text or Path(file).stat().st_size > _MOST_BYTES:
            continue
        with open_text(file, source.encoding or "utf-8", errors="replace") as lines:
            below = islice(lines, source.skip, None)
            first = next(below, "")
            parting = max(PARTING, key=first.count)
            header, *cells = _rows(given := [first, *below], parting)
        width = len(header)
        whole = [i for i, row in enumerate(cells) if len(row) == width]
        foot = len(cells) - len(whole)
        if width < 2 or not whole or not 0 < foot <= _MOST_LINES:
            continue
        if whole[-1] == len(whole) - 1:
            key = _filled(header, cells[:-foot], below=cells[-foot:])
            cut = foot == 1 and not given[-1].endswith(("\n", "\r"))
            return _told(Path(file).name, title, source, (parting, key, foot, cut))
    return None


def _filled(
    header: list[str], rows: list[list[str]], *, below: list[list[str]]
) -> str | None:
    """Name a column that all rows fill and no line below: it tells them apart.

    Rows without anything are none, and may be left out with what stands below.

    >>> rows = [["1", "", "2025-01-01"], ["", "", ""]]
    >>> _filled(["id", "note", "day"], rows, below=[["made by"]])
    'day'
    """
    rows = [row for row in rows if any(row)]
    for k, name in enumerate(header):
        if all(row[k] for row in rows) and not any("".join(row[k:]) for row in below):
            return name
    return None


def _rows(lines: Sequence[str], parting: str) -> list[list[str]]:
    """Part lines into cells; nothing where a quote stays open or a cell is endless."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=parting) if row]
    except csv.Error:
        rows = []
    return rows or [[]]


def _told(
    name: str, title: str, source: Source, seen: tuple[str, str | None, int, bool]
) -> Problem:
    parting, key, foot, cut = seen
    how = {"\t": "\\t"}.get(parting, parting)
    query = (
        f"select * from read_csv({in_root(source.path or '')}, header = true, skip ="  # noqa: S608
        f" {source.skip}, delim = '{how}', all_varchar = true, null_padding = true)"
        f" where {quoted(key or '')} is not null"
    )
    sql = f"; or leave them out: sql = '''{query}'''"
    hidden = source.encoding or key is None
    last, are = ("line", "is no row") if foot == 1 else (f"{foot} lines", "are no rows")
    return Problem(
        code="CH111",
        what=f"{title}: the last {last} of {name!r} {are}, with fewer cells than its"
        f" first line has names: {'the file breaks off, or it is ' if cut else ''}the"
        " foot of a report",
        fix=f"{'export it again if it breaks off; else ' if cut else ''}delete what"
        f" stands below the rows{'' if hidden else sql}",
    )
