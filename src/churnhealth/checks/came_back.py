"""Accounts that are counted as lost and are back soon: periods that are missing.

Worked example, ``gap_days = 30``: of monthly periods the one of March is missing, since
its invoice was void. Cover ends on 1 March and begins on 1 April, 31 days later, so the
account left and is new. Nobody has left.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, Contracts, History, Ints
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.happened import contracts_reach
from churnhealth.sources.under_contract import last_cover

__all__ = ["came_back"]

_FEW = 10
_SHARE = 0.2
_SOON = 5  # times the gap
_SOONEST_DAYS = 150  # a pause of four months, and some days


def came_back(history: History, *, gap_days: int) -> Finding | None:
    """Count those who left for little more than ``gap_days`` among all who left."""
    if history.contracts is None or not history.contracts.account.size:
        return None
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    away = _days_uncovered(c)
    soon = (away > gap_days) & (away <= max(_SOON * gap_days, _SOONEST_DAYS))
    count, last = int(soon.sum()), last_cover(c, history.accounts.ids.size)
    gone = (last > -FAR) & (last + gap_days <= contracts_reach(history))
    left = int((away > gap_days).sum() + gone.sum())
    if count < max(_FEW, _SHARE * left):
        return None
    most = int(np.ceil(np.quantile(away[soon], 0.95)))
    what = (
        f"[sources.contracts]: of {left:,} times that cover ended for more than"
        f" {gap_days} days it began again soon after {count:,}; nineteen in twenty of"
        f" these were back after {most} days"
    )
    example = str(history.accounts.ids[c.account[soon][0]])
    return finding("CH262", what, count=count, example=example)


def _days_uncovered(c: Contracts) -> Ints:
    """Give the days without cover before each row; 0 where it is the first one.

    Rows are sorted by account and start.
    """
    far = 4 * FAR  # so far apart that a running maximum never crosses accounts
    end = c.account * far + np.minimum(c.end, c.cancelled_at)
    reach = np.maximum.accumulate(end)[:-1] - c.account[:-1] * far
    same = c.account[1:] == c.account[:-1]
    return np.append(0, np.where(same, np.maximum(c.start[1:] - reach, 0), 0))
