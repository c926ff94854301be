"""Which features a configuration asks for, of those the data known by a day feed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from churnhealth.config import Config
from churnhealth.errors import TrainingError
from churnhealth.evaluate.makers import configured_card, outcome_window
from churnhealth.features.directed import directed, seats_noted
from churnhealth.features.library import default_specs
from churnhealth.features.own import own_specs
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import FAR, History

__all__ = ["choose_specs", "idle_patterns"]


def choose_specs(
    config: Config,
    history: History,
    *,
    known_before: int,
    crowded_out: Callable[[Sequence[str]], object] | None = None,
) -> tuple[FeatureSpec, ...]:
    """Choose the features that the data known before a day can feed.

    ``crowded_out`` is told the names for which ``[features] most`` left no room.
    """
    wanted, states = config.features, config.sources.states
    specs = default_specs(
        history,
        windows_days=wanted.windows_days,
        top_events=wanted.top_events,
        known_before=known_before,
        ends_within=_ends_within(config),
        include=wanted.include,
        exclude=wanted.exclude,
        also=() if (card := configured_card(config)) is None else card.features,
        most=wanted.most,
        seats=seats_noted(states),
        crowded_out=crowded_out,
    )
    own = {s.name: s for s in own_specs(history, wanted.own, states=states)}
    usual = directed([s for s in specs if s.name not in own], states)
    specs = (*usual, *own.values())
    if not specs:
        raise TrainingError(
            "CH306",
            "no feature is left to learn from",
            why="a model without features cannot tell accounts apart",
            fix="widen [features] include, or map more sources",
        )
    return specs


def idle_patterns(config: Config, history: History) -> tuple[str, ...]:
    """Give the patterns of `[features]` that fit no feature of all the data."""
    wanted, states = config.features, config.sources.states
    patterns = (*wanted.include, *wanted.exclude)
    if not patterns:
        return ()
    specs = default_specs(
        history,
        windows_days=wanted.windows_days,
        top_events=wanted.top_events,
        known_before=FAR,
        ends_within=_ends_within(config),
        seats=seats_noted(states),
        most=sys.maxsize,
    )
    own = own_specs(history, wanted.own, states=states)
    names = [spec.name for spec in (*specs, *own)]
    return tuple(p for p in patterns if not any(fnmatchcase(n, p) for n in names))


def _ends_within(config: Config) -> int | None:
    asked = config.question
    return outcome_window(asked)[1] if asked.kind == "horizon" else None
