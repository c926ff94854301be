"""One value of a request at a time: taken exactly or refused, never guessed at.

Every refusal is a `RequestError` that names the place (``accounts[3].events[0].count``)
and never repeats the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from churnhealth.errors import RequestError
from churnhealth.sources.contract import FAR

__all__ = [
    "BLANKS",
    "DAY",
    "LARGEST",
    "LONGEST",
    "NEVER",
    "known_fields",
    "label",
    "listed",
    "moment",
    "number",
    "object_of",
    "open_moment",
    "refuse",
    "required",
    "text",
    "whole",
]

T = TypeVar("T")

DAY = 86_400_000_000
"""A day in microseconds."""

NEVER = FAR * DAY
"""The moment that stands for "open-ended" and "not yet"."""

_WHEN = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"([T ]([01]\d|2[0-3]):\d{2}(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -25_567 * DAY  # 1900-01-01
_LAST = 84_006 * DAY  # 2200-01-01
LARGEST = 1e15
"""Numbers of a request are smaller than this."""
_SPACES = " \xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
BLANKS = _SPACES + "\t\n\f\r\u2028\u2029\u200b\ufeff"
"""What is no part of a text at its ends: all that loading trims (`engine.trimmed`)."""
LONGEST = 1_000
"""Texts of a request have at most so many characters."""


def refuse(code: str, where: str, what: str, *, fix: str) -> RequestError:
    """Make the error for one place of a request."""
    return RequestError(
        code,
        f"{where}: {what}",
        why="a value that is misread gives a wrong score without anyone noticing",
        fix=fix,
        where=where,
    )


def required(value: T | None, where: str) -> T:
    """Refuse what is missing."""
    if value is None:
        raise refuse("CH524", where, "is missing", fix="give it")
    return value


def object_of(value: object, where: str) -> Mapping[str, object]:
    """Take a JSON object."""
    if isinstance(value, Mapping) and {str}.issuperset(map(type, value)):
        return value
    raise refuse("CH521", where, "is not an object", fix="give {...}")


def listed(value: object, where: str) -> Sequence[object]:
    """Take a JSON array; nothing given is an empty one."""
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise refuse("CH521", where, "is not a list", fix="give [...]")


def known_fields(
    row: Mapping[str, object], allowed: Collection[str], where: str
) -> None:
    """Refuse a field that nobody would read."""
    unknown = [k for k in row if k not in allowed]
    if unknown:
        raise refuse(
            "CH522",
            where,
            f"has {len(unknown)} fields that do not exist here",
            fix=f"use only {', '.join(sorted(allowed))}",
        )


def text(row: Mapping[str, object], name: str, where: str) -> str | None:
    """Take a text or a whole number as an id; blank is missing."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise refuse("CH521", f"{where}.{name}", "is not a text", fix='give "..."')
    if len(value) > LONGEST:
        raise refuse(
            "CH521",
            f"{where}.{name}",
            f"is longer than {LONGEST} characters",
            fix="give an id or a short name",
        )
    return value.strip(BLANKS) or None


def label(row: Mapping[str, object], name: str, where: str) -> str | None:
    """Take a text, number or truth value as a label, written as a table would.

    >>> label({"trial": True}, "trial", ""), label({"size": 3.0}, "size", "")
    ('true', '3')
    """
    value = row.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        exact = number(row, name, where)
        return str(int(exact)) if exact.is_integer() else repr(exact)
    found = text(row, name, where)
    if found is not None and found.lower() in ("true", "false"):
        return found.lower()
    return found


def number(row: Mapping[str, object], name: str, where: str) -> float:
    """Take a finite number; nothing given is NaN."""
    value = row.get(name)
    if value is None:
        return math.nan
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    if wrong or not abs(value) < LARGEST:  # type: ignore[arg-type]
        raise refuse(
            "CH521",
            f"{where}.{name}",
            "is not a finite number",
            fix="give a number, without quotes; leave the field out if it is unknown",
        )
    return float(value) + 0.0  # type: ignore[arg-type]


def whole(row: Mapping[str, object], name: str, where: str, *, default: int) -> int:
    """Take a whole number of 0 or more."""
    found = number(row, name, where)
    if math.isnan(found):
        return default
    if found < 0 or not found.is_integer():
        raise refuse(
            "CH521",
            f"{where}.{name}",
            "is not a whole number of 0 or more",
            fix="give a count; measures belong into `amount`",
        )
    return int(found)


def moment(row: Mapping[str, object], name: str, where: str) -> int | None:
    """Take a date or time as microseconds since 1970 in UTC; naive means UTC.

    >>> moment({"at": "1970-01-02"}, "at", "row") == DAY
    True
    >>> moment({"at": "1970-01-01T02:00:00+02:00"}, "at", "row")
    0
    """
    found = open_moment(row, name, where)
    if found == NEVER:
        raise refuse(
            "CH521",
            f"{where}.{name}",
            "lies outside the years 1900 to 2199",
            fix='give a date such as "2026-01-31"',
        )
    return found


def open_moment(row: Mapping[str, object], name: str, where: str) -> int | None:
    """Take a time where years from 2200 on mean "open-ended"."""
    value = row.get(name)
    if value is None:
        return None
    found = _microseconds(value)
    if found is None or found < _FIRST:
        raise refuse(
            "CH521",
            f"{where}.{name}",
            "is not a date or time that exists",
            fix='give "2026-01-31" or "2026-01-31T08:15:00Z"',
        )
    return found if found < _LAST else NEVER


def _microseconds(value: object) -> int | None:
    if not isinstance(value, str) or _WHEN.fullmatch(value) is None:
        return None
    try:
        when = datetime.fromisoformat(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return (when - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
