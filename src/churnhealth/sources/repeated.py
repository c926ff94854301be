"""Contract rows that stand there twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import CONTRACT_COLUMNS, Contracts, Ints

__all__ = ["repeats"]


def repeats(c: Contracts, row: Ints) -> NDArray[np.bool_]:
    """Say which of these rows, in order, equal the row before them in every column."""
    same = (row > 0) & (row < c.account.size)
    for name in CONTRACT_COLUMNS:
        column = getattr(c, name)
        one, other = column[row], column[np.maximum(row - 1, 0)]
        equal = one == other
        if column.dtype.kind == "f":
            equal = equal | (np.isnan(one) & np.isnan(other))
        same &= equal
    return same
