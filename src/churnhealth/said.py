"""Counts, shares and trends as people say them: the same wherever they are told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "change_of",
    "many",
    "minus",
    "nearest",
    "percent",
    "rounded",
    "signed_percent",
]

_MINUS = "\u2212"
# halves go up everywhere, or 0.525 would be 0.53 in a table and 52 % in its sentence
_HALVES = 1 + 1e-12
_MANY = 1e9  # beyond it that would add to the number itself


def percent(share: float, places: int = 0) -> str:
    """Write a share in per cent; one that rounds to nothing keeps a decimal.

    >>> percent(0.184), percent(0.0042), percent(1.0), percent(-0.12)
    ('18 %', '0.4 %', '100 %', '−12 %')
    >>> percent(0.125), percent(0.525), percent(0.365, 1)
    ('13 %', '53 %', '36.5 %')
    """
    if 0 < abs(share) < 0.01:
        places = max(places, 1)
    return rounded(100 * share, places) + " %"


def signed_percent(share: float, places: int = 0) -> str:
    """Write a change in per cent with its sign.

    >>> signed_percent(0.05), signed_percent(-0.4), signed_percent(0.0)
    ('+5 %', '−40 %', '0 %')
    """
    text = percent(share, places)
    return f"+{text}" if share > 0 and text.strip("0., %") else text


def change_of(trend: float) -> float:
    """Turn (now - before) / (now + before) into now / before - 1.

    >>> change_of(-0.25), change_of(0.0)
    (-0.4, 0.0)
    """
    return 2 * trend / (1 - trend)


def many(number: int, one: str, more: str = "") -> str:
    """Write a count before what is counted, one or more.

    >>> many(1, "account"), many(1200, "account"), many(0, "person", "people")
    ('1 account', '1,200 accounts', '0 people')
    """
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def nearest(name: str, among: Iterable[str], *, cutoff: float = 0.6) -> str:
    """End a sentence with the name that was probably meant; nothing where none is like.

    >>> nearest("contract", ["contracts", "events"]), nearest("contract", ["events"])
    ('; the nearest is `contracts`', '')
    """
    others = [one for one in among if one != name]
    near = difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
    return f"; the nearest is `{near[0]}`" if near else ""


def rounded(value: float, places: int) -> str:
    """Write a number with thousands apart; halves go up.

    >>> rounded(1234.5, 0), rounded(-0.25, 1), rounded(-0.01, 1), rounded(1e12, 0)
    ('1,235', '−0.3', '0.0', '1,000,000,000,000')
    """
    if abs(value) < _MANY:
        value *= _HALVES
    return minus(f"{value:,.{places}f}")


def minus(text: str) -> str:
    """Write a true minus sign, and none before a zero."""
    if text[0] != "-":
        return text
    return text.replace("-", _MINUS) if text.strip("-0.,") else text[1:]
