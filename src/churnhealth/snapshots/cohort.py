"""Whom we look at: the accounts in question on each as-of date, and who is left out.

Nothing here reads a row that was not known before the date it speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Config, Question
from churnhealth.snapshots.calendar import calendar_days
from churnhealth.snapshots.cover import SPAN, Cover, cover_at
from churnhealth.snapshots.labels import closing_day, contracts_of
from churnhealth.sources.contract import FAR, Contracts, Days, History, Ints, day_of
from churnhealth.sources.happened import happened
from churnhealth.sources.renewing import every_agreed_end

__all__ = ["STATUSES", "Cohort", "cohort", "first_day", "snapshot_grid"]

STATUSES = ("scored", "announced", "grace", "too_new", "churned", "open_ended")
_A_STEP = 31  # until the first date of a calendar's month
_STEPS = {"day": 1, "week": 7}
SCORED, ANNOUNCED, GRACE, TOO_NEW, CHURNED, OPEN_ENDED, OUT = range(7)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cohort:
    """Snapshots sorted by (as_of, account).

    ``status`` indexes ``STATUSES``; ``start`` and ``end`` are those of the merged
    period as known on ``as_of`` (``FAR``: none, open-ended).
    """

    account: Ints
    as_of: Days
    status: NDArray[np.int8]
    start: Days
    end: Days

    def rows(self, keep: NDArray[np.bool_]) -> Cohort:
        """Take some snapshots, order kept."""
        return Cohort(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Say which snapshots the question is asked of."""
        return np.asarray(self.status == SCORED)


def cohort(
    history: History, question: Question, *, account: Ints, as_of: Days
) -> Cohort:
    """Sort out who of the given (account, as_of) is in question, and who is not.

    Snapshots that the question does not concern at all (not a customer yet; a renewal
    further away than ``lead_max_days`` that nobody has given notice on) are dropped.
    ``open_ended`` cover has no renewal to ask about: it is listed to be counted.
    """
    order = np.lexsort((account, as_of))
    account, as_of = account[order], as_of[order]
    if question.kind == "inactivity":
        status, start = _active(history, question, account, as_of)
        end = np.full(account.size, FAR)
    else:
        cover = cover_at(
            contracts_of(history),
            account=account,
            as_of=as_of,
            gap_days=question.gap_days,
        )
        status, start, end = _covered(question, cover, as_of), cover.start, cover.end
    everyone = Cohort(account=account, as_of=as_of, status=status, start=start, end=end)
    return everyone.rows(status != OUT)


def _covered(question: Question, cover: Cover, as_of: Days) -> NDArray[np.int8]:
    """Give each snapshot of a cover question its status."""
    when = question.churn_when
    told = cover.announced_cancel & ("cancelled" in when)
    told |= cover.announced_lapse & ("not_renewed" in when)
    status = np.full(as_of.size, OUT, np.int8)
    status[cover.covered] = SCORED
    if question.kind == "renewal":
        status[cover.covered & (cover.end >= as_of + question.lead_max_days)] = OUT
        status[cover.covered & (cover.end >= FAR)] = OPEN_ENDED
    young = as_of - cover.start < question.min_age_days
    status[(status == SCORED) & young] = TOO_NEW
    status[cover.covered & told] = ANNOUNCED
    status[cover.grace] = GRACE
    status[cover.ended] = CHURNED
    return status


def _active(
    history: History, question: Question, account: Ints, as_of: Days
) -> tuple[NDArray[np.int8], Days]:
    """Give each snapshot of an inactivity question its status and first event."""
    last = np.full(account.size, -SPAN)
    first = np.full(account.size, FAR)
    for log in map(happened, history.events):
        if log.planned or not log.account.size:
            continue
        order = np.argsort(log.account * SPAN + log.known_at, kind="stable")
        whose, known = log.account[order], log.known_at[order]
        day = log.happened_at[order]
        at = np.searchsorted(whose * SPAN + known, account * SPAN + as_of) - 1
        mine = (at >= 0) & (whose[at] == account)
        # Accounts ascend, so a running extreme of these keys never crosses accounts.
        newest = np.maximum.accumulate(whose * SPAN + day) - whose * SPAN
        descending = -np.maximum.accumulate(whose * SPAN - day) + whose * SPAN
        last = np.where(mine, np.maximum(last, newest[at]), last)
        first = np.where(mine, np.minimum(first, descending[at]), first)
    status = np.full(account.size, OUT, np.int8)
    status[first < FAR] = CHURNED
    status[last >= as_of - question.active_days] = SCORED
    young = as_of - first < question.min_age_days
    status[(status == SCORED) & young] = TOO_NEW
    return status, first


def first_day(history: History, *, widest_window: int) -> int:
    """Find the first day whose widest feature window is full.

    The events source with the most rows decides: a few old invoices do not make up
    for usage that was not yet recorded. Without any events it is the day after the
    first contract began.
    """
    logs = [log for log in history.events if not log.planned and log.account.size]
    if logs:
        largest = max(logs, key=lambda log: log.account.size)
        return int(largest.happened_at.min()) + widest_window
    return int(contracts_of(history).start.min()) + 1


def _begin(history: History, windows: Sequence[int], *, before: Sequence[int]) -> int:
    """Find the first day with a full window: the widest that is full early enough.

    Early enough is ``before`` which labels close in time to learn from: a month before
    the last, or else a step. Where none is, the widest decides: it will be said that
    the history is too short.
    """
    widest = sorted(windows, reverse=True)
    days = [first_day(history, widest_window=w) for w in widest]
    return next((day for at in before for day in days if day <= at), days[0])


def snapshot_grid(
    history: History, config: Config, *, data_until: int, every: str | int | None = None
) -> tuple[Ints, Days]:
    """List every (account, as_of) to look at, before asking who is in question.

    ``from`` defaults to the first day with a full widest window (or a narrower one in a
    history too short for that), ``until`` to the last day on which some label is not
    censored.
    """
    snapshots = config.snapshots
    every = every or snapshots.every
    zero = np.zeros(1, np.int64)
    closes = int(closing_day(config.question, as_of=zero, end=zero)[0])
    until = snapshots.until
    high = data_until - closes if until is None else day_of(until)
    if snapshots.from_ is None:
        windows = config.features.windows_days
        step = every if isinstance(every, int) else _STEPS.get(every, _A_STEP)
        before = [high - closes - days for days in (_A_STEP, min(step, _A_STEP))]
        low = _begin(history, windows, before=before)
    else:
        low = day_of(snapshots.from_)
    if snapshots.anchor == "calendar":
        days = np.array(calendar_days(every, first=low, last=high), dtype=np.int64)
        accounts = np.arange(history.accounts.ids.size)
        return np.tile(accounts, days.size), np.repeat(days, accounts.size)
    return _anchored(history, config, int(every), low, high)


def _anchored(
    history: History, config: Config, every: int, low: int, high: int
) -> tuple[Ints, Days]:
    """Count days from each account's own start, or back from its renewal.

    Every term proposes dates as far as its account's agreed ends go; only those stay
    that were due by what was known on the day itself: a term that continues a period
    does not start one, and a renewal that was already known has moved the end.
    """
    plan, contracts = config.snapshots, contracts_of(history)
    gap_days = config.question.gap_days
    if plan.anchor == "start":
        first = contracts.start + plan.first_day
        last = np.minimum(_furthest_end(contracts), high)
        row, step = _steps(first, last, every)
        as_of = first[row] + step * every
    else:
        of, end, first = every_agreed_end(contracts, high)
        last = end - plan.last_day_before_end
        at, step = _steps(first, np.where(end < FAR, last, 0), every)
        as_of = last[at] - step * every
        row, end = of[at], end[at]
    account = contracts.account[row]
    seen = cover_at(contracts, account=account, as_of=as_of, gap_days=gap_days)
    age = as_of - seen.start - plan.first_day
    due = seen.covered & (age >= 0) & (as_of <= seen.end - plan.last_day_before_end)
    if plan.anchor == "start":
        due &= age % every == 0
    else:
        due &= end == seen.end
    keep = due & (as_of >= low) & (as_of <= high)
    pairs = np.unique(np.stack([as_of[keep], account[keep]]), axis=1)
    return pairs[1], pairs[0]


def _furthest_end(contracts: Contracts) -> Days:
    """Find how far the agreed ends of each row's account go, known yet or not."""
    size = int(contracts.account.max(initial=-1)) + 1
    furthest = np.zeros(size, np.int64)
    np.maximum.at(furthest, contracts.account, contracts.end)
    return furthest[contracts.account]


def _steps(first: Days, last: Days, every: int) -> tuple[Ints, Ints]:
    """Count off the steps that fit between two days, row by row."""
    count = np.maximum((last - first) // every + 1, 0)
    row = np.repeat(np.arange(count.size), count)
    return row, np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
