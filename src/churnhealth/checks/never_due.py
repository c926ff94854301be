"""Churn that a question never meets: far from the agreed end, or announced before.

Worked example, ``lead_max_days = 180``: a deal runs from 2023-01-01 to 2026-01-01 and
may be left at the end of each year. Who leaves on 2024-01-01 was never within 180 days
of the agreed end, so no snapshot of that account was ever asked about. Nor is anybody
by a ``horizon`` of 90 days where notice is given 90 days ahead: on the first day whose
window holds the stop it has been announced.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import FAR, Contracts, Days, Flags, History
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import contracts_reach
from churnhealth.sources.renewing import agreed_ends
from churnhealth.sources.under_contract import last_cover

__all__ = ["announced_before", "never_due", "without_end"]

_FEW = 10
_SHARE = 0.1
_A_WEEK = 7  # too short a time to be looked at in


def never_due(history: History, question: Question) -> Finding | None:
    """Count the accounts that left before their agreed end came into question."""
    asked = question.kind == "renewal" and "cancelled" in question.churn_when
    if not asked or history.contracts is None or not history.contracts.account.size:
        return None
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    last, gone = _left(history, question, c)
    at_last = (c.cancelled_at == last[c.account]) & gone[c.account]
    agreed = np.full(last.size, -FAR, dtype=np.int64)
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


def announced_before(history: History, question: Question) -> Finding | None:
    """Count the accounts whose notice came before the question could ask about them.

    Or so soon after that hardly a snapshot lies between. Of renewals those that lapse:
    who stops early is near no agreed end (``never_due``).
    What was signed to end knows it from its first day, and is left out.
    """
    c = history.contracts
    if question.kind == "inactivity" or c is None or not c.account.size:
        return None
    c = c.rows(c.replaced_at == FAR)
    renewal, when = question.kind == "renewal", question.churn_when
    ahead = question.lead_days + question.horizon_days
    ahead = question.lead_max_days if renewal else ahead
    last, gone = _left(history, question, c)
    early = c.cancelled_at < agreed_ends(c, slice(None), c.cancelled_at)
    counts = early & ("cancelled" in when) & (not renewal)
    counts |= ~early & ("not_renewed" in when)
    # a term that is shorter than that comes no sooner, however far one looks ahead
    counts &= (not renewal) | (c.end - c.start >= ahead)
    counts &= gone[c.account] & (c.notice_at > c.start)
    counts &= np.minimum(c.end, c.cancelled_at) == last[c.account]
    told = np.full(last.size, -FAR, dtype=np.int64)
    noticed = np.maximum(c.notice_at, c.known_at)
    np.maximum.at(told, c.account[counts], noticed[counts])
    left = told > -FAR
    never = np.flatnonzero(left & (last - told > ahead - _A_WEEK))
    if never.size < max(_FEW, _SHARE * left.sum()):
        return None
    what = (
        f"[sources.contracts]: of {int(left.sum()):,} accounts that left"
        f" {never.size:,} had been announced, {ahead} days before they did or within a"
        " week from then: the question asks about none of them, or next to none"
    )
    found = finding("CH263", what, count=never.size, example=first_id(history, never))
    further = "lead_max_days" if renewal else "horizon_days, or lead_days"
    return replace(
        found,
        fix=f"let [question] {further}, be longer than the time of notice: it then asks"
        " who will give it",
    )


def _left(history: History, question: Question, c: Contracts) -> tuple[Days, Flags]:
    """Give the last day of cover of all accounts, and whose end has been proved."""
    last = last_cover(c, history.accounts.ids.size)
    known = last + question.gap_days <= contracts_reach(history)
    return last, (last > -FAR) & known


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
