"""The first lines of a source's files, which name their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from churnhealth.sources.engine import Connection, connect
from churnhealth.sources.files import lines_of
from churnhealth.sources.reading import Opened

__all__ = ["PARTED", "headless", "heads_of", "met"]

PARTED = re.compile(r"[,;\t|]")
_NO_HEAD = re.compile(r"\.(json|jsonl|ndjson)\b|\.zst$", re.IGNORECASE)


def heads_of(opened: Opened) -> dict[str, set[str]]:
    """Read the names of the columns of each of several files; none of an empty one.

    Nothing is read where there is one file only, or one that has no such line.
    """
    if len(opened.files) < 2 or _NO_HEAD.search(opened.files[0]):
        return {}
    with connect() as con:
        return {file: _head(con, file, opened) for file in opened.files}


def headless(opened: Opened, names: Iterable[str]) -> list[str]:
    """List the files that have rows and none of these columns."""
    asked = {met(name) for name in names}
    heads = heads_of(opened).items()
    return [file for file, head in heads if head and not head & asked]


def _head(con: Connection, file: str, opened: Opened) -> set[str]:
    """Read the names of a file's columns; none where it is empty."""
    if file.lower().endswith((".parquet", ".pq")):
        asked = "SELECT name FROM parquet_schema($file)"
        return {met(str(n)) for (n,) in con.execute(asked, {"file": file}).fetchall()}
    lines = islice(lines_of(file, opened.source), opened.source.skip, None)
    cells = PARTED.split(next(lines, ""))
    return {name for cell in cells if (name := met(cell.strip('\ufeff"\r\n ')))}


def met(name: str) -> str:
    r"""Fold what DuckDB folds where it brings files together: capitals of ASCII alone.

    >>> met("Size ") == met("SIZE"), met("\u00dcbrig") == met("\u00fcbrig")
    (True, False)
    """
    return "".join(c.lower() if c.isascii() else c for c in name.strip())
