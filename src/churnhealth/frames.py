"""Data frames in and out: whatever narwhals reads, as the tables we know; pandas out.

The only file that knows narwhals and pandas, and it asks for them late.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import ChurnHealthError, SourceError
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import TABLES
from churnhealth.sources.engine import write_table

__all__ = ["columns_of_frame", "to_frame", "written_frames"]

Table = Mapping[str, NDArray[Any]]


def to_frame(table: Table) -> Any:
    """Give a table as a pandas data frame.

    Raises
    ------
    ChurnHealthError
        CH800 when pandas is not installed.

    >>> to_frame({"account_id": np.array(["a1"], dtype=object)}).shape
    (1, 1)
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ChurnHealthError(
            "CH800",
            "pandas is not installed",
            why="tables are given as its data frames",
            fix='pip install "churnhealth[notebook]"',
        ) from error
    return pd.DataFrame(
        {
            name: column.astype("datetime64[s]") if column.dtype.kind == "M" else column
            for name, column in table.items()
        }
    )


def columns_of_frame(frame: Any, *, table: str) -> dict[str, NDArray[Any]]:
    """Read a frame's columns as NumPy: dates, numbers and texts, missing ones kept.

    A lazy one (Polars, a relation of DuckDB) is collected.

    Raises
    ------
    SourceError
        CH801 when it is no data frame that narwhals knows, or its columns have no
        names; CH102 when a name stands there twice.
    """
    import narwhals as nw

    try:
        given = nw.from_native(frame)
    except TypeError as error:
        what = f"{table}: a {type(frame).__name__} is no data frame that we can read"
        raise _unnamed(what) from error
    except nw.exceptions.DuplicateError as error:
        raise SourceError(
            "CH102",
            f"{table}: a column of the frame is there twice",
            why="nobody can say which of them is meant",
            fix="keep one: frame.loc[:, ~frame.columns.duplicated()] in pandas",
        ) from error
    if isinstance(given, nw.LazyFrame):
        given = given.collect()
    if not all(isinstance(name, str) for name in given.columns):
        raise _unnamed(f"{table}: the columns of the frame are not named by texts")
    return {name: _column(given[name]) for name in given.columns}


def _unnamed(what: str) -> SourceError:
    return SourceError(
        "CH801",
        what,
        why="columns are found by their names and types",
        fix="give a data frame of pandas, Polars or pyarrow whose columns have names",
    )


def _moments(frame: Any) -> set[str]:
    """Name the columns of times that say their zone."""
    import narwhals as nw

    kinds = nw.from_native(frame).collect_schema().items()
    return {n for n, k in kinds if isinstance(k, nw.Datetime) and k.time_zone}


_EXACT = 1 << 53  # a longer whole number, as an id may be, is no float


def _column(series: Any) -> NDArray[Any]:
    import narwhals as nw

    kind = series.dtype
    if isinstance(kind, nw.Datetime):
        if kind.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return np.asarray(series.to_numpy()).astype("datetime64[us]")
    if isinstance(kind, nw.Date):
        return np.asarray(series.to_numpy()).astype("datetime64[D]")
    missing = series.is_null().to_numpy()
    wide = kind in (nw.Int128, nw.UInt128)
    if wide or (kind.is_integer() and missing.any() and _has_long(series)):
        values = series.to_list()  # NumPy would round them
    else:
        values = series.to_numpy()
        if values.dtype.kind in "iufb":
            return np.asarray(values)
    told = [
        None if gone else _plain(v) for v, gone in zip(values, missing, strict=True)
    ]
    truths = [v for v in told if isinstance(v, bool)]
    if truths and len(truths) == len(told) - told.count(None):  # no levels 1 and 0
        return np.array([None if v is None else str(v).lower() for v in told], object)
    if all(v is None or _is_float(v) for v in told):
        return np.array([np.nan if v is None else float(v) for v in told])
    return texts(None if v is None else str(v) for v in told)


def _has_long(whole: Any) -> bool:
    ends = whole.min(), whole.max()
    return not all(end is None or _is_float(end) for end in ends)


def _is_float(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= _EXACT
    return isinstance(value, float)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):  # 12.00 is 12
        whole = value.is_finite() and value == int(value)
        return int(value) if whole else float(value)
    return value.item() if isinstance(value, np.generic) else value


def written_frames(
    folder: Path,
    *,
    accounts: Any,
    contracts: Any,
    events: Mapping[str, Any] | None,
    states: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Write frames as Parquet files and give the ``[sources]`` that read them.

    Columns that have our names are taken; of ``accounts`` the others become attributes.

    Raises
    ------
    SourceError
        CH102 when a frame lacks a required column, CH801 when frames have no names.
    """
    sources: dict[str, Any] = {"root": str(folder), "events": [], "states": []}
    if accounts is not None:
        source, more = _source(folder, "accounts", "accounts", accounts)
        sources["accounts"] = {**source, "attributes": more}
    if contracts is not None:
        sources["contracts"] = _source(folder, "contracts", "contracts", contracts)[0]
    for kind, given in (("events", events), ("states", states)):
        for name, frame in _named(kind, given).items():
            source, _ = _source(folder, kind, name, frame)
            sources[kind].append({"name": name, **source, **_category(source)})
    return sources


def _named(kind: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    raise SourceError(
        "CH801",
        f"{kind}: a {type(given).__name__} is no mapping of names to data frames",
        why="features are named after the source that they are made of",
        fix=f'name it: {kind}={{"product": frame}}',
    )


def _category(source: Mapping[str, Any]) -> dict[str, Any]:
    if "category" not in source["columns"]:
        return {}
    del source["columns"]["category"]
    return {"category": {"column": "category"}}


def _source(
    folder: Path, table: str, name: str, frame: Any
) -> tuple[dict[str, Any], list[str]]:
    columns = columns_of_frame(frame, table=name)
    required, optional = TABLES[table]
    absent = [c for c in required if c not in columns and c != "state"]
    if absent:
        raise SourceError(
            "CH102",
            f"{name}: the frame has no column {', '.join(absent)}; it has"
            f" {', '.join(columns)}",
            why="it would be read as missing everywhere",
            fix="rename the columns of the frame to these names",
        )
    ours = {*required, *optional, "category"}
    known = [c for c in columns if c in ours]
    more = [c for c in columns if c not in known]
    kept = known + more if table == "accounts" else known
    file = f"{table}-{name}.parquet"
    given = {c: columns[c] for c in kept}
    write_table(folder / file, given, moments=_moments(frame))
    return {"path": file, "columns": {c: c for c in known}}, more
