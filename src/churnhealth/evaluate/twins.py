"""Accounts that are there twice under two ids, each with the whole history.

Merged systems and repeated imports leave them. Where one of the two is learned from and
the other judged, a model is asked what it was told. That two accounts did the same on
the same days by chance is ruled out by how rare it was to do that: days on which all
who were there have a row (a nightly job, the first of a month) say nothing. Nor do
those that follow from the one before: who was charged on 9 March is so on 9 April.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from churnhealth.features.kernel_moments import differs
from churnhealth.sources.contract import EventLog, Floats, History, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = ["twins"]

_FEWEST = 3  # accounts too many
_RARE = 60.0  # nats that a chance agreement of two histories would take
_MIX = np.uint64(0x9E3779B97F4A7C15)  # the golden ratio's bits: spreads what is near
_CHUNK = 1 << 20  # rows that are held at once

Marks = NDArray[np.uint64]


def twins(history: History) -> Iterator[Finding]:
    """Find accounts whose events are those of another account, day for day."""
    n = history.accounts.ids.size
    mark, rarity = np.zeros(n, np.uint64), np.zeros(n)
    for place, log in enumerate(history.events):
        if log.size and not log.planned:
            rare = _rarity(log, n)
            for part in _parts(log, n):
                _add(part, rare, mark, rarity, odd=np.uint64(2 * place + 1))
    again = _again(mark, rarity)
    if again.size >= _FEWEST:
        again = _again(mark, np.minimum(rarity, _unforeseen(history, again)))
    if (count := again.size) >= _FEWEST:
        what = f"{count} accounts have the events of another account, day for day"
        example = str(history.accounts.ids[again[0]])
        yield finding("CH252", what, count=count, example=example)


def _again(mark: Marks, rarity: Floats) -> Ints:
    """List the accounts that do what one before them did, and too rare for chance."""
    sure = np.flatnonzero(rarity >= _RARE)
    _, first = np.unique(mark[sure], return_index=True)
    return np.delete(sure, first)


def _unforeseen(history: History, whom: Ints) -> Floats:
    """Give the nats of some accounts' rows, given the one of that event before each.

    How far such rows lie apart is learned from the first million of a source.
    """
    n = history.accounts.ids.size
    nats = np.full(n, np.inf)
    nats[whom] = 0.0
    for log in history.events:
        if not log.size or log.planned:
            continue
        rare, (since, until) = _rarity(log, n), _days(log)
        events, span = len(log.vocabulary), until - since + 1
        _, event, step = next(_parts(log, n)).steps(events)
        often = np.bincount(event * span + step, minlength=events * span)
        total = np.maximum(np.bincount(event, minlength=events), 1)
        share = np.clip(often.reshape(events, span) / total[:, None], 1e-9, 1.0)
        edge = log.rows_before(np.arange(n + 1))
        mine = np.concatenate([np.arange(edge[a], edge[a + 1]) for a in whom])
        part = _Part(log.rows(mine), since, events)
        at, event, step = part.steps(events)
        takes = np.where(step > 0, -np.log(share[event, step]), np.inf)
        np.add.at(nats, part.account[at], np.minimum(rare[part.cell[at]], takes))
    return nats


class _Part:
    """Rows of some accounts that tell of something, and their cells: event and day."""

    def __init__(self, rows: EventLog, since: int, events: int) -> None:
        real = rows.count > 0
        self.account, self.count = rows.account[real], rows.count[real]
        self.day = rows.happened_at[real] - since
        self.cell = self.day * events + rows.event[real]

    def once(self) -> NDArray[np.bool_]:
        """Mark the first row of each account and cell, as they are mostly sorted."""
        return differs(self.account) | differs(self.cell)

    def steps(self, events: int) -> tuple[Ints, Ints, Ints]:
        """Give rows, their events, and the days since the row of it before, or 0."""
        event = self.cell % events
        at = np.lexsort((self.day, event, self.account))
        new = differs(self.account[at]) | differs(event[at])
        step = np.where(new, 0, np.diff(self.day[at], prepend=0))
        keep = new | (step > 0)
        return at[keep], event[at[keep]], step[keep]


def _parts(log: EventLog, n: int) -> Iterator[_Part]:
    """Give the rows of whole accounts, some million at a time."""
    edge = log.rows_before(np.arange(n + 1))
    since, _ = _days(log)
    cut = np.unique(edge[np.searchsorted(edge, np.arange(0, log.size, _CHUNK))])
    for low, high in zip(cut, [*cut[1:], log.size], strict=True):
        yield _Part(log.rows(slice(int(low), int(high))), since, len(log.vocabulary))


def _days(log: EventLog) -> tuple[int, int]:
    return int(log.happened_at.min()), int(log.happened_at.max())


def _rarity(log: EventLog, n: int) -> Floats:
    """Give the nats it takes to have a row of an event on a day, for those there.

    There is who has an earlier row, or one on that day, and a later one or one then.
    """
    since, until = _days(log)
    events = len(log.vocabulary)
    had = np.zeros((until - since + 1) * events, dtype=np.int64)
    come = np.zeros(until - since + 2, dtype=np.int64)
    for part in _parts(log, n):
        had += np.bincount(part.cell[part.once()], minlength=had.size)
        start = np.flatnonzero(differs(part.account))
        if start.size:
            stop = np.append(start[1:], part.account.size) - 1
            come += np.bincount(part.day[start], minlength=come.size)
            come -= np.bincount(part.day[stop] + 1, minlength=come.size)
    there = np.repeat(come[:-1].cumsum(), events)
    share = np.clip(had / np.maximum(there, 1), 1e-9, 1.0)
    return np.asarray(-np.log(share))


def _add(
    part: _Part, rare: Floats, mark: Marks, rarity: Floats, *, odd: np.uint64
) -> None:
    """Add to each account a sum that its rows have in any order, and their rarity."""
    mixed = (part.cell.astype(np.uint64) + np.uint64(1)) * _MIX
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX
    mixed ^= mixed >> np.uint64(32)
    mixed *= part.count.astype(np.uint64) * odd
    start = np.flatnonzero(differs(part.account))
    if start.size:
        who = part.account[start]
        mark[who] += np.add.reduceat(mixed, start)
        rarity[who] += np.add.reduceat(np.where(part.once(), rare[part.cell], 0), start)
