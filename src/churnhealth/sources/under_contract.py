"""From which day to which an account had a contract at all."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import FAR, Contracts, Days

__all__ = ["first_seen", "last_cover"]


def first_seen(contracts: Contracts, accounts: int) -> Days:
    """Give the first day each account had, or was known to get, a contract.

    ``FAR`` for accounts without any. A registration ahead of the start counts: who is
    already registered may use what they registered for.
    """
    first = np.full(accounts, FAR, dtype=np.int64)
    np.minimum.at(
        first, contracts.account, np.minimum(contracts.start, contracts.known_at)
    )
    return first


def last_cover(contracts: Contracts, accounts: int) -> Days:
    """Give the day each account's cover ended for the last time (``FAR`` = open)."""
    last = np.full(accounts, -FAR, dtype=np.int64)
    holds = contracts.rows(contracts.replaced_at == FAR)
    np.maximum.at(last, holds.account, np.minimum(holds.end, holds.cancelled_at))
    return last
