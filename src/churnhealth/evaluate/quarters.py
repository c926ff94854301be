"""What was expected to be lost quarter by quarter, and what was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Question
from churnhealth.sources.contract import Days, Floats, Ints

__all__ = ["by_quarter", "counted_once"]

_Z = 1.959964
_SHORT = 0.9  # of a horizon: thirty days asked about on the first of each month


def counted_once(
    question: Question, *, account: Ints, as_of: Days, end: Days
) -> NDArray[np.bool_]:
    """Mark each account's first row, and those that ask about what none before did.

    A month ahead, asked about each week, is a third of a quarter: one row per account
    would leave out most of who left in it, and all rows would count them four times.
    With ``renewal`` each ``end`` counts on its first row, else the rows whose windows
    do not overlap. (By a tenth they may: months are no 30 days.)

    >>> ahead = Question(kind="horizon", horizon_days=30, gap_days=0)
    >>> day = np.array([0, 7, 14, 21, 28, 35])
    >>> counted_once(ahead, account=day * 0, as_of=day, end=day * 0).tolist()
    [True, False, False, False, True, False]
    """
    keep = np.zeros(account.size, np.bool_)
    if question.kind == "renewal":
        order = np.lexsort((as_of, end, account))
        _, first = np.unique(
            np.stack([account[order], end[order]]), axis=1, return_index=True
        )
        keep[order[first]] = True
        return keep
    apart = _SHORT * question.horizon_days
    whose, last = -1, 0
    for row in np.lexsort((as_of, account)).tolist():
        if account[row] != whose or as_of[row] - last >= apart:
            keep[row] = True
            whose, last = account[row], as_of[row]
    return keep


def by_quarter(
    question: Question,
    *,
    account: Ints,
    as_of: Days,
    end: Days,
    p: Floats,
    y: Floats,
    value: Floats,
) -> list[dict[str, Any]]:
    """Compare expected and actual loss of the rows of each quarter, counted once."""
    quarter = as_of.astype("datetime64[D]").astype("datetime64[M]").astype(int) // 3
    rows = []
    for q in np.unique(quarter):
        mine = np.flatnonzero((quarter == q) & np.isfinite(value))
        once = mine[
            counted_once(
                question, account=account[mine], as_of=as_of[mine], end=end[mine]
            )
        ]
        if not once.size:
            continue
        _, first = np.unique(account[once], return_index=True)
        v, risk = value[once], p[once]
        expected = float((v * risk).sum())
        half = _Z * float(np.sqrt((v**2 * risk * (1.0 - risk)).sum()))
        lost = float((v * y[once]).sum())
        rows.append(
            {
                "quarter": f"{1970 + q // 4}-Q{q % 4 + 1}",
                "accounts": int(first.size),
                "value": float(v[first].sum()),
                "expected": expected,
                "range": [max(0.0, expected - half), expected + half],
                "actual": lost,
                "inside": bool(abs(lost - expected) <= half),
            }
        )
    return rows
