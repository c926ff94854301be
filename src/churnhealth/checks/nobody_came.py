"""Days on which nobody did anything, where churn is silence: closed, or not recorded.

Worked example: a shop is closed for a fortnight each August, and who has ordered
nothing within 14 days counts as lost. Seen from 1 August that is everybody.
"""

from __future__ import annotations

import numpy as np

from churnhealth.config import Question
from churnhealth.said import many
from churnhealth.sources.contract import History, date_of
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.happened import happened

__all__ = ["nobody_came"]

_MUCH = 0.5  # of an outcome window


def nobody_came(history: History, question: Question) -> Finding | None:
    """Find the longest stretch without an event of any source, if windows end in it."""
    logs = [happened(log) for log in history.events if not log.planned]
    days = [np.unique(log.happened_at) for log in logs if log.size]
    day = np.unique(np.concatenate(days)) if days else np.zeros(0, np.int64)
    away = np.diff(day) - 1
    long = np.flatnonzero(away >= max(_MUCH * question.horizon_days, 1))
    if question.kind != "inactivity" or not long.size:
        return None
    at = int(long[np.argmax(away[long])])
    begin, length = date_of(int(day[at]) + 1), int(away[at])
    what = (
        f"[question]: no source has an event for {many(length, 'day')} from {begin},"
        f" and an outcome window has {question.horizon_days}: whoever is looked at"
        " shortly before counts as lost; if you were closed let `horizon_days` be"
        " several times as long"
    )
    return finding("CH210", what, count=int(long.size), example=f"{begin}")
