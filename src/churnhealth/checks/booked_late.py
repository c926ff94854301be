"""Renewals and stops that were entered after the label that they decide had closed.

Worked example, ``gap_days = 30``: a term ends on 1 Jan and goes on that day, but the
renewal is entered on 20 Feb. The label closed on 31 Jan, so whoever trains before 20
Feb learns that the account left; later the same row reads as a renewal. A stop that is
entered as late reads as a stay until then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, Contracts, Days, History, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = ["booked_late"]

_FEW = 10
_SHARE = 0.05


def booked_late(history: History, *, gap_days: int) -> list[Finding]:
    """Count renewals and stops that were first known after ``gap_days`` had passed."""
    if history.contracts is None or not history.contracts.account.size:
        return []
    c = _first_told(history.contracts)
    follows, before = _renewals(c, gap_days)
    stops = c.cancelled_at < np.minimum(c.end, FAR)
    found = [
        _told(history, c, follows, c.known_at - before, gap_days, "renewals"),
        _told(history, c, stops, c.known_at - c.cancelled_at, gap_days, "stops"),
    ]
    return [f for f in found if f is not None]


def _first_told(c: Contracts) -> Contracts:
    """Keep of each term and each stop the version that was known first."""
    key = np.stack([c.account, c.start, c.cancelled_at])
    order = np.lexsort((c.known_at, *key[::-1]))
    new = np.append(True, (np.diff(key[:, order]) != 0).any(axis=0))
    return c.rows(order[new])


def _renewals(c: Contracts, gap_days: int) -> tuple[NDArray[np.bool_], Days]:
    """Mark terms that begin about when all before them end, and give that end."""
    end = np.minimum(c.end, c.cancelled_at)
    far = 4 * FAR  # so far apart that a running maximum never crosses accounts
    reach = np.maximum.accumulate(c.account * far + end)[:-1] - c.account[:-1] * far
    before = np.append(FAR, reach)
    same = np.append(False, c.account[1:] == c.account[:-1])
    near = np.abs(c.start - before) <= gap_days
    return same & near & (end > before), before


def _told(
    history: History,
    c: Contracts,
    which: NDArray[np.bool_],
    lag: Ints,
    gap_days: int,
    words: str,
) -> Finding | None:
    late = which & (lag > gap_days)
    count, of = int(late.sum()), int(which.sum())
    if count < _FEW or count < _SHARE * of:
        return None
    most = int(np.ceil(np.quantile(lag[which], 1.0 - _SHARE)))
    ended = "the end that they follow" if words == "renewals" else "cover had ended"
    return finding(
        "CH257",
        f"[sources.contracts]: {count:,} of {of:,} {words} were entered more than"
        f" {gap_days} days after {ended}; nineteen in twenty were known {most} days"
        " after it",
        count=count,
        example=str(history.accounts.ids[c.account[late][0]]),
    )
