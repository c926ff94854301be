"""Lines of a text file that do not fit its first one: where they are, and how."""

from __future__ import annotations

import csv
import re
from itertools import islice

from churnhealth.config import Source
from churnhealth.said import many
from churnhealth.sources.encodings import open_text
from churnhealth.sources.footers import PARTING
from churnhealth.sources.problems import Problem

__all__ = ["QUOTE_CELLS", "line_ends", "odd_line", "ragged"]

QUOTE_CELLS = "write the file again with every cell that holds a separator in quotes"
_LOOKED_AT = 1 << 16


def odd_line(told: str) -> str:
    r"""Say which line DuckDB stumbled over, and why, as far as it tells.

    >>> odd_line("CSV Error on Line: 7\nExpected Number of Columns: 3 Found: 4")
    ' at line 7, which has more than 3 cells; the first line has 3 names'
    >>> odd_line("CSV Error on Line: 7\nValue with unterminated quote found.")
    ' at line 7, where a quote does not close'
    """
    line = re.search(r"CSV Error on Line: (\d+)", told)
    if line is None:
        return ""
    where = f" at line {line[1]}"
    cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", told)
    if cells is not None:
        names, here = map(int, cells.groups())
        # it stops to count at the first cell too many
        has = f"more than {names} cells" if here > names else many(here, "cell")
        return f"{where}, which has {has}; the first line has {many(names, 'name')}"
    quote = ", where a quote does not close" if "unterminated quote" in told else ""
    return where + quote


def line_ends(file: str) -> str:
    """Say that the lines of a file end in two ways, which DuckDB reads no dialect of.

    A line that was put above by hand, or files that were joined, make it so.
    """
    with open_text(file, "latin-1") as text:
        begin = text.read(_LOOKED_AT)
    # a cell may hold breaks of another kind, but a name of the first line may not
    names, rows = re.split(r'^((?:"[^"]*"|[^"\r\n])*)', begin, maxsplit=1)[1:]
    begin = names + re.sub(r'"[^"]*"', "", rows)
    both = "\r\n" in begin and re.search(r"(?<!\r)\n", begin) is not None
    return ": some of its lines end in CR LF, others in LF alone" if both else ""


def ragged(file: str, title: str, source: Source) -> Problem:
    """Tell of a file many of whose lines have more or fewer cells than the first."""
    return Problem(
        code="CH111",
        what=f"{title}: {source.path!r} has rows with more or fewer cells than its"
        f" first line has names{_first(file, source)}",
        fix=QUOTE_CELLS,
    )


def _first(file: str, source: Source) -> str:
    with open_text(file, source.encoding or "utf-8", errors="replace") as lines:
        below = islice(lines, source.skip, None)
        first = next(below, "")
        parting = max(PARTING, key=first.count)
        rows = csv.reader(below, delimiter=parting)
        try:
            names = len(next(csv.reader([first], delimiter=parting), []))
            for row in rows:
                if row and len(row) != names:
                    line = source.skip + 1 + rows.line_num
                    here, above = many(len(row), "cell"), many(names, "name")
                    return f", the first in line {line}: {here}, {above}"
        except csv.Error:  # a cell without end, or one that is far too long
            return ""
    return ""
