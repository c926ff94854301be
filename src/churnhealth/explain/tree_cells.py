"""Into which cells a tree cuts its features, and what it adds to each in every cell.

A leaf with value v, whose path asks d features, adds to feature j::

    v (z_j - r_j) * sum over s of  s! (d-s-1)! / d!  * [x^s] prod_{k != j} (r_k + z_k x)

(Lundberg et al. 2018), where z_k says whether the row passes all that the path asks of
feature k and r_k is the share of training rows that did. Since s!(d-s-1)!/d! is the
integral of t^s (1-t)^(d-1-s) over [0, 1], the sum is that of a polynomial of degree
d - 1, which Gauss-Legendre with d/2 points gives exactly, and without cancellation::

    v (z_j - r_j) * integral of prod_{k != j} ((1 - t) r_k + t z_k)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from churnhealth.explain.tree_atoms import Atoms
from churnhealth.explain.tree_text import Tree
from churnhealth.sources.contract import Floats, Ints

__all__ = ["CellTable", "tables_of"]

_TABLE_BYTES = 2**18  # what is looked up together stays near the processor

Step = tuple[int, bool]  # a node, and whether the path goes left there
Path = tuple[int, list[Step]]  # a leaf, and the way to it


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CellTable:
    """What some leaves of a tree add to its features: ``cells`` (C, features).

    ``features`` are positions in ``Atoms.features``. The row of ``cells`` is the sum of
    ``steps[k][code]`` over the features, with the codes that ``Atoms`` gives.
    """

    features: tuple[int, ...]
    steps: tuple[Ints, ...]
    cells: Floats


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Axis:
    """One feature of a table: the cell of each code, the answers of each cell."""

    cell: Ints
    nodes: tuple[int, ...]
    goes_left: NDArray[np.bool_]  # (cells, nodes)

    def passes(self, asked: Sequence[Step]) -> NDArray[np.bool_]:
        """Say which cells pass everything a path asks of this feature."""
        columns = [self.nodes.index(node) for node, _ in asked]
        wanted = np.array([left for _, left in asked])
        return np.asarray((self.goes_left[:, columns] == wanted).all(axis=1))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Leaf:
    """What a path asks, feature by feature, and what its leaf adds (2^d, d)."""

    asked: dict[int, list[Step]]
    effects: Floats


def tables_of(tree: Tree, atoms: Atoms, *, most_bytes: int) -> list[CellTable] | None:
    """Work out the tables of one tree; ``None`` where they would not fit.

    A tree whose single table would be large is cut into its branches, each with a
    table of its own: the leaves' sums do not need each other.
    """
    if tree.value.size == 1:
        return []
    made: list[CellTable] = []
    leaves: dict[int, _Leaf] = {}
    todo = [(0, list(_paths(tree)))]
    while todo:
        depth, paths = todo.pop()
        axes = _axes(tree, atoms, paths)
        size = 8 * len(axes) * prod(len(axis.goes_left) for axis in axes.values())
        if size > _TABLE_BYTES and len(paths) > 1:
            todo += [
                (depth + 1, [p for p in paths if p[1][depth][1] is left])
                for left in (False, True)
            ]
            continue
        most_bytes -= size
        if size > _TABLE_BYTES or most_bytes < 0:
            return None
        leaves = leaves or _leaves(tree)
        made.append(_table(axes, [leaves[leaf] for leaf, _ in paths], atoms))
    return made


def _paths(tree: Tree) -> Iterator[Path]:
    """Walk to every leaf."""
    todo: list[Path] = [(0, [])]
    while todo:
        node, steps = todo.pop()
        if node < 0:
            yield ~node, steps
            continue
        todo.append((int(tree.right[node]), [*steps, (node, False)]))
        todo.append((int(tree.left[node]), [*steps, (node, True)]))


def _axes(tree: Tree, atoms: Atoms, paths: Sequence[Path]) -> dict[int, _Axis]:
    """Merge the codes that no node on these paths tells apart, feature by feature."""
    nodes: dict[int, set[int]] = {}
    for node in {node for _, steps in paths for node, _ in steps}:
        nodes.setdefault(int(tree.feature[node]), set()).add(node)
    axes = {}
    for feature in sorted(nodes):
        mine = tuple(sorted(nodes[feature]))
        answers = np.column_stack([atoms.goes_left(tree, node) for node in mine])
        kinds, cell = np.unique(answers, axis=0, return_inverse=True)
        axes[feature] = _Axis(cell=cell.reshape(-1), nodes=mine, goes_left=kinds)
    return axes


def _leaves(tree: Tree) -> dict[int, _Leaf]:
    """Work out what every leaf adds, all of equal depth together."""
    asked: dict[int, dict[int, list[Step]]] = {}
    shares: dict[int, list[float]] = {}
    alike: dict[int, list[int]] = {}
    for leaf, steps in _paths(tree):
        mine: dict[int, list[Step]] = {}
        share: dict[int, float] = {}
        for step in steps:
            feature = int(tree.feature[step[0]])
            mine.setdefault(feature, []).append(step)
            share[feature] = share.get(feature, 1.0) * _share(tree, step)
        asked[leaf], shares[leaf] = mine, list(share.values())
        alike.setdefault(len(mine), []).append(leaf)
    found = {}
    for same in alike.values():
        effects = _effects(tree.value[same], np.array([shares[leaf] for leaf in same]))
        for leaf, effect in zip(same, effects, strict=True):
            found[leaf] = _Leaf(asked=asked[leaf], effects=effect)
    return found


def _share(tree: Tree, step: Step) -> float:
    node, left = step
    child = int(tree.left[node] if left else tree.right[node])
    rows = tree.leaf_rows[~child] if child < 0 else tree.node_rows[child]
    return float(rows / tree.node_rows[node])


def _effects(value: Floats, r: Floats) -> Floats:
    """Give (leaves, 2^d, d): bit k of the middle index says that feature k passes."""
    d = r.shape[1]
    z = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
    t, weight = _points(d)
    one = (1 - t)[:, None, None] * r[:, None, None, :] + t[:, None, None] * z
    before, after = np.ones_like(one), np.ones_like(one)
    for k in range(1, d):
        before[..., k] = before[..., k - 1] * one[..., k - 1]
        after[..., d - 1 - k] = after[..., d - k] * one[..., d - k]
    integral = np.einsum("q,lqpk->lpk", weight, before * after)
    effects: Floats = value[:, None, None] * (z - r[:, None, :]) * integral
    return effects


@lru_cache(maxsize=64)
def _points(d: int) -> tuple[Floats, Floats]:
    """Give points and weights on [0, 1] that are exact for degree d - 1."""
    x, weight = np.polynomial.legendre.leggauss((d + 1) // 2)
    return (x + 1) / 2, weight / 2


def _table(axes: dict[int, _Axis], leaves: Sequence[_Leaf], atoms: Atoms) -> CellTable:
    """Add up the leaves in every cell."""
    sizes = [len(axis.goes_left) for axis in axes.values()]
    strides = [prod(sizes[k + 1 :]) for k in range(len(sizes))]
    place = {feature: k for k, feature in enumerate(axes)}
    every = np.arange(prod(sizes))
    at = [every // s % n for s, n in zip(strides, sizes, strict=True)]
    cells = np.zeros((len(axes), every.size))
    for leaf in leaves:
        pattern = np.zeros(every.size, np.int64)
        for bit, (feature, asked) in enumerate(leaf.asked.items()):
            passes = axes[feature].passes(asked).astype(np.int64) << bit
            pattern += passes.take(at[place[feature]])
        for bit, feature in enumerate(leaf.asked):
            cells[place[feature]] += leaf.effects[:, bit].take(pattern)
    return CellTable(
        features=tuple(np.searchsorted(atoms.features, list(axes)).tolist()),
        steps=tuple(
            axis.cell * stride
            for axis, stride in zip(axes.values(), strides, strict=True)
        ),
        cells=np.ascontiguousarray(cells.T),
    )
