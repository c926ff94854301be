"""What drives the scores of many accounts together: how much, and which way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from churnhealth.explain.related import ranks
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import Floats, Texts

__all__ = ["against_expectation", "overall_drivers"]

_CLEAR = 0.3  # rank correlation from which a direction is one
_WORTH_TELLING = 0.01  # of all that moves the scores
_FEWEST = 20  # accounts of a segment
_TOP = 20  # so many features are listed


def overall_drivers(
    effects: Floats,
    specs: Sequence[FeatureSpec],
    *,
    values: Floats,
    segment: Texts | None = None,
    others: Sequence[Floats] = (),
) -> list[dict[str, Any]]:
    """List what moves the scores of n accounts most, strongest first.

    ``effects`` (n, F) are in log-odds. ``share`` is a feature's part of all movement
    (its mean absolute effect over the sum of all); ``direction`` the rank correlation
    of its values with its effects, +1 where more always goes with more risk;
    ``expected`` what the spec says; ``contradicts`` whether the two clearly differ.
    ``others`` are the effects that models of other folds give the same accounts:
    ``share_range`` spans them. ``segments`` has the share within each segment of at
    least 20 accounts.

    >>> from churnhealth.features.spec import feature
    >>> x = np.arange(30.0)[:, None]
    >>> logins = feature("count", source="app", item="login", days=28)
    >>> [told] = overall_drivers(0.1 * x, [logins], values=x)
    >>> told["share"], told["direction"], told["expected"], told["contradicts"]
    (1.0, 1.0, -1, True)
    """
    share = _shares(effects)
    spans = np.stack([share, *(_shares(other) for other in others)])
    parts = _segments(effects, segment)
    rows = []
    for j in np.argsort(-share, kind="stable")[:_TOP].tolist():
        if share[j] <= 0.0:
            break
        spec = specs[j]
        way = _direction(values[:, j], effects[:, j])
        clear = abs(way) >= _CLEAR and share[j] >= _WORTH_TELLING
        rows.append(
            {
                "feature": spec.name,
                "label": spec.label,
                "category": spec.category,
                "share": float(share[j]),
                "share_range": [float(spans[:, j].min()), float(spans[:, j].max())],
                "direction": way,
                "expected": spec.direction,
                "contradicts": bool(clear and way * spec.direction < 0),
                "segments": {name: float(part[j]) for name, part in parts.items()},
            }
        )
    return rows


def against_expectation(drivers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which drivers point the other way than a sensible business expects.

    >>> against_expectation([{"label": "Logins", "contradicts": True, "direction": .8}])
    ['Logins: more goes with more risk here, against what is expected']
    """
    return [
        f"{d['label']}: more goes with {'more' if d['direction'] > 0 else 'less'} risk"
        " here, against what is expected"
        for d in drivers
        if d["contradicts"]
    ]


def _shares(effects: Floats) -> Floats:
    size = np.abs(effects).mean(axis=0) if len(effects) else np.zeros(effects.shape[1])
    total = size.sum()
    return np.asarray(size / total if total > 0 else size, np.float64)


def _direction(value: Floats, effect: Floats) -> float:
    known = ~np.isnan(value)
    x, y = ranks(value[known]), ranks(effect[known])
    x, y = x - x.mean() if x.size else x, y - y.mean() if y.size else y
    length = np.sqrt(np.square(x).sum() * np.square(y).sum())
    return float(np.round((x * y).sum() / length, 6)) if length > 0 else 0.0


def _segments(effects: Floats, segment: Texts | None) -> dict[str, Floats]:
    if segment is None:
        return {}
    names = sorted({name for name in segment if name})
    rows = {name: np.flatnonzero(segment == name) for name in names}
    return {n: _shares(effects[at]) for n, at in rows.items() if at.size >= _FEWEST}
