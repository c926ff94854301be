"""What holds for all scorers alike."""

import json
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.estimator_checks import estimator_checks_generator

from churnhealth.scorers import SCORERS, scorer_class, scorer_from_json
from churnhealth.scorers.baselines import CalendarScorer, ConstantScorer, RecencyScorer
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.hazard import HazardScorer
from churnhealth.scorers.lifetime import LifetimeScorer
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.matrix import MatrixError
from churnhealth.scorers.rules import RuleScorer

NAMES = (
    "product__all__days_since",
    "contracts__all__days_to_renewal",
    "product__login__count__28d",
    "product__all__active_days__28d",
    "tickets__all__count__90d",
)
RHYTHM = (
    *(f"product__all__{k}" for k in ("days_since", "days_since_first", "total_days")),
    *NAMES[3:],
)
MAKERS = {
    "constant": lambda: ConstantScorer(feature_names=NAMES),
    "recency": lambda: RecencyScorer(feature_names=NAMES),
    "calendar": lambda: CalendarScorer(feature_names=NAMES, window=(0, 60)),
    "lifetime": lambda: LifetimeScorer(feature_names=RHYTHM),
    "rules": lambda: RuleScorer(feature_names=NAMES),
    "hazard": lambda: HazardScorer(feature_names=NAMES, window=(0, 60)),
    "logistic": lambda: LogisticScorer(feature_names=NAMES, penalties=(100.0, 1.0)),
    "gbm": lambda: GbmScorer(feature_names=NAMES, max_rounds=40, num_threads=1),
    "gbm on logistic on hazard": lambda: GbmScorer(
        feature_names=NAMES,
        max_rounds=40,
        num_threads=1,
        base=LogisticScorer(
            feature_names=NAMES,
            penalties=(100.0, 1.0),
            base=HazardScorer(feature_names=NAMES, window=(0, 60)),
        ),
    ),
}
_LINE = {"label": "a", "category": "usage"}
WORST_LINE = {  # a card by hand; without names columns are called x0, x1, ...
    "mode": "worst",
    "categories": {"usage": 1},
    "stages": [
        {
            "name": "everyone",
            "measures": [
                {
                    "label": "a",
                    "category": "usage",
                    "feature": "x0",
                    "green": 1,
                    "red": 0,
                },
                {
                    "label": "b",
                    "category": "usage",
                    "green_when": "x0 > 0 or missing(x0)",
                },
            ],
        }
    ],
}
every_scorer = pytest.mark.parametrize("name", sorted(MAKERS))


def company(rows=600, seed=0, missing=0.1):
    """Ten looks at each account; silence, an end in sight and few logins are bad."""
    random = np.random.default_rng(seed)
    X = np.column_stack(
        [
            random.exponential(20, rows),
            random.uniform(-5, 300, rows),
            random.poisson(8, rows).astype(float),
            random.integers(0, 28, rows).astype(float),
            random.poisson(1, rows).astype(float),
        ]
    )
    z = -2.5 + 0.03 * X[:, 0] + 1.5 * (X[:, 1] < 60) - 0.1 * X[:, 2]
    y = (random.random(rows) < sigmoid(z)).astype(int)
    X[random.random(X.shape) < missing] = np.nan
    account = np.arange(rows) % max(rows // 10, 1)
    as_of = np.sort(np.arange(rows) // max(rows // 10, 1)) * 30
    return X, y, account, as_of


def fitted(name, **more):
    X, y, account, as_of = company(**more)
    return MAKERS[name]().fit(X, y, groups=account, order=as_of), X


def saved_again(scorer):
    text = getattr(scorer, "model_text", None)
    return scorer_from_json(json.loads(json.dumps(scorer.to_json())), model_text=text)


with warnings.catch_warnings():
    # Scorers keep the contract without inheriting it, so that scoring needs no
    # scikit-learn; the checks below are what makes that true.
    warnings.filterwarnings("ignore", message="Estimator .* does not inherit")
    # poor_score is tagged for the baselines and the card: each may look at one
    # column, or at none. Only the array-API check is left out: scikit-learn skips it
    # itself unless SciPy is told to take other arrays, and ours are NumPy's.
    CHECKS = [
        (estimator, check)
        for scorer in (
            ConstantScorer(),
            RecencyScorer(),
            CalendarScorer(),
            HazardScorer(),
            LifetimeScorer(),
            RuleScorer(),
            RuleScorer(card=WORST_LINE),
            LogisticScorer(),
            GbmScorer(max_rounds=40, num_threads=1),
        )
        for estimator, check in estimator_checks_generator(scorer)
        if "array_api" not in str(check)
    ]


def named(value):
    """Name a case after its scorer and its check."""
    return getattr(getattr(value, "func", value), "__name__", type(value).__name__)


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=named)
def test_it_keeps_the_scikit_learn_contract(estimator, check):
    check(estimator)


@every_scorer
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3, 0.95]))
def test_contributions_sum_to_the_margin(name, seed, missing):
    scorer, _ = fitted(name)
    X = company(rows=40, seed=seed, missing=missing)[0]
    parts = scorer.contributions(X)
    assert parts.shape == (40, len(NAMES) + 1)
    assert np.isfinite(parts).all()
    np.testing.assert_allclose(
        parts.sum(axis=1), scorer.decision_function(X), rtol=0, atol=1e-9
    )


@every_scorer
def test_saved_and_read_again_it_gives_identical_margins(name):
    scorer, X = fitted(name)
    again = saved_again(scorer)
    assert np.array_equal(again.decision_function(X), scorer.decision_function(X))
    assert np.array_equal(again.contributions(X), scorer.contributions(X))
    assert again.to_json() == scorer.to_json()
    assert "NaN" not in json.dumps(scorer.to_json())


@every_scorer
def test_one_row_alone_scores_as_among_others(name):
    scorer, X = fitted(name)
    together = scorer.decision_function(X[:50])
    alone = [scorer.decision_function(X[i : i + 1])[0] for i in range(50)]
    assert np.array_equal(together, np.array(alone))


@every_scorer
def test_the_same_rows_give_the_same_model(name):
    a, b = fitted(name)[0], fitted(name)[0]
    assert a.to_json() == b.to_json()
    assert getattr(a, "model_text", "") == getattr(b, "model_text", "")


@every_scorer
def test_the_mean_probability_is_near_the_rate(name):
    X, y, account, as_of = company(rows=3000)
    p = MAKERS[name]().fit(X, y, account, as_of).predict_proba(X)[:, 1]
    assert p.mean() == pytest.approx(y.mean(), rel=0.05)


@every_scorer
def test_columns_that_are_empty_or_constant_do_no_harm(name):
    X, y, account, as_of = company()
    X[:, 0], X[:, 1], X[:, 4] = np.nan, 5.0, np.nan
    scorer = MAKERS[name]().fit(X, y, account, as_of)
    assert np.isfinite(scorer.contributions(X)).all()
    # and values that training never saw there do none either
    assert np.isfinite(scorer.contributions(company(seed=1)[0])).all()


@every_scorer
def test_a_single_positive_row_is_enough_to_fit(name):
    X, _, account, as_of = company()
    y = np.zeros(X.shape[0], int)
    y[300] = 1
    p = MAKERS[name]().fit(X, y, account, as_of).predict_proba(X)[:, 1]
    most = 0.6 if name == "lifetime" else 0.5  # its prior knows what a silence means
    assert np.all((p > 0) & (p < most))


@every_scorer
def test_no_positive_row_is_refused_where_something_must_be_told_apart(name):
    X, y, account, as_of = company()
    scorer = MAKERS[name]()
    if name == "constant":
        p = scorer.fit(X, 0 * y, account, as_of).predict_proba(X)[:, 1]
        assert 0 < p[0] < 0.002
        return
    with pytest.raises(MatrixError, match="CH321"):
        scorer.fit(X, 0 * y, account, as_of)


@every_scorer
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_refused(name, bad):
    scorer, X = fitted(name)
    X = X.copy()
    X[3, 2] = bad
    with pytest.raises(MatrixError, match=r"CH320.*columns \[2\]"):
        scorer.decision_function(X)
    with pytest.raises(MatrixError, match="CH320"):
        MAKERS[name]().fit(X, np.arange(X.shape[0]) % 2)


@every_scorer
def test_another_number_of_columns_is_refused(name):
    scorer, X = fitted(name)
    with pytest.raises(MatrixError, match="CH320"):
        scorer.decision_function(X[:, :-1])
    with pytest.raises(MatrixError, match="5 feature names"):
        MAKERS[name]().fit(X[:, :-1], np.arange(X.shape[0]) % 2)


@every_scorer
def test_a_frame_with_columns_in_another_order_is_refused(name):
    pandas = pytest.importorskip("pandas")
    scorer, X = fitted(name)
    names = list(scorer.feature_names)
    frame = pandas.DataFrame(X, columns=names)
    assert np.array_equal(scorer.decision_function(frame), scorer.decision_function(X))
    with pytest.raises(MatrixError, match="same order"):
        scorer.decision_function(frame[names[::-1]])


@every_scorer
def test_it_can_be_cloned_pickled_and_cross_validated(name):
    X, y, account, _ = company(rows=200)
    scorer = clone(MAKERS[name]())
    assert repr(clone(scorer)) == repr(scorer)
    p = cross_val_predict(
        scorer, X, y, groups=account, cv=GroupKFold(3), method="predict_proba"
    )
    assert p.shape == (200, 2)
    scorer.fit(X, y)
    again = pickle.loads(pickle.dumps(scorer))
    assert np.array_equal(again.decision_function(X), scorer.decision_function(X))


def test_a_search_reaches_the_scorer_below():
    X, y, _, _ = company(rows=200)
    wide = {"base__penalties": [(1e9,), (1.0,)], "rounds": [1]}
    found = GridSearchCV(GbmScorer(base=LogisticScorer()), wide, cv=2).fit(X, y)
    assert set(wide) < set(found.best_estimator_.get_params())
    assert "base__penalties" not in GbmScorer().get_params()
    with pytest.raises(MatrixError, match=r"CH324.*'penalty'"):
        GbmScorer(base=LogisticScorer()).set_params(base__penalty=1)
    with pytest.raises(MatrixError, match=r"CH324.*'base__penalties'"):
        GbmScorer().set_params(base__penalties=(1.0,))
    new = GbmScorer().set_params(base__penalties=(1.0,), base=LogisticScorer())
    assert new.base.penalties == (1.0,)


def test_every_scorer_is_found_by_its_name():
    assert {name: scorer_class(name).name for name in SCORERS} == {
        n: n for n in SCORERS
    }
    with pytest.raises(MatrixError, match="there is no scorer 'oracle'"):
        scorer_class("oracle")


def test_scoring_needs_neither_scikit_learn_nor_lightgbm():
    scorer, _ = fitted("logistic")
    code = (
        "import json, sys\n"
        "from churnhealth.scorers import scorer_from_json, scorer_class\n"
        "scorer_class('gbm'), scorer_class('rules'), scorer_class('recency')\n"
        "s = scorer_from_json(json.loads(sys.stdin.read()))\n"
        "s.contributions([[1.0] * 5])\n"
        "assert not {'sklearn', 'lightgbm', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(scorer.to_json()),
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
