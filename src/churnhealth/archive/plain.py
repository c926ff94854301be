"""How a table of ours becomes rows that JSON and pages can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Row", "plain_rows"]

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
