"""Durations, amounts of data and numbers of people that are less than nothing.

Negative money is a refund. Negative minutes are a clock that was set back, or two times
that were mixed up, and take away from the use of that day.
"""

from __future__ import annotations

import re

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["below_nothing"]

_WORD = (
    r"durations?|seconds?|secs?|minutes?|mins?|hours?|hrs?|millis(?:econds)?|ms|"
    r"(?:kilo|mega|giga|tera)?bytes?|[kmgt]b|clicks?|views?|visits?|sessions?|logins?|"
    r"calls?|requests?|hits?|messages?|usage|dauer|minuten|sekunden|stunden"
)
_MEASURED = re.compile(rf"(?:^|[^a-z])(?:{_WORD})(?:$|[^a-z])")


def below_nothing(part: Part) -> Finding | None:
    """Count rows of events below zero in a column that cannot be, by its name."""
    if part.words is None or not part.words.size:
        return None
    for field in part.words.fields:
        theirs = part.opened.columns.get(field.name, "")
        people = field.name == "users"
        if field.low >= 0 or not (people or _measured(field.name, theirs)):
            continue
        below = part.words.column(field.name) < 0
        if not below.any():  # what is missing may stand lower
            continue
        what = (
            f"{part.opened.title}: {theirs!r} (our `{field.name}`) is below zero in"
            f" {int(below.sum()):,} of {below.size:,} rows"
        )
        count = int(below.sum())
        return finding("CH268", what, count=count, example=part.opened.name)
    return None


def _measured(ours: str, theirs: str) -> bool:
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", theirs).lower()
    return ours == "amount" and _MEASURED.search(words) is not None
