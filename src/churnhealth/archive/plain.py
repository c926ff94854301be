"""How a table of ours becomes what others can show: JSON, pages, spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.arrays import texts

__all__ = ["Row", "harmless", "plain_rows", "unformulated"]

Table = Mapping[str, NDArray[Any]]

Row = dict[str, Any]


def plain_rows(table: Mapping[str, NDArray[Any]]) -> list[Row]:
    """Turn columns into rows of JSON values: no NaN, dates as text.

    >>> plain_rows({"a": np.array([1.5, np.nan]), "d": np.array(["2026-01-01", "NaT"],
    ...            dtype="datetime64[D]")})
    [{'a': 1.5, 'd': '2026-01-01'}, {'a': None, 'd': None}]
    """
    columns = [_plain(column) for column in table.values()]
    return [
        dict(zip(table, values, strict=True)) for values in zip(*columns, strict=True)
    ]


def _plain(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "M":
        days = column.dtype == np.dtype("datetime64[D]")
        texts = np.datetime_as_string(column, unit="D" if days else "s").tolist()
        return [None if t == "NaT" else t if days else f"{t}Z" for t in texts]
    values = column.tolist()
    return [None if v != v else v for v in values]


def harmless(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    >>> harmless("=1+1"), harmless("Nord"), harmless(-1.5)
    ("'=1+1", 'Nord', -1.5)
    """
    if not isinstance(cell, str):
        return cell
    # spaces before a sign do not disarm it: some programs drop them
    runs = cell.lstrip()[:1] in tuple("=+-@＝＋－＠") or cell[:1] in tuple("\t\r\n")
    return "'" + cell if runs else cell


def unformulated(table: Table) -> dict[str, NDArray[Any]]:
    """Make every text of a table ``harmless``."""
    return {
        name: texts(map(harmless, column)) if column.dtype.kind == "O" else column
        for name, column in table.items()
    }
