"""Do the rows lie where they can: not in the future, not before the customer, no gaps.

Worked example: an account's contract starts on 2024-03-01 and was known that day. Use
on 2024-02-20 is odd; use on 2024-01-15, more than 30 days early, belongs to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnhealth.checks.alone import told_alone
from churnhealth.checks.edges import MISSED, contracts_stop, edges
from churnhealth.checks.fallen import fallen_use, told_fallen
from churnhealth.checks.nobody_came import nobody_came
from churnhealth.checks.stopped import stopped_events, told_stopped
from churnhealth.config import Config
from churnhealth.said import many
from churnhealth.sources.contract import (
    FAR,
    Days,
    EventLog,
    Floats,
    History,
    Ints,
    StateLog,
    date_of,
    day_of,
)
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.happened import BOOKED_DAYS, happened, newest_seen
from churnhealth.sources.under_contract import first_seen, last_cover

__all__ = ["date_findings"]

_EARLY_DAYS = 30
_EARLY_SHARE_THAT_STOPS = 0.2
_STEADY = 0.6
_MONTHLY = 0.9
_SHORTEST_GAP = 7
_QUIET_DAYS = 14
_NEAR_DAYS = 28
_BUSY = 20  # rows on the quietest day nearby: then even two days without are no chance
_EVEN = 0.25  # of the spread that chance alone makes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """The rows of one events or states source, as far as dates go."""

    title: str
    name: str
    planned: bool
    event: bool
    account: Ints
    happened_at: Days
    known_at: Days


def date_findings(history: History, config: Config, *, today: int) -> list[Finding]:
    """List what the dates of events and states say, source by source."""
    sources = [
        *(_of_events(e) for e in history.events),
        *(_of_states(s) for s in history.states),
    ]
    done = {e.name: _of_events(happened(e)) for e in history.events}
    found: list[Finding | None] = [
        _beyond(history, config, today) or contracts_stop(history, config),
        _short(history, config),
    ]
    for rows in sources:
        if not rows.account.size:
            continue
        found.append(_future(history, rows, today))
        found.append(_covered(history, rows))
        if rows.planned:
            continue
        if rows.event:
            found += _against_contracts(
                history, done[rows.name], config.question.gap_days
            )
            found += [_late(history, rows), _alone(history, rows)]
        found.append(_gaps(rows))
    if any(f is not None and f.code == "CH210" for f in found):
        found.append(nobody_came(history, config.question))
    told = [r for r in sources if r.account.size and not r.planned]
    found += edges(told, config)
    found += [_stopped(log) for log in history.events]
    found += [_fallen(log) for log in history.events]
    found.append(_silent(history))
    return [f for f in found if f is not None]


def _of_events(log: EventLog) -> _Rows:
    return _Rows(
        title=f"[[sources.events]] {log.name}",
        name=log.name,
        planned=log.planned,
        event=True,
        account=log.account,
        happened_at=log.happened_at,
        known_at=log.known_at,
    )


def _of_states(log: StateLog) -> _Rows:
    return _Rows(
        title=f"[[sources.states]] {log.name}",
        name=log.name,
        planned=False,
        event=False,
        account=log.account,
        happened_at=log.known_at,
        known_at=log.known_at,
    )


def _future(history: History, rows: _Rows, today: int) -> Finding | None:
    ahead = rows.known_at > today
    if not rows.planned:
        ahead = ahead | (rows.happened_at > today)
    count = int(ahead.sum())
    if not count:
        return None
    return finding(
        "CH205",
        f"{rows.title}: {count:,} of {ahead.size:,} rows lie after {date_of(today)}",
        count=count,
        example=first_id(history, rows.account[ahead]),
    )


def _against_contracts(
    history: History, rows: _Rows, gap_days: int
) -> list[Finding | None]:
    """Compare each row with its account's first and last day as a customer."""
    if history.contracts is None:
        return []
    n = history.accounts.ids.size
    first = first_seen(history.contracts, n)[rows.account]
    ends = last_cover(history.contracts, n)
    last = ends[rows.account]
    customer = first < FAR
    before = customer & (rows.happened_at < first)
    early = int((before & (rows.happened_at < first - _EARLY_DAYS)).sum())
    after = customer & (last < FAR) & (rows.happened_at > last + gap_days)
    found: list[Finding | None] = []
    if count := int(before.sum()):
        what = (
            f"{rows.title}: {count:,} of {before.size:,} rows"
            f" ({_share(count, before.size)}) happened before their account's first"
            f" contract, {early} of them more than {_EARLY_DAYS} days before"
        )
        stops = early > _EARLY_SHARE_THAT_STOPS * before.size
        example = first_id(history, rows.account[before])
        found.append(finding("CH206", what, count=count, example=example, stops=stops))
    if count := int(after.sum()):
        over = (ends > -FAR) & (ends + gap_days < rows.happened_at.max())
        ended, on = int(over.sum()), np.unique(rows.account[after]).size
        what = (
            f"{rows.title}: {count:,} of {after.size:,} rows"
            f" ({_share(count, after.size)}) happened more than {gap_days} days"
            f" after the last cover ended, by {on:,} of the"
            f" {many(ended, 'account')} whose cover had ended by then"
        )
        example = first_id(history, rows.account[after])
        found.append(finding("CH220", what, count=count, example=example))
    return found


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %"


def _late(history: History, rows: _Rows) -> Finding | None:
    lag = rows.known_at - rows.happened_at
    late = lag > 0
    if not late.any():
        return None
    q50, q90, q99 = np.quantile(lag, [0.5, 0.9, 0.99], method="lower")
    what = (
        f"{rows.title}: rows become known {many(int(q50), 'day')} after they happened"
        f" in the median, {q90} for the slowest tenth, {q99} for the slowest hundredth"
    )
    example = first_id(history, rows.account[[int(np.argmax(lag))]])
    return finding("CH208", what, count=int(late.sum()), example=example)


def _alone(history: History, rows: _Rows) -> Finding | None:
    told = told_alone(rows.happened_at)
    if told is None:
        return None
    what, count = told
    example = first_id(history, rows.account[[int(np.argmin(rows.happened_at))]])
    return finding("CH261", f"{rows.title}: {what}", count=count, example=example)


def _gaps(rows: _Rows) -> Finding | None:
    """Find silence of the whole source where it otherwise records steadily."""
    day = np.unique(rows.happened_at)
    span = int(day[-1] - day[0]) + 1
    step = np.diff(day)
    if span < 2 * _SHORTEST_GAP or step.size < _SHORTEST_GAP:
        return None
    if day.size >= _STEADY * span:
        usual = int(np.quantile(step, 0.95, method="higher"))
        wide = step > max(_SHORTEST_GAP, 3 * usual)
        wide[wide] = _missed(rows, day[:-1][wide], day[1:][wide]) >= MISSED
        if usual == 1:
            brief = (step > usual + 1) & ~wide
            wide[brief] = _quietest(rows, day[:-1][brief], day[1:][brief]) >= _BUSY
        return _gap(rows, day[:-1][wide] + 1, step[wide] - 1, "day")
    month = np.unique(day.astype("datetime64[D]").astype("datetime64[M]"))
    months = month.astype(np.int64)
    every = int(months[-1] - months[0]) + 1
    if months.size < max(6, _MONTHLY * every):
        return None
    step = np.diff(months)
    wide = step > 1
    following = (months[:-1][wide] + 1).astype("datetime64[M]")
    begin = following.astype("datetime64[D]").astype(np.int64)
    after = np.searchsorted(day, begin)
    odd = _missed(rows, day[after - 1], day[after]) >= MISSED
    odd |= _evenly(rows, every)
    return _gap(rows, begin[odd], step[wide][odd] - 1, "month")


def _evenly(rows: _Rows, months: int) -> bool:
    """Say whether about as many rows come every month: what is rare comes by chance."""
    month = rows.happened_at.astype("datetime64[D]").astype("datetime64[M]")
    a_month = np.bincount((month - month.min()).astype(np.int64), minlength=months)
    return bool(a_month.var() < _EVEN * a_month.mean())


def _missed(rows: _Rows, last: Days, again: Days) -> Floats:
    """Say how many rows a stretch should have held, by the four weeks on each side.

    A source that began with a survey a week pauses for ten days by chance; one that
    came to ten a day does not.
    """
    first = rows.happened_at.min()
    so_far = np.append(0, np.bincount(rows.happened_at - first).cumsum())

    def a_day(low: Days, high: Days) -> Floats:
        # a source that began the day before shows no rate yet
        low = np.maximum(low - first, 0)
        high = np.minimum(high - first, so_far.size - 1)
        return np.asarray((so_far[high] - so_far[low]) / _NEAR_DAYS)

    before = a_day(last + 1 - _NEAR_DAYS, last + 1)
    after = a_day(again, again + _NEAR_DAYS)
    return np.asarray(np.minimum(before, after) * (again - last - 1))


def _quietest(rows: _Rows, last: Days, again: Days) -> Ints:
    """Give the least rows on any day of the four weeks on each side of a stretch."""
    first = rows.happened_at.min()
    on = np.bincount(rows.happened_at - first)
    sides = [
        np.r_[on[max(a - _NEAR_DAYS, 0) : a], on[b : b + _NEAR_DAYS]]
        for a, b in zip(last + 1 - first, again - first, strict=True)
    ]
    return np.array([side.min() for side in sides], np.int64)


def _gap(rows: _Rows, begin: Days, length: Ints, unit: str) -> Finding | None:
    if not begin.size:
        return None
    longest = int(np.argmax(length))
    stretches = many(begin.size, f"stretch of {unit}s", f"stretches of {unit}s")
    what = (
        f"{rows.title}: {stretches} without a single row, the longest of"
        f" {many(int(length[longest]), unit)}"
    )
    example = f"{rows.name} {date_of(int(begin[longest]))}"
    return finding("CH210", what, count=int(begin.size), example=example)


def _beyond(history: History, config: Config, today: int) -> Finding | None:
    """Find outcomes that would be read from days after the files stop."""
    seen, rows = newest_seen(history), history.contracts
    newest = None if rows is None or not rows.start.size else rows.newest()
    pinned = config.question.data_until
    last: int | None = seen
    if pinned is not None:
        last = max((day for day in (seen, newest) if day is not None), default=None)
        until, slack, named = day_of(pinned), _SHORTEST_GAP, "[question] data_until"
    elif config.question.kind != "inactivity" and newest is not None:
        last = today if seen is None else seen
        until, slack = newest, 0 if seen is None else BOOKED_DAYS
        named = "the newest start or stop of a contract"
    else:
        return None
    if last is None or until - last <= slack:
        return None
    late = many(until - last, "day")
    whom = "the newest row of the other data" if pinned or seen is not None else "today"
    what = f"{named} lies {late} after {whom}"
    return finding("CH224", what, count=1, example=str(date_of(until)))


def _short(history: History, config: Config) -> Finding | None:
    """Find outcomes that are not read though other sources go on for weeks.

    Where a table holds one row for each subscription, days on which nobody starts or
    stops leave no trace: it may well be complete for longer than it shows.
    """
    rows, question = history.contracts, config.question
    seen = [
        int(e.happened_at.max())
        for e in history.events
        if e.account.size and not e.planned
    ]
    asked = question.kind != "inactivity" and question.data_until is None
    if not asked or not seen or rows is None or not rows.start.size:
        return None
    until, last = rows.newest(), max(seen)
    if last - until <= _QUIET_DAYS:
        return None
    what = (
        f"outcomes count as known until {date_of(until)}, the newest start or stop"
        f" of a contract; events go on for {many(last - until, 'day')}"
    )
    return finding("CH255", what, count=last - until, example=str(date_of(until)))


def _covered(history: History, rows: _Rows) -> Finding:
    accounts = int(np.unique(rows.account).size)
    of = history.accounts.ids.size
    month = rows.happened_at.astype("datetime64[D]").astype("datetime64[M]")
    names, counts = np.unique(month, return_counts=True)
    least = int(np.argmin(counts))
    what = (
        f"{rows.title}: {many(rows.account.size, 'row')} from"
        f" {date_of(int(rows.happened_at.min()))} to"
        f" {date_of(int(rows.happened_at.max()))}, {accounts:,} of {of:,} accounts"
        f" ({_share(accounts, of)}); fewest in {names[least]}: {counts[least]:,}"
    )
    return finding(
        "CH211",
        what,
        count=int(rows.account.size),
        example=f"{rows.name} {names[least]}",
    )


def _stopped(log: EventLog) -> Finding | None:
    stopped = stopped_events(log)
    if not stopped:
        return None
    what = (
        f"[[sources.events]] {log.name}:"
        f" {many(len(stopped), 'event stops', 'events stop')} while the source goes on:"
        f" {told_stopped(stopped)}"
    )
    return finding("CH245", what, count=len(stopped), example=stopped[0].event)


def _fallen(log: EventLog) -> Finding | None:
    fallen = fallen_use(log)
    if fallen is None:
        return None
    what = f"[[sources.events]] {log.name}: {told_fallen(fallen)}"
    example = f"{log.name} {date_of(fallen.end - 1)}"
    return finding("CH258", what, count=fallen.fell, example=example)


def _silent(history: History) -> Finding | None:
    has = np.zeros(history.accounts.ids.size, dtype=bool)
    for log in map(happened, history.events):
        if not log.planned:
            has[log.account] = True
    silent = np.flatnonzero(~has)
    if not silent.size or not history.events:
        return None
    what = f"{silent.size:,} of {has.size:,} accounts have no event in any source"
    example = first_id(history, silent)
    return finding("CH217", what, count=int(silent.size), example=example)
