"""Scales of survey answers: what one state mixes, and what changes from a day on.

Answers are whole numbers up to a usual top: 5 stars, 7 points, 10 of NPS, 100 per cent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import Days, Floats, History, StateLog, date_of
from churnhealth.sources.findings import Finding, finding

__all__ = ["scale_findings", "scale_of"]

_TOPS = (5, 7, 10, 100)
_AT_TOP = 0.03  # of all answers give the top, or it is another scale
_FEWEST = 50
_PILE, _VALLEY = 0.2, 1 / 3
_BY_CHANCE = 1e-6


def scale_findings(history: History, *, told: Collection[str]) -> Iterator[Finding]:
    """Tell of surveys that change their scale, or are several in one state.

    Sources that are ``told`` by a column to hold several are left out.
    """
    for log in history.states:
        for code, state in enumerate(log.vocabulary):
            rows = log.rows(log.state == code)
            survey = log.categories[code] == "experience" and log.name not in told
            if survey and rows.value.size >= _FEWEST:
                yield from _of_one(rows, _named(log, state))


def _of_one(rows: StateLog, title: str) -> Iterator[Finding]:
    changed = changed_scale(rows.known_at, rows.value)
    if changed is not None:
        day, before, after = changed
        what = (
            f"{title}: answers go up to {before} before {date_of(day)} and up to"
            f" {after} from then on"
        )
        count = int((rows.known_at >= day).sum())
        yield finding("CH266", what, count=count, example=str(date_of(day)))
    elif two_surveys(rows.value):
        what = (
            f"{title}: answers pile up at 4 and 5 and at 8 to 10, with few between, as"
            " two surveys in one do"
        )
        yield finding("CH265", what, count=rows.value.size, example=rows.name)


def _named(log: StateLog, state: str) -> str:
    title = f"[[sources.states]] {log.name}"
    return title if state == log.name else f"{title}, {state!r}"


def scale_of(value: Floats) -> int | None:
    """Give the top of the scale of some answers, ``None`` where it is no usual one.

    >>> scale_of(np.array([1.0, 4.0, 5.0, 5.0])), scale_of(np.array([0.0, 9.0, 10.0]))
    (5, 10)
    >>> scale_of(np.array([1.0, 40.0, 41.0])), scale_of(np.array([3.3, 4.1, 5.0]))
    (None, None)
    """
    if not value.size or value.min() < 0 or (value % 1).any():
        return None
    top = int(value.max())
    often = (value == top).mean() >= _AT_TOP and np.unique(value).size >= 3
    return top if top in _TOPS and often else None


def two_surveys(value: Floats) -> bool:
    """Say whether answers pile up at the top of 5 and at that of 10, and not between.

    A survey of one scale may have a hill in the middle, but not at 4 and at 5 and a
    valley behind it.
    """
    if scale_of(value) != 10:
        return False
    share = np.bincount(value.astype(np.int64), minlength=11) / value.size
    low, between, high = share[4:6].sum(), share[6:8].sum(), share[8:].sum()
    hill = min(share[4], share[5]) >= low / 4 and low > share[2:4].sum()
    return bool(hill and min(low, high) >= _PILE and between <= low * _VALLEY)


def changed_scale(known_at: Days, value: Floats) -> tuple[int, int, int] | None:
    """Find the day from which no answer is above a lower top, or the first above it.

    That they stay below by chance must be next to impossible.
    """
    order = np.argsort(known_at, kind="stable")
    day, value = known_at[order], value[order]
    if scale_of(value) is None:
        return None
    for top in _TOPS[:-1]:
        over = np.flatnonzero(value > top)
        if not over.size:
            return None
        ends = np.searchsorted(day, day[over[-1]], side="right")
        begins = np.searchsorted(day, day[over[0]])
        for cut, low, high in (
            (ends, slice(ends, None), slice(0, ends)),
            (begins, slice(0, begins), slice(begins, None)),
        ):
            if _apart(value[low], value[high], top):
                before, after = (int(v.max()) for v in (value[:cut], value[cut:]))
                return int(day[cut]), before, after
    return None


def _apart(low: Floats, high: Floats, top: int) -> bool:
    """Say whether some answers keep to a lower scale than the others."""
    if min(low.size, high.size) < _FEWEST or scale_of(low) != top:
        return False
    if (low == top).sum() * 2 < (low == top - 1).sum():
        return False  # they fade out towards the top: worse ones, of the same scale
    above: NDArray[np.bool_] = high > top
    stay = (1 - above.mean()) ** low.size
    return scale_of(high) is not None and bool(stay < _BY_CHANCE)
