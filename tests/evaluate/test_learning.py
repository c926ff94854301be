"""The learning curve: the same judgement, learned from fewer accounts."""

import numpy as np
from tests.made import panel_of, settings

from churnhealth.config import Calibration, Model
from churnhealth.evaluate.backtest import backtest, fold_plan
from churnhealth.evaluate.learning import learning_curve
from churnhealth.evaluate.metrics import log_loss
from churnhealth.pipeline import scorer_makers
from churnhealth.sources.contract import date_of


def test_learned_from_all_it_is_the_backtest_with_the_calibration_asked_for():
    config = settings(calibration={"method": "temperature"})
    config = config.model_copy(update={"model": Model(ladder=("rules",))})
    seen, how = panel_of(), {"calibration": config.calibration}
    folds, makers = fold_plan(seen, config), scorer_makers(config, seen.specs)
    judged = backtest(seen, folds, makers, disjoint_groups=False, **how)
    (point,) = learning_curve(seen, folds, makers, shares=[1.0], seed=7, **how)
    assert point["log_loss"] == log_loss(judged.p["chosen"], judged.y)


def test_where_there_are_several_folds_it_is_judged_on_all_of_the_test_period():
    config = settings(backtest={"origins": "each"})
    seen = panel_of()
    folds = fold_plan(seen, config)
    assert len(folds) > 1
    rungs = config.model_copy(update={"model": Model(ladder=("rules",))})
    makers = scorer_makers(rungs, seen.specs)
    judged = backtest(seen, folds, makers, disjoint_groups=False)
    points = learning_curve(
        seen, folds, makers, shares=[0.5, 1.0], calibration=Calibration(), seed=7
    )
    left = np.unique(judged.account[judged.y > 0])
    for point in points:
        assert point["test_from"] == str(date_of(folds[0].test_from))
        assert (point["n_test"], point["outcomes_test"]) == (judged.y.size, left.size)
