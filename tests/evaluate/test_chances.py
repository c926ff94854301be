"""Chances that the test period does not bear out are told in words."""

import numpy as np
import pytest

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.chances import untrue_chances
from churnhealth.evaluate.metrics import calibration_slope, slope_interval
from churnhealth.scorers.curves import sigmoid


def judged(said, true, *, rows=4000, chosen="logistic"):
    """Many accounts, each once: what was said of them, and who left by the truth."""
    random = np.random.default_rng(11)
    z = random.normal(size=rows)
    y = (random.random(rows) < sigmoid(true(z))).astype(np.int64)
    none = np.zeros(rows, np.int64)
    return Judged(
        folds=(), row=none, y=y, account=np.arange(rows), as_of=none, outcome=none,
        rate=np.full(rows, 0.1), p={"chosen": sigmoid(said(z))}, chosen=chosen,
        disjoint=None, reasons=(),
    )  # fmt: skip


def told(case, *, skill=True, corrects=False):
    return " | ".join(untrue_chances(case, corrects=corrects, skill=skill, seed=7))


def test_true_chances_are_told_nothing_of():
    assert told(judged(lambda z: z - 2.0, lambda z: z - 2.0)) == ""


def test_chances_too_close_together_or_too_far_apart_are_told_in_words():
    timid = judged(lambda z: 0.25 * z - 2.0, lambda z: z - 2.3)
    assert calibration_slope(timid.p["chosen"], timid.y) > 3.0
    assert "lay too close together" in told(timid)
    assert told(timid).endswith("more than it says, so trust the order of accounts"
                                " more than their chances")  # fmt: skip
    bold = judged(lambda z: 3.0 * z - 3.0, lambda z: z - 2.0)
    assert "lay too far apart" in told(bold)
    assert "trust the order" not in told(bold, skill=False)  # there is none


def test_where_level_and_slope_missed_what_follows_is_said_once():
    both = told(judged(lambda z: 3.0 * z - 1.0, lambda z: z - 2.0))
    assert "too high" in both
    assert "too far apart" in both
    assert both.count("trust the order") == 1


def test_few_outcomes_do_not_show_that_chances_lie_too_close_together():
    few = judged(lambda z: 0.25 * z - 2.0, lambda z: z - 2.3, rows=120)
    assert 10 < few.y.sum() < 20
    assert "close together" not in told(few)


def test_a_level_that_missed_is_told_with_what_follows_it():
    high = judged(lambda z: z - 1.0, lambda z: z - 2.0)
    assert "its chances were too high" in told(high)
    assert "[calibration] base_rate" in told(high)
    assert "[calibration] base_rate" not in told(high, corrects=True)
    assert "trust the order" not in told(high, skill=False)


def test_the_interval_of_the_slope_holds_the_true_one_19_times_of_20():
    random, held = np.random.default_rng(5), 0
    whose = np.repeat(np.arange(150), 4)  # an account's rows go together
    for _ in range(200):
        z = np.repeat(random.normal(size=150), 4)
        left = np.repeat(random.random(150) < sigmoid(z[::4] - 1.0), 4)
        low, high = slope_interval(sigmoid(z / 2.0), left.astype(int), whose)
        held += low <= 2.0 <= high
    assert held / 200 == pytest.approx(0.95, abs=0.04)
