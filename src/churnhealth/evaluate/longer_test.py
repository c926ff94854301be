"""What a longer test would judge on, where too few left in this one to show skill."""

from __future__ import annotations

import numpy as np

from churnhealth.evaluate.choosing import FEW
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.said import many
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import Days, Flags, date_of

__all__ = ["longer_test"]

_TIMES = 2.0  # as many accounts that left: so nearly a third narrower an interval
_ENOUGH = 100  # churned accounts: a gain that so many do not show is small


def longer_test(panel: Panel, *, test_from: int, outcomes: int) -> str | None:
    """Say from which day on twice as many accounts left, and what that leaves to learn.

    ``outcomes`` left from ``test_from`` on. ``None`` where there is no such day, too
    few left before it, or so many leave already that more would hardly tell more.
    """
    if outcomes >= _ENOUGH:
        return None
    code, day = panel.labels().code, panel.cohort.as_of
    left = panel.tests & (code == YES)
    known = panel.tests & ((code == YES) | (code == NO)) & (day < test_from)
    since, judged = _newest(panel, np.unique(day[known]), left, _TIMES * outcomes)
    if not judged:
        return None
    learned = distinct(panel.cohort.account[panel.training_codes(since) == YES])
    if learned < FEW:
        return None
    return (
        f"a test from {date_of(since)} on ([backtest] test_from) would judge by"
        f" {many(judged, 'account')} that left, and learn from {learned:,}: a longer"
        " one shows more, as long as its first day is not chosen by what it says"
    )


def _newest(panel: Panel, days: Days, left: Flags, least: float) -> tuple[int, int]:
    """Find the newest of some days from which so many accounts left, and how many."""
    account, day = panel.cohort.account, panel.cohort.as_of
    for since in days[::-1].tolist():
        judged = distinct(account[left & (day >= since)])
        if judged >= least:
            return since, judged
    return 0, 0
