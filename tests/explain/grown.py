"""Random models written in LightGBM's format, odder than any it would learn itself."""

import numpy as np


def odd_rows(rng, X):
    """Rows with zeros, near zeros, infinities, huge numbers, gaps and strangers."""
    odd = np.array([0.0, -0.0, 1e-36, -1e-35, np.nan, np.inf, -np.inf, 1e18, -7.0, 2.5])
    out = X[rng.integers(0, len(X), 90)].copy()
    there = rng.random(out.shape) < 0.4
    out[there] = rng.choice(odd, there.sum())
    return out


def grown_model(rng):
    """Give a text and its number of features: any missing type at any node."""
    width = int(rng.integers(1, 6))
    kinds = rng.random(width) < 0.25  # features that hold categories
    trees = [_tree(rng, kinds, int(rng.integers(1, 13))) for _ in range(3)]
    names = " ".join(f"f{i}" for i in range(width))
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={width - 1}",
        "objective=custom",
        f"feature_names={names}",
        f"feature_infos={' '.join(['[-9:9]'] * width)}",
    ]
    blocks = [f"Tree={i}\n{tree}\n\n" for i, tree in enumerate(trees)]
    sizes = " ".join(str(len(block)) for block in blocks)
    head.append(f"tree_sizes={sizes}")
    body = "\n".join(head) + "\n\n" + "".join(blocks)
    return body + "end of trees\n\nparameters:\nend of parameters\n", width


def _tree(rng, kinds, leaves):
    """Grow by cutting a random leaf; rows are shared out at random."""
    rows = [int(rng.integers(leaves * 2, 500))]
    left, right, feature, node_rows, link = [], [], [], [], {0: None}
    for node in range(leaves - 1):
        able = [i for i, n in enumerate(rows) if n >= 2]
        leaf = int(rng.choice(able))
        node_rows.append(rows[leaf])
        mine = int(rng.integers(1, rows[leaf]))
        rows.append(rows[leaf] - mine)
        rows[leaf] = mine
        if link[leaf] is not None:
            parent, side = link[leaf]
            (left if side else right)[parent] = node
        left.append(~leaf)
        right.append(~(len(rows) - 1))
        link[leaf], link[len(rows) - 1] = (node, True), (node, False)
        feature.append(int(rng.integers(len(kinds))))
    return _written(rng, kinds, rows, left, right, feature, node_rows)


def _written(rng, kinds, rows, left, right, feature, node_rows):
    thresholds, decisions, edges, words = [], [], [0], []
    for f in feature:
        if kinds[f]:
            thresholds.append(float(len(edges) - 1))
            decisions.append(1)
            words += [int(w) for w in rng.integers(0, 2**32, rng.integers(1, 3))]
            edges.append(len(words))
        else:
            special = [0.0, 1e-35, -1e-35, 1.0, -1.0, 0.5]
            free = round(rng.normal(), 1)
            thresholds.append(float(rng.choice([*special, *[free] * 6])))
            decisions.append(int(rng.integers(0, 2)) * 2 + 4 * int(rng.integers(0, 3)))
    said = {
        "num_leaves": [len(rows)],
        "num_cat": [len(edges) - 1],
        "split_feature": feature,
        "split_gain": [1] * len(feature),
        "threshold": thresholds,
        "decision_type": decisions,
        "left_child": left,
        "right_child": right,
        "leaf_value": rng.normal(size=len(rows)).tolist(),
        "leaf_weight": rows,
        "leaf_count": rows,
        "internal_value": [0] * len(feature),
        "internal_weight": node_rows,
        "internal_count": node_rows,
    }
    if len(edges) > 1:
        said |= {"cat_boundaries": edges, "cat_threshold": words}
    said |= {"is_linear": [0], "shrinkage": [1]}
    lines = [f"{k}={' '.join(map(_said, v))}" for k, v in said.items()]
    return "\n".join(lines) + "\n"


def _said(number):
    return repr(number.item() if isinstance(number, np.generic) else number)
