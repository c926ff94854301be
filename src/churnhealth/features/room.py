"""Which features stay where the data could feed more than there may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec

__all__ = ["PROFILE_PART", "within_room"]

PROFILE_PART = 8
"""One in so many places is kept for the profile, as long as it has levels for them."""

_LEANING = ("days_lasted", "mean_gap", "silence", "days_since_noted")
_PROFILE = ("number", "is")
_TREND, _WIDE, _LEANS, _WINDOW, _SINGLE, _WHOLE = range(6)  # least telling first


def within_room(
    specs: Sequence[FeatureSpec], *, most: int, middle: int
) -> list[FeatureSpec]:
    """Keep at most ``most`` features, in their order; all of them where they fit.

    What tells least beyond its neighbours gives way first: trends of single events,
    their windows besides the middle one, what follows from other features of the
    source, its windows besides the middle one, then single events, the rarest first.
    Only then are whole sources cut, each to a fair share. Levels of the profile have
    no neighbours that tell the same: an eighth of the room is theirs.
    """
    if len(specs) <= most:
        return list(specs)
    profile = [spec for spec in specs if spec.kind in _PROFILE]
    kept = _fair(profile, most // PROFILE_PART, by=_attribute)
    held = {spec.name for spec in kept}
    tiers: dict[int, list[FeatureSpec]] = defaultdict(list)
    usual = {(s.source, s.item, s.kind) for s in specs if s.days == middle}
    for spec in specs:
        if spec.name not in held:
            same = (spec.source, spec.item, spec.kind)
            beside = spec.days != middle and same in usual
            tiers[_tier(spec, beside=beside)].append(spec)
    for tier in sorted(tiers, reverse=True):
        kept += _fair(tiers[tier], most - len(kept), by=_source)
    held = {spec.name for spec in kept}
    return [spec for spec in specs if spec.name in held]


def _tier(spec: FeatureSpec, *, beside: bool) -> int:
    """Say how much a feature tells beyond those that stand beside it."""
    single = spec.item is not None and KINDS[spec.kind].family != "states"
    if single:
        if spec.kind in ("trend", *_PROFILE):
            return _TREND
        return _WIDE if beside else _SINGLE
    if spec.kind in _LEANING:
        return _LEANS
    return _WINDOW if beside else _WHOLE


def _fair(
    specs: Sequence[FeatureSpec], room: int, *, by: Callable[[FeatureSpec], str]
) -> list[FeatureSpec]:
    """Take from every group in turn, its first ones first, until the room is full."""
    turn: dict[str, int] = defaultdict(int)
    turns = []
    for spec in specs:
        turns.append(turn[by(spec)])
        turn[by(spec)] += 1
    order = sorted(range(len(specs)), key=lambda at: turns[at])  # stable within a turn
    return [specs[at] for at in order[: max(room, 0)]]


def _source(spec: FeatureSpec) -> str:
    return spec.source


def _attribute(spec: FeatureSpec) -> str:
    return (spec.item or "").partition("=")[0]
