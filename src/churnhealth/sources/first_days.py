"""Sums of a week or a month that are dated to its first day, and known too soon.

Worked example: the row "week of Monday 5 May: 140 actions" counts as known on 5 May.
Seen from Thursday 8 May it holds three days that are yet to come; and whoever exports
on that Thursday has a row there of three days, which reads as a week of silence.
"""

from __future__ import annotations

import numpy as np

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["first_days"]

_WEEKS, _MONTHS = 9, 4  # distinct days from which on it is no chance


def first_days(part: Part) -> Finding | None:
    """See whether all counts of a source lie on the day a week or a month begins."""
    words = part.words
    if words is None or not words.size or getattr(part.opened.source, "planned", False):
        return None
    summed = words.has("users") or any(
        f.name == "count" and f.high > 1 for f in words.fields
    )
    happened, known = words.days()
    if not summed or (known > happened).any():
        return None
    day = np.unique(happened)
    weekday = (day + 3) % 7  # 0 is Monday: day 0 was a Thursday
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]")
    if day.size >= _MONTHS and (month.astype(np.int64) == day).all():
        begins, whole = "the first of a month", "months"
    elif day.size >= _WEEKS and (weekday == 0).all():  # a Sunday may be the last day
        begins, whole = "a Monday", "weeks"
    else:
        return None
    what = (
        f"{part.opened.title}: all {words.size:,} rows lie on {begins}, so they seem to"
        f" be sums of {whole}, and each counts as known on that day"
    )
    return finding("CH279", what, count=words.size, example=part.opened.name)
