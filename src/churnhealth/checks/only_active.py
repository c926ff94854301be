"""Contracts that are those of today's customers alone: who left has none any more.

Worked example: ``where status = 'active'`` takes every contract of 312 former customers
away. They used the product for years, stopped, and nobody seems ever to have left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, History
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import contracts_reach, newest_seen
from churnhealth.sources.under_contract import last_cover

__all__ = ["only_active"]

_LONG = 90  # days of use, beyond a trial; and of silence
_FEWEST = 10
_MOSTLY, _RARELY = 0.8, 0.5


def only_active(history: History) -> Finding | None:
    """Count the accounts without a contract that were used for long and fell silent.

    Told where they are more than those whose cover has ended, and where hardly any
    other is still used: of trials and free accounts some are.
    """
    today = newest_seen(history)
    c = history.contracts
    if c is None or not c.account.size or today is None:
        return None
    n = history.accounts.ids.size
    first, last = _used(history)
    long = last - first >= _LONG
    silent = last < today - _LONG
    cover = last_cover(c, n)
    ended = (cover > -FAR) & (cover < contracts_reach(history))
    without = long & (cover == -FAR)
    there = long & (cover > -FAR) & ~ended
    gone = without & silent
    if gone.sum() < max(_FEWEST, ended.sum(), _MOSTLY * without.sum()):
        return None
    if not there.any() or silent[there].mean() > _RARELY:
        return None
    what = (
        f"[sources.contracts]: {int(gone.sum()):,} accounts without any contract were"
        f" used for {_LONG} days and longer and are silent now, and cover has ended of"
        f" {int(ended.sum()):,}"
    )
    example = first_id(history, np.flatnonzero(gone))
    return finding("CH285", what, count=int(gone.sum()), example=example)


def _used(history: History) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the first and the last day of use of each account."""
    n = history.accounts.ids.size
    first, last = np.full(n, FAR, np.int64), np.full(n, -FAR, np.int64)
    for log in history.events:
        if not log.planned:
            np.minimum.at(first, log.account, log.happened_at)
            np.maximum.at(last, log.account, log.happened_at)
    return first, last
