"""Contracts whose end moves on at every renewal, as if each were one long term.

Worked example: a subscription began on 2023-01-01 and is renewed each year by a row
with the same start and an end a year later. In 2025 its term reads as 36 months, and
as never renewed; who is up for renewal, and who left, is known all the same.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, MONTH_DAYS, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["moved_on"]

_FEW = 10
_SHARE = 0.05  # of the contracts
_A_TERM = 28  # days; a smaller step corrects an end
_AHEAD = 6.0 * MONTH_DAYS  # known sooner than that, it is a longer term from the start


def moved_on(part: Part, ids: Texts) -> Finding | None:
    """Count contracts of which a later row with the same start ends a term later."""
    c = part.columns
    if part.opened.table != "contracts" or not (c["replaced_at"] < FAR).any():
        return None
    order = np.lexsort((c["known_at"], c["start"], c["contract"], c["account"]))
    account, contract, start, end, known = (
        c[name][order] for name in ("account", "contract", "start", "end", "known_at")
    )
    other = (np.diff(account) != 0) | (np.diff(contract) != 0)
    same = ~other & (np.diff(start) == 0)
    further = (end[1:] - end[:-1] >= _A_TERM) & (end[1:] < FAR)
    moved = np.flatnonzero(same & further & (known[1:] >= end[:-1] - _AHEAD))
    count = np.unique(np.append(0, np.cumsum(other))[moved]).size
    contracts = int(other.sum()) + 1
    if count < max(_FEW, _SHARE * contracts):
        return None
    what = (
        f"{part.opened.title}: of {count:,} of {contracts:,} contracts a later row with"
        " the same `start` moves the end on: its term is read as one that grows, and"
        " as never renewed"
    )
    return finding("CH294", what, count=count, example=str(ids[account[moved[0]]]))
