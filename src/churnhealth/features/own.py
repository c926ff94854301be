"""Features that a user asks for in a few lines: any kind, over any item and window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from churnhealth.config import OwnFeature
from churnhealth.errors import ConfigError
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec, feature, slugs
from churnhealth.sources.contract import EventLog, History, StateLog

__all__ = ["own_specs"]


def own_specs(
    history: History, wanted: Sequence[OwnFeature]
) -> tuple[FeatureSpec, ...]:
    """Make the specs of ``[[features.own]]``, with the user's words where given.

    Raises
    ------
    ConfigError
        CH012 where there is no such kind, source or item, or the window does not fit.
    """
    return tuple(_spec(history, own, i) for i, own in enumerate(wanted))


def _spec(history: History, own: OwnFeature, number: int) -> FeatureSpec:
    where = f"[[features.own]] {number + 1}"
    kind = KINDS.get(own.kind)
    if kind is None or kind.family not in ("events", "states", "planned"):
        _refuse(where, f"there is no kind {own.kind!r} of events or states")
    log = _log(history, own, where)
    if kind.windowed != (own.days is not None):
        _refuse(where, f"{own.kind} has {'a' if kind.windowed else 'no'} window (days)")
    if own.item is not None and own.item not in log.vocabulary:
        _refuse(where, f"{own.source} has no {own.item!r}")
    slug = None if own.item is None else slugs(log.vocabulary)[own.item]
    place = 0 if own.item is None else log.vocabulary.index(own.item)
    made = feature(
        own.kind,
        source=own.source,
        item=own.item,
        slug=slug,
        days=own.days,
        category=own.category or log.categories[place],  # type: ignore[arg-type]
    )
    given = {
        "label": own.label,
        "direction": own.direction,
        "actionable": own.actionable,
    }
    return replace(made, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def _log(history: History, own: OwnFeature, where: str) -> EventLog | StateLog:
    family = KINDS[own.kind].family
    for log in history.events:
        if log.name == own.source and family in ("events", "planned"):
            return log
    for states in history.states:
        if states.name == own.source and family == "states":
            return states
    return _refuse(where, f"no source {own.source!r} has features of kind {own.kind}")


def _refuse(where: str, what: str) -> NoReturn:
    raise ConfigError(
        "CH012",
        f"{where}: {what}",
        why="another feature than the one meant would be learned from",
        fix="docs/features.md lists the kinds; items are written as in the source",
    )
