"""Which way a state is good: what its owner says of it, or its name does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from churnhealth.config import StatesSource
from churnhealth.features.spec import FeatureSpec

__all__ = ["directed"]

_LEVELS = ("latest", "fresh", "average", "recent_average", "change")
_KNOWN = {"nps": "better", "csat": "better"}
_SIGN = {"better": -1, "worse": 1}


def directed(
    specs: Sequence[FeatureSpec], sources: Sequence[StatesSource]
) -> tuple[FeatureSpec, ...]:
    """Give the features of states the direction that is expected of their values.

    ``higher`` of the source says whether more is better; without it that holds for
    states named ``nps`` and ``csat``. Features that measure no value stay as they are.

    >>> from churnhealth.features.spec import feature
    >>> grade, age = (
    ...     feature(kind, source="pulse", item="grade", category="experience")
    ...     for kind in ("latest", "days_since_noted")
    ... )
    >>> pulse = StatesSource(name="pulse", path="pulse.csv", higher="better")
    >>> [spec.direction for spec in directed([grade, age], [pulse])]
    [-1, 0]
    """
    told = {source.name: source.higher for source in sources}
    made = []
    for spec in specs:
        if spec.source in told and spec.kind in _LEVELS:
            known = _KNOWN.get((spec.item or "").lower())
            higher = told[spec.source] or known
            spec = replace(spec, direction=_SIGN[higher]) if higher else spec
        made.append(spec)
    return tuple(made)
