"""Churn that a question about renewals never meets: stops long before the agreed end.

Worked example, ``lead_max_days = 180``: a deal runs from 2023-01-01 to 2026-01-01 and
may be left at the end of each year. Who leaves on 2024-01-01 was never within 180 days
of the agreed end, so no snapshot of that account was ever asked about.
"""

from __future__ import annotations

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import FAR, History
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import contracts_reach
from churnhealth.sources.renewing import agreed_ends
from churnhealth.sources.under_contract import last_cover

__all__ = ["never_due", "without_end"]

_FEW = 10
_SHARE = 0.1


def never_due(history: History, question: Question) -> Finding | None:
    """Count the accounts that left before their agreed end came into question."""
    asked = question.kind == "renewal" and "cancelled" in question.churn_when
    if not asked or history.contracts is None or not history.contracts.account.size:
        return None
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    accounts = history.accounts.ids.size
    last = last_cover(c, accounts)
    gone = (last > -FAR) & (last + question.gap_days <= contracts_reach(history))
    at_last = (c.cancelled_at == last[c.account]) & gone[c.account]
    agreed = np.full(accounts, -FAR, dtype=np.int64)
    ends = agreed_ends(c, slice(None), c.cancelled_at)
    np.maximum.at(agreed, c.account[at_last], ends[at_last])
    never = np.flatnonzero(agreed - last >= question.lead_max_days)
    left = int(gone.sum())
    if never.size < max(_FEW, _SHARE * left):
        return None
    what = (
        f"[sources.contracts]: of {left:,} accounts that left {never.size:,} stopped"
        f" {question.lead_max_days} days or more before the agreed end, or had none:"
        " the question asks about none of them"
    )
    return finding("CH263", what, count=never.size, example=first_id(history, never))


def without_end(history: History, question: Question) -> Finding | None:
    """Count the accounts that are covered without an end, where others have one.

    Where nobody has one, no model can be trained, which is told (CH249).
    """
    c = history.contracts
    if question.kind != "renewal" or c is None or not c.account.size:
        return None
    if c.renews_months or (c.end >= FAR).all():
        return None
    c = c.rows(c.replaced_at == FAR)
    last = last_cover(c, history.accounts.ids.size)
    covered, endless = last > contracts_reach(history), np.flatnonzero(last >= FAR)
    if endless.size < max(_FEW, _SHARE * covered.sum()):
        return None
    what = (
        f"[sources.contracts]: of {int(covered.sum()):,} accounts that are covered"
        f" {endless.size:,} have a contract without an end: the question asks about"
        " none of them"
    )
    example = first_id(history, endless)
    return finding("CH269", what, count=endless.size, example=example)
