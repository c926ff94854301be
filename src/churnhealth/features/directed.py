"""What a state's owner says of it: which way it is good, what its values are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from churnhealth.config import StatesSource
from churnhealth.features.spec import FeatureSpec

__all__ = ["directed", "seats_noted"]

_LEVELS = ("latest", "fresh", "average", "recent_average", "change")
_VALUES = ("latest", "fresh")  # the others lie between values, or are differences
_KNOWN = {"nps": "better", "csat": "better"}
_SIGN = {"better": -1, "worse": 1}
_OF_SEATS = ("users_share", "mean_users_share", "seats", "price")


def seats_noted(sources: Sequence[StatesSource]) -> tuple[str, str] | None:
    """Give the source and the state that say how many seats there are, if one does.

    >>> seats_noted([StatesSource(name="billing", path="b.csv", seats="licences")])
    ('billing', 'licences')
    """
    return next(((s.name, s.seats) for s in sources if s.seats is not None), None)


def directed(
    specs: Sequence[FeatureSpec], sources: Sequence[StatesSource]
) -> tuple[FeatureSpec, ...]:
    """Give the features of states the direction that is expected of their values.

    ``higher`` of the source says whether more is better; without it that holds for
    states named ``nps`` and ``csat``. Values are told by the words of ``levels``.
    Features of seats are told which state says them. All others stay as they are.

    >>> from churnhealth.features.spec import feature
    >>> grade, age = (
    ...     feature(kind, source="pulse", item="grade", category="experience")
    ...     for kind in ("latest", "days_since_noted")
    ... )
    >>> pulse = StatesSource(
    ...     name="pulse", path="p.csv", higher="better", levels={"bad": 1, "good": 2}
    ... )
    >>> [(spec.direction, spec.words) for spec in directed([grade, age], [pulse])]
    [(-1, (('bad', 1.0), ('good', 2.0))), (0, ())]
    """
    told = {source.name: source.higher for source in sources}
    called = {source.name: tuple(source.levels.items()) for source in sources}
    made, seats = [], seats_noted(sources)
    for spec in specs:
        if spec.source in told and spec.kind in _LEVELS:
            known = _KNOWN.get((spec.item or "").lower())
            higher = told[spec.source] or known
            spec = replace(spec, direction=_SIGN[higher]) if higher else spec
        if spec.source in called and spec.kind in _VALUES:
            spec = replace(spec, words=called[spec.source])
        if spec.kind in _OF_SEATS:
            spec = replace(spec, seats=seats)
        made.append(spec)
    return tuple(made)
