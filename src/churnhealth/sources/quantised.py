"""Amounts as whole numbers of a fixed unit, so that sums are exact in any order."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import Floats

__all__ = ["MAX_SUM", "USERS_DECIMALS", "decimals_of", "rounded"]

MAX_SUM = float(1 << 62)
"""What sums of scaled amounts must stay under, to fit 64 bits."""

USERS_DECIMALS = 6
"""`users` may be a daily mean; finer than this nobody counts people."""

_MAX_DECIMALS = 6


def decimals_of(amounts: Floats) -> int:
    """Find how many decimals hold all amounts exactly (at most 6).

    Fewer are given when the sum of all amounts would otherwise not fit 64 bits.

    >>> decimals_of(np.array([1.0, 2.5, np.nan])), decimals_of(np.array([0.1, 1 / 3]))
    (1, 6)
    """
    given = amounts[np.isfinite(amounts)]
    exact = _MAX_DECIMALS
    for k in range(_MAX_DECIMALS):
        if np.array_equal(rounded(given, k), given):
            exact = k
            break
    total = float(np.abs(given).sum())
    while exact and total * 10.0**exact >= MAX_SUM:
        exact -= 1
    return exact


def rounded(amounts: Floats, decimals: int) -> Floats:
    """Round to the nearest number of that many decimals, ties to even.

    >>> rounded(np.array([1.25, -0.0]), 1)
    array([1.2, 0. ])
    """
    scale = 10.0**decimals
    whole: Floats = np.rint(amounts * scale) / scale + 0.0
    return whole
