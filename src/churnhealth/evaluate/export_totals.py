"""Attributes that add up a source to its last row: they know what is still to come.

An attribute holds for all time. Where it says what an account had done in all by the
day of the export, it says at every earlier date how much more it was going to do, and
who leaves does less. A figure agreed at the beginning (seats, a price) may follow
activity too; but then it follows the first half of it as well as the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.evaluate.panel import Panel
from churnhealth.features.numbers import as_numbers
from churnhealth.sources.contract import Flags, Floats, Ints, Texts
from churnhealth.sources.findings import Finding, finding

__all__ = ["export_totals", "rank_correlation"]

_FEWEST = 50  # accounts with a figure of their own kind
_SAME_ORDER = 0.97
_MUCH_BETTER = 0.5  # of what the first half leaves unsaid


def export_totals(panel: Panel) -> Iterator[Finding]:
    """Find attributes that rank accounts as the sum of all rows of a source does.

    It must do so much better than the sum of what was known in the middle of the
    snapshots' dates.
    """
    attributes = panel.history.accounts.attributes
    numbers = {name: _numbers(texts) for name, texts in attributes.items()}
    if not numbers or not panel.cohort.as_of.size:
        return
    half = int(np.median(panel.cohort.as_of))
    told: set[str] = set()
    for what, whole, before in _totals(panel, half):
        for name, x in numbers.items():
            # who began later has no first half to compare with
            there = ~np.isnan(x) & (before != 0)
            if name in told or there.sum() < _FEWEST:
                continue
            all_of_it = abs(rank_correlation(x[there], whole[there]))
            half_of_it = abs(rank_correlation(x[there], before[there]))
            if all_of_it < _SAME_ORDER or (
                1.0 - all_of_it > _MUCH_BETTER * (1.0 - half_of_it)
            ):
                continue
            told.add(name)
            said = (
                f"the attribute {name} is all but {what} up to the last row"
                f" (rank correlation {all_of_it:.3f}, {half_of_it:.3f} with half of it)"
            )
            yield finding("CH251", said, count=int(there.sum()), example=name)


def rank_correlation(x: Floats, y: Floats) -> float:
    """Give Spearman's rank correlation, ties at their mean rank; 0 without ranks.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.0, 3.0, 4.0]))
    1.0
    """
    a, b = (_ranks(v) for v in (x, y))
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else 0.0


def _ranks(x: Floats) -> Floats:
    _, place, many = np.unique(x, return_inverse=True, return_counts=True)
    middle = np.cumsum(many) - (many - 1) / 2.0
    return np.asarray(middle[place] - middle[place].mean())


def _numbers(texts: Texts) -> Floats:
    """Read an attribute of several different numbers; of none where it is no such."""
    x = as_numbers(texts)
    some = np.unique(x[~np.isnan(x)])
    return x if some.size > 2 else np.full(x.size, np.nan)


def _totals(panel: Panel, half: int) -> Iterator[tuple[str, Floats, Floats]]:
    """Give per account what a source adds up to: in all, and before a day."""
    n = panel.history.accounts.ids.size

    def both(
        account: Ints, early: Flags, weight: Floats | Ints | None = None
    ) -> tuple[Floats, Floats]:
        whole = np.bincount(account, weight, minlength=n)
        some = None if weight is None else weight[early]
        before = np.bincount(account[early], some, minlength=n)
        return whole.astype(np.float64), before.astype(np.float64)

    for log in panel.history.events:
        early = log.happened_at < half
        if log.planned or early.all():
            continue
        yield f"the rows of {log.name}", *both(log.account, early)
        yield f"the counts of {log.name}", *both(log.account, early, log.count)
        if log.amount is not None:
            amount = np.nan_to_num(log.amount)
            yield f"the amounts of {log.name}", *both(log.account, early, amount)
    terms = panel.history.contracts
    if terms is not None and not (early := terms.known_at < half).all():
        yield "the number of contract rows", *both(terms.account, early)
