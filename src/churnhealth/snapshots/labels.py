"""What happened next: who churned in the window, and whose outcome is not knowable yet.

A label closes on one day whichever way it came out. Worked example, ``horizon`` with
lead 0, horizon 60 and gap 30, seen from 1 Feb 2023: the window is [1 Feb, 2 Apr); cover
that ends on 1 Apr counts as churn only if none starts until 1 May inclusive, so the
label closes on 2 May (1 Feb + 60 + 30). If the data reach to 1 May, it is censored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Question
from churnhealth.snapshots.cover import SPAN, endings, known_terms, merge
from churnhealth.snapshots.in_force import take
from churnhealth.sources.contract import (
    FAR,
    Contracts,
    Days,
    Flags,
    History,
    Ints,
    day_of,
)
from churnhealth.sources.happened import contracts_reach, happened

__all__ = [
    "CENSORED",
    "LEFT_EARLY",
    "NO",
    "YES",
    "Labels",
    "closing_day",
    "contracts_of",
    "data_until",
    "labels",
]

NO, YES, CENSORED, LEFT_EARLY = 0, 1, 2, 3
Codes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labels:
    """One outcome per snapshot.

    ``code`` is ``NO``, ``YES``, ``CENSORED`` (not knowable yet) or ``LEFT_EARLY``
    (cover ended before the outcome window began: neither 0 nor 1). ``outcome`` is
    the day on which cover stopped (of silence the last event): rows of one account
    with the same day are the same churn; -1 where there is none.
    """

    code: Codes
    closes: Days
    outcome: Days


def labels(
    history: History,
    question: Question,
    *,
    account: Ints,
    as_of: Days,
    end: Days,
    known_before: int = FAR,
    data_until: int,
) -> Labels:
    """Say what became of each snapshot, from rows known before a day.

    Parameters
    ----------
    history
        Only rows with ``known_at < known_before`` (and notices noticed before it) are
        read: a model judged at ``t`` trains on ``known_before = data_until = t``.
    account, as_of, end
        The snapshots, and the end of cover as it was known on each ``as_of``.
    data_until
        Labels that close after this day are censored.

    Examples
    --------
    See ``tests/snapshots/test_labels.py``: each rule with its dates.
    """
    closes = closing_day(question, as_of=as_of, end=end)
    snapshots = _Seen(account, as_of, end)
    if question.kind == "inactivity":
        code, outcome = _inactive(history, question, snapshots, known_before)
    else:
        answer = _renewal if question.kind == "renewal" else _horizon
        contracts = contracts_of(history)
        code, outcome = answer(contracts, question, snapshots, known_before)
    code = np.where(_open(question, closes, known_before, data_until), CENSORED, code)
    return Labels(
        code=code.astype(np.int8),
        closes=closes,
        outcome=np.where(code == YES, outcome, -1),
    )


class _Seen(NamedTuple):
    account: Ints
    as_of: Days
    end: Days


Answer = tuple[NDArray[Any], Days]


def contracts_of(history: History) -> Contracts:
    """Give the contracts, which questions about cover cannot do without."""
    if history.contracts is None:
        raise ValueError("this question needs contracts, and there are none")
    return history.contracts


def _open(
    question: Question, closes: Days, known_before: int, data_until: int
) -> Flags:
    """Say which labels have not closed yet.

    Cover that starts on the last day of the gap still renews; it is known only after
    that day, so a fold judged on it must not call the label closed.
    """
    unseen = (question.kind == "renewal") & (closes >= known_before)
    return (closes > data_until) | unseen


def closing_day(question: Question, *, as_of: Days, end: Days) -> Days:
    """Give the day on which each label is known, whichever way it comes out."""
    if question.kind == "renewal":
        return np.minimum(end, FAR) + question.gap_days
    gap = 0 if question.kind == "inactivity" else question.gap_days
    return as_of + question.lead_days + question.horizon_days + gap


def _horizon(
    contracts: Contracts, question: Question, snapshots: _Seen, known_before: int
) -> Answer:
    """Cover ends for good in ``[as_of + lead, as_of + lead + horizon)``."""
    terms = known_terms(contracts, known_before=known_before)
    periods = merge(terms, gap_days=question.gap_days)
    at = _last_before(
        periods.account, periods.start, snapshots.account, snapshots.as_of
    )
    stop = np.where(at >= 0, take(periods.end, at), -1)
    from_, to = _window(question, snapshots.as_of)
    early, agreed = take(periods.early, at), take(periods.agreed, at)
    counts = _counts(question, early, agreed)
    churned = (from_ <= stop) & (stop < to) & counts
    return np.where(stop < from_, LEFT_EARLY, np.where(churned, YES, NO)), stop


def _renewal(
    contracts: Contracts, question: Question, snapshots: _Seen, known_before: int
) -> Answer:
    """No cover starts within the gap after the end that was known at as_of."""
    terms = known_terms(contracts, known_before=known_before)
    latest = snapshots.end + question.gap_days + 1
    at = _last_before(terms.account, terms.start, snapshots.account, latest)
    reach = np.where(at >= 0, take(terms.reach, at), -1)
    early, agreed = (take(ending, at) for ending in endings(terms))
    short = reach < snapshots.end  # the end that was known was not reached
    counts = _counts(question, short | early, ~short & agreed)
    gone = np.minimum(reach, snapshots.end)  # cancelled early: before the known end
    return np.where((reach <= snapshots.end) & counts, YES, NO), gone


def _last_before(account: Ints, start: Days, whose: Ints, day: Days) -> Ints:
    """Find each account's last row that starts before a day; -1 where there is none."""
    at = np.searchsorted(account * SPAN + start, whose * SPAN + day) - 1
    return np.where((at >= 0) & (take(account, at) == whose), at, -1)


def _window(question: Question, as_of: Days) -> tuple[Days, Days]:
    from_ = as_of + question.lead_days
    return from_, from_ + question.horizon_days


def _counts(question: Question, early: Flags, agreed: Flags) -> Flags:
    """Say which ends count as churn under any of ``churn_when``."""
    when = question.churn_when
    return (early & ("cancelled" in when)) | (agreed & ("not_renewed" in when))


def _inactive(
    history: History, question: Question, snapshots: _Seen, known_before: int
) -> Answer:
    """No event in the window; the outcome is the last event before the silence."""
    keys = np.sort(
        np.concatenate(
            [
                (log.account * SPAN + log.happened_at)[log.known_at < known_before]
                for log in map(happened, history.events)
                if not log.planned
            ]
        )
    )
    from_, to = _window(question, snapshots.as_of)
    mine = snapshots.account * SPAN
    low, high = np.searchsorted(keys, mine + from_), np.searchsorted(keys, mine + to)
    return np.where(high > low, NO, YES), take(keys, low - 1) - mine


def data_until(history: History, question: Question) -> int:
    """Find the day up to which outcomes can be seen, unless the owner pinned it.

    The earliest, over the sources that the label needs, of the newest day in each:
    ``happened_at`` of events, ``start`` and ``cancelled_at`` of contracts (or the day
    they were known, where that is earlier), never an agreed end. Files that stop must
    not read as churn, nor must what was booked ahead: of contracts that begin soon
    after the newest row of all other sources those days are not known yet.
    """
    if question.data_until is not None:
        return day_of(question.data_until)
    newest = [
        int(log.happened_at.max())
        for log in history.events
        if question.kind == "inactivity" and not log.planned and log.account.size
    ]
    if question.kind != "inactivity" and history.contracts is not None:
        newest = [contracts_reach(history)]
    return min(newest)
