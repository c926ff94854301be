"""Drivers of a few accounts as plain values, for an answer that is made at once.

``driver_table`` fills columns, which is fast for a portfolio; for one account each of
its columns would cost more than all that stands in them. What is told is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churnhealth.explain.columns import named_by, ranked
from churnhealth.explain.drivers import Explained, cells
from churnhealth.explain.wording import among_few
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import Floats, Ints

__all__ = ["driver_rows"]

_NAN = float("nan")


def driver_rows(
    explained: Explained,
    specs: Sequence[FeatureSpec],
    *,
    values: Floats,
    peers: Floats,
    past: Floats | None = None,
    tenths: tuple[Floats, Ints] | None,
    related: Ints,
    top: int,
    worded: int = 5,
) -> list[list[dict[str, Any]]]:
    """List the ``top`` drivers of each of n accounts, strongest first.

    ``values``, ``past``, ``peers``, ``tenths``, ``related`` and ``worded`` are those of
    ``driver_table``. Unknown numbers are ``None``.

    >>> import numpy as np
    >>> from churnhealth.explain.drivers import explain_margin
    >>> from churnhealth.features.spec import feature
    >>> users = feature("count", source="product", item="logins", days=28)
    >>> why = explain_margin(np.array([[0.61, -2.0]]), slope=1.0, intercept=0.0)
    >>> [[driver]] = driver_rows(why, [users], values=np.array([[8.0]]), tenths=None,
    ...     peers=np.array([12.0]), related=np.array([0]), top=5)
    >>> driver["sentence"], driver["effect_log_odds"]
    ('Logins: 8 in the last 4 weeks; similar accounts have 12.', 0.61)
    """
    named = named_by(specs)
    row, column, _ = ranked(explained.effects, specs, top=top)
    low = high = [_NAN] * len(row)
    if tenths is not None:
        levels, of_row = tenths
        low, high = levels[of_row[row], :, column].T.tolist()
    effects = explained.effects[row, column]
    points = 100.0 * explained.points[row, column]
    measured = (cells(known, row, column) for known in (values, past, peers))
    told = (row, column, related[column], *measured, effects, points)
    found: list[list[dict[str, Any]]] = [[] for _ in range(len(values))]
    stories: list[tuple[set[int], set[int]]] = [(set(), set()) for _ in found]
    for i, j, story, value, before, theirs, effect, point, below, above in zip(
        *(cell.tolist() for cell in told), low, high, strict=True
    ):
        sentence = None
        heard = stories[i][effect > 0]
        if story not in heard and len(heard) < worded:
            sentence = named.say[j](value, before, theirs, effect)
            if value < below or value > above:
                sentence = among_few(sentence, below=value < below)
        heard.add(story)
        found[i].append(
            {
                "feature": named.name[j],
                "label": named.label[j],
                "category": named.category[j],
                "value": value if value == value else None,
                "own_past": before if before == before else None,
                "peers_median": theirs if theirs == theirs else None,
                "effect_log_odds": effect,
                "effect_points": point,
                "sentence": sentence,
            }
        )
    return found
