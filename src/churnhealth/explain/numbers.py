"""Numbers as people read them: shares, money, days, chances and points."""

from __future__ import annotations

import math

from churnhealth.said import minus, percent, rounded
from churnhealth.sources.contract import MONTH_DAYS

__all__ = ["about", "between", "duration", "figure", "is_told", "points"]

# Fractions people say. In between, the nearest one in log-odds is taken.
_FRACTIONS = (
    *((1, n) for n in (1000, 500, 300, 200, 150, 100, 70, 50, 40, 30, 25, 20, 15, 12)),
    *((1, n) for n in (10, 9, 8, 7, 6, 5)),
    *((1, 4), (1, 3), (2, 5), (1, 2), (3, 5), (2, 3), (3, 4), (4, 5), (9, 10)),
    (19, 20),
)


def about(probability: float) -> str:
    """Say a chance as people do.

    >>> [about(p) for p in (0.0001, 0.18, 0.36, 0.7, 0.99)]
    ['under 1 in 1000', 'about 1 in 6', 'about 1 in 3', 'about 2 in 3', 'over 19 in 20']
    >>> about(0.0255)  # beside "3 %", 1 in 50 would be another chance
    'about 1 in 40'
    """
    if probability < 0.001:
        return "under 1 in 1000"
    if probability > 0.96:
        return "over 19 in 20"
    z = _logit(probability)
    a, b = min(_FRACTIONS, key=lambda f: abs(_logit(f[0] / f[1]) - z))
    return f"about {a} in {b}"


def between(low: float | None, high: float | None) -> str | None:
    """Say a range of chances as people do; ``None`` where it is not known.

    >>> between(0.12, 0.36), between(0.0004, 0.03)
    ('between 1 in 8 and 1 in 3', 'between 0 and 1 in 30')
    >>> between(0.5, 0.99), between(None, None)
    ('between 1 in 2 and 1', None)
    >>> between(0.97, 0.999), between(0.12, 0.125)  # one word for both tells nothing
    ('between 97.0 % and 99.9 %', 'between 12.0 % and 12.5 %')
    >>> between(0.00001, 0.0004)
    'between 0 and 1 in 1000'
    """
    if low is None or high is None or low != low or high != high:
        return None
    if high < 0.001:
        return "between 0 and 1 in 1000"

    def short(p: float) -> str:
        return "0" if p < 0.001 else "1" if p > 0.96 else about(p)[len("about ") :]

    ends = [short(low), short(high)]
    if ends[0] == ends[1]:
        ends = [percent(low, 1), percent(high, 1)]
    return f"between {ends[0]} and {ends[1]}"


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def figure(value: float) -> str:
    """Write a measured value as short as it can be read, thousands apart.

    >>> [figure(v) for v in (8.0, 0.333333, 14.26, 12345.6, -3.5, -0.0)]
    ['8', '0.33', '14.3', '12,346', '−3.5', '0']
    """
    if abs(value) >= 1000 or value % 1 == 0:
        return rounded(value, 0)
    return rounded(value, 2 if abs(value) < 1 else 1)


def points(value: float) -> str:
    """Write percentage points with their sign.

    >>> points(5.13), points(-0.4), points(0.01)
    ('+5.1', '−0.4', '0.0')
    """
    text = rounded(value, 1)
    return f"+{text}" if value > 0 and text != "0.0" else text


def is_told(value: float) -> bool:
    """Say whether points are more than nought as they are written.

    >>> [x for x in (0.04, -0.04, 0.05, -3.0) if is_told(x)]
    [0.05, -3.0]
    """
    return points(value) != "0.0"


def duration(days: float) -> str:
    """Write a number of days so that it is understood at once.

    >>> [duration(d) for d in (0, 1, 61, 214, 365, 840)]
    ['0 days', '1 day', '61 days', '7 months', '12 months', '2.3 years']
    """
    if abs(days) < 119.5:
        return count(days, "day")
    if abs(days) < 730:
        return count(days / MONTH_DAYS, "month")
    years = f"{days / 365.25:.1f}".removesuffix(".0")
    return minus(years) + " years"


def count(number: float, noun: str) -> str:
    """Write a whole number with its noun.

    >>> count(1, "month"), count(12.2, "month")
    ('1 month', '12 months')
    """
    text = minus(f"{number:,.0f}")
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"
