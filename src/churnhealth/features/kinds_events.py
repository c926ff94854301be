"""What can be measured of events, planned ones among them, as data."""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.features.kind import USE, Kind

__all__ = ["EVENT_KINDS", "NEWEST_GAPS", "OWN_NORM_DAYS"]

OWN_NORM_DAYS = 180
"""How far back an account's own habit is measured, before the recent window."""

NEWEST_GAPS = 60
"""How many of its latest gaps an account's silence is compared with."""


def _events(
    means: str,
    subject: str,
    unit: str,
    *,
    direction: int = -1,
    sure_in: tuple[str, ...] = USE,
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
        sure_in=USE,
        during="over the last",
    )


def _life(
    means: str, subject: str, unit: str, direction: int = 0, *, actionable: bool = True
) -> Kind:
    return Kind(
        family="events",
        means=means,
        subject=subject,
        unit=unit,
        direction=direction,
        sure_in=USE,
        actionable=actionable,
    )


def _plan(
    means: str, subject: str, unit: str, direction: int = 0, *, windowed: bool = False
) -> Kind:
    return Kind(
        family="planned",
        means=means,
        subject=subject,
        unit=unit,
        windowed=windowed,
        direction=direction,
    )


EVENT_KINDS: Mapping[str, Kind] = {
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
        "newly silent users of {of}",
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
    "top_user_share": _events(
        "largest share of one person in what known users did",
        "share of {of} by the most active person",
        "share",
        direction=0,
    ),
    "top_user_silence": _events(
        "days since the last event of who did most in the window",
        "silence of the most active person of {of}",
        "days",
        direction=1,
    ),
    "automation": _events(
        "share of the count in rows without a known user",
        "share of {of} without a person",
        "share",
        direction=0,
    ),
    "automation_shift": _events(
        "that share minus the share of the window before",
        "change of the share of {of} without a person",
        "share",
        direction=0,
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
    "items": _events(
        "distinct items (pages, features, products) of its events in the window",
        "different items of {of}",
        "items",
    ),
    "breadth": _events(
        "distinct events that happened in the window", "kinds of {what}", "kinds"
    ),
    # movement
    "trend": _trend("count, this window against the one before", "trend of {what}"),
    "sum_trend": _trend(
        "sum of amounts (neither below zero), this window against the one before",
        "trend of amount of {what}",
    ),
    "active_days_trend": _trend(
        "active days, this window against the one before", "trend of days with {what}"
    ),
    "active_users_trend": _trend(
        "active users, this window against the one before",
        "trend of active users of {of}",
    ),
    "items_trend": _trend(
        "distinct items, this window against the one before",
        "trend of different items of {of}",
    ),
    "mean_users_trend": _trend(
        "mean daily users, this window against the one before",
        "trend of daily users of {of}",
    ),
    "own_norm": _trend(
        f"daily count of the window against the {OWN_NORM_DAYS} days before",
        "{what} against own habit",
    ),
    "own_life": _trend(
        "daily count of the window against all days before",
        "{what} against whole past",
    ),
    # moments
    "days_since": Kind(
        family="events",
        means="days since it last happened; missing if never",
        subject="days since the last {one}",
        unit="days",
        direction=1,
        sure_in=USE,
    ),
    # what all of life added up to is no lever: a week of any use hardly moves it
    "total": _life(
        "times it happened so far", "{what} so far", "times", -1, actionable=False
    ),
    "total_days": _life(
        "distinct days with an event so far",
        "days with {what} so far",
        "days",
        -1,
        actionable=False,
    ),
    "days_lasted": _life(
        "days from the first event to the last; missing if never",
        "days between first and last {one}",
        "days",
        actionable=False,
    ),
    "mean_gap": _life(
        "mean gap between days with an event; missing before the second",
        "usual gap between {what}",
        "days",
        1,
        actionable=False,
    ),
    "silence": _life(
        "days since the last event / its mean gap; missing before the second",
        "silence of {what} against the usual gap",
        "number",
        1,
    ),
    "longer_gaps": _life(
        f"share of its newest {NEWEST_GAPS} gaps as long as the days since the last"
        " event: (2 longer + 1) / (2 gaps + 2); missing before the second",
        "share of earlier gaps between {what} as long as this one",
        "share",
        -1,
    ),
    "days_to_first": _life(
        "days from the start (of cover, else of the source) to the first event; missing"
        " where cover began before the source",
        "days to the first {one}",
        "days",
        actionable=False,
    ),
    "done_by": Kind(
        family="events",
        means="1 if it happened in the first days since the start, 0 if they passed"
        " without; missing before",
        subject="{what} done",
        unit="yes",
        windowed=True,
        direction=-1,
        sure_in=USE,
        when="in the first",
        during="in the first",
        moves=False,
    ),
    "per_week": _events(
        "count per week of the window that the account has lived",
        "{what} a week",
        "number",
    ),
    "fading": Kind(
        family="events",
        means="count whose weight halves with every window further back, over 8"
        " windows",
        subject="{what} weighed by age",
        unit="number",
        windowed=True,
        direction=-1,
        sure_in=USE,
        when="halved every",
        during="with weights halved every",
    ),
    "unevenness": _events(
        "standard deviation / mean of the weekly counts",
        "unevenness of {what}",
        "number",
        direction=0,
    ),
    "days_since_first": Kind(
        family="events",
        means="days since it first happened; missing if never",
        subject="days since the first {one}",
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
        subject="age of the oldest open {one}",
        unit="days",
    ),
    "days_to_end": _events(
        "mean days from start to end of what ended in the window",
        "days from start to end of {what}",
        "days",
        direction=0,
    ),
    # plans
    "overdue": _plan("due before as_of and not done", "{what} overdue", "items", 1),
    "oldest_overdue": _plan(
        "age of the oldest overdue item; missing if none is",
        "age of the oldest overdue {one}",
        "days",
        1,
    ),
    "missed": _plan(
        "came due in the window and is not done",
        "{what} missed",
        "items",
        1,
        windowed=True,
    ),
    "done_share": _plan(
        "share done of all that came due so far", "share of {what} done", "share", -1
    ),
    "late_share": _plan(
        "share done after its day, or not at all, of all that came due so far",
        "share of {what} late",
        "share",
        1,
    ),
    "mean_delay": _plan(
        "mean days from due to done so far, negative when early",
        "usual delay of {what}",
        "days",
        1,
    ),
    "last_delay": _plan(
        "days from due to done of what was done last",
        "delay of the last {one}",
        "days",
        1,
    ),
    "days_to_next": Kind(
        family="planned",
        means="days until the next planned one that is known; missing if none",
        subject="days until the next {one}",
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
}
