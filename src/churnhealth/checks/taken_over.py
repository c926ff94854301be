"""Accounts that end on the day on which another of their group or name begins.

A customer that got a new id, was merged or was moved to its parent has not left. Two
of one group may meet on a day by chance, most where all contracts begin on the first of
a month: so those that meet are held against how many would, if they began when other
accounts do.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from churnhealth.sources.contract import FAR, Contracts, Days, History, Ints, Texts
from churnhealth.sources.findings import Finding, finding

__all__ = ["taken_over"]

_FEWEST = 3
_SURELY = 4.0  # standard errors above what chance would bring
_NEAR = 45  # days: when else the other might have begun
_LARGEST = 20  # accounts of one group or name: beyond, it tells nothing


def taken_over(history: History, *, gap_days: int) -> Finding | None:
    """Find accounts whose cover another of the same group or name goes on with."""
    if history.contracts is None or not history.contracts.account.size:
        return None
    first, last = _cover(history.contracts, history.accounts.ids.size)
    newest = int(np.minimum(history.contracts.start, history.contracts.known_at).max())
    starts = np.sort(first[first < FAR])
    heirs: dict[int, list[int]] = {}
    for kin in chain(*map(_kin, (history.accounts.group, history.accounts.name))):
        for a in kin[last[kin] + gap_days < newest].tolist():
            later = (first[kin] > first[a]) & (last[kin] > last[a] + gap_days)
            near = later & (np.abs(first[kin] - last[a]) <= _NEAR)
            heirs.setdefault(a, []).extend(first[kin[near]].tolist())
    met, chance = [], []
    for a, began in heirs.items():
        if began:
            day = int(last[a])
            share = _within(starts, day, 1) / max(_within(starts, day, _NEAR), 1)
            chance.append(1.0 - (1.0 - share) ** len(began))
            met += [a] if any(abs(b - day) <= 1 for b in began) else []
    p = np.array(chance)
    if len(met) < _FEWEST or len(met) <= p.sum() + _SURELY * np.sqrt(p @ (1.0 - p)):
        return None
    what = (
        f"{len(met)} accounts end on the day on which another of the same group or name"
        f" begins; by chance {p.sum():.1f} would"
    )
    return finding("CH254", what, count=len(met), example=history.accounts.ids[met[0]])


def _cover(contracts: Contracts, n: int) -> tuple[Days, Days]:
    """Give the day on which each account began, and the last on which it was covered.

    ``FAR`` and ``-FAR`` for those without a contract.
    """
    until = np.minimum(contracts.end, contracts.cancelled_at)
    was = (contracts.replaced_at == FAR) & (until > contracts.start)
    first, last = np.full(n, FAR), np.full(n, -FAR)
    np.minimum.at(first, contracts.account[was], contracts.start[was])
    np.maximum.at(last, contracts.account[was], until[was])
    return first, last


def _kin(texts: Texts) -> list[Ints]:
    """List the accounts that share a text, however its capitals and blanks are."""
    shared: dict[str, list[int]] = {}
    for i, text in enumerate(texts.tolist()):
        if text is not None:
            shared.setdefault(" ".join(text.casefold().split()), []).append(i)
    return [np.array(kin) for kin in shared.values() if 1 < len(kin) <= _LARGEST]


def _within(days: Days, day: int, reach: int) -> int:
    """Count sorted days at most ``reach`` from a day."""
    low, high = np.searchsorted(days, (day - reach, day + reach + 1)).tolist()
    return int(high - low)
