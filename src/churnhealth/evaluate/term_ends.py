"""Contracts of leavers that were written over with the day on which they left.

The ends then have no usual length, or the end and the months of the term disagree.
Where contracts of all accounts are like that, nobody's past was written over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.evaluate.panel import Panel
from churnhealth.sources.contract import FAR, Flags, Floats, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = ["shortened_ends"]

_FEWEST = 10  # leavers, and others: with fewer anything can look odd
_MONTH = 30.4375
_DAYS_OFF = 2  # by which a term of whole months may miss them
_USUAL = 0.01  # of all terms are as long as a usual one, or more
_ALIKE = 0.5  # of rare terms: as many of one length have been agreed
_OF_LEAVERS, _TIMES = 0.3, 4  # the share of odd terms that tells, and how many times it


def shortened_ends(panel: Panel, *, left: Flags, judged: Flags) -> Iterator[Finding]:
    """See whether leavers' last terms were overwritten with the day they left.

    ``left`` and ``judged`` mark accounts: ever seen leaving, and ever with an outcome.
    """
    terms = panel.history.contracts
    if terms is None or not terms.start.size:
        return
    last = np.flatnonzero(np.append(terms.account[1:] != terms.account[:-1], True))
    last = last[(terms.end[last] < FAR) & judged[terms.account[last]]]
    theirs = left[terms.account[last]]
    if theirs.sum() < _FEWEST or (~theirs).sum() < _FEWEST:
        return
    others_too = terms.end < FAR
    others_too[last[theirs]] = False
    days = terms.end - terms.start
    rare = _of_no_usual_length(days[last], days[others_too])
    months = np.maximum(np.round(days[last] / _MONTH), 1.0)
    odd = rare & (np.abs(days[last] - months * _MONTH) > _DAYS_OFF + 0.5)
    words = "are of no whole months and no usual length"
    found = list(_claim(odd, theirs, "end", words))
    if not found and _of_many_lengths(months[rare & theirs]):
        found = list(_claim(rare, theirs, "end", "are of no usual length"))
    yield from found
    off = np.abs(days[last] - terms.term_months[last] * _MONTH) > _MONTH / 2
    yield from _claim(off, theirs, "term_months", "are not as long as `term_months`")


def _claim(odd: Flags, left: Flags, column: str, words: str) -> Iterator[Finding]:
    share, others = odd[left].mean(), odd[~left].mean()
    if share > _OF_LEAVERS and others < share / _TIMES:
        what = (
            f"{share:.0%} of leavers' last terms {words}, {others:.0%} of the others'"
        )
        yield finding("CH228", what, count=int((odd & left).sum()), example=column)


def _of_many_lengths(months: Floats) -> bool:
    """Say whether lengths differ: a pilot is rare too, and all pilots are alike."""
    _, many = np.unique(months, return_counts=True)
    return bool(many.size) and many.max() < _ALIKE * many.sum()


def _of_no_usual_length(days: Ints, known: Ints) -> Flags:
    """Say which terms are not as long as many ``known`` ones.

    >>> _of_no_usual_length(np.array([365, 180, 143]), np.array([180] * 30 + [99]))
    array([ True, False,  True])
    """
    length, many = np.unique(known, return_counts=True)
    usual = length[many > _USUAL * known.size]
    near = np.abs(days[:, None] - usual).min(axis=1, initial=FAR) <= _DAYS_OFF
    return np.asarray(~near)
