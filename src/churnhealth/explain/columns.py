"""What a model's columns are called, and which of them moved an account most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from churnhealth.explain.wording import Say, speaker
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Floats, Ints, Texts

__all__ = ["Named", "named_by", "named_columns", "ranked"]

_SHORT_LIST = 8  # so many are found faster one by one than by sorting all


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Named:
    """What the columns are called, their words, and their order by name."""

    name: Texts
    label: Texts
    category: Texts
    say: tuple[Say, ...]
    by_name: Ints


class _Same:
    """Specs that count as equal only where they are the same object.

    A request asks for the words of one bundle's features again and again; to compare
    all of them each time would take longer than to answer.
    """

    __slots__ = ("specs",)

    def __init__(self, specs: Sequence[FeatureSpec]) -> None:
        self.specs = specs

    def __hash__(self) -> int:
        return id(self.specs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.specs is self.specs


def named_by(specs: Sequence[FeatureSpec]) -> Named:
    """Prepare the words of all columns; for a tuple of specs they are kept.

    >>> from churnhealth.features.spec import feature
    >>> specs = [feature("count", source="app", item=i, days=28) for i in "ba"]
    >>> named_by(specs).by_name.tolist()
    [1, 0]
    """
    # A list may be changed by its owner between two calls; a tuple cannot.
    same = _Same(specs)
    return _kept(same) if isinstance(specs, tuple) else _made(same)


def _made(same: _Same) -> Named:
    names = [s.name for s in same.specs]
    by_name = sorted(range(len(names)), key=names.__getitem__)
    return Named(
        name=texts(names),
        label=texts(s.label for s in same.specs),
        category=texts(s.category for s in same.specs),
        say=tuple(map(speaker, same.specs)),
        by_name=np.array(by_name, dtype=np.int64),
    )


_kept = lru_cache(maxsize=8)(_made)


def named_columns(specs: Sequence[FeatureSpec]) -> tuple[Texts, Texts, Texts]:
    """Give name, label and category of each column."""
    named = named_by(specs)
    return named.name, named.label, named.category


def ranked(
    effects: Floats, specs: Sequence[FeatureSpec], *, top: int | None
) -> tuple[Ints, Ints, Ints]:
    """Order each row by size of effect; give row, column and rank of each driver.

    Ranks count from 1, ties go by name, and what has no effect is left out; ``top``
    keeps so many.

    >>> from churnhealth.features.spec import feature
    >>> specs = [feature("count", source="app", item=i, days=28) for i in "abc"]
    >>> row, column, rank = ranked(np.array([[0.1, 0.0, -0.3]]), specs, top=None)
    >>> row.tolist(), column.tolist(), rank.tolist()
    ([0, 0], [2, 0], [1, 2])
    """
    by_name = named_by(specs).by_name
    falling = -np.abs(effects.take(by_name, axis=1))
    order = _first(falling, top)  # ties stay by name
    row, place = (falling[np.arange(len(order))[:, None], order] < 0).nonzero()
    return row, by_name[order[row, place]], place + 1


def _first(falling: Floats, many: int | None) -> Ints:
    """Give the columns of each row's ``many`` least numbers, as a stable sort does."""
    if many is None or many > min(_SHORT_LIST, *falling.shape):
        return falling.argsort(axis=1, kind="stable")[:, :many]
    left, order = falling.copy(), np.empty((len(falling), many), np.int64)
    rows = np.arange(len(falling))
    for place in range(many):
        order[:, place] = left.argmin(axis=1)
        left[rows, order[:, place]] = np.inf
    return order
