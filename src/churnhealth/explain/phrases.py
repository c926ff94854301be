"""Every English text of the explanations, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from churnhealth.features.kinds_events import OWN_NORM_DAYS

__all__ = [
    "AGREEMENT",
    "ALONE",
    "ATTRIBUTE",
    "BAND_WORDS",
    "DONE",
    "ENDING",
    "NOT_CAUSES",
    "NO_ATTRIBUTE",
    "NO_DONE",
    "NO_ENDING",
    "STATUS_WORDS",
    "WORDS",
    "Level",
    "Move",
]

BAND_WORDS: Mapping[str, str] = {
    "green": "Healthy",
    "yellow": "Watch",
    "orange": "At risk",
    "red": "Critical",
    "grey": "Not enough data",
}

STATUS_WORDS: Mapping[str, str] = {
    "announced": "It has said that it will leave.",
    "grace": "Its contract has ended and may still be renewed.",
    "too_new": "It is too new to be judged.",
    "churned": "It has left.",
}
"""Why an account has no probability."""

AGREEMENT: Mapping[str, str] = {
    "same": "agrees with the model",
    "one apart": "one colour from the model",
    "further": "contradicts the model: talk to someone who knows the account",
}

NOT_CAUSES = "Associations, not causes: changing one need not change the outcome."


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """Words for a value that is high or low. Empty ``moved``: its past tells nothing.

    ``{subject}``: Logins. ``{what}``, ``{one}``: the event or state, as many or as one.
    ``{during}``: " in the last 4 weeks" or nothing. ``None``: the feature's own phrase.
    ``today`` stands for ``now`` where the days are 0.
    """

    moved: str | None = None
    same: str = "{subject} stayed at {value}{during}"
    now: str = "{subject}: {value}{during}"
    today: str = ""
    missing: str = "No record of {lower}{during}"
    beside: str = "; similar accounts have {peers}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Words for a value that itself says how far something rose or fell."""

    by: str
    same: str
    missing: str
    beside: str = "; similar accounts {peers}"
    times: str = ""
    began: str = ""
    stopped: str = ""


def _ago(now: str, *, missing: str, beside: str, today: str = "") -> Level:
    return Level(moved="", now=now, today=today, missing=missing, beside=beside)


_TREND = Move(
    by="{subject} {moved} by {size} against the {window} before",
    times="{subject} rose to {size} times the {window} before",
    same="{subject} held steady against the {window} before",
    began="{subject} began: nothing in the {window} before",
    stopped="{subject} stopped: nothing in the last {window}",
    missing="No record of {lower} to compare with the {window} before",
)
_HABIT = Move(
    by="{subject} {moved} by {size} against the account's own habit",
    times="{subject} rose to {size} times the account's own habit",
    same="{subject} held steady against the account's own habit",
    began=f"{{subject}} began: nothing in the {OWN_NORM_DAYS} days before",
    stopped="{subject} stopped: nothing in the last {window}",
    missing="No record of {lower} to compare with the account's own habit",
)
_LIFE = Move(
    by="{subject} {moved} by {size} against the account's whole past",
    times="{subject} rose to {size} times the account's whole past",
    same="{subject} held steady against the account's whole past",
    began="{subject} began: nothing before",
    stopped="{subject} stopped: nothing in the last {window}",
    missing="No record of {lower} to compare with the account's whole past",
)

NO_ATTRIBUTE = "No {name} on record"

WORDS: Mapping[str, Level | Move] = {
    "trend": _TREND,
    "sum_trend": _TREND,
    "active_days_trend": _TREND,
    "active_users_trend": _TREND,
    "items_trend": _TREND,
    "mean_users_trend": _TREND,
    "own_norm": _HABIT,
    "own_life": _LIFE,
    "days_since": _ago(
        "The last {one} was {value} ago",
        missing="No {one} on record",
        beside="; among similar accounts {peers} ago",
    ),
    "days_since_first": _ago(
        "The first {one} was {value} ago",
        missing="No {one} on record",
        beside="; among similar accounts {peers} ago",
    ),
    "silence": _ago(
        "The time since the last {one} is {value} times the usual gap",
        missing="No usual gap of {what} on record",
        beside="; among similar accounts {peers}",
    ),
    "longer_gaps": _ago(
        "Of the earlier gaps between {what}, {value} were as long as this one",
        missing="No earlier gap between {what} on record",
        beside="; among similar accounts {peers}",
    ),
    "oldest_open": _ago(
        "The oldest open {one} is {value} old",
        missing="No open {one}",
        beside="; among similar accounts {peers}",
    ),
    "days_to_next": _ago(
        "The next {one} is {value} away",
        today="The next {one} is today",
        missing="No {one} is planned",
        beside="; among similar accounts {peers}",
    ),
    "latest": Level(missing="No record of {what}"),
    "change": Move(
        by="{What} {moved} by {size}{during}",
        same="{What} did not change{during}",
        missing="No earlier record of {what} to compare with",
    ),
    "days_since_noted": _ago(
        "The last record of {what} is {value} old",
        missing="No record of {what}",
        beside="; among similar accounts {peers}",
    ),
    "days_since_change": _ago(
        "{What} last changed {value} ago",
        missing="No change of {what} on record",
        beside="; among similar accounts {peers} ago",
    ),
    "tenure": _ago(
        "Customer for {value}",
        missing="No start of the contract on record",
        beside="; similar accounts for {peers}",
    ),
    "days_to_renewal": _ago(
        "The renewal is {value} away",
        today="The renewal is today",
        missing="No renewal date: the contract is open-ended",
        beside="; among similar accounts {peers}",
    ),
    "value": Level(missing="No contract value on record"),
    "value_change": Move(
        by="The contract value {moved} by {size} against the term before",
        same="The contract value is that of the term before",
        missing="No earlier contract value to compare with",
    ),
    "seats": Level(missing="No number of seats on record"),
    "seats_change": Move(
        by="Seats {moved} by {size} against the term before",
        same="Seats are as many as in the term before",
        missing="No earlier number of seats to compare with",
    ),
    "price_change": Move(
        by="The price of a seat {moved} by {size} against the term before",
        same="The price of a seat is that of the term before",
        missing="No earlier price of a seat to compare with",
    ),
    "term_months": _ago(
        "The term is {value}",
        missing="No contract term on record",
        beside="; similar accounts have {peers}",
    ),
    "discount": Level(missing="No discount on record"),
    "number": _ago(
        "{attribute}: {value}",
        missing=NO_ATTRIBUTE,
        beside="; among similar accounts {peers}",
    ),
}
"""Words by kind of feature; any other kind is a plain level."""

DONE = {1.0: "At least one {one}{during}", 0.0: "No {one}{during}"}
NO_DONE = "No full record of the first {window} yet"
ATTRIBUTE = {1.0: "{attribute} is {level}", 0.0: "{attribute} is not {level}"}
ENDING = {
    1.0: "The contract ends within {window}",
    0.0: "The contract does not end within {window}",
}
NO_ENDING = "No contract in force on record"
ALONE = ", associated with {} risk"
"""Said only where neither the past nor peers show on which side of normal it lies:
they are not known, or stand where the account stands."""

NINE_IN_TEN = (", nine in ten of them less", ", nine in ten of them more")
"""Said where a value lies beyond nine tenths of the peers: above, below."""

MODEL_MOVED = "the model is another one"
REVISED = "data of the earlier date were corrected since"
BANDS_MOVED = "the limits of the colours moved"
"""What no driver explains of a move between two dates."""
