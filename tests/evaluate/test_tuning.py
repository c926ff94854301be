"""A search for settings: bounded, repeatable, and blind to the test period."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.made import panel_of, settings

from churnhealth.errors import RequestError, TrainingError
from churnhealth.evaluate.backtest import fold_plan
from churnhealth.evaluate.tuning import Budget, tuned

LADDER = ("constant", "logistic")  # one fast rung is enough for what is asked here


def fast(**model):
    config = settings()
    update = {"ladder": LADDER, **model}
    return config.model_copy(update={"model": config.model.model_copy(update=update)})


@pytest.mark.parametrize("text", ["", "0", "-3", "5 m", "0m", "five", "1e9", "99999"])
def test_a_budget_that_is_none_is_refused(text):
    with pytest.raises(RequestError) as refused:
        Budget.read(text)
    assert refused.value.code == "CH508"


def test_the_same_number_of_trials_finds_the_same_settings():
    pytest.importorskip("optuna")
    one, two = (tuned(fast(), panel_of(), Budget(trials=3)) for _ in range(2))
    assert one == two
    told = one[1]
    assert told["tried"] == 3
    assert told["reproducible"]
    assert 3.0 <= told["best"]["penalty"] <= 3000.0


def test_what_happens_in_the_test_period_changes_nothing():
    pytest.importorskip("optuna")
    panel = panel_of()
    day = fold_plan(panel, fast())[0].judged_at
    X = panel.X.copy()
    X[panel.cohort.as_of >= day] = np.nan
    blind = tuned(fast(), replace(panel, X=X), Budget(trials=2))
    assert blind == tuned(fast(), panel, Budget(trials=2))


def test_a_bad_setting_is_replaced_and_a_good_one_is_kept_unless_beaten_clearly():
    pytest.importorskip("optuna")
    poor, told = tuned(fast(penalty=1e6), panel_of(), Budget(trials=4))
    assert told["gain"] > told["gain_error"]
    assert poor.model.penalty == told["settings"]["penalty"] < 1e6
    good, again = tuned(poor, panel_of(), Budget(trials=4))
    assert good == poor
    assert again["settings"] == {}


def test_without_optuna_the_search_is_refused_and_says_how_to_add_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TrainingError) as refused:
        tuned(fast(), panel_of(), Budget(trials=1))
    assert refused.value.code == "CH310"
    assert "churnhealth[tune]" in refused.value.fix
