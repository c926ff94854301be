"""What can be measured: every kind of feature, its unit and its words, as data."""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.features.kind import Kind
from churnhealth.features.kinds_events import EVENT_KINDS

__all__ = ["KINDS"]


def _contract(means: str, subject: str, unit: str) -> Kind:
    return Kind(
        family="contracts", means=means, subject=subject, unit=unit, actionable=False
    )


KINDS: Mapping[str, Kind] = {
    **EVENT_KINDS,
    # states
    "latest": Kind(
        family="states", means="latest known value", subject="{what}", unit="number"
    ),
    "fresh": Kind(
        family="states",
        means="latest value, missing when it was noted longer ago than the window",
        subject="{what}",
        unit="number",
        windowed=True,
        when="noted in the last",
    ),
    "average": Kind(
        family="states",
        means="mean of all values known so far",
        subject="mean {what} so far",
        unit="number",
        actionable=False,  # no later value moves what was said before
    ),
    "recent_average": Kind(
        family="states",
        means="mean of the values noted in the window",
        subject="mean {what}",
        unit="number",
        windowed=True,
    ),
    "change": Kind(
        family="states",
        means="latest value minus the value in force so many days ago",
        subject="change of {what}",
        unit="number",
        windowed=True,
    ),
    "days_since_noted": Kind(
        family="states",
        means="days since a value became known",
        subject="days since the last record of {what}",
        unit="days",
    ),
    "days_since_change": Kind(
        family="states",
        means="days since the value became another one; missing if it never did",
        subject="days since {what} changed",
        unit="days",
    ),
    # contract and profile
    "tenure": _contract("days since cover began", "tenure", "days"),
    "days_to_renewal": _contract(
        "days to the known end of cover; missing if open-ended",
        "days to renewal",
        "days",
    ),
    "ends_within": Kind(
        family="contracts",
        means="1 if a known end of cover lies in the next days, 0 if not",
        subject="contract ends",
        unit="yes",
        windowed=True,
        actionable=False,
        when="within",
        during="within",
        moves=False,
    ),
    "renewals": _contract(
        "terms before this one; what began beside a contract of more value is none,"
        " nor an upgrade that keeps the agreed end",
        "renewals so far",
        "terms",
    ),
    "value": _contract("monthly value of all terms in force", "monthly value", "money"),
    "value_change": _contract(
        "value in force / value before the newest term began - 1; missing in the first",
        "change of value",
        "share",
    ),
    "seats": _contract("seats of all terms in force", "seats", "number"),
    "seats_change": _contract(
        "seats in force / seats before the newest term began - 1; missing in the first",
        "change of seats",
        "share",
    ),
    "price": _contract(
        "monthly value / seats, of the terms in force that have both",
        "price of a seat",
        "money",
    ),
    "price_change": _contract(
        "price of a seat / price before the newest term began - 1; missing in the"
        " first",
        "change of the price of a seat",
        "share",
    ),
    "term_months": _contract("months of the main term in force", "term", "months"),
    "discount": _contract("discount of the main term in force", "discount", "number"),
    "number": Kind(
        family="accounts",
        means="the attribute's number, as the profile has it",
        subject="{what}",
        unit="number",
        actionable=False,
        moves=False,
    ),
    "is": Kind(
        family="accounts",
        means="1 if the account has this level of an attribute, or its main"
        " contract in force this plan; 0 if another",
        subject="{what}",
        unit="yes",
        actionable=False,
        moves=False,
    ),
}
"""Every kind by name; a kernel function of the same name computes it."""
