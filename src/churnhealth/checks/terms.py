"""Do the contracts make sense: ends after starts, no repeats, no overlaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from churnhealth.said import many
from churnhealth.sources.contract import (
    FAR,
    Contracts,
    Days,
    Flags,
    Floats,
    History,
    date_of,
)
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.joining import WRITTEN, alike
from churnhealth.sources.repeated import repeats

__all__ = ["term_findings"]

_SHARE_THAT_STOPS = 0.05
_FEW = 10
_NEARLY_ALL = 0.9
_MOST = 0.5
_FAR_AHEAD, _ABOUT = 30, 2  # days: of renewals known early, and as months differ
_A_YEAR = 366  # days
_LONG_AGO = 0  # 1970-01-01
_LONGEST_TERM = 20 * 366  # days
_TITLE = "[sources.contracts]"


def term_findings(history: History, *, gap_days: int) -> list[Finding]:
    """List what the contract rows say against each other and against themselves.

    Rows that a later version replaced do not count.
    """
    if history.contracts is None or not history.contracts.account.size:
        return []
    c = history.contracts.rows(history.contracts.replaced_at == FAR)
    found = [
        _contradiction(
            history, c, c.end < c.start, "end before they start", days=c.end
        ),
        _contradiction(
            history,
            c,
            (c.cancelled_at < c.start) & (c.known_at >= c.start),
            "are cancelled before they start, though nobody knew of them before",
            days=c.cancelled_at,
        ),
        _contradiction(
            history,
            c,
            (c.cancelled_at > c.end) & (c.cancelled_at < FAR),
            "are cancelled after their agreed end",
        ),
        _contradiction(
            history,
            c,
            _never_ended(c),
            "were given notice on a year ago and more, and say not when they ended:"
            " they count as staying",
        ),
        _repeats(history, c),
        _noted_again(history, c),
        _overlaps(history, c),
        _without(history, c),
        _last_days(history, c) if gap_days == 0 else None,
        _below_zero(history, c, c.seats, "seats"),
        _below_zero(history, c, c.value, "value"),
        _placeholders(history, c),
        _booked_early(history, c),
        _told_at_once(history, c),
        _figures(c),
    ]
    return [f for f in found if f is not None]


def _contradiction(
    history: History,
    c: Contracts,
    wrong: Flags,
    words: str,
    *,
    days: Days | None = None,
) -> Finding | None:
    """Count rows; ``days`` may hold one that stands for none in most of them."""
    count = int(wrong.sum())
    if not count:
        return None
    told = finding(
        "CH202",
        f"{_TITLE}: {count:,} of {wrong.size:,} rows {words}",
        count=count,
        example=first_id(history, c.account[wrong]),
        stops=count > _SHARE_THAT_STOPS * wrong.size,
    )
    if days is None or count < _FEW:
        return told
    day, times = np.unique(days[wrong], return_counts=True)
    if times.max() < _MOST * count:
        return told
    shared = date_of(int(day[times.argmax()]))
    return replace(
        told,
        what=f"{told.what}, {int(times.max()):,} of them on {shared}",
        fix=f'where that day stands for none: missing = ["{shared}"] on the source, as'
        f" the file writes it; else {told.fix}",
    )


def _never_ended(c: Contracts) -> Flags:
    """Mark open contracts whose notice is so old that they must have ended.

    What was given notice on lately runs on to its day, and may not say it yet.
    """
    newest = np.minimum(c.start, c.known_at).max()
    still = np.minimum(c.end, c.cancelled_at) >= FAR
    return np.asarray(still & (c.notice_at < newest - _A_YEAR))


def _repeats(history: History, c: Contracts) -> Finding | None:
    """Count rows that equal the row before them in every column."""
    same = repeats(c, np.arange(c.account.size))
    count = int(same.sum())
    if not count:
        return None
    what = f"{_TITLE}: {count:,} of {c.account.size:,} rows repeat another row"
    example = first_id(history, c.account[same])
    return finding("CH203", what, count=count, example=example)


def _noted_again(history: History, c: Contracts) -> Finding | None:
    """Count rows that say again what was known: a table that is written every month.

    Two licences that are alike and were bought on two days are seldom many.
    """
    rows = np.arange(c.account.size)
    timeless = replace(c, known_at=np.zeros_like(c.known_at))
    again = repeats(timeless, rows) & ~repeats(c, rows)
    count = int(again.sum())
    if count < max(_FEW, _SHARE_THAT_STOPS * again.size):
        return None
    told = finding(
        "CH203",
        f"{_TITLE}: {count:,} of {again.size:,} rows repeat another in all but the day"
        " on which they were known: each counts, and values and seats add up",
        count=count,
        example=first_id(history, c.account[again]),
    )
    return replace(
        told,
        fix="where each row says how a contract stood on a day, map `contract_id`: of"
        " rows with the same contract and start the one known last holds",
    )


def _overlaps(history: History, c: Contracts) -> Finding | None:
    """Count rows that start before an earlier row of their account ended.

    A row that was withdrawn before it began overlaps with nothing.
    """
    c = c.rows(np.minimum(c.end, c.cancelled_at) > c.start)
    if not c.account.size:
        return None
    end = np.minimum(c.end, c.cancelled_at)
    # accounts are pushed so far apart that a running maximum never crosses them
    reach = np.maximum.accumulate(c.account * (4 * FAR) + end)[:-1]
    inside = c.account[1:] * (4 * FAR) + c.start[1:] < reach
    inside &= c.account[1:] == c.account[:-1]
    count = int(inside.sum())
    if not count:
        return None
    what = (
        f"{_TITLE}: {count:,} of {c.account.size:,} rows start before an earlier"
        " contract of the account has ended"
    )
    example = first_id(history, c.account[1:][inside])
    return finding("CH204", what, count=count, example=example)


def _without(history: History, c: Contracts) -> Finding | None:
    has = np.zeros(history.accounts.ids.size, dtype=bool)
    has[c.account] = True
    without = np.flatnonzero(~has)
    if not without.size:
        return None
    what = f"{without.size:,} of {has.size:,} accounts have no contract"
    ids = history.accounts.ids
    near = alike(ids[without], ids[has])
    if near:
        what += f"; {near} differ from one that has only in {WRITTEN}"
    return finding(
        "CH223",
        what,
        count=int(without.size),
        example=first_id(history, without),
        stops=2 * near > without.size,
    )


def _last_days(history: History, c: Contracts) -> Finding | None:
    """See whether `end` is the last day covered: 31 December, and on from 1 January."""
    follows = (c.account[1:] == c.account[:-1]) & (c.start[1:] >= c.end[:-1])
    next_day = follows & (c.start[1:] == c.end[:-1] + 1)
    count = int(next_day.sum())
    if count < _FEW or 2 * count < follows.sum():
        return None
    what = (
        f"{_TITLE}: {count:,} of {int(follows.sum()):,} further terms start the day"
        " after the one before ended, and `gap_days` is 0"
    )
    example = first_id(history, c.account[1:][next_day])
    return finding("CH237", what, count=count, example=example)


def _below_zero(
    history: History, c: Contracts, figure: Floats, name: str
) -> Finding | None:
    """Count what cannot be less than nothing: a credit is no recurring value."""
    wrong = figure < 0 if figure.size else np.zeros(c.account.size, dtype=bool)
    count = int(wrong.sum())
    if not count:
        return None
    return finding(
        "CH243",
        f"{_TITLE}: `{name}` is below zero in {count:,} of {wrong.size:,} rows",
        count=count,
        example=first_id(history, c.account[wrong]),
        stops=count > _SHARE_THAT_STOPS * wrong.size,
    )


def _placeholders(history: History, c: Contracts) -> Finding | None:
    """Count dates that stand for "always" or "never" and are read as dates."""
    old = c.start < _LONG_AGO
    far = (c.end < FAR) & (c.end - c.start > _LONGEST_TERM)
    count = int((old | far).sum())
    if not count:
        return None
    told = []
    if old.any():
        told.append(f"{int(old.sum())} start before {date_of(_LONG_AGO)}")
    if far.any():
        told.append(f"{int(far.sum())} end more than 20 years after their start")
    return finding(
        "CH244",
        f"{_TITLE}: of {old.size} rows {' and '.join(told)}",
        count=count,
        example=first_id(history, c.account[old | far]),
    )


def _booked_early(history: History, c: Contracts) -> Finding | None:
    """See whether renewals were known before the term that they follow had begun.

    Terms that were sold together are; but not nearly all of them. Or most of them
    equally long ahead, though who left had not decided by then: a record that was
    opened by the calendar, and kept where it was won.
    """
    follows = (c.account[1:] == c.account[:-1]) & (c.start[1:] > c.start[:-1])
    early = follows & (c.known_at[1:] <= c.start[:-1])
    count, of = int(early.sum()), int(follows.sum())
    what = (
        f"{_TITLE}: {count:,} of {of:,} further terms were known before the term before"
        " them had begun"
    )
    if count < _FEW or count < _NEARLY_ALL * of:
        # what was sold with the term before is known with it
        alone, ahead = follows & ~early, (c.start - c.known_at)[1:]
        days = _same_lead(c, ahead[alone])
        could = follows & (np.diff(c.start) > days)
        early = alone & (np.abs(ahead - days) <= _ABOUT)
        count, of = int(early.sum()), int(could.sum())
        if not days or count < _FEW or count < _MOST * of:
            return None
        what = (
            f"{_TITLE}: {count:,} of {of:,} further terms were known equally long"
            f" ({days} days) before they began, when most of those who left had not"
            " decided"
        )
    example = first_id(history, c.account[1:][early])
    return finding("CH248", what, count=count, example=example)


def _same_lead(c: Contracts, ahead: Days) -> int:
    """Give the days by which most renewals are known ahead, if leavers decide later.

    Where cover goes on unless notice is given by a day, renewals are known on it too;
    but then so is who leaves.
    """
    far = ahead[ahead >= _FAR_AHEAD]
    if not far.size:
        return 0
    days = int(np.bincount(far).argmax())
    stop = np.minimum(c.end, c.cancelled_at)
    last = np.append(c.account[1:] != c.account[:-1], True)
    gone = last & (stop < c.start.max())
    undecided = c.notice_at[gone] > stop[gone] - days + _ABOUT
    few = gone.sum() < _FEW
    return 0 if few or undecided.mean() < _MOST else days


def _told_at_once(history: History, c: Contracts) -> Finding | None:
    """See whether most stops were known on the day the contract began.

    Who ends a trial at once, or signs a pilot that ends, does so; most others do not.
    A row that another of the account follows (an upgrade) is no stop.
    """
    last = np.append(c.account[1:] != c.account[:-1], True)[: c.account.size]
    stopped = (c.notice_at < FAR) & (np.minimum(c.end, c.cancelled_at) > c.start) & last
    at_once = stopped & (c.notice_at <= c.start)
    count, of = int(at_once.sum()), int(stopped.sum())
    if count < _FEW or count < _MOST * of:
        return None
    what = (
        f"{_TITLE}: of {of:,} rows that stop or are not renewed, notice of {count:,}"
        " was given on the day they began, or before"
    )
    example = first_id(history, c.account[at_once])
    return finding("CH256", what, count=count, example=example)


def _figures(c: Contracts) -> Finding | None:
    """Say what the contracts are worth: cents, or years for months, are seen by eye."""
    priced = ~np.isnan(c.value)
    value = c.value[priced]
    if not value.size:
        return None
    low, median, high = np.quantile(value, [0.0, 0.5, 1.0])
    year = c.start[priced].astype("datetime64[D]").astype("datetime64[Y]")
    ends = [y for y in (year.min(), year.max()) if year.min() < year.max()]
    of_year = [f"{np.median(value[year == y]):,.2f} of those of {y}" for y in ends]
    what = (
        f"{_TITLE}: {many(c.account.size, 'row starts', 'rows start')} from"
        f" {date_of(int(c.start.min()))} to"
        f" {date_of(int(c.start.max()))}; `value` is {median:,.2f} a month in the"
        f" median{' (' if ends else ''}{', '.join(of_year)}{')' if ends else ''},"
        f" {low:,.2f} at least and {high:,.2f} at most"
    )
    return finding("CH236", what, count=int(value.size), example="contracts")
