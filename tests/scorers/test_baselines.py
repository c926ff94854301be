import numpy as np
import pytest

from churnhealth.scorers.baselines import CalendarScorer, ConstantScorer, RecencyScorer
from churnhealth.scorers.curves import fit_line, monotone, sigmoid
from churnhealth.scorers.matrix import MatrixError


def test_the_constant_is_the_lightly_smoothed_base_rate():
    y = np.r_[np.ones(9), np.zeros(90)]
    p = ConstantScorer().fit(np.zeros((99, 1)), y).predict_proba(np.zeros((1, 1)))
    assert p[0, 1] == pytest.approx(9.5 / 100)


def silence(rows=4000, seed=3):
    random = np.random.default_rng(seed)
    days = random.exponential(30, rows)
    y = (random.random(rows) < sigmoid(-3 + np.log1p(days) * 0.6)).astype(int)
    return days, y


def test_longer_silence_never_lowers_the_risk_when_silence_is_bad():
    days, y = silence()
    scorer = RecencyScorer().fit(days[:, None], y)
    margins = scorer.decision_function(np.linspace(0, 500, 400)[:, None])
    assert (np.diff(margins) >= 0).all()
    assert margins[-1] - margins[0] > 1.0


def test_an_account_that_never_did_anything_has_a_level_of_its_own():
    days, y = silence()
    days[:200], y[:200] = np.nan, np.arange(200) % 2
    scorer = RecencyScorer().fit(days[:, None], y)
    p = scorer.predict_proba(np.array([[np.nan]]))[0, 1]
    assert p == pytest.approx(0.5, abs=0.05)


def test_recency_takes_the_source_that_is_heard_from_most():
    days, y = silence()
    names = (
        "crm__all__days_since",
        "product__login__days_since",
        "product__all__days_since",
    )
    X = np.column_stack([days * 9, days, days])
    assert RecencyScorer(feature_names=names).fit(X, y).column_ == 2
    named = RecencyScorer(feature_names=names, feature=names[1]).fit(X, y)
    assert named.column_ == 1


@pytest.mark.parametrize(("share", "taken"), [(0.1, 1), (0.4, 1), (0.6, 0)])
def test_a_source_that_began_late_is_not_missed_for_that(share, taken):
    days, y = silence()
    product = days.copy()
    product[: int(share * days.size)] = np.nan
    names = ("crm__all__days_since", "product__all__days_since")
    X = np.column_stack([np.maximum(days, 1) * 9, product])
    assert RecencyScorer(feature_names=names).fit(X, y).column_ == taken


def test_recency_applies_only_where_silence_is_measured():
    assert RecencyScorer.applies(["product__all__days_since"])
    assert not RecencyScorer.applies(["crm__nps__days_since_change"])
    names = ("crm__nps__days_since_change",)
    with pytest.raises(MatrixError, match=r"CH322.*days_since"):
        RecencyScorer(feature_names=names).fit(np.ones((4, 1)), [0, 1, 0, 1])


def test_the_calendar_scorer_knows_one_thing():
    # 100 ends in [30, 90): 20 churn; 300 elsewhere or open: 3 churn
    ends = np.r_[np.full(50, 30.0), np.full(50, 89.0), np.full(150, 90.0)]
    ends = np.r_[ends, np.full(50, 29.0), np.full(100, np.nan)]
    y = np.zeros(400)
    y[:20], y[200:203] = 1, 1
    names = ("contracts__all__days_to_renewal",)
    scorer = CalendarScorer(feature_names=names, window=(30, 90)).fit(ends[:, None], y)
    days = np.array([[29.9], [30.0], [89.9], [90.0], [np.nan]])
    p = scorer.predict_proba(days)[:, 1]
    # half an imagined positive at the base rate 23.5 / 401
    added = 0.5 / (23.5 / 401)
    inside, outside = 20.5 / (100 + added), 3.5 / (300 + added)
    assert p == pytest.approx([outside, inside, inside, outside, outside])


def test_the_calendar_scorer_does_not_apply_without_contracts():
    assert CalendarScorer.applies(["contracts__all__days_to_renewal"])
    assert not CalendarScorer.applies(["product__all__days_since"])


def test_pooling_neighbours_gives_the_nearest_rising_curve():
    from sklearn.isotonic import isotonic_regression

    random = np.random.default_rng(0)
    for _ in range(50):
        level, weight = random.normal(size=8), random.uniform(0.1, 3, 8)
        expected = isotonic_regression(level, sample_weight=weight)
        np.testing.assert_allclose(monotone(level, weight), expected, atol=1e-12)


def test_the_fitted_line_is_the_one_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    x = random.normal(size=500)
    y = (random.random(500) < sigmoid(1.5 * x - 1)).astype(float)
    slope, level = fit_line(x, y)
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(x[:, None], y)
    assert slope == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    assert level == pytest.approx(oracle.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("usual", [1.0, 3.0])
def test_where_most_were_there_yesterday_longer_silence_is_told_apart(usual):
    days = np.full(1000, usual)
    days[:30], days[930:] = 1.0, np.linspace(20, 90, 70)
    y = (days > 40).astype(int)
    scorer = RecencyScorer().fit(days[:, None], y)
    p = scorer.predict_proba(np.array([[usual], [90.0]]))[:, 1]
    assert p[0] < 0.02
    assert p[1] > 0.3
