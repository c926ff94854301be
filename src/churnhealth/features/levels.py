"""What is usual for a feature: the levels that an account is compared with."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.contract import Floats

__all__ = ["medians", "tenths"]


def medians(rows: Floats) -> Floats:
    """Give the median of each feature (n, F); NaN where none of it is measured.

    >>> medians(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    measured = ~np.isnan(rows).all(axis=0)
    found = np.full(rows.shape[1], np.nan)
    found[measured] = np.nanmedian(rows[:, measured], axis=0)
    return found


def tenths(rows: Floats) -> Floats:
    """Give a tenth and nine tenths (2, F) of each feature's values.

    >>> tenths(np.arange(11.0)[:, None]).ravel()
    array([1., 9.])
    """
    measured = ~np.isnan(rows).all(axis=0)
    levels = np.full((2, rows.shape[1]), np.nan)
    levels[:, measured] = np.nanquantile(rows[:, measured], (0.1, 0.9), axis=0)
    return levels
