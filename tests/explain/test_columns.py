"""Drivers are ranked by size, ties by name, however many are asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.explain.columns import ranked
from churnhealth.features.spec import feature


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 20),
    width=st.integers(1, 12),
    top=st.none() | st.integers(0, 14),
)
def test_ranks_are_those_of_a_plain_sort(seed, n, width, top):
    random = np.random.default_rng(seed)
    items = random.permutation([*"abcdefghijkl"])[:width]
    specs = [feature("count", source="app", item=item, days=28) for item in items]
    effects = random.choice([-0.5, -0.1, 0.0, 0.1, 0.5, 0.7], (n, width))
    wanted = []
    for i, row in enumerate(effects.tolist()):
        moved = [j for j in range(width) if row[j] != 0]
        moved.sort(key=lambda j: (-abs(row[j]), specs[j].name))
        wanted += [(i, j, place + 1) for place, j in enumerate(moved[:top])]
    found = [cells.tolist() for cells in ranked(effects, specs, top=top)]
    assert list(zip(*found, strict=True)) == wanted
