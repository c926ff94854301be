import numpy as np
import pytest

from churnhealth.scorers.baselines import ConstantScorer
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.estimator import rungs_kept
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.hazard import HazardScorer
from churnhealth.scorers.logistic import LogisticScorer

NAMES = ("contracts__all__days_to_renewal", "product__login__count__28d", "noise")


def company(accounts=1500, *, usage, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(accounts, 3))
    X[:, 0] = random.uniform(0, 360, accounts)
    z = np.where(X[:, 0] < 90, -1.5, -5.0) - usage * X[:, 1]
    return X, (random.random(accounts) < sigmoid(z)).astype(int)


def hazard():
    return HazardScorer(feature_names=NAMES, window=(0, 90))


def loss(scorer, X, y):
    p = scorer.predict_proba(X)[:, 1]
    return -np.mean(np.log(np.where(y == 1, p, 1.0 - p)))


@pytest.mark.parametrize("kind", [LogisticScorer, GbmScorer])
def test_with_nothing_to_add_it_stays_with_the_rung_below(kind):
    X, y = company(usage=0.0)
    below = hazard().fit(X, y)
    above = kind(feature_names=NAMES, base=hazard()).fit(X, y)
    moved = above.decision_function(X) - below.decision_function(X)
    assert np.abs(moved).mean() < 0.1


@pytest.mark.parametrize("kind", [LogisticScorer, GbmScorer])
def test_what_the_rung_below_cannot_know_is_added(kind):
    X, y = company(usage=1.0)
    later, outcome = company(usage=1.0, seed=1)
    below = hazard().fit(X, y)
    above = kind(feature_names=NAMES, base=hazard()).fit(X, y)
    assert loss(above, later, outcome) < 0.95 * loss(below, later, outcome)


@pytest.mark.parametrize("kind", [LogisticScorer, GbmScorer])
def test_its_parts_are_its_own_and_those_of_the_rung_below(kind):
    X, y = company(usage=1.0)
    scorer = kind(feature_names=NAMES, base=hazard()).fit(X, y)
    parts = scorer.contributions(X)
    np.testing.assert_allclose(
        parts.sum(axis=1), scorer.decision_function(X), rtol=0, atol=1e-9
    )
    own = parts - scorer.base_.contributions(X)
    assert np.abs(own[:, 1]).mean() > 5 * np.abs(own[:, 2]).mean()


@pytest.mark.parametrize("kind", [LogisticScorer, GbmScorer])
def test_the_rung_below_is_left_as_it_was(kind):
    X, y = company(usage=1.0)
    base = hazard()
    kind(feature_names=NAMES, base=base).fit(X, y)
    assert not hasattr(base, "level_")


def test_a_settled_copy_keeps_what_was_chosen_and_nothing_that_was_learned():
    X, y = company(usage=1.0)
    line = LogisticScorer(feature_names=NAMES, base=hazard()).fit(X, y)
    trees = GbmScorer(feature_names=NAMES, base=ConstantScorer()).fit(X, y)
    assert line.settled().penalties == (line.penalty_,)
    assert trees.settled().rounds == trees.rounds_
    assert not hasattr(line.settled(), "coef_")
    again = line.settled().fit(X, y)
    np.testing.assert_array_equal(again.coef_, line.coef_)


@pytest.mark.parametrize("kind", [LogisticScorer, GbmScorer])
def test_a_rung_that_is_fitted_already_is_not_fitted_again(kind):
    X, y = company(usage=1.0)
    below = hazard().fit(X, y)
    above = kind(feature_names=NAMES)
    above.stand_on(below)
    assert above.fit(X, y).base_ is below
    alone = kind(feature_names=NAMES, base=hazard()).fit(X, y)
    np.testing.assert_array_equal(
        above.decision_function(X), alone.decision_function(X)
    )


def test_fitted_anew_on_other_rows_it_does_not_stay_on_what_it_stood_on_before():
    X, y = company(usage=1.0)
    below = hazard().fit(X, y)
    above = LogisticScorer(feature_names=NAMES)
    above.stand_on(below)
    above.fit(X, y)
    half = slice(None, None, 2)
    again, alone = above.fit(X[half], y[half]), LogisticScorer(feature_names=NAMES)
    assert again.base_ is not below
    alone.base = hazard()
    np.testing.assert_array_equal(again.coef_, alone.fit(X[half], y[half]).coef_)


def test_a_blend_fitted_again_stands_on_its_own_members():
    X, y = company(usage=1.0)
    line, trees = LogisticScorer(feature_names=NAMES), GbmScorer(feature_names=NAMES)
    line.stand_on(hazard().fit(X, y))
    trees.stand_on(line.fit(X, y))
    blend = BlendScorer.of([line, trees.fit(X, y)]).settled().fit(X, y)
    line_again, trees_again = blend.members_
    assert trees_again.base_ is line_again
    assert line_again is not line
    np.testing.assert_array_equal(
        trees_again.decision_function(X), trees.decision_function(X)
    )


def test_rungs_are_asked_once_about_the_matrix_that_is_kept_and_no_other():
    X, y = company(usage=1.0)
    line = LogisticScorer(feature_names=NAMES).fit(X, y)
    with rungs_kept(X):
        assert line.decision_function(X) is line.decision_function(X)
        other = line.decision_function(X[::2])
        np.testing.assert_array_equal(other, line.decision_function(X)[::2])
    assert line.decision_function(X) is not line.decision_function(X)
