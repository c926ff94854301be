"""Ranges of single probabilities: what they promise, held against a known truth."""

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import AS_OF, UNTIL, loaded, panel_of

from churnhealth.evaluate.backtest import training_rows
from churnhealth.evaluate.bags import bagged_log_odds, likely_around
from churnhealth.evaluate.ladder import Rung
from churnhealth.health.calibrate import Calibrator
from churnhealth.health.intervals import DIFFER, LEVEL, LikelyRange, likely_range
from churnhealth.scorers.curves import log_odds, sigmoid
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.simulated.company import simulate
from churnhealth.sources.contract import date_of


def drawn(shown, rows=40_000, noise=0.3, seed=5):
    """Draw true log-odds, the calibrated ones of a model that sees a part, and bags.

    The model's are found by averaging the truth over many accounts that look alike:
    no formula of the code under test is used.
    """
    random = np.random.default_rng(seed)
    score = random.normal(-3.0, shown, rows)
    hidden = np.sqrt(DIFFER**2 - shown**2)
    truth = score + random.normal(0.0, hidden, rows)
    alike = sigmoid(score[:, None] + hidden * random.normal(size=200)).mean(axis=1)
    fair = log_odds(alike)
    off = random.normal(0.0, noise, (31, 1))
    return truth, fair + off[0], (fair + off[0]) + off[1:]


@pytest.mark.parametrize("shown", [0.2, 0.7, 1.0])
def test_four_of_five_true_probabilities_lie_inside_where_the_assumption_holds(shown):
    truth, z, bags = drawn(shown)
    low, high = likely_range(z, bags).around(z)
    inside = np.mean((low <= sigmoid(truth)) & (sigmoid(truth) <= high))
    assert inside == pytest.approx(LEVEL, abs=0.04)


@given(st.lists(st.floats(-9, 5), min_size=1, max_size=60), st.floats(0, 3))
def test_the_prediction_itself_never_lies_outside(z, noise):
    z = np.array(z)
    low, high = likely_range(z, np.stack([z - noise, z + noise])).around(z)
    assert (low <= sigmoid(z) + 1e-12).all()
    assert (high >= sigmoid(z) - 1e-12).all()


def test_fits_that_disagree_more_give_wider_ranges():
    z = np.linspace(-5.0, 0.0, 200)
    calm = likely_range(z, np.stack([z - 0.1, z + 0.1])).around(z)
    loud = likely_range(z, np.stack([z - 1.0, z + 1.0])).around(z)
    assert (loud[0] < calm[0]).all()
    assert (loud[1] > calm[1]).all()


def test_a_range_is_read_back_as_it_was_written():
    z = np.linspace(-5.0, 0.0, 200)
    found = likely_range(z, np.stack([z - 0.5, z + 0.2]))
    again = LikelyRange.from_json(json.loads(json.dumps(found.to_json())))
    assert np.array_equal(found.around(z), again.around(z))


@cache
def trained():
    panel = panel_of()
    rows, _ = training_rows(panel, AS_OF)
    line = LogisticScorer(feature_names=panel.names, penalties=(300.0,))
    line.fit(rows.X, rows.y, rows.account, rows.as_of)
    newest = panel.cohort.as_of == panel.cohort.as_of[panel.cohort.as_of < AS_OF].max()
    return panel, rows, Rung(scorer=line, calibrator=Calibrator()), newest


def test_the_simulators_true_probabilities_lie_inside_about_as_often_as_stated():
    panel, rows, rung, newest = trained()
    X = panel.X[newest]
    truth = simulate(accounts=300, seed=7, until=UNTIL).truth.churn_probability(
        loaded().history.accounts.ids[panel.cohort.account[newest]].tolist(),
        [date_of(day) for day in panel.cohort.as_of[newest]],
        lead_days=panel.question.lead_days,
        horizon_days=panel.question.horizon_days,
    )
    z = rung.calibrator.log_odds(rung.scorer.decision_function(X))
    low, high = likely_around(rung, rows, X, seed=1).around(z)
    known = np.isfinite(truth)
    inside = ((low <= truth) & (truth <= high))[known]
    assert known.sum() > 150
    assert 0.7 < inside.mean() < 0.93
    bags = bagged_log_odds(rung, rows, X, seed=1)[:, known]
    spread = 1.2816 * bags.std(axis=0, ddof=1)
    alone = np.abs(log_odds(truth[known]) - z[known]) <= spread
    assert alone.mean() < 0.6, "refits alone would have been enough"


def test_the_same_seed_draws_the_same_accounts_and_another_draws_others():
    panel, rows, rung, newest = trained()
    X = panel.X[newest][:20]
    one, same = (bagged_log_odds(rung, rows, X, seed=3, bags=2) for _ in range(2))
    other = bagged_log_odds(rung, rows, X, seed=4, bags=2)
    assert (one == same).all()
    assert (one != other).any()


def test_drawing_fewer_accounts_tells_about_the_same_spread():
    panel, rows, rung, newest = trained()
    X = panel.X[newest]
    own = rung.calibrator.log_odds(rung.scorer.decision_function(X))

    def spread(most_rows):
        bags = bagged_log_odds(rung, rows, X, seed=3, bags=12, most_rows=most_rows)
        return float(np.sqrt(np.mean((bags - own) ** 2)))

    assert spread(rows.y.size // 2) == pytest.approx(spread(rows.y.size), rel=0.5)
