"""Attributes come as texts; which of them are numbers."""

from __future__ import annotations

import re

import numpy as np

from churnhealth.sources.contract import Floats, Texts

__all__ = ["as_numbers"]

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def as_numbers(texts: Texts) -> Floats:
    """Read what is a number; the rest is missing, codes with a leading zero too.

    >>> as_numbers(np.array(["240", "2.5", "0450", "about 3", None], dtype=object))
    array([240. ,   2.5,   nan,   nan,   nan])
    """
    read = (
        float(text) if text is not None and _NUMBER.fullmatch(text) else np.nan
        for text in texts
    )
    found = np.fromiter(read, np.float64, texts.size)
    found[np.isinf(found)] = np.nan
    return found
