"""Contract rows that stand there twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import CONTRACT_COLUMNS, FAR, Contracts, Days, Ints

__all__ = ["repeats"]


def repeats(c: Contracts, row: Ints, *, seen: Days | int = FAR) -> NDArray[np.bool_]:
    """Say which of these rows, in order, equal the row before them in every column.

    Rows are looked at as they were known before the day ``seen``, one for each row or
    for all: what was noticed on it or later makes no difference yet.
    """
    told = {name: getattr(c, name)[row] for name in CONTRACT_COLUMNS}
    for names in (("cancelled_at", "notice_at"), ("replaced_at",)):
        later = told[names[-1]] >= seen
        told |= {name: np.where(later, FAR, told[name]) for name in names}
    same = np.zeros(row.size, dtype=np.bool_)
    same[1:] = True
    for column in told.values():
        equal = column[1:] == column[:-1]
        if column.dtype.kind == "f":
            equal |= np.isnan(column[1:]) & np.isnan(column[:-1])
        same[1:] &= equal
    return same
