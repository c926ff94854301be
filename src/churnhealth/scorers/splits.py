"""Who judges whom inside training: later days judge earlier ones, never at random."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.estimator import Training
from churnhealth.sources.contract import Flags

__all__ = ["by_account", "inner_folds"]

_BLOCKS = 4  # of time; each but the first judges what was fitted before it
_FEWEST = 3  # positives on either side; below it a fold says nothing


def inner_folds(rows: Training, *, embargo_days: int) -> list[tuple[Flags, Flags]]:
    """Cut training rows into (fit, judge) pairs, to choose a strength or a size.

    With ``order`` the days are cut into four blocks of about equally many positive
    rows; each block but the first is judged by what lies more than ``embargo_days``
    before it, so that no label of the fit side closes inside the judged block.
    Without days, accounts are dealt into five hands by rank: whole, never at random.
    """
    timed = (
        []
        if rows.order is None
        else list(_by_time(rows.order, rows.y, embargo_days=embargo_days))
    )
    useful = [pair for pair in timed if _tells(rows, *pair)]
    if useful:
        return useful
    return [pair for pair in by_account(rows.groups, rows.y) if _tells(rows, *pair)]


def _tells(rows: Training, fit: Flags, judge: Flags) -> bool:
    sides = (rows.y[fit], rows.y[judge])
    return all(min(s.sum(), s.size - s.sum()) >= _FEWEST for s in sides)


def _by_time(
    order: NDArray[np.int64], y: NDArray[np.float64], *, embargo_days: int
) -> Iterator[tuple[Flags, Flags]]:
    days, first = np.unique(order, return_inverse=True)
    if days.size < 2:
        return
    weight = np.bincount(first, weights=y, minlength=days.size) + 1e-9
    reached = np.cumsum(weight) / weight.sum()
    starts = np.unique(days[np.searchsorted(reached, np.arange(1, _BLOCKS) / _BLOCKS)])
    edges = [*starts.tolist(), int(days[-1]) + 1]
    for low, high in pairwise(edges):
        yield order < low - embargo_days, (order >= low) & (order < high)


def by_account(
    groups: NDArray[np.int64], y: NDArray[Any], *, hands: int = 5
) -> Iterator[tuple[Flags, Flags]]:
    """Deal whole accounts into hands by rank; each is judged by the others.

    Those with most positive rows are dealt first, so that every hand has its share.

    >>> y, account = np.array([1, 0, 1, 0]), np.array([0, 0, 1, 2])
    >>> hands = by_account(account, y, hands=2)
    >>> [np.unique(account[judge]).tolist() for _, judge in hands]
    [[0, 2], [1]]
    """
    count = int(groups.max()) + 1
    positives = np.bincount(groups, weights=y, minlength=count)
    rank = np.empty(count, np.int64)
    rank[np.lexsort((np.arange(count), -positives))] = np.arange(count)
    hand = (rank % hands)[groups]
    for held in range(hands):
        yield hand != held, hand == held
