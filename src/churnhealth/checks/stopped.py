"""Events that nobody sends any more although their source goes on.

They were renamed or switched off, for everybody on one day. Whoever reads only the old
name sees all customers fall silent.

Worked example: ``report_viewed`` came every day until 2024-07-09, and ``login`` of the
same source still comes in September. No pause of ``report_viewed`` was ever longer than
two days, so it has stopped; ``Report Viewed``, whose first row is of 2024-07-10, may be
its heir.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import FAR, EventLog, Ints, date_of

__all__ = ["Stopped", "stopped_events", "told_stopped"]

_LOOKED_AT = 64  # of each source the most frequent: no others are features
_STEADY_DAYS = 20
_QUIET_DAYS = 14
_PAUSES = 3
_RECENT_DAYS = 90
_EVERYBODY = 10
_AT_ONCE = 7
_COMPARED = 14  # days: all that have stopped are silent for longer
_SLICE = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """An event, the last day it happened, and the event that begins about then."""

    event: str
    last: int
    heir: str | None


def stopped_events(log: EventLog, *, before: int = FAR) -> list[Stopped]:
    """List the events that stopped for all, as rows known before a day tell.

    One has stopped when it is silent for more than two weeks and for three times its
    longest pause so far, after at least ten accounts had it in its last 90 days.
    """
    if log.planned or len(log.vocabulary) < 2 or not log.size:
        return []
    often = np.bincount(log.event, minlength=len(log.vocabulary))
    top = np.argsort(-often, kind="stable")[:_LOOKED_AT]
    start = int(log.happened_at.min())
    days = [np.flatnonzero(row) + start for row in _seen(log, top, start, before)]
    end = max((int(d[-1]) for d in days if d.size), default=start)
    found: list[tuple[str, int, dict[str, float]]] = []
    for code, day in zip(top.tolist(), days, strict=True):
        if day.size < _STEADY_DAYS:
            continue
        last, pause = int(day[-1]), int(np.diff(day).max())
        if end - last <= max(_QUIET_DAYS, _PAUSES * pause):
            continue
        recent = (log.event == code) & (log.happened_at > last - _RECENT_DAYS)
        if np.unique(log.account[recent]).size < _EVERYBODY:
            continue
        heirs = {
            log.vocabulary[other]: _as_often(log, (code, last), (other, int(begun[0])))
            for other, begun in zip(top.tolist(), days, strict=True)
            if begun.size and abs(int(begun[0]) - last) <= _AT_ONCE
            if begun[0] > start + _AT_ONCE
        }
        found.append((log.vocabulary[code], last, heirs))
    heir = _heirs({event: heirs for event, _, heirs in found})
    return [Stopped(event=e, last=last, heir=heir.get(e)) for e, last, _ in found]


def _heirs(among: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Give each event the likest of its heirs, no heir to two while there are enough.

    Where a whole tool was replaced, several events go on one day and several come:
    whose name is alike, and who comes as often as the other did (1 is just as often).

    >>> heirs = {"bug_report": 0.5, "invoice": 0.5}
    >>> _heirs({"Bug": heirs, "Billing": heirs})
    {'Bug': 'bug_report', 'Billing': 'invoice'}
    >>> _heirs({"find": {"query": 0.9, "mind": 0.1}})
    {'find': 'query'}
    """
    pairs = sorted(
        (-_alike(event, h) - often, event, h)
        for event, heirs in among.items()
        for h, often in heirs.items()
    )
    heir: dict[str, str] = {}
    for _, event, h in pairs:
        if event not in heir and h not in heir.values():
            heir[event] = h
    for _, event, h in pairs:
        heir.setdefault(event, h)
    return heir


def _as_often(log: EventLog, gone: tuple[int, int], come: tuple[int, int]) -> float:
    """Compare the last weeks of one event (code, last day) with another's first."""
    (old, last), (new, first) = gone, come
    day = log.happened_at
    before = (log.event == old) & (day > last - _COMPARED)
    after = (log.event == new) & (day < first + _COMPARED)
    rows = sorted((int(before.sum()), int(after.sum())))
    return rows[0] / max(rows[1], 1)


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def _seen(log: EventLog, top: Ints, start: int, before: int) -> NDArray[np.bool_]:
    """Mark the days on which each event happened, slice by slice of the rows."""
    place = np.full(len(log.vocabulary), -1)
    place[top] = np.arange(top.size)
    seen = np.zeros((top.size, int(log.happened_at.max()) - start + 1), dtype=np.bool_)
    for low in range(0, log.size, _SLICE):
        rows = log.rows(slice(low, low + _SLICE))
        event, day = place[rows.event], rows.happened_at
        use = (event >= 0) & (rows.known_at < before)
        seen[event[use], day[use] - start] = True
    return seen


def told_stopped(stopped: Sequence[Stopped]) -> str:
    """Say what stopped, and when.

    >>> told_stopped([Stopped(event="report", last=19000, heir="Report")])
    "'report' (last on 2022-01-08, about when 'Report' begins)"
    """
    return "; ".join(
        f"{s.event!r} (last on {date_of(s.last)}"
        + (f", about when {s.heir!r} begins)" if s.heir else ")")
        for s in stopped
    )
