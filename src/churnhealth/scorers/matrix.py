"""What may enter a scorer: one door for matrices, outcomes and column names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import InputError
from churnhealth.sources.contract import Floats, Ints

__all__ = [
    "MatrixError",
    "column_names",
    "column_of",
    "labels_of",
    "matrix_of",
    "refuse",
    "same_names",
]


class MatrixError(InputError, ValueError):
    """A feature matrix or its outcomes that a scorer cannot use (CH32x).

    It is a ``ValueError`` too, because scikit-learn's tools expect one.
    """


def refuse(code: str, what: str, *, fix: str) -> MatrixError:
    """Build the error for a matrix, ready to raise."""
    return MatrixError(
        code, what, why="a guess here would be a wrong score in silence", fix=fix
    )


def matrix_of(X: Any) -> Floats:
    """Take a finite-or-NaN float64 matrix (n, F), or raise ``MatrixError``."""
    if hasattr(X, "tocsr"):
        raise refuse(
            "CH320",
            "the matrix is sparse, which is not supported",
            fix="use X.toarray()",
        )
    raw = np.asarray(X) if (names := _names(X)) is None else _frame(X, names)
    if np.iscomplexobj(raw):
        raise refuse("CH320", "Complex data not supported", fix="give real numbers")
    try:
        matrix = np.asarray(raw, dtype=np.float64)
    except ValueError:  # which quotes the text
        raise refuse("CH320", "the matrix holds texts", fix=_NUMBERS) from None
    if matrix.ndim != 2:
        raise refuse(
            "CH320",
            f"Expected 2D array, got {matrix.ndim}D array. Reshape your data",
            fix="give one row per snapshot and one column per feature",
        )
    rows, width = matrix.shape
    if width == 0 or rows == 0:
        missing = "feature(s)" if width == 0 else "sample(s)"
        raise refuse(
            "CH320",
            f"0 {missing} (shape=({rows}, {width})) while a minimum of 1 is required.",
            fix="give at least one row and one column",
        )
    if np.isinf(matrix).any():
        columns = np.flatnonzero(np.isinf(matrix).any(axis=0)).tolist()
        raise refuse(
            "CH320",
            f"the matrix holds infinity (inf) in columns {columns[:10]}",
            fix="use NaN for what is missing",
        )
    return matrix


_NUMBERS = (
    "give numbers: a column for each level of a text, as pandas.get_dummies makes them,"
    " days instead of dates, and NaN for what is missing"
)


def _frame(X: Any, names: Sequence[Any]) -> NDArray[Any]:
    """Read a frame of pandas, Polars or pyarrow column by column.

    Each has an own way to say that a number is missing, and one of them takes dates
    for numbers.
    """
    apart = [c for _, c in X.items()] if hasattr(X, "items") else [X[n] for n in names]
    read, odd = [], []
    for name, column in zip(names, apart, strict=True):
        try:
            read.append(_numbers(column))
        except (TypeError, ValueError):
            odd.append(str(name))
    if odd:
        many = f"{', '.join(odd[:10])}{', ...' if len(odd) > 10 else ''}"
        raise refuse("CH320", f"no numbers are in: {many}", fix=_NUMBERS)
    return np.column_stack(read) if read else np.empty((len(X), 0))


def _numbers(column: Any) -> NDArray[Any]:
    values = np.asarray(column)
    if values.dtype.kind in "Mm":
        raise TypeError("dates are no numbers")
    if values.dtype.kind != "O":
        return values.astype(np.float64)
    missing = column.isna() if hasattr(column, "isna") else values == None  # noqa: E711
    numbers = np.full(values.shape, np.nan)
    there = ~np.asarray(missing, bool)
    numbers[there] = values[there].astype(np.float64)
    return numbers


def column_of(values: Ints, rows: int) -> NDArray[Any]:
    """Take one value per row, or raise ``MatrixError``."""
    column = np.asarray(values)
    if column.shape != (rows,):
        raise refuse(
            "CH320",
            f"groups and order need one value for each of {rows} rows,"
            f" got shape {column.shape}",
            fix="give the account index and the as_of day of every row",
        )
    return column


def labels_of(y: object, rows: int) -> NDArray[Any]:
    """Take one class per row, or raise ``MatrixError``."""
    if y is None:
        raise refuse(
            "CH321",
            "this scorer requires y to be passed, but the target y is None",
            fix="give 0 or 1 per row",
        )
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(
            "A column-vector y was passed when a 1d array was expected",
            DataConversionWarning,
            stacklevel=4,
        )
        values = values.ravel()
    if values.shape != (rows,):
        raise refuse(
            "CH321",
            f"y should be a 1d array of {rows} values, got an array of shape"
            f" {values.shape} instead: inconsistent numbers of samples",
            fix="give one outcome per row",
        )
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise refuse(
                "CH321",
                "Input y contains NaN, or Input y contains infinity or a value too"
                " large for dtype('float64').",
                fix="drop censored rows before training",
            )
        if not np.equal(values, np.round(values)).all():
            raise refuse(
                "CH321",
                "Unknown label type: continuous outcomes",
                fix="give 0 for stayed and 1 for churned",
            )
    return values


def column_names(X: object) -> list[str] | None:
    """Give the names a data frame carries; ``None`` for a bare array."""
    names = _names(X)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return names


def _names(X: Any) -> list[Any] | None:
    columns = getattr(X, "column_names", None)  # pyarrow's `columns` are the values
    if columns is None:
        columns = getattr(X, "columns", None)
    return None if columns is None else list(columns)


def same_names(given: list[str], expected: list[str]) -> None:
    """Refuse other columns, and the same columns in another order."""
    if given == expected:
        return
    unseen = sorted(set(given) - set(expected))
    absent = sorted(set(expected) - set(given))
    lines = ["The feature names should match those that were passed during fit."]
    if unseen:
        lines += ["Feature names unseen at fit time:", *[f"- {n}" for n in unseen[:5]]]
    if len(unseen) > 5:
        lines.append("- ...")
    if absent:
        lines.append("Feature names seen at fit time, yet now missing:")
        lines += [f"- {n}" for n in absent[:5]]
    if len(absent) > 5:
        lines.append("- ...")
    if not unseen and not absent:
        lines.append("Feature names must be in the same order as they were in fit.")
    raise refuse(
        "CH323", "\n".join(lines) + "\n", fix="give the same columns in the same order"
    )
