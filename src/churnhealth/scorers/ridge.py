"""A line in log-odds that stands on other log-odds, held back by ridge.

scikit-learn's logistic regression takes no offset, and an offset is what lets one
scorer add to another's margin; the steps are Newton's, so the fit is exact and the same
everywhere.
"""

from __future__ import annotations

import numpy as np

from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.sources.contract import Floats

__all__ = ["ridge"]

_ROWS = 8192  # rows weighed at a time, so that memory stays small
_STEPS = 50
_ENOUGH = 1e-7  # largest move of a coefficient at which the steps end


def ridge(
    X: Floats,
    y: Floats,
    *,
    penalty: float,
    offset: Floats,
    start: Floats | None = None,
) -> tuple[Floats, float]:
    """Fit log-odds ``offset + X @ coefficients + level`` by penalised likelihood.

    The penalty is ``penalty / 2 * |coefficients|^2``; the level is free. ``X`` is
    (n, K), ``y`` 0/1, ``offset`` (n,) log-odds that stay as they are. ``start`` =
    (coefficients..., level) of a neighbouring penalty only saves time.

    >>> x = np.array([[-1.0], [-1.0], [1.0], [1.0]]); y = np.array([0.0, 1.0, 1.0, 1.0])
    >>> held, _ = ridge(x, y, penalty=1e6, offset=np.zeros(4))
    >>> free, _ = ridge(x, y, penalty=0.1, offset=np.zeros(4))
    >>> bool(held[0] < 0.001 < free[0])
    True
    """
    width = X.shape[1]
    beta = np.zeros(width + 1) if start is None else start.copy()
    if start is None:
        beta[-1] = level_shift(offset, y)
    held = np.append(np.full(width, penalty), 1e-9)
    z = offset + X @ beta[:-1] + beta[-1]
    now = _loss(z, y, beta, held)
    for _ in range(_STEPS):
        gradient, curvature = _bend(X, y, z)
        gradient += held * beta
        curvature[np.diag_indices(width + 1)] += held
        step = np.linalg.solve(curvature, gradient)
        along, scale = X @ step[:-1] + step[-1], 1.0
        while (then := _loss(z - scale * along, y, beta - scale * step, held)) > now:
            scale /= 2.0
            if scale < 1e-8:  # nothing better in this direction: this is the best
                return beta[:-1], float(beta[-1])
        beta, z, now = beta - scale * step, z - scale * along, then
        if float(np.abs(scale * step).max()) < _ENOUGH:
            break
    return beta[:-1], float(beta[-1])


def _loss(z: Floats, y: Floats, beta: Floats, held: Floats) -> float:
    data = float(np.sum(np.logaddexp(0.0, z) - y * z))
    return data + 0.5 * float(held @ beta**2)


def _bend(X: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Give gradient (K + 1,) and curvature (K + 1, K + 1) of the loss at ``z``."""
    width = X.shape[1]
    gradient, curvature = np.zeros(width + 1), np.zeros((width + 1, width + 1))
    p = sigmoid(z)
    pull, weight = p - y, p * (1.0 - p)
    for at in range(0, y.size, _ROWS):
        part = slice(at, at + _ROWS)
        rows = np.column_stack([X[part], np.ones(X[part].shape[0])])
        gradient += pull[part] @ rows
        curvature += (rows * weight[part, None]).T @ rows
    return gradient, curvature
