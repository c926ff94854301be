"""Contracts that are first known when they stop: a row's last change is no `known_at`.

Worked example: the export has a row for each contract, and `updated_at`. A row of 2023
that was cancelled on 5 May 2025 was changed on that day. Mapped to `known_at` it says
that nobody knew of the contract for two years: the account is looked at on no date of
them, and its churn is learned nowhere.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, History
from churnhealth.sources.findings import Finding, finding, first_id

__all__ = ["known_when_left"]

_FEW = 10
_MOST = 0.5
_LATE_DAYS = 28  # after the start: who signs and cancels in one month may be entered so


def known_when_left(history: History) -> Finding | None:
    """Count stops whose contract no row knows of before the day it stops."""
    c = history.contracts
    if c is None or not c.account.size:
        return None
    order = np.lexsort((c.known_at, c.start, c.account))
    c = c.rows(order)
    term = np.stack([c.account, c.start])
    first = np.append(True, (np.diff(term) != 0).any(axis=0))
    stops = first & (c.cancelled_at < np.minimum(c.end, FAR))
    stops &= c.cancelled_at > c.start + _LATE_DAYS
    told = np.abs(c.known_at - c.cancelled_at) <= 1
    told |= np.abs(c.known_at - c.notice_at) <= 1
    late = stops & told & (c.known_at > c.start + _LATE_DAYS)
    count, of = int(late.sum()), int(stops.sum())
    if count < _FEW or count < _MOST * of:
        return None
    return finding(
        "CH286",
        f"[sources.contracts]: of {of:,} contracts that stopped early {count:,} are"
        " first known on the day they were cancelled or notice was given",
        count=count,
        example=first_id(history, c.account[late]),
    )
