"""Many days and times at once, as they are written in ISO 8601, to days in UTC.

Texts of one layout are a table of characters: where the first has a digit all have one,
and everywhere else all have the same. So a thousand times are read by a handful of
operations on columns. What is not plainly a time is left to `given`, which says why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from churnhealth.sources.contract import FAR, Ints

__all__ = ["iso_days"]

_LAYOUT = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_ZONE = re.compile(r"[+-]\d{2}:\d{2}$", re.ASCII)
_FIRST, _LAST = -25_567, 84_006  # 1900-01-01, 2200-01-01
_YEAR, _LAST_YEAR = 1900, 2400
_MONTHS = np.arange("1900-01", "2400-02", dtype="M8[M]").astype("M8[D]").view(np.int64)
_NEWLINE = ord("\n")
_AT = {"year": 0, "month": 5, "day": 8, "hour": 11, "minute": 14, "second": 17}


def iso_days(texts: Sequence[str]) -> Ints | None:
    """Give the day of every text; ``None`` if one of them is no time we can take.

    A time without a zone is UTC. From the year 2200 on a day is ``FAR``.

    >>> iso_days(["1970-01-02", "1970-01-02"])
    array([1, 1])
    >>> iso_days(["1970-01-02T00:30:00+01:00", "1970-01-02T01:00:00+01:00"])
    array([0, 1])
    >>> iso_days(["1970-02-29"]) is None
    True
    """
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    out = np.empty(len(texts), np.int64)
    while sizes.any():
        size = int(sizes.max())
        mine = (sizes == size).nonzero()[0]
        alike = texts if mine.size == sizes.size else [texts[i] for i in mine]
        found = _alike(alike, size)
        if found is None:
            return None
        out[mine] = found
        sizes[mine] = 0
    return out if not sizes.size or all(texts) else None


def _alike(texts: Sequence[str], size: int) -> Ints | None:
    """Read texts of one length, which must be of one layout too."""
    first = texts[0]
    if _LAYOUT.fullmatch(first) is None:
        return None
    raw = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
    if raw.size != len(texts) * (size + 1):  # not ASCII
        return None
    table = raw.reshape(len(texts), size + 1).T
    digit = np.array([c.isdigit() for c in first] + [False])
    digits = table[digit] - np.uint8(ord("0"))  # wraps below it
    rest = table[~digit]
    if digits.max() > 9 or (rest != rest[:, :1]).any() or rest[-1, 0] != _NEWLINE:
        return None
    value = np.zeros(table.shape, np.int64)
    value[digit] = digits
    return _days(value, first)


def _days(value: Ints, first: str) -> Ints | None:
    """Put days together from digits, a line for each place in the text."""

    def two(at: int) -> Ints:
        pair: Ints = value[at] * 10 + value[at + 1]
        return pair

    year = two(_AT["year"]) * 100 + two(2)
    month, day = two(_AT["month"]), two(_AT["day"])
    # the calendar repeats after 400 years
    near = np.where(year < _LAST_YEAR, year, 2000 + year % 400)
    if year.min() < _YEAR or month.min() < 1 or month.max() > 12 or day.min() < 1:
        return None
    at = (near - _YEAR) * 12 + month - 1
    found: Ints = _MONTHS[at] + day - 1
    if (found >= _MONTHS[at + 1]).any():
        return None
    if len(first) > _AT["hour"]:
        hour, minute = two(_AT["hour"]), two(_AT["minute"])
        seconds = len(first) > _AT["second"] and first[_AT["second"] - 1] == ":"
        if hour.max() > 23 or minute.max() > 59:
            return None
        if seconds and value[_AT["second"]].max() > 5:
            return None
        if _ZONE.search(first):
            ahead, more = two(len(first) - 5), two(len(first) - 2)
            if ahead.max() > 23 or more.max() > 59:
                return None
            zone = ahead * 60 + more if first[-6] == "+" else -(ahead * 60 + more)
            found += (hour * 60 + minute - zone) // 1440
    if found.min() < _FIRST:
        return None
    return np.where((found >= _LAST) | (year >= _LAST_YEAR), FAR, found)
