"""Contracts at a price of nothing among paid ones: trials, and plans that are free.

Worked example: a trial of 14 days is a row with a value of 0, and so is the free plan
on which whoever stops paying goes on. Trials are asked about and end; who stopped
paying is covered to this day, and nobody who left for the free plan has left.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, Contracts, Flags, History
from churnhealth.sources.findings import Finding, finding, first_id

__all__ = ["for_nothing"]

_FEW = 10
_SHARE = 0.05  # of the accounts


def for_nothing(history: History, *, gap_days: int) -> Finding | None:
    """Count accounts whose cover begins, or goes on after paid terms, for nothing.

    What costs nothing beside a paid term, such as an add-on, changes no cover.
    """
    if history.contracts is None or not history.contracts.account.size:
        return None
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    n = history.accounts.ids.size
    paid, free = (c.value > 0, c.value == 0) if c.value.size else (c.account < 0,) * 2
    pays = np.bincount(c.account[paid], minlength=n) > 0
    first, after = _alone(c, paid, free, gap_days)
    began, fell = (np.unique(c.account[rows]) for rows in (first, after))
    theirs = np.union1d(began, fell)
    known = np.unique(c.account).size
    if pays.sum() < _FEW or theirs.size < max(_FEW, _SHARE * known):
        return None
    what = (
        f"[sources.contracts]: {began.size:,} of {known:,} accounts begin with a"
        f" `value` of 0, {int((~pays[began]).sum()):,} of which never pay;"
        f" {fell.size:,} that paid go on with one, and so count as staying"
    )
    example = first_id(history, fell if fell.size else began)
    return finding("CH295", what, count=theirs.size, example=example)


def _alone(
    c: Contracts, paid: Flags, free: Flags, gap_days: int
) -> tuple[Flags, Flags]:
    """Mark free rows that begin before any paid one, and those that follow upon one.

    Rows are sorted by account and start.
    """
    far = 4 * FAR  # so far apart that a running maximum never crosses accounts
    base = c.account * far
    stop = np.minimum(c.end, c.cancelled_at)
    reach = np.maximum.accumulate(np.where(paid, base + stop, base)) - base
    day = base + c.start
    free = free & ~np.isin(day, day[paid])
    earliest = np.full(c.account.max() + 1, FAR)
    np.minimum.at(earliest, c.account[paid], c.start[paid])
    before = c.start < earliest[c.account]
    follows = ~before & (reach <= c.start) & (c.start - reach <= gap_days)
    return free & before, free & follows
