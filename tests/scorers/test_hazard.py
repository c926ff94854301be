import numpy as np
import pytest
from scipy.optimize import minimize

from churnhealth.scorers.curves import log_odds
from churnhealth.scorers.hazard import HazardScorer
from churnhealth.scorers.matrix import MatrixError
from churnhealth.sources.contract import MONTH_DAYS

NAMES = ("contracts__all__days_to_renewal", "contracts__all__term_months")


def decisions(days, months, window, *, repeats=True):
    """Count by walking from one renewal to the next, one term at a time."""
    first, past = window
    if not repeats:
        return float(first <= days < past)
    if not np.isfinite(days):
        return 0.0
    step = max(months * MONTH_DAYS, 1.0) if np.isfinite(months) else np.inf
    count = 0.0
    while days < past:
        count += days >= first
        days += step
    return count


def company(rows, *, growth, level=-4.0, window=(0, 90), seed=0):
    """Terms of four lengths; each decision has the hazard that the model speaks of."""
    random = np.random.default_rng(seed)
    months = random.choice([1.0, 3.0, 12.0, 24.0], rows)
    days = random.uniform(0, months * MONTH_DAYS)
    k = np.array([decisions(*x, window) for x in zip(days, months, strict=True)])
    risk = k * np.exp(level + growth * np.log(months))
    y = (random.random(rows) < -np.expm1(-risk)).astype(int)
    return np.column_stack([days, months]), y, -np.expm1(-risk)


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("window", [(0, 90), (30, 120), (30, 37)])
def test_decisions_are_those_of_a_walk_along_the_terms(window, repeats):
    random = np.random.default_rng(1)
    X = np.column_stack(
        [
            random.integers(-20, 150, 400).astype(float),
            random.choice([1.0, 2.0, 3.0, 12.0, np.nan], 400),
        ]
    )
    X[::17, 0] = np.nan
    scorer = HazardScorer(feature_names=NAMES, window=window, repeats=repeats)
    scorer.fit(X, np.arange(400) % 7 == 0)
    expected = [decisions(*row, window, repeats=repeats) for row in X]
    np.testing.assert_array_equal(scorer._read(X)[0], expected)


@pytest.mark.parametrize("growth", [0.4, 0.85, 1.2])
def test_the_growth_of_the_hazard_with_the_term_is_recovered(growth):
    X, y, truth = company(40_000, growth=growth)
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X, y)
    assert scorer.growth_ == pytest.approx(growth, abs=0.06)
    due = truth > 0
    found = scorer.predict_proba(X)[:, 1]
    np.testing.assert_allclose(found[due], truth[due], rtol=0.15)


def test_a_handful_of_outcomes_leaves_the_growth_near_its_prior():
    X, y, _ = company(300, growth=0.0, level=-3.5)
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X, y)
    assert y.sum() < 20
    assert 0.3 < scorer.growth_ < 1.2


def test_the_fit_is_the_one_a_general_optimiser_finds():
    X, y, _ = company(500, growth=0.8, seed=3)
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X, y)
    k, term = scorer._read(X)
    due = k > 0
    k, term, known = k[due], term[due], y[due]
    rate = y.mean()
    hazard = (known.sum() + 0.5) / (k @ np.exp(0.85 * term) + 0.5 / rate)

    def loss(beta):
        p = -np.expm1(-k * np.exp(beta[0] + beta[1] * term))
        prior = ((beta[0] - np.log(hazard)) / 2.0) ** 2 + ((beta[1] - 0.85) / 0.3) ** 2
        return 0.5 * prior - np.sum(np.log(np.where(known == 1, p, 1.0 - p)))

    best = minimize(loss, [np.log(hazard), 0.85], method="Nelder-Mead", tol=1e-10).x
    np.testing.assert_allclose([scorer.level_, scorer.growth_], best, atol=1e-5)


def test_terms_that_never_came_up_have_the_prior_s_hazard_and_not_none():
    X, y, _ = company(4000, growth=0.85)
    seen = X[:, 1] < 12.0
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X[seen], y[seen])
    yearly = scorer.predict_proba([[30.0, 12.0]])[0, 1]
    monthly = scorer.predict_proba([[30.0, 1.0]])[0, 1]
    assert yearly > 1.5 * monthly


def test_rows_without_a_decision_are_rare_churns_but_never_impossible_ones():
    X, y, _ = company(4000, growth=0.85)
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X, y)
    idle = scorer.predict_proba([[300.0, 12.0]])[0, 1]
    assert 0.0 < idle < 0.1 * y.mean()


def test_one_account_that_leaves_in_many_rows_counts_once():
    X, y, _ = company(400, growth=0.3, level=-3.0)
    account = np.arange(400)
    once = HazardScorer(feature_names=NAMES).fit(X, y, account)
    often = HazardScorer(feature_names=NAMES).fit(
        np.tile(X, (6, 1)), np.tile(y, 6), np.tile(account, 6)
    )
    # six times the rows tell more of the stayers, but nothing new of g
    assert often.growth_ == pytest.approx(once.growth_, abs=0.02)


def test_without_a_renewal_date_among_the_features_it_says_so():
    with pytest.raises(MatrixError, match="CH322"):
        HazardScorer(feature_names=("a",)).fit([[1.0], [2.0]], [0, 1])


def test_small_hazards_keep_their_digits():
    X, y, _ = company(2000, growth=0.85)
    scorer = HazardScorer(feature_names=NAMES, window=(0, 90)).fit(X, y)
    margin = scorer.decision_function([[300.0, 12.0]])
    p = scorer.predict_proba([[300.0, 12.0]])[:, 1]
    np.testing.assert_allclose(log_odds(p), margin, rtol=1e-9)


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]])
@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("window", [(0, 90), (30, 120), (30, 37)])
def test_a_row_alone_gets_the_bits_that_it_gets_among_many(window, repeats, names):
    random = np.random.default_rng(7)
    X = np.column_stack(
        [
            random.uniform(-20, 150, 3000).round(random.integers(0, 9)),
            random.choice([0.03, 0.5, 1.0, 1.1, 3.0, 12.0, 36.0, np.nan, 0, -2], 3000),
        ]
    )[:, : len(names)]
    X[::17, 0] = np.nan
    y = (random.random(3000) < 0.1).astype(int)
    scorer = HazardScorer(feature_names=names, window=window, repeats=repeats)
    scorer.fit(X, y)
    together = scorer.contributions(X)
    alone = [scorer.contributions(X[i : i + 1])[0] for i in range(len(X))]
    np.testing.assert_array_equal(np.array(alone), together)
