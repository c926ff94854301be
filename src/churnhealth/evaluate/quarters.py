"""What was expected to be lost quarter by quarter, and what was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Question
from churnhealth.health.draws import Range
from churnhealth.sources.contract import Days, Floats, Ints

__all__ = ["by_quarter", "counted_once"]

_Z = 1.959964
_EVEN = 0.1  # a skewness up to which the normal range holds
_DRAWS = 2000
_ROUNDING = 1e-12
_YEAR = 366
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
    seed: int,
) -> list[dict[str, Any]]:
    """Compare expected and actual loss of the rows of each quarter, counted once.

    ``whole``: whether the quarter was looked at from its beginning to its end.
    """
    looked = np.unique(as_of)
    step = int(np.diff(looked).max(initial=0)) or _YEAR
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
        low, high = _likely(v, risk, seed=seed)
        lost = float((v * y[once]).sum())
        noise = _ROUNDING * float(np.abs(v).sum())
        begin, after = (_first_day(q + more) for more in (0, 1))
        rows.append(
            {
                "quarter": f"{1970 + q // 4}-Q{q % 4 + 1}",
                "whole": bool(looked[0] - begin < step and after - looked[-1] <= step),
                "accounts": int(first.size),
                "value": float(v[first].sum()),
                "expected": float((v * risk).sum()),
                "range": [low, high],
                "actual": lost,
                "inside": bool(low - noise <= lost <= high + noise),
            }
        )
    return rows


def _first_day(quarter: int) -> int:
    return int(np.datetime64(int(3 * quarter), "M").astype("datetime64[D]").astype(int))


def _likely(value: Floats, risk: Floats, *, seed: int) -> Range:
    """Give the middle 95 % of what is lost if accounts leave independently.

    A loss that few or large accounts decide has a long way up and a short one down,
    which no even range around its mean shows; there it is drawn again and again.
    """
    mean, variance = float((value * risk).sum()), value**2 * risk * (1.0 - risk)
    spread = float(np.sqrt(variance.sum()))
    leans = float((value * variance * (1.0 - 2.0 * risk)).sum())
    if abs(leans) <= _EVEN * spread**3:
        least = float(value[value < 0].sum())  # credits: else nothing
        return max(least, mean - _Z * spread), mean + _Z * spread
    random = np.random.default_rng(seed)
    lost = [value[random.random(risk.size) < risk].sum() for _ in range(_DRAWS)]
    low, high = np.quantile(lost, (0.025, 0.975), method="inverted_cdf").tolist()
    return low, high
