"""Features of an account's whole life with a source: how much so far, how regular.

Repeats, recency and age are the ingredients of the "buy till you die" models (Fader,
Hardie and Lee 2005): how often, until when, since when.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from churnhealth.features.kernel_events import EventKind, Events
from churnhealth.features.kernel_moments import Moment, quotient, where
from churnhealth.features.kernel_rows import Rows, Tally
from churnhealth.features.kinds_events import NEWEST_GAPS
from churnhealth.sources.contract import FAR, Days, Flags, Floats, Ints

__all__ = ["LIFE_KINDS"]

_HALVINGS = 8
_TOGETHER = 1 << 12  # snapshots whose newest days are laid side by side


def _total(events: Events, item: str | None, days: int) -> Ints | Floats:
    del days
    return events.recorded(None, events.count(item).within(None))


def _total_days(events: Events, item: str | None, days: int) -> Ints | Floats:
    del days
    return events.recorded(None, events.days(item).within(None))


def _lasted(events: Events, item: str | None) -> tuple[Ints, Ints]:
    """Give the days from the first event to the last, and the gaps between them."""

    def make() -> tuple[Ints, Ints]:
        last, active = events.last_day(item), events.days(item).within(None)
        days = where(last == FAR, 0, last - events.first_day(item))
        return days, np.maximum(active - 1, 0)

    return events.keep(("lasted", item), make)


def _days_lasted(events: Events, item: str | None, days: int) -> Ints | Floats:
    del days
    first, (lasted, _) = events.first_day(item), _lasted(events, item)
    lasted = where(first == FAR, np.nan, lasted)
    return events.recorded(None, lasted)


def _mean_gap(events: Events, item: str | None, days: int) -> Ints | Floats:
    del days
    return events.recorded(None, quotient(*_lasted(events, item)))


def _silence(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Divide the days since the last event by the account's own mean gap."""
    del days
    lasted, gaps = _lasted(events, item)
    last = events.last_day(item)
    since = where(last == FAR, 0, events.moments.as_of - last)
    return events.recorded(None, quotient(since * gaps, lasted))


def _longer_gaps(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Rank the silence among the account's own newest gaps, halfway into its place.

    A mean says little of an account that comes in bursts: the pause between two bursts
    is many mean gaps long and yet nothing new.
    """
    del days
    longer, gaps = _own_gaps(events.days(item))
    return events.recorded(None, quotient(2 * longer + 1, (2 * gaps + 2) * (gaps > 0)))


def _own_gaps(tally: Tally) -> tuple[Ints, Ints]:
    """Count the newest gaps that were as long as the silence, and all of them."""
    rows, known = tally.rows, tally.within(None)
    longer, gaps = np.zeros_like(known), np.zeros_like(known)
    if isinstance(rows.moments, Moment):
        newest = rows.happened[: rows.edge(0)][: -NEWEST_GAPS - 2 : -1]
        if newest.size:
            gap, silence = newest[:-1] - newest[1:], rows.moments.as_of - newest[0]
            longer, gaps = (gap >= silence).sum(), longer + gap.size
        return longer, gaps
    for low in range(0, known.size if known.any() else 0, _TOGETHER):
        part = slice(low, low + _TOGETHER)
        day, there = _newest_days(rows, part, known[part])
        silence = rows.moments.as_of[part] - day[:, 0]
        gap = day[:, :-1] - day[:, 1:]
        longer[part] = ((gap >= silence[:, None]) & there[:, 1:]).sum(axis=1)
        gaps[part] = there[:, 1:].sum(axis=1)
    return longer, gaps


def _newest_days(rows: Rows, part: slice, known: Ints) -> tuple[Days, Flags]:
    """Lay each snapshot's newest known days in a line, newest first; mark the real."""
    first, end = rows.edge(None)[part], rows.edge(0)[part]
    wide = min(max(known.max(), 1), NEWEST_GAPS + 1) + (end - first - known).max()
    place = end[:, None] - np.arange(1, wide + 1)
    there = place >= first[:, None]
    place = np.where(there, place, 0)
    if np.any(end - first > known):
        there &= rows.seen[place] < rows.moments.as_of[part, None]
        order = np.argsort(~there, axis=1, kind="stable")
        place = np.take_along_axis(place, order, axis=1)
        there = np.take_along_axis(there, order, axis=1)
    newest = slice(NEWEST_GAPS + 1)
    return rows.happened[place[:, newest]], there[:, newest]


def _per_week(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Count per week of the window that the account has lived."""
    began = np.minimum(events.start(), events.first_day(None))
    lived = np.minimum(np.maximum(events.moments.as_of - began, 0), days)
    return events.recorded(days, quotient(7 * events.count(item).within(days), lived))


def _fading(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Count with weights that halve with every window back, in whole steps."""
    tally = events.count(item)
    total = tally.within(days) << (_HALVINGS - 1)
    for step in range(1, _HALVINGS):
        window = tally.within(days, skip=step * days)
        total = total + (window << (_HALVINGS - 1 - step))
    return events.recorded(days, total / (1 << (_HALVINGS - 1)))


def _unevenness(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Divide the spread of the weekly counts of the window by their mean."""
    tally, weeks = events.count(item), days // 7
    total, squares = np.zeros((2, *np.shape(events.moments.key)))
    for week in range(weeks):
        count = tally.within(7, skip=7 * week).astype(np.float64)
        total, squares = total + count, squares + count * count
    spread = np.sqrt(np.maximum(weeks * squares - total * total, 0.0))
    return events.recorded(days, quotient(spread, total))


def _days_to_first(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Count the days from the start to the first event, 0 if it came before.

    Of an account that is older than the source nobody knows when the first one was.
    """
    del days
    start, first = events.start(), events.first_day(item)
    unknown = (start == FAR) | (first == FAR) | ~events.seen_from.began(start)
    return where(unknown, np.nan, np.maximum(first - start, 0))


def _done_by(events: Events, item: str | None, days: int) -> Ints | Floats:
    """Say whether it happened in the first days; open until they have passed."""
    start, first = events.start(), events.first_day(item)
    done = (first < FAR) & (first < start + days)
    as_of = events.moments.as_of
    covered = events.seen_from.covers(as_of - start)
    unsure = ~done & ((as_of < start + days) | ~covered)
    return where(unsure | (start == FAR), np.nan, done)


LIFE_KINDS: Mapping[str, EventKind] = {
    "total": _total,
    "total_days": _total_days,
    "days_lasted": _days_lasted,
    "mean_gap": _mean_gap,
    "silence": _silence,
    "longer_gaps": _longer_gaps,
    "per_week": _per_week,
    "fading": _fading,
    "unevenness": _unevenness,
    "days_to_first": _days_to_first,
    "done_by": _done_by,
}
