"""The learning curve: the same judgement, learned from fewer accounts."""

from tests.made import panel_of, settings

from churnhealth.config import Model
from churnhealth.evaluate.backtest import backtest, fold_plan
from churnhealth.evaluate.learning import learning_curve
from churnhealth.evaluate.metrics import log_loss
from churnhealth.pipeline import scorer_makers


def test_learned_from_all_it_is_the_backtest_with_the_calibration_asked_for():
    config = settings(calibration={"method": "temperature"})
    config = config.model_copy(update={"model": Model(ladder=("rules",))})
    seen, how = panel_of(), {"calibration": config.calibration}
    folds, makers = fold_plan(seen, config), scorer_makers(config, seen.specs)
    judged = backtest(seen, folds, makers, disjoint_groups=False, **how)
    (point,) = learning_curve(seen, folds[-1], makers, shares=[1.0], seed=7, **how)
    assert point["log_loss"] == log_loss(judged.p["chosen"], judged.y)
