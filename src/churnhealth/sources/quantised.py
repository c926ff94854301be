"""Amounts as whole numbers of a fixed unit, so that sums are exact in any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_DECIMALS", "MAX_SUM", "USERS_DECIMALS", "rounded"]

MAX_SUM = float(1 << 62)
"""What sums of scaled amounts must stay under, to fit 64 bits."""

Floats = NDArray[np.float64]

USERS_DECIMALS = 6
"""`users` may be a daily mean; finer than this nobody counts people."""

MAX_DECIMALS = 6
"""The finest scale that amounts are held on."""


def rounded(amounts: Floats, decimals: int) -> Floats:
    """Round to the nearest number of that many decimals, ties to even.

    >>> rounded(np.array([1.25, -0.0]), 1)
    array([1.2, 0. ])
    """
    scale = 10.0**decimals
    whole: Floats = np.rint(amounts * scale) / scale + 0.0
    return whole
