"""What each account did lately, small enough to keep beside every scoring run.

Weeks of use per key event, what happened in support and billing, answers to surveys,
and the people who use the product. Only rows known before ``as_of`` are read; a week
that its source does not cover is missing, not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.arrays import dates_of
from churnhealth.sources.contract import FAR, EventLog, Floats, History, Ints, StateLog

__all__ = [
    "ACTIVE_USERS",
    "SILENT_DAYS",
    "WEEKS",
    "people_table",
    "records_table",
    "usage_table",
]

Table = dict[str, NDArray[Any]]

WEEKS = 26
SILENT_DAYS = 28
_PEOPLE_DAYS = 112  # four months: who matters now, and who did before falling silent
_PEOPLE = 6
_KEY_EVENTS = 8
_RECORDS = 20
_RECORD_DAYS = 365
ACTIVE_USERS = "active users"  # each once a week, so weeks do not add up
_USED = ("usage", "value")


def usage_table(history: History, *, account: Ints, as_of: int) -> Table:
    """Count each account's key events and active users in each of the last 26 weeks.

    ``account`` are positions, rising. One row per account and event that it had, with
    columns ``w01`` (oldest) to ``w26``; weeks end on the day before ``as_of``.
    """
    parts = [
        part
        for log in history.events
        if not log.planned
        for part in _series(log, account, as_of)
    ]
    names = ("source", "event", "category")
    at = np.concatenate([p[0] for p in parts] or [np.zeros(0, np.int64)])
    order = np.argsort(at, kind="stable")
    weeks = np.concatenate([p[1] for p in parts] or [np.zeros((0, WEEKS))])[order]
    table = {"account_id": history.accounts.ids[account[at[order]]]}
    for i, name in enumerate(names):
        words = [np.full(p[0].size, p[2][i], dtype=object) for p in parts]
        table[name] = np.concatenate([*words, np.zeros(0, dtype=object)])[order]
    return table | {f"w{w + 1:02d}": weeks[:, w] for w in range(WEEKS)}


def _series(
    log: EventLog, account: Ints, as_of: int
) -> Iterator[tuple[Ints, Floats, tuple[str, str, str | None]]]:
    """Yield (place in ``account``, weeks, (source, event, category)) per key event."""
    first = as_of - 7 * WEEKS
    keep = (log.known_at < as_of) & (log.happened_at >= first)
    place = _places(log.account, account)
    keep &= (log.happened_at < as_of) & (place >= 0)
    keep &= np.isin([c in _USED for c in log.categories], [True])[log.event]
    if not keep.any():
        return
    place, week = place[keep], (log.happened_at[keep] - first) // 7
    event, count = log.event[keep], log.count[keep]
    covered = _covered(log, as_of)
    for code in _key_events(event, place, len(log.vocabulary)):
        mine = event == code
        counts = np.zeros((account.size, WEEKS))
        np.add.at(counts, (place[mine], week[mine]), count[mine])
        words = (log.name, log.vocabulary[code], log.categories[code])
        yield _told(counts, covered, words)
    if log.user is not None:
        someone = log.user[keep] >= 0
        triples = np.stack([place, week, log.user[keep]])[:, someone]
        people = np.unique(triples, axis=1)
        counts = np.zeros((account.size, WEEKS))
        np.add.at(counts, (people[0], people[1]), 1)
        yield _told(counts, covered, (log.name, ACTIVE_USERS, "usage"))


def _told(
    counts: Floats, covered: NDArray[np.bool_], words: tuple[str, str, str | None]
) -> tuple[Ints, Floats, tuple[str, str, str | None]]:
    at = np.flatnonzero(counts.any(axis=1))
    return at, np.where(covered, counts[at], np.nan), words


def _places(rows: Ints, account: Ints) -> Ints:
    """Give where each row's account stands in ``account``; -1 where it does not."""
    at = np.searchsorted(account, rows)
    inside = np.minimum(at, max(account.size - 1, 0))
    known = account[inside] == rows if account.size else np.zeros(rows.size, bool)
    return np.where(known, inside, -1)


def _key_events(event: Ints, place: Ints, size: int) -> list[int]:
    """Choose the events that most accounts have, in alphabetical order of ties."""
    pairs = np.unique(np.stack([event, place]), axis=1)
    reach = np.bincount(pairs[0], minlength=size)
    order = np.argsort(-reach, kind="stable")[:_KEY_EVENTS]
    return [int(code) for code in order if reach[code]]


def _covered(log: EventLog, as_of: int) -> NDArray[np.bool_]:
    """Say of each week whether the source was seen to record all of it."""
    seen = log.coverage.before(as_of)
    begins = as_of - 7 * (WEEKS - np.arange(WEEKS))
    if not seen.known:
        return np.ones(WEEKS, dtype=bool)
    return np.asarray((begins >= seen.first[-1]) & (begins <= seen.last[-1]))


def records_table(history: History, *, account: Ints, as_of: int) -> Table:
    """List each account's newest single happenings and answers of the last year.

    Events of support, billing and goals (all that is not plain use), and every state,
    at most 20 per account and source, newest first. ``ended_at`` is missing where it
    has not ended or cannot; ``endable`` says which sources have ends at all.
    """
    parts = [
        _events(log, account, as_of) for log in history.events if not log.planned
    ] + [_states(log, account, as_of) for log in history.states]
    names = ("source", "what", "category", "happened_at", "ended_at", "endable",
             "amount", "value")  # fmt: skip
    kinds: dict[str, Any] = {
        **dict.fromkeys(("source", "what", "category"), object),
        **dict.fromkeys(("happened_at", "ended_at"), "datetime64[D]"),
        "endable": bool,
    }
    empty = [np.zeros(0, np.int64)]
    at = np.concatenate([p["at"] for p in parts] or empty)
    order = np.argsort(at, kind="stable")
    table = {"account_id": history.accounts.ids[account[at[order]]]}
    for name in names:
        kind = kinds.get(name, np.float64)
        column = np.concatenate([np.zeros(0, kind), *(p[name] for p in parts)])
        table[name] = column.astype(kind)[order]
    return table


def _newest(place: Ints, day: Ints, keep: NDArray[np.bool_]) -> Ints:
    """Take each account's newest rows, newest first; later rows of a day come first."""
    rows = np.flatnonzero(keep)
    order = rows[np.lexsort((-rows, -day[rows], place[rows]))]
    first = np.searchsorted(place[order], place[order])
    return order[np.arange(order.size) - first < _RECORDS]


def _events(log: EventLog, account: Ints, as_of: int) -> Table:
    place = _places(log.account, account)
    keep = (place >= 0) & (log.known_at < as_of) & (log.happened_at < as_of)
    keep &= log.happened_at >= as_of - _RECORD_DAYS
    plain = np.array([c == "usage" for c in log.categories] + [False])
    keep &= ~plain[log.event]
    rows = _newest(place, log.happened_at, keep)
    ended = np.full(rows.size, FAR) if log.ended_at is None else log.ended_at[rows]
    nothing = np.full(rows.size, np.nan)
    return {
        "at": place[rows],
        **_named(log, log.event[rows]),
        "happened_at": log.happened_at[rows].astype("datetime64[D]"),
        "ended_at": dates_of(np.where(ended < as_of, ended, FAR)),
        "endable": np.full(rows.size, log.ended_at is not None),
        "amount": nothing if log.amount is None else log.amount[rows],
        "value": nothing,
    }


def _named(log: EventLog | StateLog, code: Ints) -> Table:
    return {
        "source": np.full(code.size, log.name, dtype=object),
        "what": _words(log.vocabulary)[code],
        "category": _words(log.categories)[code],
    }


def _states(log: StateLog, account: Ints, as_of: int) -> Table:
    place = _places(log.account, account)
    keep = (place >= 0) & (log.known_at < as_of)
    keep &= log.known_at >= as_of - _RECORD_DAYS
    rows = _newest(place, log.known_at, keep)
    return {
        "at": place[rows],
        **_named(log, log.state[rows]),
        "happened_at": log.known_at[rows].astype("datetime64[D]"),
        "ended_at": np.full(rows.size, np.datetime64("NaT", "D"), "datetime64[D]"),
        "endable": np.zeros(rows.size, dtype=bool),
        "amount": np.full(rows.size, np.nan),
        "value": log.value[rows],
    }


def _words(given: tuple[str, ...]) -> NDArray[np.object_]:
    return np.array([*given, None], dtype=object)


def people_table(history: History, *, account: Ints, as_of: int) -> Table:
    """Name the people who use the product most, and say who of them fell silent.

    At most six per account, by their active days of the last 112. ``silent``: nothing
    in the last 28 days from someone who was active in at least two of the weeks before.
    """
    parts = [
        part
        for log in history.events
        if log.user is not None and log.people is not None and not log.planned
        for part in [_people(log, account, as_of)]
        if part["at"].size
    ]
    at = np.concatenate([p["at"] for p in parts] or [np.zeros(0, np.int64)])
    order = np.argsort(at, kind="stable")
    table = {"account_id": history.accounts.ids[account[at[order]]]}
    kinds: dict[str, Any] = {
        "person": object,
        "source": object,
        "last_seen": "datetime64[D]",
        "days_now": np.int64,
        "days_before": np.int64,
        "silent": bool,
    }
    for name, kind in kinds.items():
        column = np.concatenate([np.zeros(0, kind), *(p[name] for p in parts)])
        table[name] = column.astype(kind)[order]
    return table


def _people(log: EventLog, account: Ints, as_of: int) -> Table:
    assert log.user is not None
    assert log.people is not None
    place = _places(log.account, account)
    keep = (place >= 0) & (log.user >= 0) & (log.known_at < as_of)
    keep &= (log.happened_at >= as_of - _PEOPLE_DAYS) & (log.happened_at < as_of)
    days = np.unique(
        np.stack([place[keep], log.user[keep], log.happened_at[keep]]), axis=1
    )
    heads, start = np.unique(days[:2], axis=1, return_index=True)
    stop = np.append(start[1:], days.shape[1])
    last = days[2][stop - 1] if start.size else np.zeros(0, np.int64)
    recent = np.concatenate([[0], np.cumsum(days[2] >= as_of - SILENT_DAYS)])
    weeks = np.concatenate([[0], np.cumsum(_fresh_weeks(days, as_of))])
    now = recent[stop] - recent[start]
    total = stop - start
    order = np.lexsort((heads[1], -total, heads[0]))
    first = np.searchsorted(heads[0][order], heads[0][order])
    top = order[np.arange(order.size) - first < _PEOPLE]
    return {
        "at": heads[0][top],
        "person": log.people[heads[1][top]],
        "source": np.full(top.size, log.name, dtype=object),
        "last_seen": last[top].astype("datetime64[D]"),
        "days_now": now[top],
        "days_before": (total - now)[top],
        "silent": ((now == 0) & (weeks[stop] - weeks[start] >= 2))[top],
    }


def _fresh_weeks(days: Ints, as_of: int) -> NDArray[np.bool_]:
    """Mark the first day of each person's weeks."""
    week = (days[2] - as_of) // 7
    fresh = np.ones(week.size, dtype=bool)
    same = (days[:2, 1:] == days[:2, :-1]).all(axis=0)
    fresh[1:] = ~same | (week[1:] != week[:-1])
    return fresh
