"""Accounts that end while their people begin in another: merged, moved or renamed.

Worked example: P1 ends on 1 July, and six of the eight people who used it in the 90
days before are seen in P2 from 2 July on, and nowhere else. P1 was merged into P2.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, Days, EventLog, History, Ints
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import contracts_reach
from churnhealth.sources.under_contract import last_cover

__all__ = ["people_moved"]

_FEWEST = 3  # accounts
_PEOPLE = 2
_SHARE = 0.5  # of an account's people
_RECENT = 90  # days before the end
_NEAR = 45  # days from the end to the first day elsewhere
_LEAVERS = 2_000  # of more, the newest are looked at
_SLICE = 1 << 22


def people_moved(history: History, *, gap_days: int) -> Finding | None:
    """Find accounts of which half of the people go on in one other account.

    Who is seen in three accounts tells nothing: ids such as ``admin`` are many people.
    """
    if history.contracts is None or not history.contracts.account.size:
        return None
    last = last_cover(history.contracts, history.accounts.ids.size)
    gone = np.flatnonzero((last > -FAR) & (last + gap_days < contracts_reach(history)))
    asked = np.sort(gone[np.argsort(last[gone], kind="stable")][-_LEAVERS:])
    moved = np.zeros(0, dtype=np.int64)
    for log in history.events:
        if not log.planned and log.rows(slice(0, 1)).user is not None:
            moved = np.union1d(moved, _moved(log, asked, last))
    if moved.size < _FEWEST:
        return None
    what = (
        f"of {asked.size:,} accounts whose cover ended {moved.size:,} have half of"
        " their people and more go on in one other account from about that day"
    )
    return finding("CH276", what, count=moved.size, example=first_id(history, moved))


def _moved(log: EventLog, asked: Ints, last: Days) -> Ints:
    """Give the accounts of ``asked`` whose people went into one other account."""
    n = last.size
    left = last.copy()
    recent = _people_at_the_end(log, asked, left)
    key, first = _first_days(log, np.unique(recent // n), n)
    user, account = key // n, key % n
    starts = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    two = starts[np.diff(np.r_[starts, user.size]) == 2]
    old, new = np.r_[two, two + 1], np.r_[two + 1, two]
    near = np.abs(first[new] - left[account[old]]) <= _NEAR
    went = np.isin(key[old], recent) & near
    went &= first[old] < first[new]
    pair, people = np.unique(
        account[old][went] * n + account[new][went], return_counts=True
    )
    had = np.bincount(recent % n, minlength=n)[pair // n]
    return np.unique(pair[(people >= _PEOPLE) & (people >= _SHARE * had)] // n)


def _people_at_the_end(log: EventLog, asked: Ints, left: Days) -> Ints:
    """Give who used each account at its end, as person times accounts + account.

    Where use stopped before cover did, that day is when they ``left``: under the old
    id a contract may run on to its agreed end.
    """
    found = [np.zeros(0, dtype=np.int64)]
    bounds = zip(asked, log.rows_before(asked), log.rows_before(asked + 1), strict=True)
    for account, low, high in bounds:
        rows = log.rows(slice(int(low), int(high)))
        if rows.user is not None and (rows.user >= 0).any():
            known = rows.user >= 0
            left[account] = min(left[account], rows.happened_at[known].max())
            late = known & (rows.happened_at >= left[account] - _RECENT)
            found.append(np.unique(rows.user[late]) * left.size + account)
    return np.sort(np.concatenate(found))


def _first_days(log: EventLog, people: Ints, n: int) -> tuple[Ints, Days]:
    """Give where else these people are seen, and since when; rows are in order."""
    keys, days = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for low in range(0, log.size, _SLICE):
        rows = log.rows(slice(low, low + _SLICE))
        if rows.user is not None:
            at = np.flatnonzero(np.isin(rows.user, people))
            key, row = np.unique(
                rows.user[at] * n + rows.account[at], return_index=True
            )
            keys.append(key)
            days.append(rows.happened_at[at][row])
    key, row = np.unique(np.concatenate(keys), return_index=True)
    return key, np.concatenate(days)[row]
