"""Where sources begin and end: one that starts or stops inside the period.

What is dated by the contracts (prices, goals) may reach back to the first of them, and
nobody asks about those years. The period begins where snapshots do: with the events
source of the most rows, or already where half of all sources have begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from churnhealth.config import Config
from churnhealth.sources.contract import Days, History, date_of, day_of
from churnhealth.sources.findings import Finding, finding

__all__ = ["MISSED", "contracts_stop", "edges"]

MISSED = 7  # by chance so many stay away once in a thousand times
_EDGE_DAYS = 31
_RHYTHM = 2  # pauses as long: once is an outage, twice how the rows come
_AT_ONCE = 7  # days between the end of a tool and the begin of the one after it


class _Rows(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def event(self) -> bool: ...
    @property
    def happened_at(self) -> Days: ...


def edges(sources: Sequence[_Rows], config: Config) -> list[Finding]:
    """Compare where each source begins with the period, and its end with the others.

    None of the sources may be without rows.
    """
    if not sources:
        return []
    begin = {s.name: int(s.happened_at.min()) for s in sources}
    end = {s.name: int(s.happened_at.max()) for s in sources}
    first, since = _period(sources, begin, config)
    last, until = max(end.values()), "the last one"
    pinned = config.question.data_until
    if pinned is not None and day_of(pinned) - last > _EDGE_DAYS:  # all have stopped
        last, until = day_of(pinned), "[question] data_until"
    found = []
    for s in sources:
        late, early = begin[s.name] - first, last - end[s.name]
        parts = []
        if late > _EDGE_DAYS and _awaited(s.happened_at, late, first=True):
            parts.append(f"starts {late} days after {since}")
        if early > _EDGE_DAYS and _awaited(s.happened_at, early):
            heirs = [n for n, d in begin.items() if abs(d - end[s.name]) <= _AT_ONCE]
            then = f", about when {heirs[0]} begins" if heirs else ""
            parts.append(f"stops {early} days before {until}{then}")
        if parts:
            day = begin[s.name] if parts[0].startswith("starts") else end[s.name]
            what = f"{s.title}: {' and '.join(parts)}"
            example = f"{s.name} {date_of(day)}"
            found.append(finding("CH212", what, count=1, example=example))
    return found


def _period(
    sources: Sequence[_Rows], begin: dict[str, int], config: Config
) -> tuple[int, str]:
    """Give the day from which sources are asked about, and whose day it is."""
    half = sorted(begin, key=lambda name: begin[name])[(len(begin) - 1) // 2]
    logs = [s for s in sources if s.event]
    largest = max(logs, key=lambda s: s.happened_at.size).name if logs else half
    first = min(largest, half, key=lambda name: begin[name])
    if config.snapshots.from_ is not None:
        asked = day_of(config.snapshots.from_) - max(config.features.windows_days)
        if asked > begin[first]:
            return asked, "the first window of [snapshots] from begins"
    return begin[first], first


def contracts_stop(history: History, config: Config) -> Finding | None:
    """See whether contracts end before the day up to which they are said to be whole.

    A renewal may come until `gap_days` after an end: so much later nothing is misread.
    """
    rows, pinned = history.contracts, config.question.data_until
    silence = config.question.kind == "inactivity"
    if rows is None or not rows.start.size or pinned is None or silence:
        return None
    last = rows.newest()
    early = day_of(pinned) - last
    days = np.concatenate([rows.start, rows.cancelled_at])
    days = days[days <= last]
    # all may begin in one month of the year: then nothing is due before the next
    paused = int(np.diff(np.unique(days)).max(initial=0))
    least = max(_EDGE_DAYS, config.question.gap_days, paused)
    if early <= least or np.ptp(days) < early or not _awaited(days, early):
        return None
    what = (
        f"[question] data_until lies {early} days after the newest start or stop of a"
        " contract, and some should have come in that time"
    )
    example = str(date_of(last))
    return finding("CH224", what, count=1, example=example, stops=False)


def _awaited(happened_at: Days, days: int, *, first: bool = False) -> bool:
    """Say whether rows should have come in so many days: of rare ones none may.

    Nor between two campaigns: who asks every quarter has paused so long before. Nor
    while there were few accounts: so many came beside the edge, the first or the last.
    """
    edge = happened_at.min() if first else happened_at.max()
    if np.count_nonzero(np.abs(happened_at - edge) < days) < MISSED:
        return False
    came = np.flatnonzero(np.bincount(happened_at - happened_at.min()))
    paused = int((np.diff(came) >= days).sum())
    lasted = int(came[-1]) + 1
    return happened_at.size * days >= MISSED * lasted and paused < _RHYTHM
