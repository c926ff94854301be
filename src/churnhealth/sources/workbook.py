"""A sheet of an Excel workbook, written as CSV: the only file that knows openpyxl."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

__all__ = ["DAMAGED", "NoSuchSheetError", "sheet_rows", "sheets_of", "write_sheet"]

# whatever openpyxl meets in a file that is no workbook, or an odd one
DAMAGED = (
    *(AttributeError, BadZipFile, EOFError, LookupError, OSError, SyntaxError),
    *(TypeError, ValueError),
)


class NoSuchSheetError(Exception):
    """The workbook has no sheet of this name; it says which it has."""


def sheet_rows(file: Path, sheet: str | None) -> Iterator[list[str]]:
    """Give the rows of a sheet (the first one, when none is named) as texts.

    Raises as `_cells` does.
    """
    for row in _cells(file, sheet):
        yield [_text(value) for value in row]


def sheets_of(file: Path) -> list[str]:
    """Name the sheets of a workbook, in their order."""
    with closing(_opened(file)) as book:
        return [sheet.title for sheet in book.worksheets]


def _opened(file: Path) -> Any:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of looks that are not kept, such as colours
        return load_workbook(file, read_only=True, data_only=True)


def _cells(file: Path, sheet: str | None) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a sheet as what they are: texts, numbers, dates.

    Raises
    ------
    NoSuchSheetError
        When there is no such sheet; the ones that are there are named.
    """
    with closing(_opened(file)) as book:
        if sheet is not None and sheet not in book.sheetnames:
            raise NoSuchSheetError(", ".join(map(repr, book.sheetnames)))
        chosen = book.worksheets[0] if sheet is None else book[sheet]
        chosen.reset_dimensions()  # some programs write that a sheet is one cell large
        yield from chosen.iter_rows(values_only=True)


def write_sheet(
    file: Path,
    sheet: str | None,
    *,
    skip: int,
    into: Path,
    pattern_of: Callable[[str], str | None] = lambda _: None,
) -> None:
    """Write the rows below the first ``skip`` ones; the next one names the columns.

    Empty rows, and columns without a name, are notes and spaces: they are left out.
    ``pattern_of`` says how the texts of a column are written: what Excel knows to be a
    date or a number is written like them, so that one pattern reads them all.
    """
    rows = _cells(file, sheet)
    for _ in range(skip):
        next(rows, None)
    head = [_text(name) for name in next(rows, ())]
    named = [(i, pattern_of(name)) for i, name in enumerate(head) if name]
    with into.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([head[i] for i, _ in named])
        for row in rows:
            if any(map(_text, row)):
                writer.writerow(
                    [_written(row[i], p) if i < len(row) else "" for i, p in named]
                )


def _written(value: Any, pattern: str | None) -> str:
    """Write a cell as the texts beside it are written.

    >>> _written(datetime(2025, 1, 31), "%d.%m.%Y"), _written(1234.5, "1.234,50")
    ('31.01.2025', '1234,5')
    """
    if pattern and "%" in pattern and isinstance(value, date):
        return value.strftime(pattern)
    if pattern == "1.234,50" and isinstance(value, float):
        return _text(value).replace(".", ",")
    return _text(value)


def _text(value: Any) -> str:
    """Write a cell as a CSV would have it: ISO dates, whole numbers without a point.

    >>> _text(datetime(2025, 1, 31)), _text(7.0), _text(True), _text(None)
    ('2025-01-31', '7', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
