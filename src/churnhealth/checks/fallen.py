"""Weeks in which nearly all accounts used a source less than they always do.

Customers leave one by one. Where most of them fall in the same week, half of the rows
were lost on the way, something is no longer recorded, or there was a holiday: whatever
it was, a model that reads the rows sees everybody on the way out.

Worked example: of 400 accounts that use the product every week, 30 to 55 had less than
half of their usual events in most weeks of the last year, 220 at Christmas, and 310 in
the newest, which lies in May.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnhealth.said import percent
from churnhealth.sources.contract import FAR, EventLog, date_of

__all__ = ["Fallen", "fallen_use", "told_fallen"]

_WEEK = 7  # days
_USUAL = 8  # weeks that say what is usual
_OFTEN = 6  # of these, with use
_LOOKED_AT = 60  # weeks to compare with: a year and its holidays
_LEAST_LOOKED_AT = 8
_STEADY = 20  # accounts
_LESS = 0.5  # of what is usual
_MANY = 0.25  # of the steady accounts
_MOST_WEEKS = 0.9  # of those before
_TIMES = 2.0  # as many as in most weeks
_YEAR_AGO = slice(45, 58)  # weeks before the newest, holidays that move included
_SEASON = 1.25  # times as many as a year ago
_NEWEST = 4  # weeks that are told of
_SLICE = 1 << 22

_Weekly = NDArray[np.float32]  # accounts x weeks


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallen:
    """The week before ``end``: ``fell`` of ``steady`` accounts.

    ``usual`` is the share that nine in ten of the weeks before did not exceed.
    """

    end: int
    fell: int
    steady: int
    usual: float


class _Week(NamedTuple):
    fell: int
    steady: int


def fallen_use(log: EventLog, *, before: int = FAR) -> Fallen | None:
    """Compare the newest weeks with all before them, each as known at its end.

    An account is steady if it had use in six of the eight weeks before; it fell if the
    week has less than half of their mean. ``None`` unless a quarter of the steady
    accounts fell, twice as many as in nine in ten of the 8 to 60 weeks before, and more
    than about the same time a year ago. The newest four weeks are looked at, since
    windows reach as far; what came late has filled a week that is over.
    """
    known = log.known_at < before
    if log.planned or not known.any():
        return None
    last = int(log.happened_at.max(where=known, initial=-FAR))
    end = min(last + 1, before)
    weekly = _weekly(log, end)
    weeks = [_week(weekly, k) for k in range(weekly.shape[1] - _USUAL)]
    share = np.array([w.fell / w.steady if w.steady >= _STEADY else nan for w in weeks])
    for k, week in enumerate(weeks[:_NEWEST]):
        earlier = share[k + 1 :]
        if _usual(week, earlier) is None:
            continue
        if k:  # what came late has filled it
            use = _weekly(log, end, weeks=k + 1, known_before=before)[:, k]
            week = _week(weekly, k, use)
        if (usual := _usual(week, earlier)) is not None:
            last = end - _WEEK * k
            return Fallen(end=last, fell=week.fell, steady=week.steady, usual=usual)
    return None


def _usual(week: _Week, earlier: NDArray[np.float64]) -> float | None:
    """Give the share that is usual, where far more fell in a week; else ``None``."""
    if week.steady < _STEADY or np.isfinite(earlier).sum() < _LEAST_LOOKED_AT:
        return None
    usual = float(np.nanquantile(earlier, _MOST_WEEKS))
    season = float(np.nan_to_num(earlier[_YEAR_AGO]).max(initial=0.0))
    most = max(_MANY, _TIMES * usual, min(_SEASON * season, (2.0 + season) / 3.0))
    return usual if week.fell > most * week.steady else None


def _week(weekly: _Weekly, k: int, use: _Weekly | None = None) -> _Week:
    """Count who fell ``k`` weeks before the newest, of those who were steady.

    ``use`` is what is known of that week by now.
    """
    use = weekly[:, k] if use is None else use
    usual = weekly[:, k + 1 : k + 1 + _USUAL]
    steady = (usual > 0).sum(axis=1) >= _OFTEN
    fell = use[steady] < _LESS * usual[steady].mean(axis=1)
    return _Week(int(fell.sum()), int(steady.sum()))


def _weekly(
    log: EventLog,
    end: int,
    *,
    weeks: int | None = None,
    known_before: int | None = None,
) -> _Weekly:
    """Add up each account's use by week, the newest first.

    Each as known at its end, or all as known before a day.
    """
    start = int(log.happened_at.min())
    if weeks is None:
        weeks = min((end - start) // _WEEK, 1 + _LOOKED_AT + _USUAL)
    accounts = int(log.account.max()) + 1
    weekly = np.zeros(accounts * weeks, dtype=np.float32)
    for low in range(0, log.size, _SLICE):
        rows = log.rows(slice(low, low + _SLICE))
        week = (end - 1 - rows.happened_at) // _WEEK
        use = (week >= 0) & (week < weeks)
        seen = end - _WEEK * week if known_before is None else known_before
        use &= rows.known_at < seen
        at = rows.account[use] * weeks + week[use]
        np.add.at(weekly, at, rows.count[use].astype(np.float32))
    return weekly.reshape(accounts, weeks)


def told_fallen(fallen: Fallen) -> str:
    """Say how many fell, and when.

    >>> told_fallen(Fallen(end=19001, fell=310, steady=400, usual=0.1375))
    '310 of 400 accounts have less than half of their usual use in the 7 days to \
2022-01-08, in most weeks before at most 14 %'
    """
    return (
        f"{fallen.fell:,} of {fallen.steady:,} accounts have less than half of their"
        f" usual use in the {_WEEK} days to {date_of(fallen.end - 1)}, in most"
        f" weeks before at most {percent(fallen.usual)}"
    )
