"""Columns of texts and of dates as arrays, with what is missing in them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, Days, Texts

__all__ = ["dates_of", "texts"]


def texts(values: Iterable[object]) -> Texts:
    """Make a column of texts; what is missing stays ``None``.

    >>> texts(["basic", None])
    array(['basic', None], dtype=object)
    """
    return np.array(list(values), dtype=object)


def dates_of(days: Days) -> NDArray[np.datetime64]:
    """Turn day numbers into dates; "never" is no date.

    >>> dates_of(np.array([20454, FAR]))
    array(['2026-01-01',        'NaT'], dtype='datetime64[D]')
    """
    return np.where(days < FAR, days.astype("datetime64[D]"), np.datetime64("NaT", "D"))
