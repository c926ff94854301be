"""Which features tell the same story: those that rank accounts alike."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import Floats, Ints

__all__ = ["ranks", "related_features"]

_ALIKE = 0.85  # rank correlation, of either sign
_LEAST = 20  # accounts that both were measured for


def related_features(X: Floats) -> Ints:
    """Give each feature (column of X) the number of the story it tells: (F,).

    A feature joins the first one before it with which its rank correlation over the
    accounts is at least 0.85 in size (missing values stand at the middle rank); its
    number is that one's column.

    >>> x = np.arange(40.0)
    >>> related_features(np.column_stack([x, x % 7, -x**3])).tolist()
    [0, 1, 0]
    """
    story = np.arange(X.shape[1])
    if X.shape[0] < _LEAST:
        return story
    centred = np.zeros_like(X)
    for j in range(X.shape[1]):
        known = ~np.isnan(X[:, j])
        if known.sum() >= _LEAST:
            rank = ranks(X[known, j])
            centred[known, j] = rank - rank.mean()
    length = np.sqrt(np.square(centred).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    alike = np.abs(unit.T @ unit) >= _ALIKE
    for j in range(X.shape[1]):
        first = np.flatnonzero(alike[j, :j] & (story[:j] == np.arange(j)))
        if first.size:
            story[j] = first[0]
    return story


def ranks(x: Floats) -> Floats:
    """Rank values from 1, equal ones at the middle of their ranks.

    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, which, many = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(many) - (many - 1) / 2.0)[which]
