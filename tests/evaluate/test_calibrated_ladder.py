"""Levels and lines of the rungs as `[calibration]` asks for them."""

import numpy as np
import pytest
from tests.evaluate.leavers import company, makers

from churnhealth.config import Calibration
from churnhealth.errors import TrainingError
from churnhealth.evaluate.ladder import climb

FOLLOW = Calibration(base_rate="corrected")


def level_of(rung, rows):
    """Predicted over observed on the newest three months."""
    new = rows.as_of >= rows.as_of.max() - 60
    return rung.probability(rows.X[new]).mean() / rows.y[new].mean()


def test_a_risen_base_rate_is_told_and_followed_only_where_that_is_wanted():
    small = makers(without=("gbm", "hazard", "blend"))
    rows = company(accounts=500, rate=-4, late_rate=-2.8)
    watched, followed = climb(rows, small), climb(rows, small, calibration=FOLLOW)
    line, moved = watched.rungs["logistic"], followed.rungs["logistic"]
    assert line.drift.beyond_noise
    assert line.drift.shift > 0
    assert line.corrected == 0.0
    assert 0 < moved.corrected < moved.drift.shift
    assert moved.calibrator.slope == line.calibrator.slope
    assert level_of(line, rows) < 0.85 < level_of(moved, rows) < 1.15
    same = followed.rungs["constant"].probability(rows.X[:1])
    assert same == watched.rungs["constant"].probability(rows.X[:1])


def test_a_steady_base_rate_is_left_alone():
    small = makers(without=("gbm", "hazard", "blend"))
    told = [
        climb(company(seed=s), small, calibration=FOLLOW).rungs["logistic"]
        for s in range(5)
    ]
    assert sum(rung.drift.beyond_noise for rung in told) <= 1
    assert np.median([abs(rung.corrected) for rung in told]) < 0.1


def test_a_temperature_has_a_slope_and_no_level_of_its_own():
    small = makers(without=("gbm", "hazard", "blend"))
    hot = climb(company(), small, calibration=Calibration(method="temperature"))
    usual = climb(company(), small)
    assert hot.rungs["logistic"].calibrator.intercept == pytest.approx(0.0, abs=1e-6)
    assert hot.rungs["logistic"].calibrator != usual.rungs["logistic"].calibrator
    assert hot.rungs["constant"].calibrator == usual.rungs["constant"].calibrator


def test_isotonic_steps_never_fall_and_are_refused_where_outcomes_are_few():
    small = makers(without=("gbm", "hazard", "blend"))
    steps = Calibration(method="isotonic")
    rows = company(accounts=900)
    rung = climb(rows, small, calibration=steps).rungs["logistic"]
    margin = np.sort(rung.scorer.decision_function(rows.X))
    assert len(rung.calibrator.steps) > 3
    assert (np.diff(rung.calibrator.probability(margin)) >= 0).all()
    with pytest.raises(TrainingError) as refused:
        climb(company(accounts=120), small, calibration=steps)
    assert refused.value.code == "CH342"
