import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.ridge import ridge


def drawn(rows=500, width=6, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, width))
    z = -1.5 + X @ random.normal(size=width) * 0.7
    return X, (random.random(rows) < sigmoid(z)).astype(float)


@pytest.mark.parametrize("penalty", [0.5, 10.0, 1000.0])
def test_without_an_offset_it_is_scikit_learn_s_logistic_regression(penalty):
    X, y = drawn()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = LogisticRegression(C=1.0 / penalty, tol=1e-10, max_iter=5000).fit(X, y)
    coef, level = ridge(X, y, penalty=penalty, offset=np.zeros(y.size))
    np.testing.assert_allclose(coef, known.coef_[0], atol=1e-5)
    assert level == pytest.approx(known.intercept_[0], abs=1e-5)


def test_an_offset_that_knows_a_column_leaves_nothing_for_it():
    X, y = drawn(rows=20_000)
    free, _ = ridge(X, y, penalty=1e-6, offset=np.zeros(y.size))
    known = free[0] * X[:, 0]
    rest, _ = ridge(X, y, penalty=1e-6, offset=known)
    assert rest[0] == pytest.approx(0.0, abs=1e-4)
    np.testing.assert_allclose(rest[1:], free[1:], atol=1e-4)


def test_the_mean_probability_is_the_rate_whatever_the_penalty():
    X, y = drawn()
    for penalty in (0.1, 1e6):
        coef, level = ridge(X, y, penalty=penalty, offset=2.0 * X[:, 1])
        p = sigmoid(2.0 * X[:, 1] + X @ coef + level)
        assert p.mean() == pytest.approx(y.mean(), abs=1e-6)


def test_starting_elsewhere_ends_at_the_same_place():
    X, y = drawn()
    cold = ridge(X, y, penalty=3.0, offset=np.zeros(y.size))
    start = np.full(X.shape[1] + 1, 0.5)
    warm = ridge(X, y, penalty=3.0, offset=np.zeros(y.size), start=start)
    np.testing.assert_allclose(warm[0], cold[0], atol=1e-6)


def test_columns_that_tell_everything_end_without_overflow():
    X = np.repeat([[-1.0], [1.0]], 50, axis=0)
    y = np.repeat([0.0, 1.0], 50)
    coef, _ = ridge(X, y, penalty=1e-3, offset=np.zeros(100))
    assert np.isfinite(coef).all()
    assert coef[0] > 3.0
