"""Features that rank accounts alike are one story, whatever their scale."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from churnhealth.explain.related import related_features


@given(st.integers(0, 10_000))
def test_a_story_is_told_by_the_first_feature_that_ranks_alike(seed):
    random = np.random.default_rng(seed)
    base = random.normal(size=(60, 3))
    X = np.column_stack([base, base[:, 0] + 0.3 * base[:, 1], np.exp(base[:, 2])])
    X = np.round(X, 1)  # ties
    story = related_features(X)
    rho = np.abs(spearmanr(X).statistic)
    for j, first in enumerate(story):
        leaders = [k for k in range(j) if story[k] == k and rho[j, k] >= 0.85]
        assert first == (leaders[0] if leaders else j)


def test_what_was_hardly_measured_tells_its_own_story():
    x = np.arange(50.0)
    gaps = np.where(x < 40, np.nan, x)
    assert related_features(np.column_stack([x, gaps])).tolist() == [0, 1]
    assert related_features(x[:10, None] * [1.0, 1.0]).tolist() == [0, 1]
    constant = np.ones((50, 2))
    assert related_features(constant).tolist() == [0, 1]
