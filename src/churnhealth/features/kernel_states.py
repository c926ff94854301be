"""Features of states: the value that holds, how it moved, how old it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from churnhealth.features.kernel_moments import (
    SHIFT,
    SPAN,
    Moments,
    key_of,
    quotient,
    read,
    where,
)
from churnhealth.sources.contract import Days, Floats, Ints, StateLog

__all__ = ["STATE_KINDS", "StateKind", "States"]

_SCALE = 1e12  # what lies beyond whole numbers is added up to twelve decimals
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class _One:
    """The rows of one state, sorted by (account, known_at)."""

    key: Ints
    value: Floats

    def sums(self) -> Ints:
        """Add up before each row, as whole numbers, so that differences are exact.

        Three lines: the values' whole numbers, the rest of them, and how many.
        """
        given = np.isfinite(self.value)
        known = np.clip(np.where(given, self.value, 0.0), -_LARGEST, _LARGEST)
        whole = np.rint(known)
        out = np.zeros((3, self.value.size + 1), dtype=np.int64)
        np.cumsum(whole.astype(np.int64), out=out[0, 1:])
        np.cumsum(np.rint((known - whole) * _SCALE).astype(np.int64), out=out[1, 1:])
        np.cumsum(given, out=out[2, 1:])
        return out


class States:
    """One states source of a batch, and what several of its features share."""

    def __init__(self, log: StateLog, moments: Moments) -> None:
        self.log, self.moments = log, moments
        self.none = not log.account.size
        self._code = {name: code for code, name in enumerate(log.vocabulary)}
        self._one: dict[str | None, _One] = {}
        self._sums: dict[str | None, Ints] = {}
        self._place: dict[tuple[str | None, int], Ints] = {}

    def rows(self, item: str | None) -> _One:
        """Take the rows of one state by its name."""
        if item not in self._one:
            code = -1 if item is None else self._code.get(item, -1)
            at = np.flatnonzero(self.log.state == code)
            key = key_of(self.log.account[at], self.log.known_at[at])
            self._one[item] = _One(key, self.log.value[at])
        return self._one[item]

    def place(self, item: str | None, days: int = 0) -> Ints:
        """Find the row in force ``days`` before each snapshot, -1 if none."""
        if (item, days) not in self._place:
            key = self.rows(item).key
            at = key.searchsorted(self.moments.key - days) - 1
            if key.size:
                at = where(key[at] < self.moments.floor, -1, at)
            self._place[item, days] = at
        return self._place[item, days]

    def value(self, item: str | None, days: int = 0) -> Floats:
        """Give the value in force ``days`` before each snapshot."""
        return read(self.rows(item).value, self.place(item, days))

    def average(self, item: str | None, days: int | None) -> Floats:
        """Average the values noted in the days before each snapshot, or ever."""
        rows, moments = self.rows(item), self.moments
        if item not in self._sums:
            self._sums[item] = rows.sums()
        sums = self._sums[item]
        high = rows.key.searchsorted(moments.key)
        low = rows.key.searchsorted(
            moments.floor if days is None else moments.key - days
        )
        whole, rest, count = sums[:, high] - sums[:, low]
        return quotient(whole + rest / _SCALE, count)

    def since(self, at: Ints, key: Ints) -> Floats:
        """Count the days since the row at each place became known."""
        moments = self.moments
        if not isinstance(at, np.ndarray):
            since = at >= 0 and moments.as_of - (key[at] - moments.floor - SHIFT)
            return since if at >= 0 else moments.missing()
        out = np.full(at.size, np.nan)
        has = at >= 0
        day: Days = key[at[has]] - self.moments.floor[has] - SHIFT
        out[has] = self.moments.as_of[has] - day
        return out


StateKind = Callable[[States, str | None, int], Floats]


def _latest(states: States, item: str | None, days: int) -> Floats:
    del days
    return states.value(item)


def _fresh(states: States, item: str | None, days: int) -> Floats:
    """Take the latest value unless it is older than the window."""
    age = states.since(states.place(item), states.rows(item).key)
    return where(age <= days, states.value(item), np.nan)


def _average(states: States, item: str | None, days: int) -> Floats:
    del days
    return states.average(item, None)


def _recent_average(states: States, item: str | None, days: int) -> Floats:
    return states.average(item, days)


def _change(states: States, item: str | None, days: int) -> Floats:
    return states.value(item) - states.value(item, days)


def _days_since_noted(states: States, item: str | None, days: int) -> Floats:
    del days
    return states.since(states.place(item), states.rows(item).key)


def _days_since_change(states: States, item: str | None, days: int) -> Floats:
    """Look for other values: a first one is no change, nor missing after missing."""
    del days
    rows, at = states.rows(item), states.place(item)
    if not rows.key.size:
        return states.moments.missing()
    now, before = rows.value[1:], rows.value[:-1]
    moved = np.zeros(rows.key.size, dtype=np.bool_)
    moved[1:] = (now != before) & ~(np.isnan(now) & np.isnan(before))
    moved[1:] &= rows.key[1:] // SPAN == rows.key[:-1] // SPAN
    last = np.maximum.accumulate(np.where(moved, np.arange(moved.size), -1))
    changed = where(at >= 0, last[at], -1)
    changed = where(rows.key[changed] < states.moments.floor, -1, changed)
    return states.since(changed, rows.key)


STATE_KINDS: Mapping[str, StateKind] = {
    "latest": _latest,
    "fresh": _fresh,
    "average": _average,
    "recent_average": _recent_average,
    "change": _change,
    "days_since_noted": _days_since_noted,
    "days_since_change": _days_since_change,
}
