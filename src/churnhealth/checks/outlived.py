"""Stops that another row of the same term does not know of, and so have no effect.

Worked example: a billing system writes a row whenever a subscription changes. The term
of 2025 has a row of January, active, and one of May that says ``cancelled_at``. Read as
two contracts side by side, cover lasts as long as one of them does: to the agreed end.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, Contracts, History, Ints
from churnhealth.sources.findings import Finding, finding, first_id

__all__ = ["outlived"]

_FEW = 10
_SHARE = 0.5


def outlived(history: History) -> Finding | None:
    """Count the stops beside a row that is like theirs in all but the stop.

    One of two licences that are alike may be given up, hence half of all stops: that is
    how a table reads which holds the history of each contract.
    """
    if history.contracts is None or not history.contracts.account.size:
        return None
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    stops = np.minimum(c.notice_at, c.cancelled_at) < FAR
    order, term = _terms(c)
    goes_on = np.zeros(c.account.size, dtype=bool)
    goes_on[term[~stops[order]]] = True
    beside = order[stops[order] & goes_on[term]]
    if beside.size < max(_FEW, _SHARE * stops.sum()):
        return None
    what = (
        f"[sources.contracts]: of {int(stops.sum()):,} rows that stop, or are given"
        f" notice on, {beside.size:,} stand beside a row that says the same but for"
        " that: cover goes on"
    )
    example = first_id(history, c.account[np.sort(beside)])
    return finding("CH275", what, count=beside.size, example=example)


def _terms(c: Contracts) -> tuple[Ints, Ints]:
    """Put rows that are alike but for their stop together: an order, and their term."""
    plan = np.unique(c.plan.astype(str), return_inverse=True)[1]
    figures = [np.nan_to_num(f, nan=-1.0) for f in (c.value, c.seats, c.term_months)]
    columns = [c.account, c.start, c.end, plan, *figures]
    order = np.lexsort(columns[::-1])
    other = np.zeros(order.size, dtype=bool)
    for column in columns:
        other[1:] |= column[order[1:]] != column[order[:-1]]
    return order, np.cumsum(other)
