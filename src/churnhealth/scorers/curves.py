"""How log-odds behave: the few curves that scorers, calibration and metrics share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import Floats

__all__ = [
    "fit_line",
    "level_shift",
    "log_odds",
    "monotone",
    "rank_separation",
    "sigmoid",
    "smoothed_log_odds",
]

_TINY = 1e-12
_Loss = Callable[[Floats], float]


def sigmoid(z: Floats) -> Floats:
    """Turn log-odds into probabilities, without overflow at either end.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def log_odds(p: Floats) -> Floats:
    """Turn probabilities into log-odds; 0 and 1 are moved 1e-12 inside.

    >>> log_odds(np.array([0.5, 0.8])).round(3)
    array([0.   , 1.386])
    """
    inside = np.minimum(np.maximum(p, _TINY), 1.0 - _TINY)
    return np.log(inside) - np.log1p(-inside)


def smoothed_log_odds(
    positives: float, rows: float, *, rate: float, imagined: float = 2.0
) -> float:
    """Say the log-odds of a group after a few ``imagined`` positives at ``rate``.

    A group without a positive stays finite, and a small one stays near ``rate``.

    >>> round(smoothed_log_odds(0, 100, rate=0.1), 3)
    -4.078
    """
    rows_added = imagined / max(rate, _TINY)
    share = (positives + imagined) / (rows + rows_added)
    return float(log_odds(np.array([min(share, 1.0)]))[0])


def monotone(level: Floats, weight: Floats) -> Floats:
    """Pool neighbours until ``level`` never falls (pool adjacent violators).

    >>> monotone(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4))
    array([1. , 2.5, 2.5, 4. ])
    """
    blocks: list[tuple[float, float, int]] = []
    for value, mass in zip(level.tolist(), weight.tolist(), strict=True):
        blocks.append((value, mass, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m, i), (b, n, j) = blocks[-2], blocks[-1]
            blocks[-2:] = [((a * m + b * n) / (m + n), m + n, i + j)]
    return np.array([v for v, _, size in blocks for _ in range(size)])


def fit_line(
    x: Floats,
    y: Floats,
    *,
    start: tuple[float, float] = (0.0, 0.0),
    precision: tuple[float, float] = (1e-9, 1e-9),
    weight: float = 1.0,
) -> tuple[float, float]:
    """Fit log-odds ``slope * x + intercept`` by penalised likelihood (Newton).

    ``start`` is where the penalty pulls (slope, intercept) to, ``precision`` how
    hard, and ``weight`` multiplies the likelihood (below 1 where rows repeat).

    >>> slope, intercept = fit_line(np.array([0.0, 0.0, 1.0, 1.0]),
    ...                             np.array([0.0, 1.0, 0.0, 1.0]))
    >>> round(abs(slope), 6), round(abs(intercept), 6)
    (0.0, 0.0)
    """
    design = np.column_stack([x, np.ones_like(x)])
    target, pull = np.array(start), np.array(precision)
    beta = target.copy()
    loss = _penalised(design, y, beta, target, pull, weight)
    for _ in range(60):
        p = sigmoid(design @ beta)
        gradient = weight * (design.T @ (p - y)) + pull * (beta - target)
        curvature = weight * (design.T * (p * (1.0 - p))) @ design + np.diag(pull)
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        beta, loss, moved = _shorten(
            beta, step, loss, lambda b: _penalised(design, y, b, target, pull, weight)
        )
        if moved < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def level_shift(margin: Floats, y: Floats) -> float:
    """Find what to add to all margins so that they expect the positives seen.

    >>> round(level_shift(np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0])), 4)
    -1.0986
    """
    seen = float(np.clip(y.mean(), 0.5 / y.size, 1.0 - 0.5 / y.size))
    shift = 0.0
    for _ in range(30):
        p = sigmoid(margin + shift)
        step = (float(p.mean()) - seen) / max(float(np.mean(p * (1.0 - p))), _TINY)
        shift -= float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    return shift


def _penalised(
    design: Floats,
    y: Floats,
    beta: Floats,
    target: Floats,
    pull: Floats,
    weight: float,
) -> float:
    z = design @ beta
    data = float(np.sum(np.logaddexp(0.0, z) - y * z))
    return weight * data + 0.5 * float(np.sum(pull * (beta - target) ** 2))


def _shorten(
    beta: Floats, step: Floats, loss: float, of: _Loss
) -> tuple[Floats, float, float]:
    """Halve a Newton step until it does not make things worse."""
    for _ in range(40):
        candidate = beta - step
        value = of(candidate)
        if np.isfinite(value) and value <= loss:
            return candidate, value, float(np.abs(step).max())
        step = step / 2.0
    return beta, loss, 0.0


def rank_separation(x: Floats, positive: NDArray[np.bool_]) -> float:
    """Say how often a positive's value lies above a negative's (ties half, no NaN).

    >>> rank_separation(np.array([1.0, 2.0, 2.0, 3.0]),
    ...                 np.array([False, False, True, True]))
    0.875
    """
    negatives = np.sort(x[~positive])
    positives = x[positive]
    if negatives.size == 0 or positives.size == 0:
        return 0.5
    below = np.searchsorted(negatives, positives, side="left")
    through = np.searchsorted(negatives, positives, side="right")
    return float((below + through).mean() / (2.0 * negatives.size))
