"""Features that a user asks for in a few lines: any kind, over any item and window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from churnhealth.config import OwnFeature, StatesSource
from churnhealth.errors import ConfigError
from churnhealth.features.directed import directed
from churnhealth.features.kinds import KINDS
from churnhealth.features.numbers import as_numbers
from churnhealth.features.spec import FeatureSpec, feature, slugs
from churnhealth.said import nearest
from churnhealth.sources.contract import EventLog, History, StateLog, Texts

__all__ = ["own_specs"]

_READS: Mapping[str, tuple[str, ...]] = {
    "amount": ("sum", "mean", "sum_trend"),
    "user": (
        *("active_users", "silent_users", "users_share", "reach", "per_user"),
        *("top_user_share", "top_user_silence", "automation", "automation_shift"),
        "active_users_trend",
    ),
    "item": ("items", "items_trend"),
    "users": ("mean_users", "mean_users_share", "mean_users_trend"),
    "ended_at": (
        *("open", "oldest_open", "days_to_end", "overdue", "oldest_overdue"),
        *("missed", "done_share", "late_share", "mean_delay", "last_delay"),
    ),
}
_OF_SEATS = ("users_share", "mean_users_share")
_LIES_AHEAD = ("days_to_next", "ahead")
_NO_SOURCE = "no source {!r} has features of kind {}"


def own_specs(
    history: History,
    wanted: Sequence[OwnFeature],
    *,
    states: Sequence[StatesSource] = (),
) -> tuple[FeatureSpec, ...]:
    """Make the specs of ``[[features.own]]``, with the user's words where given.

    ``states`` say which way a state is good where the feature itself does not.

    Raises
    ------
    ConfigError
        CH012 where there is no such kind, source or item, the window does not fit, or
        the source lacks what the kind reads: it would be missing, or 0, everywhere.
    """
    specs = tuple(_spec(history, own, i, states) for i, own in enumerate(wanted))
    names = [spec.name for spec in specs]
    for i, name in enumerate(names):
        if name in names[:i]:
            _refuse(f"[[features.own]] {i + 1}", f"{name} is there twice")
    return specs


def _spec(
    history: History, own: OwnFeature, number: int, states: Sequence[StatesSource]
) -> FeatureSpec:
    where = f"[[features.own]] {number + 1}"
    kind = KINDS.get(own.kind)
    if kind is None:
        _refuse(where, f"there is no kind {own.kind!r}{nearest(own.kind, KINDS)}")
    if kind.windowed != (own.days is not None):
        _refuse(
            where, f"{own.kind} {'needs' if kind.windowed else 'has no'} window: `days`"
        )
    makers = {"contracts": _of_terms, "accounts": _of_profile}
    made = makers.get(kind.family, _of_log)(history, own, where)
    (made,) = directed([made], states)
    if own.kind in _OF_SEATS and made.seats is None and not _agreed(history):
        _refuse(where, f"{own.kind} reads `seats`, which the contracts have not")
    given = {
        "label": own.label,
        "direction": own.direction,
        "actionable": own.actionable,
    }
    return replace(made, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def _of_log(history: History, own: OwnFeature, where: str) -> FeatureSpec:
    """Make a feature of the events or states of a source."""
    log, item = _log(history, own, where), own.item
    if item is None and isinstance(log, StateLog):
        if len(log.vocabulary) > 1:
            _refuse(where, f"{own.source} holds several states: say which is the item")
        item = next(iter(log.vocabulary), None)
    if item is not None and item not in log.vocabulary:
        _refuse(where, f"{own.source} has no {item!r}{nearest(item, log.vocabulary)}")
    if isinstance(log, EventLog):
        _can_be_read(log, own, where)
    slug = None if item is None else slugs(log.vocabulary)[item]
    place = 0 if item is None else log.vocabulary.index(item)
    return feature(
        own.kind,
        source=own.source,
        item=item,
        slug=slug,
        days=own.days,
        category=own.category or log.categories[place],  # type: ignore[arg-type]
    )


def _of_terms(history: History, own: OwnFeature, where: str) -> FeatureSpec:
    """Make a feature of the contract in force."""
    if own.source != "contracts" or history.contracts is None:
        _refuse(where, _NO_SOURCE.format(own.source, own.kind))
    if own.item is not None:
        _refuse(where, f"{own.kind} is the contract's own: leave out `item`")
    return feature(
        own.kind,
        source=own.source,
        days=own.days,
        category=own.category or "contract",
    )


def _of_profile(history: History, own: OwnFeature, where: str) -> FeatureSpec:
    """Make a feature of an attribute, or of the plan of the contract in force."""
    columns = _texts_of(history, own, where)
    name, equals, level = (own.item or "").partition("=")
    if name not in columns or bool(equals) != (own.kind == "is"):
        wanted = "attribute=level" if own.kind == "is" else "an attribute"
        _refuse(where, f"`item` must be {wanted} (of {', '.join(columns)})")
    slug = None
    if own.kind == "is":
        levels = sorted({text for text in columns[name] if text is not None})
        if level not in levels:
            _refuse(where, f"{name} is {level!r} nowhere{nearest(level, levels)}")
        slug = slugs(f"{name}={text}" for text in levels)[f"{name}={level}"]
    elif np.isnan(as_numbers(columns[name])).all():
        _refuse(where, f"{name} is a number nowhere")
    return feature(
        own.kind,
        source=own.source,
        item=own.item,
        slug=slug,
        category=own.category or "contract",
    )


def _texts_of(history: History, own: OwnFeature, where: str) -> Mapping[str, Texts]:
    accounts, contracts = history.accounts, history.contracts
    if own.source == "accounts":
        return {"segment": accounts.segment, **accounts.attributes}
    if own.source == "contracts" and contracts is not None and own.kind == "is":
        return {"plan": contracts.plan}
    return _refuse(where, _NO_SOURCE.format(own.source, own.kind))


def _log(history: History, own: OwnFeature, where: str) -> EventLog | StateLog:
    family = KINDS[own.kind].family
    for log in history.events:
        if log.name == own.source and family in ("events", "planned"):
            return log
    for states in history.states:
        if states.name == own.source and family == "states":
            return states
    logs: tuple[EventLog | StateLog, ...] = (*history.events, *history.states)
    near = nearest(own.source, [log.name for log in logs])
    there = f"; there are {', '.join(log.name for log in logs)}" if not near else ""
    return _refuse(where, _NO_SOURCE.format(own.source, own.kind) + near + there)


def _can_be_read(log: EventLog, own: OwnFeature, where: str) -> None:
    """Refuse a kind that reads what the source does not have."""
    for column, kinds in _READS.items():
        if own.kind in kinds and getattr(log, column) is None:
            name = "user_id" if column == "user" else column
            _refuse(where, f"{own.kind} reads `{name}`, which {own.source} has not")
    if own.kind in _LIES_AHEAD and not log.planned:
        _refuse(where, f"{own.kind} looks ahead, and {own.source} is not `planned`")
    if own.kind == "breadth" and own.item is not None:
        _refuse(where, "breadth counts the events of a source, so it has no item")


def _agreed(history: History) -> bool:
    """Say whether any contract tells its seats."""
    contracts = history.contracts
    return contracts is not None and bool(np.isfinite(contracts.seats).any())


def _refuse(where: str, what: str) -> NoReturn:
    raise ConfigError(
        "CH012",
        f"{where}: {what}",
        why="another feature than the one meant would be learned from",
        fix="docs/features.md lists the kinds; items are written as in the source",
    )
