"""What is recorded no more: sources that ended, paused, or lost rows or accounts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnhealth.bundle import Bundle
from churnhealth.checks.fallen import fallen_use, told_fallen
from churnhealth.checks.stopped import stopped_events, told_stopped
from churnhealth.features.kernel_rows import Recorded
from churnhealth.said import many
from churnhealth.scoring import ScoreBook
from churnhealth.sources.contract import FAR, Coverage, EventLog, History, date_of

__all__ = ["of_contracts", "of_silence"]

_A_YEAR = 365
_STEADY = 0.6  # of all days
_FEW = 20
_HOLE = 7  # days
_NEAR = 28  # days
_TIMES = 3  # as long as usual
_MUCH = 0.2  # of a window


def of_silence(
    bundle: Bundle, history: History, book: ScoreBook, day: int
) -> Iterator[str]:
    """Name what the model reads and nobody records any more."""
    read = {(spec.source, spec.item) for spec in bundle.specs}
    sources = {source for source, _ in read}
    grey = int((book.scores["band"] == "grey").sum())
    for log in history.events:
        if log.name not in sources or log.planned or not log.size:
            continue
        if not Recorded(log.coverage, np.array([day])).covers(None)[0]:
            known = log.known_at < day
            last = int(log.happened_at[known].max(initial=-(1 << 40)))
            if not known.any():
                continue
            yield (
                f"{log.name} ends on {date_of(last)}, too long before {date_of(day)} to"
                f" be measured ({grey} of the scores are grey): load its newest rows,"
                f" or score --as-of {date_of(last + 1)}; if it was replaced or given"
                " up, join it with its heir or leave it out, and train again"
            )
            continue
        if pause := _unusual_pause(log.coverage, day):
            yield (
                f"{log.name} ends on {date_of(day - pause - 1)} and has not paused for"
                f" so long in a year: its {many(pause, 'day')} since then count as"
                " silence of everybody; load its newest rows, or score --as-of"
                f" {date_of(day - pause)}"
            )
            continue
        if nobodys := _nobodys(log, day):
            yield (
                f"all rows of {log.name} after {date_of(nobodys)} are of accounts that"
                " are not in the accounts source (CH215), so everybody looks silent:"
                " where ids were changed write them alike in the `sql` of every source"
            )
            continue
        if hole := _hole(log, bundle, day):
            yield _told_hole(log, *hole)
        elif fallen := fallen_use(log, before=day):
            yield f"of {log.name} rows may be missing: {told_fallen(fallen)} (CH258)"
        stopped = [
            s for s in stopped_events(log, before=day) if (log.name, s.event) in read
        ]
        if stopped:
            yield (
                f"the model reads of {log.name} what nobody sends any more:"
                f" {told_stopped(stopped)} (CH245)"
            )


def of_contracts(history: History, book: ScoreBook, day: int) -> Iterator[str]:
    """Tell where contracts end before the rest: whoever renewed since looks lapsed."""
    if ended := _ended_since(history, book, day):
        last, lapsed = ended
        yield (
            f"no contract begins after {date_of(last)}, and"
            f" {many(lapsed, 'account')} whose cover ended since then count as lapsed,"
            " without a score: where the contracts are an older export than the rest"
            f" load the newer one, or score --as-of {date_of(last + 1)}"
        )


def _ended_since(history: History, book: ScoreBook, day: int) -> tuple[int, int] | None:
    """Give the last start of any contract, and how many lapsed since it.

    In as many days before it many began, and in a year no pause was as long: that is
    an export that ends there, and no weekend. Who cancelled since is in it.
    """
    if history.contracts is None:
        return None
    known = history.contracts.rows(history.contracts.known_at < day)
    begun = known.start[known.start < day]
    last = int(begun.max(initial=-FAR))
    recent = np.unique(begun[begun >= last - _A_YEAR])
    since, ends = day - 1 - last, book.scores["renewal_date"]
    if since < np.diff(recent).max(initial=1):
        return None
    lapsed = np.isin(book.scores["status"], ("grace", "churned"))
    lapsed &= ends.astype("datetime64[D]") > np.datetime64(last, "D")
    left = known.account[(last < known.cancelled_at) & (known.cancelled_at < day)]
    lapsed &= ~np.isin(book.scores["account_id"], history.accounts.ids[left])
    usual = int((begun > last - since).sum())
    many_lapsed = int(lapsed.sum())
    return (last, many_lapsed) if min(usual, many_lapsed) >= _FEW else None


def _unusual_pause(coverage: Coverage, day: int) -> int:
    """Count the days without a row before a day, where a steady source had none such.

    An export that is three days late is alive still, and its newest windows lack three
    days: nobody fell silent.
    """
    last = np.unique(np.array(coverage.before(day).last, dtype=np.int64))
    recent = last[last >= day - _A_YEAR]
    if not recent.size or recent.size < _STEADY * (day - int(recent[0])):
        return 0
    pause = day - 1 - int(recent[-1])
    return pause if pause > max(1, int(np.diff(recent).max(initial=1)) - 1) else 0


def _nobodys(log: EventLog, day: int) -> int | None:
    """Give the last day with rows of anybody we know, where others go on for a week.

    At the pace of its last four weeks many rows are missing since: what is rare pauses.
    """
    recorded = max(log.coverage.before(day).last, default=-FAR)
    known = log.known_at < day
    last = int(log.happened_at.max(where=known, initial=-FAR))
    if not -FAR < last <= recorded - _HOLE:
        return None
    pace = int((known & (log.happened_at > last - _NEAR)).sum()) / _NEAR
    return last if pace * (recorded - last) >= _FEW else None


def _hole(log: EventLog, bundle: Bundle, day: int) -> tuple[int, int] | None:
    """Find the newest stretch without a row that takes much of a window of the model.

    Its source has rows on most days, and again after it. Rows that came late fill it.
    """
    seen = (log.happened_at >= day - _A_YEAR) & (log.happened_at < day)
    seen &= log.known_at < day
    days = np.flatnonzero(np.bincount(log.happened_at[seen] - (day - _A_YEAR)))
    days += day - _A_YEAR
    if days.size < _FEW or days.size < _STEADY * (day - int(days[0])):
        return None
    step = np.diff(days)
    usual = int(np.quantile(step, 0.95, method="higher"))
    wide = np.flatnonzero(step > max(_HOLE, _TIMES * usual))
    if not wide.size:
        return None
    begin, end = int(days[wide[-1]]) + 1, int(days[wide[-1] + 1]) - 1
    windows = {s.days for s in bundle.specs if s.source == log.name and s.days}
    taken = (end + 1 - max(begin, day - w) for w in windows)
    much = any(n >= _MUCH * w for n, w in zip(taken, windows, strict=True))
    return (begin, end) if much else None


def _told_hole(log: EventLog, begin: int, end: int) -> str:
    return (
        f"{log.name} has no rows from {date_of(begin)} to {date_of(end)}, which the"
        f" model's windows reach over: {many(end - begin + 1, 'day')} of silence of"
        " everybody; unless it was a holiday load those days again, and until then"
        " trust neither these colours nor what moved"
    )
