"""A state that seems to say how many seats there are, where no contract does."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from churnhealth.config_sections import StatesSource
from churnhealth.sources.contract import History
from churnhealth.sources.findings import Finding, finding

__all__ = ["unread_seats"]

_SEATS = re.compile(r"(?:^|[^a-z])(?:seats?|licen[cs]\w*|lizenz\w*)(?:$|[^a-z])")
_IN_USE = ("use", "active", "assigned", "share", "rate")


def unread_seats(
    history: History, sources: Sequence[StatesSource]
) -> tuple[Finding, ...]:
    """Tell of a state that is named as seats are, where users are known and no seats.

    Only its owner knows what it counts: seats used are no seats to be used.
    """
    contracts = history.contracts
    agreed = contracts is not None and bool(np.isfinite(contracts.seats).any())
    people = any(
        log.user is not None or log.users is not None for log in history.events
    )
    if agreed or not people or any(source.seats is not None for source in sources):
        return ()
    for log in history.states:
        for code, state in enumerate(log.vocabulary):
            value = log.value[log.state == code]
            if value.size and np.median(value) >= 1 and _named_so(state.lower()):
                what = (
                    f"[[sources.states]] {log.name}: the state {state!r} may be the"
                    " seats of an account, and no contract tells any"
                )
                return (finding("CH264", what, count=value.size, example=log.name),)
    return ()


def _named_so(state: str) -> bool:
    used = any(word in state for word in _IN_USE)
    return _SEATS.search(state) is not None and not used
