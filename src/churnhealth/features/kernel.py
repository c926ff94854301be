"""Specs times history to columns: one answer for batch, Spark and online.

``as_of`` is a midnight. A row may be read only when ``known_at < as_of``; a window of
28 days at 29 January holds what happened on 1 to 28 January. Accounts are taken batch
by batch, so memory stays bounded, and no feature reads another account's rows, so the
batch size cannot show in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from churnhealth.errors import InputError
from churnhealth.features.kernel_contracts import (
    CONTRACT_KINDS,
    ends_within,
    level,
    number_noted,
    on_plan,
)
from churnhealth.features.kernel_events import (
    EVENT_KINDS,
    SIDE_BY_SIDE,
    Events,
    Item,
    mean_users,
)
from churnhealth.features.kernel_in_force import SEAT_KINDS, InForce
from churnhealth.features.kernel_life import LIFE_KINDS
from churnhealth.features.kernel_moments import Moment, Moments, key_of, quotient
from churnhealth.features.kernel_parts import Named
from churnhealth.features.kernel_people import PEOPLE_KINDS
from churnhealth.features.kernel_plans import PLAN_KINDS
from churnhealth.features.kernel_states import STATE_KINDS, States
from churnhealth.features.kernel_users import USER_KINDS, active_users
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import Days, Floats, History, Ints

__all__ = ["COMPUTED", "compute"]

_EVENT_KINDS = {
    **EVENT_KINDS,
    **LIFE_KINDS,
    **PLAN_KINDS,
    **USER_KINDS,
    **PEOPLE_KINDS,
}
T = TypeVar("T")
_Answer: TypeAlias = "Callable[[_Batch], Ints | Floats]"

_SHARES = ("users_share", "mean_users_share")
_ALONE = ("ends_within", "number", "is")

COMPUTED = frozenset({*_EVENT_KINDS, *_SHARES, *STATE_KINDS, *CONTRACT_KINDS, *_ALONE})
"""The kinds the kernel has a function for."""


def compute(
    history: History,
    specs: Sequence[FeatureSpec],
    *,
    account: Ints,
    as_of: Days,
    gap_days: int,
    batch_rows: int = 1 << 16,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Give the value of every feature at every snapshot, NaN where it is missing.

    Parameters
    ----------
    history, specs
        What the business gave us, and the columns wanted.
    account, as_of
        The snapshots, in any order: positions in ``history.accounts``, and days.
    gap_days
        The gap of the question, for merging contract terms.
    batch_rows
        About how many events a thread holds at once (never less than an account);
        the answer does not depend on it.
    threads
        How many batches are worked on side by side; nor on this.
    progress
        Called with snapshots done and snapshots in all after every batch.

    Returns
    -------
    Floats
        ``(len(account), len(specs))``, rows in the order the snapshots came in.

    Raises
    ------
    InputError
        CH350: a spec reads a source that this history does not have.
    """
    plan = _plan(specs)
    _refuse_unknown_sources(history, plan.needs)
    out = np.empty((account.size, len(specs)), dtype=np.float64)
    order, key = None, key_of(account, as_of)
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")
        account, as_of = account[order], as_of[order]

    def work(start: int, stop: int) -> int:
        low, high = int(account[start]), int(account[stop - 1]) + 1
        if stop - start == 1:
            moments: Moments = Moment(int(as_of[start]))
        else:
            moments = Moments(account[start:stop] - low, as_of[start:stop])
        batch = _Batch(history.batch(low, high), moments, gap_days, plan.named)
        lines = np.empty((len(specs), stop - start))  # a feature's values side by side
        for column, answer in plan.alone:
            lines[column] = answer(batch)
        for asked in plan.together:
            batch.fill(asked, lines)
        out[slice(start, stop) if order is None else order[start:stop]] = lines.T
        return stop - start

    batches = _batches(history, account, batch_rows)
    done = 0
    for many in _side_by_side(work, batches, threads=threads):
        done += many
        if progress is not None:
            progress(done, account.size)
    return out


class _Together(NamedTuple):
    """Features of one kind, source and window, an event each, and their columns."""

    source: str
    columns: tuple[int, ...]
    answer: _Answer
    alone: tuple[tuple[int, _Answer], ...]


class _Plan(NamedTuple):
    """What is asked of a batch, and how; of which sources, by which names."""

    specs: Sequence[FeatureSpec]
    alone: tuple[tuple[int, _Answer], ...]
    together: tuple[_Together, ...]
    needs: frozenset[tuple[str, str]]
    named: Mapping[str, Named]


_planned: list[_Plan] = []
"""The last plan: who serves asks for the same features again and again."""


def _plan(specs: Sequence[FeatureSpec]) -> _Plan:
    for last in _planned:
        if last.specs is specs:
            return last
    groups: dict[Hashable, list[int]] = {}
    items: dict[str, dict[str, None]] = {}
    back: dict[str, dict[int, None]] = {}
    for column, spec in enumerate(specs):
        if spec.item is not None:
            items.setdefault(spec.source, {})[spec.item] = None
            edges = SIDE_BY_SIDE.get(spec.kind, ())
            days = (windows * (spec.days or 0) for windows in edges)
            back.setdefault(spec.source, {}).update(dict.fromkeys(days))
        several = spec.item is not None and spec.kind in SIDE_BY_SIDE
        group = (spec.source, spec.kind, spec.days) if several else column
        groups.setdefault(group, []).append(column)
    plan = _Plan(
        specs,
        tuple((c[0], _asked(specs[c[0]])) for c in groups.values() if len(c) == 1),
        tuple(_together(specs, c) for c in groups.values() if len(c) > 1),
        frozenset(need for spec in specs for need in _needs(spec)),
        {name: Named((*items[name],), (*back[name],)) for name in items},
    )
    if isinstance(specs, tuple):  # a list may be changed by its owner
        _planned[:] = [plan]
    return plan


def _together(specs: Sequence[FeatureSpec], columns: Sequence[int]) -> _Together:
    first = specs[columns[0]]
    names = tuple(specs[column].item or "" for column in columns)
    return _Together(
        first.source,
        tuple(columns),
        _asked_of_events(first, names),
        tuple((column, _asked(specs[column])) for column in columns),
    )


def _asked(spec: FeatureSpec) -> _Answer:
    """Prepare to ask a batch for one feature at every snapshot."""
    kind, source, item, days = spec.kind, spec.source, spec.item or "", spec.days or 0
    if kind in _EVENT_KINDS:
        return _asked_of_events(spec, spec.item)
    if kind in _SHARES:
        return lambda batch: batch.share_of_seats(spec, days)
    if spec.seats is not None:
        told, noted = SEAT_KINDS[kind], spec.seats
        return lambda batch: told(batch.in_force, noted)
    if kind in STATE_KINDS:
        held, state = STATE_KINDS[kind], spec.item
        return lambda batch: (
            batch.moments.missing()
            if batch.states[source].none
            else held(batch.states[source], state, days)
        )
    if kind == "ends_within":
        return lambda batch: ends_within(batch.terms(), days)
    if kind in CONTRACT_KINDS:
        of_terms = CONTRACT_KINDS[kind]
        return lambda batch: of_terms(batch.terms())
    if kind == "number":
        return lambda batch: number_noted(batch.accounts, batch.moments, item)
    if source == "contracts":
        return lambda batch: on_plan(batch.terms(), item)
    return lambda batch: level(batch.accounts, batch.moments, item)


def _asked_of_events(spec: FeatureSpec, item: Item) -> _Answer:
    of_events, source, days = _EVENT_KINDS[spec.kind], spec.source, spec.days or 0
    return lambda batch: batch.events[source].ask(of_events, item, days)


def _batches(history: History, account: Ints, rows: int) -> list[tuple[int, int]]:
    """Cut sorted snapshots where the accounts' events have grown by ``rows``."""
    if not account.size:
        return []
    if account[0] == account[-1]:
        return [(0, account.size)]
    edge = np.arange(int(account[-1]) + 1)
    before = sum((log.rows_before(edge) for log in history.events), edge)
    batch = before // max(rows, 1)
    starts = np.flatnonzero(np.diff(batch[account], prepend=-1))
    return list(pairwise((*starts.tolist(), account.size)))


def _side_by_side(
    work: Callable[[int, int], int], batches: list[tuple[int, int]], *, threads: int
) -> Iterator[int]:
    """Work on batches, each on its own rows; NumPy lets go of the lock meanwhile."""
    if threads <= 1 or len(batches) < 2:
        for start, stop in batches:
            yield work(start, stop)
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        # at most `threads` batches are held: each waits for its turn
        yield from pool.map(lambda batch: work(*batch), batches)


class _Asked(dict[str, T]):
    """Sources by name, each made when something is first asked of it."""

    def __init__(self, make: Mapping[str, Callable[[], T]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> T:
        made = self[name] = self._make[name]()
        return made


class _Batch:
    """The tables of a run of accounts; what specs share is computed once.

    No part of it refers back to a whole, or a batch would outlive its turn.
    """

    def __init__(
        self,
        history: History,
        moments: Moments,
        gap_days: int,
        named: Mapping[str, Named],
    ) -> None:
        self.accounts, self.moments = history.accounts, moments
        self.states = _Asked(
            {log.name: partial(States, log, moments) for log in history.states}
        )
        self.in_force = InForce(history.contracts, moments, gap_days, self.states)
        self.terms, started = self.in_force.terms, self.in_force.started
        self.events = _Asked(
            {
                log.name: partial(
                    Events,
                    log,
                    moments,
                    started=started,
                    named=named.get(log.name, Named()),
                )
                for log in history.events
            }
        )

    def fill(self, asked: _Together, lines: Floats) -> None:
        """Compute features of several events at every snapshot, each into its line."""
        if self.events[asked.source].prompt:
            lines[asked.columns, :] = asked.answer(self)
            return
        for column, answer in asked.alone:
            lines[column] = answer(self)

    def share_of_seats(self, spec: FeatureSpec, days: int) -> Floats:
        """Divide the users of a window by the seats in force."""
        events = self.events[spec.source]
        users: Ints | Floats
        if spec.kind == "mean_users_share":
            users = mean_users(events, spec.item, days)
        elif events.log.user is None:
            users = self.moments.missing()
        else:
            users = events.recorded(days, active_users(events, spec.item, days))
        return quotient(users, self.in_force.seats(spec.seats))


def _refuse_unknown_sources(
    history: History, needs: frozenset[tuple[str, str]]
) -> None:
    given = {("events", log.name) for log in history.events}
    given |= {("states", log.name) for log in history.states}
    given |= {("accounts", name) for name in ("segment", *history.accounts.attributes)}
    if history.contracts is not None:
        given.add(("contracts", ""))
    absent = sorted(needs - given)
    if absent:
        named = ", ".join(f"{table} {name}".strip() for table, name in absent)
        raise InputError(
            "CH350",
            f"the features read what this history does not have: {named}",
            why="a feature without its source would silently be missing everywhere",
            fix="map these sources as they were mapped in training, or train again",
        )


def _needs(spec: FeatureSpec) -> set[tuple[str, str]]:
    family = KINDS[spec.kind].family
    noted = {("states", spec.seats[0])} if spec.seats else set()
    if family == "contracts":
        return {("contracts", ""), *noted}
    if family == "accounts" and spec.source == "contracts":
        return {("contracts", "")}
    if family == "accounts":
        return {("accounts", (spec.item or "").partition("=")[0])}
    if family == "states":
        return {("states", spec.source)}
    seats = {("contracts", "")} if spec.kind in _SHARES else set()
    return {("events", spec.source), *(noted or seats)}
