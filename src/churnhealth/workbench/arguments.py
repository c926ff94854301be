"""What a notebook gives: a day, a name, a number; refused where it cannot be."""

from __future__ import annotations

from datetime import date, datetime

from churnhealth.errors import InputError

__all__ = ["Day", "date_given", "refuse_argument"]

Day = date | str
"""A date, a time of that day (a pandas ``Timestamp`` is one), or its ISO 8601 text."""


def date_given(day: Day) -> date:
    """Take a day, whichever way it is given.

    Raises
    ------
    InputError
        CH802 it is none.

    >>> date_given("2025-06-01")
    datetime.date(2025, 6, 1)
    >>> date_given(datetime(2025, 6, 1, 12))
    datetime.date(2025, 6, 1)
    """
    if isinstance(day, date) and day == day:  # pandas' NaT says that it is a date
        return day.date() if isinstance(day, datetime) else day
    try:
        return date.fromisoformat(str(day))
    except ValueError as error:
        raise InputError(
            "CH802",
            f"{day!r} is not a day",
            why="everything is looked at as it was known on a day",
            fix='give a date, or text such as "2025-06-01"',
        ) from error


def refuse_argument(what: str, *, fix: str) -> InputError:
    """Build the error CH803 for an argument that cannot be, ready to raise."""
    why = "a guess would answer another question"
    return InputError("CH803", what, why=why, fix=fix)
