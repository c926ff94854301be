"""Who is covered, since when and until when, as it was known on a day.

Worked example, with ``gap_days = 30``: a term from 1 Jan to 1 Feb and one from 10 Feb
to 10 Mar, each known from its start on, are one period that starts on 1 Jan. Seen from
5 Feb the second term is not known yet, so the account is in *grace*, not covered.
Seen from 11 Feb it is covered until 10 Mar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from churnhealth.snapshots.in_force import (
    Rows,
    added_up,
    day_before,
    main_rows,
    some,
    take,
    terms_before,
    worth_of,
)
from churnhealth.sources.contract import FAR, Contracts, Days, Flags, Floats, Ints
from churnhealth.sources.renewing import agreed_ends, times_renewed

__all__ = [
    "SPAN",
    "Cover",
    "Periods",
    "Terms",
    "cover_at",
    "endings",
    "known_terms",
    "merge",
]


SPAN = 1 << 25  # days: more than FAR and any gap, so keys of two accounts never meet
_PAIRS = 4_000_000  # (snapshot, term) pairs held at once: about 500 MB


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cover:
    """One row per snapshot, from what was known before its ``as_of``.

    ``start`` and ``end`` are those of the merged period (``FAR``: none, open-ended);
    in grace and after churn they are those of the last period. ``row`` indexes the
    main contract in force (-1: none): the one worth most, of equals the one with most
    seats, then the newest. ``renewals`` counts the terms before it in the period; what
    began beside a contract of more value is an add-on, and none, and so is an upgrade
    that ends no later than was agreed for what it takes over from; how often a contract
    without an end renewed by itself counts too. ``value`` and
    ``seats`` add up what is known of all rows in force (NaN: nothing), ``price`` is
    value / seats of the rows that have both; ``..._before`` are those of the rows in
    force when the newest began, or when cover ended before it.
    ``announced_cancel`` and ``announced_lapse`` say that the end is known to be an
    early stop, or known not to be renewed.
    """

    covered: Flags
    start: Days
    end: Days
    grace: Flags
    ended: Flags
    announced_cancel: Flags
    announced_lapse: Flags
    row: Ints
    renewals: Ints
    value: Floats
    value_before: Floats
    seats: Floats
    seats_before: Floats
    price: Floats
    price_before: Floats

    def first(self) -> Cover:
        """Give the first snapshot alone, as numbers instead of columns."""
        return Cover(**{n: getattr(self, n)[0] for n in _COVER})


_COVER = tuple(f.name for f in fields(Cover))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Terms:
    """Contract rows as known before one day: ``until`` is the end that counted then.

    ``reach`` is the furthest ``until`` of an account's rows so far; ``early`` says that
    a row stopped before its agreed end.
    """

    account: Ints
    start: Days
    until: Days
    early: Flags
    reach: Days


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Periods:
    """Merged periods of cover, and how each ended.

    ``early``: something that reached the end was stopped there early; ``agreed``:
    something was agreed to end there. Two products may end on one day in both ways.
    """

    account: Ints
    start: Days
    end: Days
    early: Flags
    agreed: Flags


def known_terms(contracts: Contracts, *, known_before: int) -> Terms:
    """Read the contract rows as they were known before a day.

    A row that a later version had replaced, and one that was stopped on or before its
    start (it never was cover), are left out.
    """
    stop = np.where(
        contracts.notice_at < known_before, contracts.cancelled_at, np.int64(FAR)
    )
    agreed = agreed_ends(contracts, slice(None), stop)
    until = np.minimum(agreed, stop)
    keep = contracts.standing(known_before) & (until > contracts.start)
    account, start, until = contracts.account[keep], contracts.start[keep], until[keep]
    return Terms(
        account=account,
        start=start,
        until=until,
        early=(stop < agreed)[keep],
        reach=np.maximum.accumulate(account * SPAN + until) - account * SPAN,
    )


def merge(terms: Terms, *, gap_days: int) -> Periods:
    """Join terms that touch or lie within the gap into periods of cover.

    >>> a = np.zeros(3, np.int64); until = np.array([31, 68, 200])
    >>> terms = Terms(account=a, start=np.array([0, 40, 150]), until=until,
    ...               early=np.array([False, True, False]), reach=until)
    >>> periods = merge(terms, gap_days=30)
    >>> periods.start, periods.end, periods.early
    (array([  0, 150]), array([ 68, 200]), array([ True, False]))
    """
    begins = _begins(terms.account, terms.start, terms.reach, gap_days)
    head = np.flatnonzero(begins)
    end = terms.reach[np.append(head[1:], begins.size)[: head.size] - 1]
    period = np.cumsum(begins) - 1
    reaches = terms.until == end[period]
    return Periods(
        account=terms.account[head],
        start=terms.start[head],
        end=end,
        early=some(period, reaches & terms.early, head.size),
        agreed=some(period, reaches & ~terms.early, head.size),
    )


def endings(terms: Terms) -> tuple[Flags, Flags]:
    """Say of each row's ``reach`` whether it was an early stop, and an agreed end."""
    fresh = np.ones(terms.reach.size, bool)
    fresh[1:] = (terms.reach[1:] != terms.reach[:-1]) | (
        terms.account[1:] != terms.account[:-1]
    )
    group = np.cumsum(fresh) - 1
    n = int(group[-1]) + 1 if group.size else 0
    reaches = terms.until == terms.reach
    early = some(group, reaches & terms.early, n)
    agreed = some(group, reaches & ~terms.early, n)
    return early[group], agreed[group]


def _begins(segment: Ints, start: Days, reach: Days, gap_days: int) -> Flags:
    """Mark the rows that lie more than the gap after everything before them."""
    begins = np.ones(start.size, dtype=bool)
    same = segment[1:] == segment[:-1]
    begins[1:] = ~same | (start[1:] > reach[:-1] + gap_days)
    return begins


def cover_at(
    contracts: Contracts, *, account: Ints, as_of: Days, gap_days: int
) -> Cover:
    """Say for each snapshot whether, since when and until when it is covered.

    Parameters
    ----------
    contracts
        Sorted rows; ``account`` counts in the same numbers as the snapshots'.
    account, as_of
        The snapshots, in any order.
    gap_days
        Terms that lie at most this far apart are one period.

    Examples
    --------
    >>> a = np.zeros(2, np.int64); nan = np.full(2, np.nan); far = np.full(2, FAR)
    >>> terms = Contracts(account=a, start=a + [0, 40], end=a + [31, 68],
    ...     cancelled_at=far, notice_at=far, known_at=a + [0, 40], replaced_at=far,
    ...     value=nan, seats=nan, term_months=nan, discount=nan,
    ...     plan=np.array([None, None]), contract=a)
    >>> seen = cover_at(terms, account=np.zeros(3, np.int64),
    ...                 as_of=np.array([10, 35, 50]), gap_days=30)
    >>> seen.covered, seen.grace, seen.start, seen.end  # doctest: +NORMALIZE_WHITESPACE
    (array([ True, False,  True]), array([False,  True, False]),
     array([0, 0, 0]), array([31, 31, 68]))
    """
    first = np.searchsorted(contracts.account, account)
    size = np.searchsorted(contracts.account, account, side="right") - first
    parts, low = [], 0
    total = np.cumsum(size)
    while low < account.size:
        done = total[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(total, done + _PAIRS, side="right")))
        cut = slice(low, high)
        parts.append(_cover(contracts, as_of[cut], first[cut], size[cut], gap_days))
        low = high
    return _joined(parts)


def _joined(parts: Sequence[Cover]) -> Cover:
    if not parts:
        none, no = np.zeros(0, np.int64), np.zeros(0, bool)
        return Cover(
            covered=no, start=none, end=none, grace=no, ended=no, announced_cancel=no,
            announced_lapse=no, row=none, renewals=none, value=np.zeros(0),
            value_before=np.zeros(0), seats=np.zeros(0), seats_before=np.zeros(0),
            price=np.zeros(0), price_before=np.zeros(0),
        )  # fmt: skip
    if len(parts) == 1:
        return parts[0]
    return Cover(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in _COVER})


def _cover(
    contracts: Contracts, as_of: Days, first: Ints, size: Ints, gap_days: int
) -> Cover:
    """Answer for snapshots whose rows are ``first : first + size``."""
    n = as_of.size
    s = np.repeat(np.arange(n), size)
    r = np.arange(s.size) + np.repeat(first - np.cumsum(size) + size, size)
    t = as_of[s]
    stopped = contracts.notice_at[r] < t
    stop = np.where(stopped, contracts.cancelled_at[r], FAR)
    agreed = agreed_ends(contracts, r, np.where(stop < FAR, stop, t))
    until = np.minimum(agreed, stop)
    keep = (contracts.known_at[r] < t) & (contracts.replaced_at[r] >= t)
    keep &= until > contracts.start[r]
    s, r, t, until, stopped = s[keep], r[keep], t[keep], until[keep], stopped[keep]
    start, agreed = contracts.start[r], agreed[keep]
    early = stop[keep] < agreed
    reach = np.maximum.accumulate(s * SPAN + until) - s * SPAN
    begins = _begins(s, start, reach, gap_days)
    period = np.cumsum(begins) - 1
    head = np.flatnonzero(begins)
    tail = np.append(head[1:], s.size)[: head.size] - 1
    p_start, p_end, p_snap = start[head], reach[tail], s[head]
    p_t = as_of[p_snap]
    here = (p_start < p_t) & (p_t <= p_end)
    gone = p_end < p_t
    chosen = np.full(n, -1, np.int64)
    chosen[p_snap[gone]] = np.flatnonzero(gone)  # the last that ended ...
    chosen[p_snap[here]] = np.flatnonzero(here)  # ... unless one is running
    covered = np.zeros(n, bool)
    covered[p_snap[here]] = True
    has = chosen >= 0
    end = np.where(has, take(p_end, chosen), FAR)
    grace = has & ~covered & (as_of <= end + gap_days)
    at_end = until == p_end[period]
    announced = ~some(period, at_end & ~stopped, head.size)
    others = np.flatnonzero(announced[period] & ~stopped & (until >= t))
    announced[period[others[~_followed(s, start, until, others, gap_days)]]] = False
    told_cancel = announced & some(period, at_end & early, head.size)
    told_lapse = announced & some(period, at_end & ~early, head.size)
    runs = np.flatnonzero((start < t) & (t <= until))
    newest = np.full(n, -1, np.int64)
    newest[s[runs]] = runs  # rows are in order of start: the last one wins
    has_row = newest >= 0
    day = np.where(has_row, take(day_before(start, reach, begins), newest), FAR)
    began = np.where(has_row, take(start, newest), FAR)
    prior = np.flatnonzero((start < began[s]) & (until >= day[s]))
    in_force = Rows.of(r[runs], s[runs], n)
    before = added_up(contracts, Rows.of(r[prior], s[prior], n), as_of)
    terms = terms_before(s, start, until, agreed, begins, worth_of(contracts, r))
    main = main_rows(contracts, in_force, n)
    renewals = take(terms, newest) + times_renewed(contracts, main, as_of)
    return Cover(
        covered=covered,
        start=np.where(has, take(p_start, chosen), FAR),
        end=end,
        grace=grace,
        ended=has & ~covered & ~grace,
        announced_cancel=covered & take(told_cancel, chosen),
        announced_lapse=covered & take(told_lapse, chosen),
        row=main,
        renewals=np.where(has_row, renewals, 0),
        **added_up(contracts, in_force, as_of),
        **{f"{name}_before": column for name, column in before.items()},
    )


def _followed(s: Ints, start: Days, until: Days, rows: Ints, gap_days: int) -> Flags:
    """Say of these rows whether another goes on where they end.

    Two products may end on days of their own: while one of them may still renew,
    nothing is announced. A term whose next one is known leaves that to it.
    """
    key = s * SPAN + start
    end = s[rows] * SPAN + until[rows]
    nearest = np.append(key, key[-1:] + SPAN)[np.searchsorted(key, end)]
    return np.asarray(nearest <= end + gap_days)
