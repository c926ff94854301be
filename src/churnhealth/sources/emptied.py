"""What stands for nothing in a source: the texts that `missing` lists become empty."""

from __future__ import annotations

import re
from collections.abc import Mapping

from churnhealth.config import Source
from churnhealth.sources.engine import Connection, literal, quoted, trimmed
from churnhealth.sources.written import (
    family_of,
    folded,
    time_as_written,
    understood,
    without_nanoseconds,
)

__all__ = ["without_missing"]

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMERIC = ("DECIMAL", "DOUBLE", "FLOAT", *_WHOLE, *(f"U{kind}" for kind in _WHOLE))


def without_missing(con: Connection, source: Source, kinds: Mapping[str, str]) -> str:
    """Write the columns with nothing where a text stands that means nothing.

    Of a column of dates or times the text is the day: a database has no other, and of
    a workbook's cells nobody sees how they are written. Where a format says how texts
    are written as times, both will do. Of a column of numbers it is the number.
    """
    listed = ", ".join(map(literal, source.missing))
    numbers = [text for text in source.missing if _NUMBER.fullmatch(text)]
    dated = _dated(con, source, kinds)
    columns = []
    for name, kind in kinds.items():
        q = quoted(name)
        moment = without_nanoseconds(q) if kind.endswith("_NS") else q
        day = f"CAST(CAST({dated.get(name, moment)} AS DATE) AS VARCHAR)"
        means_nothing = []
        if kind == "VARCHAR":
            means_nothing.append(f"{trimmed(q)} IN ({listed})")
        if numbers and kind.startswith(_NUMERIC):
            means_nothing.append(f"coalesce({q} IN ({', '.join(numbers)}), false)")
        if name in dated or kind == "DATE" or kind.startswith("TIMESTAMP"):
            means_nothing.append(f"coalesce({day}, '') IN ({listed})")
        nothing = " OR ".join(means_nothing)
        columns.append(
            f"CASE WHEN NOT ({nothing}) THEN {q} END AS {q}" if nothing else q
        )
    return f"SELECT {', '.join(columns)}"


def _dated(con: Connection, source: Source, kinds: Mapping[str, str]) -> dict[str, str]:
    """Write the times of the texts that a format of the source reads as times."""
    patterns = {folded(name): p for name, p in source.formats.items()}
    return {
        name: time_as_written(name, pattern)
        for name, kind in kinds.items()
        if kind == "VARCHAR"
        and (pattern := patterns.get(folded(name))) is not None
        and family_of(pattern) == "dates"
        and understood(con, pattern)
    }
