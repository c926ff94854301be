"""Columns that change what features count, and whose lack no feature betrays.

Without `count` each row counts once, without `event_id` repeats count too: everything
is measured as before, and is another thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churnhealth.config import Config

__all__ = ["quietly_mapped", "remapped"]

_QUIET = ("cancelled_at", "contract_id", "count", "event_id", "known_at", "notice_at")


def quietly_mapped(config: Config) -> dict[str, list[str]]:
    """Name these columns by the source that maps them.

    A source without ``columns`` has those of our names: its files know which.
    """
    sources = {log.name: log.columns for log in config.sources.events}
    if config.sources.contracts is not None:
        sources["contracts"] = config.sources.contracts.columns
    return {
        name: [column for column in _QUIET if column in columns]
        for name, columns in sources.items()
        if columns
    }


def remapped(
    now: Mapping[str, Sequence[str]], trained: Mapping[str, Sequence[str]]
) -> list[str]:
    """Say which of them are mapped otherwise than they were in training.

    >>> remapped({"product": ["known_at"]}, {"product": ["count", "known_at"]})
    ['product without count']
    """
    told = []
    for name in sorted(now.keys() & trained.keys()):
        lost = [f"without {c}" for c in trained[name] if c not in now[name]]
        new = [f"with {c}" for c in now[name] if c not in trained[name]]
        if lost or new:
            told.append(f"{name} {', '.join(lost + new)}")
    return told
