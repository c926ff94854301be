"""How much was kept: customers, gross and net revenue retention over twelve months."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import FAR, Contracts, Floats, date_of

__all__ = ["retention", "retention_history"]

_YEAR = 365
_QUARTER = 91
_POINTS = 5  # a year of quarters, and the one to compare it with


def retention_history(
    contracts: Contracts, *, accounts: int, as_of: int, gap_days: int
) -> list[dict[str, Any]]:
    """Give `retention` as of a day and as of each quarter before it, oldest first.

    Years that begin before there were customers are left out.
    """
    found = [
        retention(contracts, accounts=accounts, as_of=day, gap_days=gap_days)
        for day in range(as_of - _QUARTER * (_POINTS - 1), as_of + 1, _QUARTER)
    ]
    return [line for line in found if line["customers_before"]]


def retention(
    contracts: Contracts, *, accounts: int, as_of: int, gap_days: int
) -> dict[str, Any]:
    """Compare the customers of a year ago with what is left of them.

    customer retention = still customers / customers a year ago; gross revenue retention
    (GRR) counts of each account at most what it paid then, net (NRR) what it pays now.
    An account within ``gap_days`` after its end still counts, at its last value. Values
    are those of all terms in force, per month; ``None`` where none is known.

    >>> a = np.arange(3); far = np.full(3, FAR); nan = np.full(3, np.nan)
    >>> terms = Contracts(account=a, start=a * 0, end=np.array([400, 100, 900]),
    ...     cancelled_at=far, notice_at=far, known_at=a * 0, replaced_at=far,
    ...     seats=nan, value=np.array([10.0, 20.0, 30.0]), term_months=nan,
    ...     discount=nan, plan=np.full(3, None), contract=a * 0)
    >>> told = retention(terms, accounts=3, as_of=390, gap_days=30)
    >>> told["customers_before"], told["customers_kept"], round(told["grr"], 3)
    (3, 2, 0.667)
    """
    known = _settled(contracts, as_of)
    before, then = _values(known, accounts, as_of - _YEAR, gap_days)
    after, now = _values(known, accounts, as_of, gap_days)
    kept = before & after
    then, now = then[before], np.where(kept, now, 0.0)[before]
    priced = np.isfinite(then) & np.isfinite(now)
    base = float(then[priced].sum())
    return {
        "from": str(date_of(as_of - _YEAR)),
        "to": str(date_of(as_of)),
        "customers_before": int(before.sum()),
        "customers_kept": int(kept.sum()),
        "value_before": base if base else None,
        "customer_retention": float(kept.sum() / before.sum())
        if before.any()
        else None,
        "grr": float(np.minimum(then, now)[priced].sum()) / base if base else None,
        "nrr": float(now[priced].sum()) / base if base else None,
    }


def _settled(contracts: Contracts, as_of: int) -> Contracts:
    """Take what is known by now as if it had always been known: this looks back."""
    rows = contracts.rows(contracts.standing(as_of))
    stopped = rows.notice_at < as_of
    return replace(
        rows,
        known_at=np.full(rows.start.size, -FAR, dtype=np.int64),
        notice_at=np.where(stopped, np.int64(-FAR), np.int64(FAR)),
        replaced_at=np.full(rows.start.size, FAR, dtype=np.int64),
    )


def _values(
    contracts: Contracts, accounts: int, day: int, gap_days: int
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Floats]:
    """Say who is a customer on a day, and at what value a month."""
    everyone = np.arange(accounts)
    days = np.full(accounts, day, dtype=np.int64)
    cover = cover_at(contracts, account=everyone, as_of=days, gap_days=gap_days)
    here = cover.covered | cover.grace
    at_end = np.where(cover.grace, cover.end, days)
    late = cover_at(contracts, account=everyone, as_of=at_end, gap_days=gap_days)
    return here, np.where(cover.row >= 0, cover.value, late.value)
