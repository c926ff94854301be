"""Sources that forgot who left: rows deleted, or never exported, once it was over.

Somebody who never used a product leaves too, and sooner. So leavers are compared with
what the others had by the same age: where half of those had answered a survey within
two years, half of the leavers of two years had as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.evaluate.panel import Panel
from churnhealth.sources.contract import FAR, Contracts, Days, Flags, Floats, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = ["lost_rows"]

_FEWEST = 10  # leavers with rows that are to be expected
_LEFT_OVER = 0.1  # of these; the few who never came are more
_SOME_LEFT_OVER, _MANY = 0.2, 20  # the same where so many are to be expected
_ONLY, _MUCH = 0.9, 0.3  # of those without rows left; of those who left have none
_LONG_GONE = 20  # of those who left first: what is kept for a year only
_MOST_LEAVERS, _MOST_OTHERS = 1_000, 4_000  # that are looked at


def lost_rows(panel: Panel, *, left: Flags, judged: Flags) -> Iterator[Finding]:
    """Find sources in which hardly a leaver has rows, though others had by that age.

    ``left`` and ``judged`` mark accounts: ever seen leaving, and ever with an outcome.
    """
    begin, end = _lived(panel)
    for name, account, day, recorded_from in _sources(panel):
        since = np.maximum(begin, recorded_from)
        first = np.full(left.size, FAR, dtype=np.int64)
        np.minimum.at(first, account, day)
        age, wait = end - since, first - since
        gone, others = (
            np.flatnonzero(who & (age > 0)) for who in (left, judged & ~left)
        )
        gone, others = _some(gone, _MOST_LEAVERS), _some(others, _MOST_OTHERS)
        if not gone.size or not others.size:
            continue
        gone = gone[np.argsort(end[gone], kind="stable")]
        usual = expected_share(age[gone], age=age[others], wait=wait[others])
        many = _forgotten(usual, wait[gone] < age[gone], others=others.size)
        if many:
            seen = int((wait[gone] < age[gone])[:many].sum())
            first_ones = "" if many == gone.size else " first"
            what = (
                f"{seen} of {many} accounts that left{first_ones} had rows of {name}"
                f" before; {usual[:many].sum():.0f} would have, had they been like the"
                " others until then"
            )
            yield finding("CH247", what, count=many - seen, example=name)


def _forgotten(usual: Floats, seen: Flags, *, others: int) -> int:
    """Say of how many of those who left, in their order, the rows are lost; or 0.

    Of all: hardly one has rows; or nine in ten of the accounts without any have left,
    had as many others come to these ages as there are. Of those who left first too,
    where a source is emptied some time after.

    >>> seen = np.array([True] * 30 + [False] * 70)
    >>> _forgotten(np.full(100, 0.99), seen, others=300)
    100
    >>> _forgotten(np.full(100, 0.8), seen, others=300)
    0
    """
    expected, found = np.cumsum(usual), np.cumsum(seen)
    n = usual.size
    silent, like_them = n - found[-1], (n - expected[-1]) / n * others
    left_over = _LEFT_OVER if expected[-1] < _MANY else _SOME_LEFT_OVER
    if expected[-1] >= _FEWEST and found[-1] <= left_over * expected[-1]:
        return n
    if silent >= max(_FEWEST, _MUCH * n, _ONLY * (silent + like_them)):
        return n
    early = (expected >= _LONG_GONE) & (found <= _LEFT_OVER * expected)
    return int(np.flatnonzero(early).max(initial=-1)) + 1


def expected_share(until: Days, *, age: Days, wait: Days) -> Floats:
    """Give the share of others who had a row by an age, of those who reached it.

    >>> expected_share(np.array([10, 50]), age=np.array([20, 20, 60]),
    ...                wait=np.array([5, 15, 30]))
    array([0.33333333, 1.        ])
    """
    reached = age >= until[:, None]
    had = (reached & (wait < until[:, None])).sum(axis=1)
    return np.asarray(had / np.maximum(reached.sum(axis=1), 1))


def _some(accounts: Ints, most: int) -> Ints:
    return accounts[:: max(1, -(-accounts.size // most))]


def _lived(panel: Panel) -> tuple[Days, Days]:
    """Give the day an account began and the last day on which it was looked at."""
    n, cohort = panel.history.accounts.ids.size, panel.cohort
    begin, end = np.full(n, FAR, dtype=np.int64), np.full(n, -FAR, dtype=np.int64)
    np.minimum.at(begin, cohort.account, cohort.as_of)
    np.maximum.at(end, cohort.account, cohort.as_of)
    terms = panel.history.contracts
    if terms is not None:
        np.minimum.at(begin, terms.account, terms.start)
    return begin, end


def _sources(panel: Panel) -> Iterator[tuple[str, Ints, Days, int]]:
    """Give accounts and days of each source, of its known users, and of each state.

    And of the contracts after the first, which some archives make one of. The last is
    the day from which there are rows.
    """
    for name, account, day in _dated(panel):
        if day.size:
            yield name, account, day, int(day.min())
    terms = panel.history.contracts
    if terms is not None and terms.start.size:
        account, day = _followed(terms.rows(terms.replaced_at == FAR))
        yield "contracts after the first", account, day, int(terms.start.min())


def _dated(panel: Panel) -> Iterator[tuple[str, Ints, Days]]:
    for log in panel.history.events:
        if log.planned:
            continue
        account, day = log.account, log.known_at
        named = None if log.user is None else log.user >= 0
        if named is None or not named.all():
            yield log.name, account, day
        if named is not None:
            yield f"{log.name} with a user", account[named], day[named]
    for states in panel.history.states:
        for k, word in enumerate(states.vocabulary):
            mine = states.state == k
            name = states.name if word == states.name else f"{states.name}: {word}"
            yield name, states.account[mine], states.known_at[mine]


def _followed(terms: Contracts) -> tuple[Ints, Days]:
    """Give the accounts whose term came after another, and the day that one was over.

    Who renews early begins before the day on which those leave who do not renew.
    """
    again = np.flatnonzero(terms.account[1:] == terms.account[:-1]) + 1
    over = np.minimum(terms.end, terms.cancelled_at)[again - 1]
    return terms.account[again], np.maximum(terms.start[again], over)
