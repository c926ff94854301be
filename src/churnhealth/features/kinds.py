"""What can be measured: every kind of feature, its unit and its words, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["KINDS", "OWN_NORM_DAYS", "Family", "Kind"]

OWN_NORM_DAYS = 180
"""How far back an account's own habit is measured, before the recent window."""

Family = Literal["events", "planned", "states", "contracts", "accounts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a kind is computed in one sentence, and how it is said.

    ``unit``: times, days, weeks, months, people, kinds, items, terms, money, number,
    share (0 to 1 and above), trend (-1 to 1), yes (0 or 1). ``direction`` holds only in
    the categories ``sure_in``. ``moves``: a sentence may say that it rose or fell.
    """

    family: Family
    means: str
    subject: str
    unit: str
    windowed: bool = False
    direction: int = 0
    sure_in: tuple[str, ...] = ("usage", "value", "experience", "contract")
    actionable: bool = True
    when: str = "last"
    during: str = "in the last"
    moves: bool = True


_USE = ("usage", "value")


def _events(
    means: str,
    subject: str,
    unit: str,
    *,
    direction: int = -1,
    sure_in: tuple[str, ...] = _USE,
) -> Kind:
    return Kind(
        family="events",
        means=means,
        subject=subject,
        unit=unit,
        windowed=True,
        direction=direction,
        sure_in=sure_in,
    )


def _trend(means: str, subject: str) -> Kind:
    return Kind(
        family="events",
        means=f"{means}: (now - before) / (now + before); missing if both are 0",
        subject=subject,
        unit="trend",
        windowed=True,
        direction=-1,
        sure_in=_USE,
        during="over the last",
    )


def _contract(means: str, subject: str, unit: str) -> Kind:
    return Kind(
        family="contracts", means=means, subject=subject, unit=unit, actionable=False
    )


KINDS: Mapping[str, Kind] = {
    # usage and other events, over a window
    "count": _events("times it happened in the window", "{what}", "times"),
    "sum": _events(
        "sum of the amounts in the window", "amount of {what}", "number", direction=0
    ),
    "mean": _events(
        "mean of the amounts in the window that are not missing",
        "mean amount of {what}",
        "number",
        direction=0,
    ),
    "active_days": _events(
        "distinct days of the window with an event", "days with {what}", "days"
    ),
    "active_weeks": _events(
        "whole weeks before as_of, within the window, with an event",
        "weeks with {what}",
        "weeks",
    ),
    "active_users": _events(
        "distinct known users with an event in the window",
        "active users of {of}",
        "people",
    ),
    "silent_users": _events(
        "users active in the window before this one and not in this one",
        "users of {of} who fell silent",
        "people",
        direction=1,
    ),
    "users_share": _events(
        "active users / seats in force", "share of seats using {of}", "share"
    ),
    "reach": _events(
        "active users of the item / active users of the source",
        "share of active users using {of}",
        "share",
    ),
    "mean_users": _events(
        "mean over days of the largest `users` of the day",
        "daily users of {of}",
        "people",
    ),
    "mean_users_share": _events(
        "mean daily users / seats in force", "share of seats using {of} a day", "share"
    ),
    "per_user": _events("count / active users", "{what} per active user", "number"),
    "per_day": _events("count / active days", "{what} per active day", "number"),
    "share": _events(
        "count of the item / count of all events",
        "share of {what}",
        "share",
        direction=0,
    ),
    "breadth": _events(
        "distinct events that happened in the window", "kinds of {what}", "kinds"
    ),
    # movement
    "trend": _trend("count, this window against the one before", "trend of {what}"),
    "sum_trend": _trend(
        "sum of amounts, this window against the one before",
        "trend of amount of {what}",
    ),
    "active_days_trend": _trend(
        "active days, this window against the one before", "trend of days with {what}"
    ),
    "active_users_trend": _trend(
        "active users, this window against the one before",
        "trend of active users of {of}",
    ),
    "mean_users_trend": _trend(
        "mean daily users, this window against the one before",
        "trend of daily users of {of}",
    ),
    "own_norm": _trend(
        f"daily count of the window against the {OWN_NORM_DAYS} days before",
        "{what} against own habit",
    ),
    # moments
    "days_since": Kind(
        family="events",
        means="days since it last happened; missing if never",
        subject="days since the last {what}",
        unit="days",
        direction=1,
        sure_in=_USE,
    ),
    "days_since_first": Kind(
        family="events",
        means="days since it first happened; missing if never",
        subject="days since the first {what}",
        unit="days",
        actionable=False,
    ),
    "open": Kind(
        family="events",
        means="items that began before as_of and had not ended",
        subject="open {what}",
        unit="items",
    ),
    "oldest_open": Kind(
        family="events",
        means="age of the oldest open item; missing if none is open",
        subject="age of the oldest open {what}",
        unit="days",
    ),
    # plans
    "days_to_next": Kind(
        family="planned",
        means="days until the next planned one that is known; missing if none",
        subject="days until the next {what}",
        unit="days",
        actionable=False,
    ),
    "ahead": Kind(
        family="planned",
        means="planned ones that are known and lie in the next days",
        subject="{what} planned",
        unit="times",
        windowed=True,
        actionable=False,
        when="next",
        during="in the next",
    ),
    # states
    "latest": Kind(
        family="states", means="latest known value", subject="{what}", unit="number"
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
        subject="days since {what} was noted",
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
    "renewals": _contract("terms before this one", "renewals so far", "terms"),
    "value": _contract("monthly value in force", "monthly value", "money"),
    "value_change": _contract(
        "value in force / value of the term before - 1", "change of value", "share"
    ),
    "seats": _contract("seats in force", "seats", "number"),
    "seats_change": _contract(
        "seats in force / seats of the term before - 1", "change of seats", "share"
    ),
    "term_months": _contract("months of the term in force", "term", "months"),
    "discount": _contract("discount in force", "discount", "number"),
    "is": Kind(
        family="accounts",
        means="1 if the account has this level of an attribute, 0 if another",
        subject="{what}",
        unit="yes",
        actionable=False,
        moves=False,
    ),
}
"""Every kind by name; a kernel function of the same name computes it."""
