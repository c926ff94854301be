import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.estimator import Training
from churnhealth.scorers.lens import learn_lens
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.splits import inner_folds


def rows_of(y, groups=None, order=None, X=None):
    y = np.asarray(y, float)
    groups = np.arange(y.size) if groups is None else groups
    X = np.zeros((y.size, 1)) if X is None else X
    outcomes = np.unique(groups[y > 0]).size
    return Training(X=X, y=y, groups=groups, order=order, outcomes=outcomes)


def noisy(accounts, *, skill, features=30, looks=6, seed=0):
    """One true feature of many, each account seen several times."""
    random = np.random.default_rng(seed)
    account = np.tile(np.arange(accounts), looks)
    order = np.repeat(np.arange(looks) * 30, accounts)
    X = random.normal(size=(accounts, features))[account]
    X = X + 0.3 * random.normal(size=X.shape)
    y = (random.random(account.size) < sigmoid(-3 + skill * X[:, 0])).astype(int)
    return X, y, account, order


def test_later_days_judge_earlier_ones_with_the_embargo_between():
    order = np.repeat(np.arange(12) * 30, 20)
    y = np.arange(240) % 5 == 0
    folds = inner_folds(rows_of(y, order=order), embargo_days=45)
    assert len(folds) == 3
    for fit, judge in folds:
        assert order[fit].max() + 45 < order[judge].min()
    judged = np.sum([judge for _, judge in folds], axis=0)
    assert judged.max() == 1


def test_without_days_whole_accounts_judge_each_other():
    account = np.repeat(np.arange(50), 4)
    folds = inner_folds(rows_of(account % 3 == 0, groups=account), embargo_days=0)
    assert len(folds) == 5
    for fit, judge in folds:
        assert not set(account[fit]) & set(account[judge])


def test_too_few_outcomes_give_no_folds_and_the_strongest_penalty():
    X, _, account, order = noisy(100, skill=0)
    y = np.zeros(600, int)
    y[[5, 99]] = 1
    assert inner_folds(rows_of(y, account, order), embargo_days=0) == []
    assert LogisticScorer().fit(X, y, account, order).penalty_ == 3000.0


def test_few_outcomes_never_get_a_weak_penalty():
    X, _, account, order = noisy(400, skill=0)
    y = np.zeros(2400, int)
    y[np.arange(0, 2400, 120)] = 1  # 20 outcomes
    X[:, 0] += 3 * y  # however well a feature tells them apart
    assert LogisticScorer().fit(X, y, account, order).penalty_ >= 400.0


def test_noise_gets_a_strong_penalty_and_signal_a_weaker_one():
    noise = LogisticScorer().fit(*noisy(400, skill=0.0))
    signal = LogisticScorer().fit(*noisy(400, skill=2.0))
    assert noise.penalty_ >= 1000.0
    assert signal.penalty_ < noise.penalty_


def test_it_finds_the_signal_out_of_time():
    X, y, account, order = noisy(600, skill=1.5)
    early, late = order < 90, order >= 90
    scorer = LogisticScorer().fit(X[early], y[early], account[early], order[early])
    best = roc_auc_score(y[late], X[late, 0])
    assert roc_auc_score(y[late], scorer.decision_function(X[late])) > best - 0.03


def test_one_wild_value_moves_the_margin_no_further_than_training_reached():
    X, y, account, order = noisy(200, skill=1.0)
    scorer = LogisticScorer().fit(X, y, account, order)
    wild, edge = X[:1].copy(), X[:1].copy()
    wild[0, 0], edge[0, 0] = 1e12, X[:, 0].max()
    margins = scorer.decision_function(np.vstack([wild, edge]))
    assert margins[0] == pytest.approx(margins[1])


def test_an_absence_counts_only_when_it_tells_something():
    random = np.random.default_rng(0)
    X = random.normal(size=(2000, 3))
    y = (random.random(2000) < 0.2).astype(float)
    X[(y > 0) & (random.random(2000) < 0.5), 0] = np.nan
    X[random.random(2000) < 0.2, 1] = np.nan
    lens = learn_lens(X, y, np.arange(2000))
    absences = lens.source[lens.kind == 2]
    assert absences.tolist() == [0]


def test_columns_are_centred_and_noise_is_shrunk():
    X, y, account, _ = noisy(400, skill=1.5)
    lens = learn_lens(X, y.astype(float), account)
    columns = lens.seen(X)
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-9)
    spread = columns.std(axis=0)
    lines = lens.kind == 0
    true = spread[lines & (lens.source == 0)]
    assert (spread <= 1.0).all()
    assert true > 0.9
    assert np.median(spread[lens.source != 0]) < 0.5


def test_evidence_counts_accounts_and_not_rows():
    X, y, account, _ = noisy(300, skill=0.5)
    once = learn_lens(X, y.astype(float), account)
    rows = np.repeat(np.arange(y.size), 5)
    often = learn_lens(X[rows], y[rows].astype(float), account[rows])
    np.testing.assert_allclose(often.gain, once.gain, atol=0.02)


def test_it_follows_a_risk_that_bends():
    random = np.random.default_rng(0)
    x = random.uniform(0, 300, 6000)  # days to renewal: only the near end matters
    y = (random.random(6000) < sigmoid(-3 + 3 * (x < 60))).astype(int)
    scorer = LogisticScorer(penalties=(30.0,)).fit(x[:, None], y)
    near, middle, far = scorer.predict_proba(np.array([[20.0], [150.0], [290.0]]))[:, 1]
    assert near > 4 * middle
    assert abs(middle - far) < 0.05


def test_features_that_never_move_leave_the_base_rate():
    y = np.arange(100) % 10 == 0
    p = LogisticScorer().fit(np.ones((100, 2)), y.astype(int)).predict_proba
    assert p(np.ones((1, 2)))[0, 1] == pytest.approx(0.1)


def test_the_base_is_the_margin_at_the_training_mean():
    X, y, account, order = noisy(200, skill=1.0)
    X[::7, 3] = np.nan
    scorer = LogisticScorer().fit(X, y, account, order)
    parts = scorer.contributions(X)
    np.testing.assert_allclose(parts[:, :-1].mean(axis=0), 0.0, atol=1e-9)
    assert scorer.decision_function(X).mean() == pytest.approx(parts[0, -1])


def test_a_hundred_thousand_rows_get_the_bits_that_each_gets_among_few():
    random = np.random.default_rng(4)
    X = random.normal(size=(110_000, 3))
    y = (random.random(500) < 0.3).astype(int)
    scorer = LogisticScorer(penalties=(10.0,)).fit(X[:500], y)
    few = [scorer.decision_function(part) for part in np.array_split(X, 7)]
    np.testing.assert_array_equal(scorer.decision_function(X), np.concatenate(few))
