import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.errors import TrainingError
from churnhealth.health.calibrate import Calibrator, fit_calibrator
from churnhealth.scorers.curves import sigmoid


def drawn(rows, slope, intercept, seed=0):
    random = np.random.default_rng(seed)
    margin = random.normal(-2, 1.5, rows)
    y = (random.random(rows) < sigmoid(slope * margin + intercept)).astype(float)
    return margin, y


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0.3), (1.0, 0.0), (1.6, -0.5)])
def test_with_many_outcomes_the_true_line_is_found(slope, intercept):
    found = fit_calibrator(*drawn(60_000, slope, intercept))
    assert found.slope == pytest.approx(slope, abs=0.05)
    assert found.intercept == pytest.approx(intercept, abs=0.1)


def test_with_few_outcomes_the_line_stays_near_as_it_is():
    margin, y = drawn(200, 0.2, -2.0)
    few = fit_calibrator(margin, y)
    free = fit_calibrator(margin, y, prior_strength=0.0)
    assert abs(few.slope - 1.0) < abs(free.slope - 1.0)


def test_many_rows_of_few_accounts_count_as_few():
    margin, y = drawn(300, 0.3, 0.0)
    margins, ys = np.tile(margin, 20), np.tile(y, 20)
    account = np.tile(np.arange(300), 20)
    once = fit_calibrator(margin, y)
    again = fit_calibrator(margins, ys, groups=account)
    assert again.slope == pytest.approx(once.slope, abs=1e-6)
    assert again.intercept == pytest.approx(once.intercept, abs=1e-6)


def test_a_margin_that_points_the_wrong_way_is_flattened_and_never_turned():
    margin, y = drawn(5000, -1.0, -2.0)
    found = fit_calibrator(margin, y)
    assert 0 < found.slope <= 0.02
    p = found.probability(margin)
    assert p.mean() == pytest.approx(y.mean(), rel=0.05)


@given(st.integers(0, 500), st.integers(1, 40))
def test_the_slope_is_above_zero_whatever_the_data_say(seed, rows):
    random = np.random.default_rng(seed)
    margin, y = random.normal(size=rows) * 5, (random.random(rows) < 0.5).astype(float)
    found = fit_calibrator(margin, y)
    assert found.slope > 0
    assert np.isfinite(found.intercept)


def test_one_class_or_a_constant_margin_still_give_a_line():
    flat = fit_calibrator(np.full(50, -2.0), np.r_[np.ones(25), np.zeros(25)])
    assert flat.probability(np.array([-2.0]))[0] == pytest.approx(0.5, abs=0.2)
    none = fit_calibrator(np.linspace(-3, 0, 50), np.zeros(50))
    assert none.slope > 0


def test_saved_and_read_again_it_is_the_same():
    made = fit_calibrator(*drawn(500, 0.7, 0.1))
    assert Calibrator.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_what_is_not_a_number_is_refused():
    with pytest.raises(TrainingError, match="CH340"):
        fit_calibrator(np.array([0.0, np.nan]), np.array([0, 1]))
    with pytest.raises(TrainingError, match="CH340"):
        fit_calibrator(np.array([0.0, 1.0]), np.array([0, 2]))
    with pytest.raises(ValueError, match="slope above 0"):
        Calibrator(slope=0.0)
