"""Isotonic steps upon the calibration line: what they find, and what they cost."""

import numpy as np
import pytest

from churnhealth.errors import TrainingError
from churnhealth.explain.drivers import explain_margin
from churnhealth.health.calibrate import Calibrator, stepped
from churnhealth.scorers.curves import log_odds, sigmoid


def wavy(rows=30_000, seed=2):
    """Draw log-odds whose true rates rise in a way that no line follows."""
    random = np.random.default_rng(seed)
    z = random.normal(-2.0, 1.5, rows)
    true = sigmoid(np.where(z < -1.5, -3.0, -1.0))
    return z, (random.random(rows) < true).astype(float), true


def test_steps_find_rates_that_no_line_follows():
    z, y, _ = wavy()
    found = stepped(Calibrator(), z, y, np.arange(z.size))
    fresh, _, true = wavy(seed=3)
    off = np.abs(found.probability(fresh) - true)
    assert off.mean() < 0.02
    assert (np.diff(found.probability(np.sort(fresh))) >= 0).all()


def test_steps_agree_with_scikit_learn_up_to_the_smoothing():
    from sklearn.isotonic import IsotonicRegression

    z, y, _ = wavy()
    found = stepped(Calibrator(), z, y, np.arange(z.size)).probability(z)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(z, y).predict(z)
    assert np.mean(np.abs(found - theirs)) < 0.01


def test_drivers_still_add_up_when_steps_bend_the_line():
    random = np.random.default_rng(4)
    z, y, _ = wavy()
    line = stepped(Calibrator(slope=0.8, intercept=-0.3), z, y, np.arange(z.size))
    parts = np.column_stack([random.normal(0, 0.8, (200, 5)), np.full(200, -1.5)])
    parts[0, :5] = 0.0
    how = {"slope": 0.8, "intercept": -0.3, "bent": line.bent}
    why = explain_margin(parts, **how)
    assert why.probability == pytest.approx(line.probability(parts.sum(axis=1)))
    assert why.base_log_odds + why.effects.sum(axis=1) == pytest.approx(
        log_odds(why.probability), abs=1e-9
    )
    assert why.base_probability + why.points.sum(axis=1) == pytest.approx(
        why.probability, abs=1e-9
    )
    for i in (0, 7):
        alone = explain_margin(parts[i : i + 1], **how)
        assert (alone.effects[0] == why.effects[i]).all()
        assert alone.probability[0] == why.probability[i]


@pytest.mark.parametrize(("rows", "outcomes"), [(999, 500), (5_000, 99)])
def test_steps_are_refused_where_they_would_follow_noise(rows, outcomes):
    y = np.zeros(rows)
    y[:outcomes] = 1.0
    with pytest.raises(TrainingError) as refused:
        stepped(Calibrator(), np.linspace(-3, 3, rows), y, np.arange(rows))
    assert refused.value.code == "CH342"


def test_steps_survive_the_way_to_disk():
    z, y, _ = wavy(3_000)
    line = stepped(Calibrator(), z, y, np.arange(z.size))
    assert Calibrator.from_json(line.to_json()) == line
    assert line.raised(0.5).log_odds(z) == pytest.approx(line.log_odds(z) + 0.5)
