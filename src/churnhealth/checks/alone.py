"""Rows that stand alone long before a source begins, and make it seem older."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import Days, date_of

__all__ = ["told_alone"]

_SHARE = 1000  # of so many rows one may be alone
_NEAR_DAYS = 28
_MISSED = 70  # rows that the stretch should have held: a slow begin holds fewer


def told_alone(happened_at: Days) -> tuple[str, int] | None:
    """Say how many rows lie alone before all others, and count them.

    A clock that was never set dates a row to 2001. A source covers all days since its
    first row, so every window since then would count silence that was none.

    >>> day = np.repeat(np.arange(8000, 8100), 20)
    >>> told_alone(day), told_alone(np.append(day, 5000))[1]
    (None, 1)
    """
    first = int(happened_at.min())
    each = np.bincount(happened_at - first)
    day = np.flatnonzero(each)
    so_far = each[day].cumsum()
    few = int(np.searchsorted(so_far, so_far[-1] // _SHARE, side="right"))
    if not few or few == day.size:
        return None
    step = np.diff(day[: few + 1])
    last = int(np.argmax(step))
    again, gap = int(day[last + 1]), int(step[last])
    near = so_far[np.searchsorted(day, again + _NEAR_DAYS) - 1] - so_far[last]
    if gap < _NEAR_DAYS or near / _NEAR_DAYS * gap < _MISSED:
        return None
    count = int(so_far[last])
    what = (
        f"{count:,} of {int(so_far[-1]):,} rows {'lies' if count == 1 else 'lie'}"
        f" {gap:,} days and more before all others, which begin on"
        f" {date_of(first + again)}"
    )
    return what, count
