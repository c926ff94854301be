"""Which values a whole model cannot tell apart: one code for each such set of values.

A numeric feature is cut at every threshold any tree asks of it; missing is a code of
its own, and so is zero where a node treats it as missing. A categorical feature has a
code per category that is named anywhere, and one for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import BundleError
from churnhealth.explain.tree_text import NEAR_ZERO, Tree
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Atoms", "atoms_of"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Atoms:
    """The codes of every feature that the trees ask (U of them, by column).

    ``edges`` are a feature's thresholds, or its named categories, rising.
    """

    features: Ints
    edges: tuple[Floats, ...]
    categorical: NDArray[np.bool_]
    knows_zero: NDArray[np.bool_]
    _flat: Floats
    _start: Ints
    _owner: Ints
    _missing: Ints
    _named: tuple[int, ...]
    _zeros: bool

    def codes(self, which: int, x: Floats) -> Ints:
        """Give the code of each value of one feature."""
        edges = self.edges[which]
        if self.categorical[which]:
            return _category_codes(edges, x)
        zero = np.abs(x) <= NEAR_ZERO
        code = edges.searchsorted(np.where(zero, 0.0, x))
        code[np.isnan(x)] = edges.size + 1
        if self.knows_zero[which]:
            code[zero] = edges.size + 2
        return code

    def codes_of_rows(self, X: Floats) -> Ints:
        """Give the code of each feature for a few rows: the same as ``codes``."""
        x = X.take(self.features, axis=1)
        zero = np.abs(x) <= NEAR_ZERO
        x[zero] = 0.0
        below = self._flat < x.take(self._owner, axis=1)
        code = np.add.reduceat(below, self._start, axis=1, dtype=np.int64)
        np.copyto(code, self._missing, where=np.isnan(x))
        if self._zeros:
            np.copyto(code, self._missing + 1, where=zero & self.knows_zero)
        for which in self._named:
            code[:, which] = _category_codes(self.edges[which], x[:, which])
        return code

    def goes_left(self, tree: Tree, node: int) -> NDArray[np.bool_]:
        """Say which codes of a node's feature go left there."""
        which = int(np.searchsorted(self.features, tree.feature[node]))
        edges = self.edges[which]
        if node in tree.sets:
            return np.append(np.isin(edges, tree.sets[node]), False)
        numbers = np.arange(edges.size + 1)
        left = numbers <= edges.searchsorted(tree.threshold[node])
        zero = int(edges.searchsorted(0.0))
        if not tree.zero_is_missing[node]:
            tail = [tree.nan_left[node], left[zero]]
        else:
            tail = [tree.nan_left[node], tree.zero_left[node]]
        return np.append(left, tail)


def _category_codes(named: Floats, x: Floats) -> Ints:
    """LightGBM cuts towards zero; missing and unnamed share the last code."""
    whole = np.trunc(x)
    code = np.minimum(named.searchsorted(whole), named.size - 1)
    return np.where(named[code] == whole, code, named.size)


def atoms_of(trees: Sequence[Tree], *, width: int) -> Atoms:
    """Collect what all trees ask of each feature.

    Raises
    ------
    BundleError
        CH411 they ask for a feature beyond ``width``.
    """
    asked: dict[int, list[Floats]] = {}
    sets: dict[int, list[Ints]] = {}
    zeros: set[int] = set()
    for tree in trees:
        for node, feature in enumerate(tree.feature.tolist()):
            if node in tree.sets:
                sets.setdefault(feature, []).append(tree.sets[node])
                continue
            asked.setdefault(feature, []).append(tree.threshold[node : node + 1])
            if tree.zero_is_missing[node]:
                zeros.add(feature)
    features = sorted({*asked, *sets})
    if (features and features[-1] >= width) or set(asked) & set(sets):
        raise BundleError(
            "CH411",
            f"the trees do not ask for these {width} features",
            why="the parts of another model's features would be told as this one's",
            fix="give the model and the features of one bundle",
        )
    edges = tuple(
        np.unique(np.concatenate([*asked.get(f, []), *sets.get(f, [])])).astype(float)
        for f in features
    )
    sizes = [e.size for e in edges]
    return Atoms(
        features=np.array(features, np.int64),
        edges=edges,
        categorical=np.array([f in sets for f in features], bool),
        knows_zero=np.array([f in zeros for f in features], bool),
        _flat=np.concatenate([*edges, np.zeros(0)]),
        _start=np.cumsum([0, *sizes])[:-1].astype(np.int64),
        _owner=np.repeat(np.arange(len(edges)), sizes),
        _missing=np.array(sizes, np.int64) + 1,
        _named=tuple(i for i, f in enumerate(features) if f in sets),
        _zeros=bool(zeros),
    )
