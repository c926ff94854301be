"""Terms that come up for renewal, and those of them that never did in training.

What becomes of a renewal after 24 months is a guess where only monthly ones were seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from churnhealth.config import Question
from churnhealth.sources.contract import Floats

__all__ = ["terms_due", "terms_seen", "unseen_terms"]

_TERM, _TO_GO = "contracts__all__term_months", "contracts__all__days_to_renewal"
_ALIKE = 0.2  # of the longer term: who saw 12 months has seen 13
_WHOLE = 0.9  # months; less is no term that is renewed by a decision


def terms_due(X: Floats, names: Sequence[str], question: Question) -> Floats:
    """Give the term (n,) in whole months of each row whose cover ends in the question.

    NaN where it does not end within the days that are asked about, where it is
    shorter than a month, and where the features (n, F) do not tell.
    """
    if not {_TERM, _TO_GO} <= set(names):
        return np.full(len(X), np.nan)
    reach = (
        question.lead_max_days
        if question.kind == "renewal"
        else question.lead_days + question.horizon_days
    )
    months = X[:, names.index(_TERM)]
    due = (X[:, names.index(_TO_GO)] < reach) & (months >= _WHOLE)
    return np.where(due, np.round(months), np.nan)


def terms_seen(due: Floats) -> list[float]:
    """List the terms among those due, each once, shortest first."""
    found: list[float] = np.unique(due[np.isfinite(due)]).tolist()
    return found


def unseen_terms(due: Floats, seen: Sequence[float]) -> Floats:
    """Keep of the terms due (n,) those that are like none that was seen; else NaN.

    >>> unseen_terms(np.array([10.0, 13.0, 24.0, np.nan]), seen=[1.0, 12.0])
    array([nan, nan, 24., nan])
    """
    known, each = np.array([-1.0, *seen]), due[:, None]
    near = np.abs(each - known) <= _ALIKE * np.maximum(each, known)
    return np.where(near.any(axis=1), np.nan, due)
