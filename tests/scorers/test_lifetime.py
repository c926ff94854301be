import json

import numpy as np
import pytest

from churnhealth.scorers.lifetime import LifetimeScorer
from churnhealth.scorers.matrix import MatrixError

NAMES = tuple(
    f"orders__all__{kind}" for kind in ("total_days", "days_since", "days_since_first")
)
R, ALPHA, A, B = 0.8, 40.0, 0.6, 2.5  # alpha in days
HORIZON = 90


def shop(customers, *, age, seed):
    """Play the model customer by customer: orders at random until they drop out."""
    random = np.random.default_rng(seed)
    rows, silent = [], []
    for _ in range(customers):
        rate, leaving = random.gamma(R, 1 / ALPHA), random.beta(A, B)
        born = random.uniform(0, 60)
        told, day, orders, last, more = born + age, 0.0, 1, 0.0, 0
        while True:
            day += random.exponential(1 / rate)
            if day > age + born + HORIZON:
                break
            if day <= told:
                orders, last = orders + 1, day
            else:
                more += 1
            if random.random() < leaving:
                break
        rows.append((orders, told - last, told))
        silent.append(more == 0)
    return np.array(rows, float), np.array(silent, int)


def true_probability(X):
    """Give the textbook's closed form with the numbers the shop was played with."""
    x, last, age = X[:, 0] - 1, X[:, 2] - X[:, 1], X[:, 2]
    gone = A / (B + np.maximum(x, 1) - 1) * ((ALPHA + age) / (ALPHA + last)) ** (R + x)
    alive = 1 / (1 + np.where(x > 0, gone, 0.0))
    return 1 - alive * (1 - ((ALPHA + age) / (ALPHA + age + HORIZON)) ** (R + x))


def log_loss(p, y):
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


@pytest.fixture(scope="module")
def scorer():
    X, y = shop(6000, age=200, seed=1)
    return LifetimeScorer(feature_names=NAMES, horizon_days=HORIZON).fit(X, y)


@pytest.mark.parametrize("age", [200, 500])
def test_it_is_as_good_as_the_truth_even_for_customers_older_than_any(scorer, age):
    X, y = shop(6000, age=age, seed=2)
    p = scorer.predict_proba(X)[:, 1]
    best, constant = log_loss(true_probability(X), y), log_loss(y.mean(), y)
    assert log_loss(p, y) < best + 0.03 * (constant - best)
    assert p.mean() == pytest.approx(y.mean(), rel=0.05)


def test_the_longer_the_silence_the_riskier_and_the_more_so_the_busier(scorer):
    silence = np.arange(0.0, 150.0, 10.0)
    seldom, often = (
        scorer.decision_function(
            np.column_stack([np.full(15, n), silence, np.full(15, 300.0)])
        )
        for n in (3.0, 20.0)
    )
    assert (np.diff(seldom) > 0).all()
    assert (np.diff(often) > 0).all()
    assert often[0] < seldom[0]
    assert often[-1] > seldom[-1]


def test_a_handful_of_outcomes_stays_near_the_prior():
    X, y = shop(30, age=200, seed=3)
    few = LifetimeScorer(feature_names=NAMES, horizon_days=HORIZON).fit(X, y)
    later, seen = shop(3000, age=200, seed=4)
    loss = log_loss(few.predict_proba(later)[:, 1], seen)
    assert loss < log_loss(seen.mean(), seen)


def test_the_reason_of_a_silent_account_is_its_silence(scorer):
    usual, silent = [12.0, 20.0, 300.0], [12.0, 150.0, 300.0]
    parts = scorer.contributions(np.array([usual, silent]))
    moved = parts[1] - parts[0]
    assert moved[1] > np.abs(np.delete(moved, 1)).max()


def test_a_scorer_that_reads_the_days_lasted_is_refused(scorer):
    saved = json.loads(json.dumps(scorer.to_json()))
    assert LifetimeScorer.from_json(saved).columns_ == (0, 1, 2)
    saved["feature_names"][1] = "orders__all__days_lasted"
    with pytest.raises(MatrixError, match="train again"):
        LifetimeScorer.from_json(saved)


def test_of_several_sources_the_one_heard_from_most_is_read():
    X, y = shop(2000, age=200, seed=4)
    rare = X.copy()
    rare[:, 1] *= 9
    X[:200] = np.nan  # orders were first written down a month later
    mails = tuple(name.replace("orders", "mails") for name in NAMES)
    both = LifetimeScorer(feature_names=(*mails, *NAMES), horizon_days=HORIZON)
    assert both.fit(np.column_stack([rare, X]), y).columns_ == (3, 4, 5)
