"""Whom a list finds: the share of those who left, by how much of it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.health.draws import Draws
from churnhealth.sources.contract import FAR, Floats, Ints

__all__ = ["found_by", "gains_of"]

_SEEN = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8,
         0.9, 1.0)  # fmt: skip
_PLACES = 4


def gains_of(
    judged: Judged, panel: Panel, value: Floats, draws: Draws
) -> dict[str, Any] | None:
    """Compare the lists that the chosen scorer, the rule and the calendar make.

    ``seen`` are shares of the test rows, the first of the list first; ``ways`` holds
    for each list the share found by then of the ``churners`` and of the ``value`` that
    they paid (``None`` where none is known), and the 95 % ``interval`` by account of
    the ``churners`` in its first tenth. Ways that do not apply are absent. Each
    account that left counts once, spread over the rows that say so: else those scored
    often before they left would decide. ``None`` where nobody left.
    """
    left = judged.y == 1
    if not left.any():
        return None
    outcomes = distinct(judged.account[left])
    once = np.where(left, 1.0 / _times(judged.account, left), 0.0)
    paid = once * np.maximum(np.nan_to_num(value), 0.0)
    ways = {
        name: {
            "churners": found_by(order, once).tolist(),
            "value": found_by(order, paid).tolist() if paid.any() else None,
            "interval": _tenth(order, once, draws, outcomes=outcomes),
        }
        for name, order in _lists(judged, panel).items()
    }
    return {"seen": list(_SEEN), "outcomes": outcomes, "ways": ways}


def found_by(order: Floats, weight: Floats) -> Floats:
    """Give the share of all weight at the top of a list, for each share looked at.

    Ties share what they hold evenly, so a list that tells nobody apart is a diagonal.

    >>> found_by(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1.0, 0, 1, 0]))[[6, 10, 13]]
    array([0.4, 0.5, 1. ])
    """
    first = np.argsort(-order, kind="stable")
    last = np.flatnonzero(np.append(np.diff(order[first]) != 0, True))
    found = np.append(0.0, np.cumsum(weight[first])[last])
    seen = np.append(0.0, (last + 1) / order.size)
    share = np.interp(_SEEN, seen, found / found[-1])
    return np.asarray(np.round(share, _PLACES), np.float64)


def _tenth(order: Floats, once: Floats, draws: Draws, *, outcomes: int) -> list[float]:
    """Give the 95 % interval of the share in the first tenth, by drawing accounts.

    Where all or none of them stand there, drawing would claim certainty: the far end
    is what so many without an exception still allow, as in ``rate_interval``.
    """
    edge = np.sort(order)[::-1][int(np.ceil(order.size / 10.0)) - 1]
    above, tied = order > edge, order == edge
    taken = above + tied * (order.size / 10.0 - above.sum()) / tied.sum()
    both = np.column_stack([taken * once, once])
    low, high = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
    far = 1.0 - 0.05 ** (1.0 / outcomes)
    low, high = (1.0 - far if low == 1.0 else low), (far if high == 0.0 else high)
    return [round(low, _PLACES), round(high, _PLACES)]


def _times(account: Ints, left: Floats | Ints) -> Floats:
    """Say for each row how many rows say that its account left (at least 1)."""
    _, number = np.unique(account, return_inverse=True)
    times = np.bincount(number, weights=left)[number]
    return np.asarray(np.maximum(times, 1.0), np.float64)


def _lists(judged: Judged, panel: Panel) -> dict[str, Floats]:
    """Make each list's order, the first to be looked at highest."""
    lists = {"chosen": judged.p["chosen"]}
    if "rules" in judged.p:
        lists["rules"] = judged.p["rules"]
    end = panel.cohort.end[judged.row]
    ends = end < FAR
    if ends.any():
        soon = (judged.as_of - end).astype(np.float64)
        lists["renewal_date"] = np.where(ends, soon, -float(FAR))
    return lists
