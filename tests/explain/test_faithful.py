"""What the drivers claim is what the model does when their features are neutralised."""

import numpy as np
import pytest
from tests.made import bundle_of, panel_of

from churnhealth.assessing import score_matrix

TOP = 3


@pytest.mark.parametrize("name", ["logistic", "gbm", "blend"])
def test_neutralising_the_strongest_drivers_moves_the_score_as_claimed(name):
    bundle, X = bundle_of(name), panel_of().X
    X = X[np.isfinite(X).mean(axis=1) > 0.8][:600]
    why = score_matrix(bundle, X).explained
    told = np.where(np.isnan(X), 0.0, why.effects)  # what was not measured stays so
    order = np.argsort(-told, axis=1)[:, :TOP]
    claimed = np.take_along_axis(told, order, axis=1).sum(axis=1)
    plain = X.copy()
    np.put_along_axis(plain, order, bundle.peers[order], axis=1)
    moved = why.log_odds - score_matrix(bundle, plain).explained.log_odds
    large = claimed > np.quantile(claimed, 0.5)
    # an effect is against the average account, the change against the median one
    assert np.corrcoef(claimed, moved)[0, 1] > 0.7
    assert 0.5 < moved[large].mean() / claimed[large].mean() < 1.5
    assert (moved[large] > 0).mean() > 0.9


@pytest.mark.parametrize("name", ["logistic", "gbm"])
def test_features_without_an_effect_move_nothing(name):
    bundle, X = bundle_of(name), panel_of().X[:50].copy()
    why = score_matrix(bundle, X).explained
    idle = ~why.effects.any(axis=0) & ~score_matrix(
        bundle, panel_of().X
    ).explained.effects.any(axis=0)
    assert idle.any()
    X[:, idle] += 7.0
    np.testing.assert_allclose(
        score_matrix(bundle, X).explained.log_odds, why.log_odds, atol=1e-12
    )
