"""What boosted trees descend: the log loss's slopes, whole accounts left out by turns.

From each of several starts trees of their own are grown, and the margin is the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.sources.contract import Floats, Ints

__all__ = ["AccountBag", "levelled_loss", "log_loss_told", "mean_curve"]

_BAGGED = 0.7  # share of the accounts each tree sees


class AccountBag:
    """The log loss's slopes, each tree seeing whole accounts or nothing of them.

    From each of the ``starts`` (margins of the rows) so many trees are grown as its
    ``rounds`` say, one start after the other, and each is given its share of the
    margin: trees that were grown from the starts before are not seen.

    LightGBM's own ``bagging_by_query`` raised the mean prediction by a tenth when
    tried (4.7), so rows left out get slope and curvature zero here instead.
    """

    def __init__(
        self,
        groups: Ints,
        starts: Sequence[Floats],
        rounds: Sequence[int],
        *,
        seed: int,
    ) -> None:
        self._groups = np.unique(groups, return_inverse=True)[1]
        self._count = int(self._groups.max()) + 1
        self._draw = np.random.default_rng(seed)
        self._starts = starts
        self._which = np.repeat(np.arange(len(starts)), rounds)
        self._grown = 0
        self._before: Floats | float = 0.0

    def slopes(self, raised: Floats, known: Any) -> tuple[Floats, Floats]:
        """Give first and second derivative of the log loss for each row."""
        which = self._which[self._grown]
        if self._grown and which != self._which[self._grown - 1]:
            self._before = raised.copy()
        self._grown += 1
        drawn = (self._draw.random(self._count) < _BAGGED)[self._groups]
        share = 1.0 / len(self._starts)
        p = sigmoid(self._starts[which] + (raised - self._before) / share)
        return (p - known.get_label()) * drawn, p * (1.0 - p) * drawn


def log_loss_told(margin: Floats, judged: Any) -> tuple[str, float, bool]:
    """Judge the margins at the level of the judged rows.

    The base rate drifts from block to block; that is the calibrator's affair, and
    stopping because of it would leave nearly no trees (12 instead of 300 on OULAD).
    """
    return "log_loss", levelled_loss(margin, judged.get_label()), False


def levelled_loss(margin: Floats, y: Floats) -> float:
    """Give the mean log loss of margins (n,) moved to the level of ``y`` (n,).

    >>> round(levelled_loss(np.array([5.0, 5.0]), np.array([0.0, 1.0])), 6)
    0.693147
    """
    level = margin + level_shift(margin, y)
    return float(np.mean(np.logaddexp(0.0, level) - y * level))


def mean_curve(curves: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Average the losses of folds tree by tree; one that stopped keeps its last.

    >>> mean_curve([np.array([4.0, 2.0]), np.array([1.0])], weights=[1.0, 1.0])
    array([2.5, 1.5])
    """
    longest = max(curve.size for curve in curves)
    padded = [np.pad(c, (0, longest - c.size), mode="edge") for c in curves]
    return np.asarray(np.average(padded, axis=0, weights=weights))
