"""What a LightGBM text model says, as arrays: one ``Tree`` per tree.

The text is trusted: whoever calls has verified its hash (``bundle.py``). What this file
does not understand it refuses; it never guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import BundleError
from churnhealth.sources.contract import Floats, Ints

__all__ = ["NEAR_ZERO", "Tree", "read_trees"]

NEAR_ZERO = float(np.float32(1e-35))
"""LightGBM reads values up to this size as zero (``kZeroThreshold``)."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NONE, _ZERO, _NAN = 0, 1, 2
_PLAIN = {"num_class": "1", "num_tree_per_iteration": "1"}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tree:
    """One tree of n leaves and n - 1 nodes; children below zero are leaves (~leaf).

    ``nan_left`` and ``zero_left`` say where a missing value and a zero go. ``sets``
    holds, per node that asks for categories, those that go left.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    nan_left: NDArray[np.bool_]
    zero_left: NDArray[np.bool_]
    zero_is_missing: NDArray[np.bool_]
    sets: Mapping[int, Ints]
    value: Floats
    leaf_rows: Floats
    node_rows: Floats

    @property
    def expected(self) -> float:
        """Give the mean leaf over the rows the tree was grown on."""
        if self.value.size == 1:
            return float(self.value[0])
        return float(np.sum(self.leaf_rows / self.node_rows[0] * self.value))


def read_trees(text: str) -> list[Tree]:
    """Read every tree of a LightGBM text model.

    Raises
    ------
    BundleError
        CH410 the text is no model of this kind: one output, constant leaves, summed.

    >>> stump = '''tree
    ... num_class=1
    ... num_tree_per_iteration=1
    ...
    ... Tree=0
    ... num_leaves=2
    ... num_cat=0
    ... split_feature=0
    ... threshold=0.5
    ... decision_type=2
    ... left_child=-1
    ... right_child=-2
    ... leaf_value=-1 1
    ... leaf_count=30 10
    ... internal_count=40
    ... is_linear=0
    ... shrinkage=1
    ...
    ... end of trees
    ... '''
    >>> [tree.expected for tree in read_trees(stump)]
    [-0.5]
    """
    body, end, _ = text.partition("\nend of trees")
    head, *parts = body.split("\nTree=")
    lines = head.splitlines()
    said = dict(line.partition("=")[::2] for line in lines)
    if not end or any(said.get(k) != v for k, v in _PLAIN.items()):
        raise _refused("it is not a whole model with one output")
    if "average_output" in lines:
        raise _refused("its trees are averaged, not summed")
    try:
        return [_tree(part) for part in parts]
    except (KeyError, ValueError, IndexError) as error:
        raise _refused("a tree is not written as LightGBM 4 writes it") from error


def _tree(text: str) -> Tree:
    said = dict(line.partition("=")[::2] for line in text.splitlines())
    if said.get("is_linear", "0") != "0":
        raise _refused("its leaves are lines, which have no exact parts")
    leaves = int(said["num_leaves"])
    threshold, kind = _floats(said["threshold"]), _ints(said["decision_type"])
    missing, default_left = kind >> 2 & 3, (kind & _DEFAULT_LEFT) > 0
    # What LightGBM does in NumericalDecision: a missing value is a zero unless the
    # node knows missing values; a zero is missing where the node says so.
    zero_by_value = threshold >= 0.0
    zero_left = np.where(missing == _ZERO, default_left, zero_by_value)
    nan_left = np.where(missing == _NONE, zero_by_value, default_left)
    tree = Tree(
        feature=_ints(said["split_feature"]),
        threshold=threshold,
        left=_ints(said["left_child"]),
        right=_ints(said["right_child"]),
        nan_left=nan_left,
        zero_left=zero_left,
        zero_is_missing=missing == _ZERO,
        sets=_category_sets(said, kind, threshold),
        value=_floats(said["leaf_value"]),
        leaf_rows=_floats(said["leaf_count"]),
        node_rows=_floats(said["internal_count"]),
    )
    sizes = {tree.feature.size, tree.left.size, tree.right.size, tree.node_rows.size}
    if sizes | {threshold.size, kind.size} != {leaves - 1} or tree.value.size != leaves:
        raise ValueError("counts differ")
    if leaves > 1 and not (tree.node_rows > 0).all():
        raise _refused("it does not say how many rows reached each node")
    return tree


def _category_sets(
    said: Mapping[str, str], kind: Ints, threshold: Floats
) -> dict[int, Ints]:
    nodes = np.flatnonzero(kind & _CATEGORICAL)
    if not nodes.size:
        return {}
    edges = _ints(said["cat_boundaries"])
    words = _ints(said["cat_threshold"]).astype(np.uint32)
    sets = {}
    for node in nodes.tolist():
        which = int(threshold[node])
        mine = words[edges[which] : edges[which + 1]]
        bits = np.unpackbits(mine.astype("<u4").view(np.uint8), bitorder="little")
        sets[node] = np.flatnonzero(bits).astype(np.int64)
    return sets


def _ints(text: str) -> Ints:
    return np.array(text.split(), dtype=np.int64)


def _floats(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)


def _refused(why: str) -> BundleError:
    return BundleError(
        "CH410",
        f"these trees cannot be explained: {why}",
        why="parts that do not add up to the score would explain nothing",
        fix="train again with this version of churnhealth and LightGBM 4",
    )
