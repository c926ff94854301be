"""The ladder: what is chosen, on which days it was judged, and when it says no."""

import json
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from tests.evaluate.leavers import HORIZON, NAMES, company, makers

from churnhealth.errors import TrainingError
from churnhealth.evaluate.choosing import FEW
from churnhealth.evaluate.inner import inner_origins
from churnhealth.evaluate.ladder import climb
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.rules import RuleScorer

LEARNED = {"logistic", "gbm", "blend"}


def written(ladder):
    """Everything that was learned, as text."""
    return json.dumps(
        {
            "chosen": ladder.chosen,
            "reasons": ladder.reasons,
            "origins": ladder.origins,
            "rungs": {
                name: [
                    rung.scorer.to_json(),
                    getattr(rung.scorer, "model_text", None),
                    rung.calibrator.to_json(),
                    rung.inner_log_loss,
                ]
                for name, rung in ladder.rungs.items()
            },
        }
    )


@cache
def climbed(**how):
    return climb(company(**how), makers())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [-4.5, -3.5, -2.0])
def test_inner_origins_leave_outcomes_on_both_sides(seed, rate):
    rows = company(seed=seed, rate=rate)
    origins = inner_origins(rows)
    assert origins == sorted(set(origins))
    assert 1 <= len(origins) <= 3
    for day in origins:
        known = (rows.as_of + HORIZON <= day) & (rows.y == 1)
        assert np.unique(rows.account[known]).size >= 8
        assert rows.y[rows.as_of >= day].sum() >= 5


def test_no_origin_is_invented_where_outcomes_lie_on_one_side():
    rows = company()
    last = rows.as_of == rows.as_of.max()
    y = np.where(last, rows.y, 0)
    late = replace(
        rows, y=y, codes_at=lambda day: np.where(rows.as_of + HORIZON <= day, y, 2)
    )
    assert inner_origins(late) == []


@pytest.mark.parametrize("without", ["none", "hazard"])
@pytest.mark.parametrize("outcomes", [FEW - 1, FEW])
def test_with_fewer_than_twenty_outcomes_only_simple_rungs_are_tried(outcomes, without):
    rows = company(signal=2.0)
    churned = rows.account[rows.y == 1][:outcomes]
    y = np.where(np.isin(rows.account, churned), rows.y, 0)
    ladder = climb(
        replace(
            rows, y=y, codes_at=lambda day: np.where(rows.as_of + HORIZON <= day, y, 2)
        ),
        makers(without=(without,)),
    )
    if outcomes < FEW:
        assert not {"logistic", "gbm"} & set(ladder.rungs)
        assert f"only {outcomes} accounts churned" in ladder.reasons[0]
        if without == "hazard":
            assert ladder.chosen == "rules"
            assert "rules only" in ladder.reasons[0]
        else:
            assert ladder.chosen == "blend"
            members = ladder.best.scorer.members_
            assert [m.name for m in members] == ["rules", "hazard"]
            assert "rules and renewal hazard" in ladder.reasons[0]
    else:
        assert set(ladder.rungs) >= {"logistic", "gbm"}


@pytest.mark.parametrize(("written", "slope"), [(False, 0.4), (True, 1.0)])
def test_few_outcomes_hold_back_the_card_they_made_and_not_one_that_was_written(
    written, slope
):
    rows = company(months=2, rate=-4.5)
    measure = {"label": "Logins", "category": "usage", "feature": NAMES[2]}
    stage = {"name": "everyone", "measures": [{**measure, "green": 25, "red": 15}]}
    card = {"name": "Ours", "categories": {"usage": 100}, "stages": [stage]}
    made = makers(without=("rules", "hazard"))
    made.append(
        partial(RuleScorer, feature_names=NAMES, card=card if written else None)
    )
    ladder = climb(rows, made)
    assert ladder.chosen == "rules"
    assert rows.outcomes < FEW
    assert ladder.best.calibrator.slope == pytest.approx(slope)
    assert ladder.best.probability(rows.X).mean() == pytest.approx(rows.y.mean())


def test_one_account_that_churns_in_many_rows_is_one_outcome():
    rows = company(accounts=60)
    y = (rows.account < 5).astype(np.int64)
    assert y.sum() > FEW
    few = replace(
        rows, y=y, codes_at=lambda day: np.where(rows.as_of + HORIZON <= day, y, 2)
    )
    assert few.outcomes == 5
    assert "gbm" not in climb(few, makers()).rungs
    simple = ("constant", "recency", "calendar", "rules", "hazard")
    with pytest.raises(TrainingError, match=r"CH308.*only 5 accounts churned"):
        climb(few, makers(without=simple))  # nothing is left


@pytest.mark.parametrize(
    ("only", "words"), [(0, "no churn at all"), (1, "nothing but churn")]
)
def test_one_class_alone_is_refused(only, words):
    rows = company()
    with pytest.raises(TrainingError, match=words) as caught:
        climb(replace(rows, y=np.full(rows.y.size, only)), makers())
    assert caught.value.code == "CH301"
    assert "look further ahead than that" in str(caught.value)


def test_without_signal_nothing_is_trusted_above_the_constant():
    chosen = [climbed(signal=0.0, seed=s).chosen for s in range(10)]
    # One standard error lets chance speak now and then (measured: 7 of 30), not often.
    assert chosen.count("constant") >= 7, chosen
    assert sum(name in LEARNED for name in chosen) <= 1, chosen


def test_what_is_chosen_without_signal_costs_next_to_nothing():
    losses = []
    for seed in range(4):
        ladder = climbed(signal=0.0, seed=seed)
        new = company(signal=0.0, seed=seed + 100)

        def loss(name, ladder=ladder, new=new):
            p = ladder.rungs[name].probability(new.X)
            return -np.mean(np.log(np.where(new.y == 1, p, 1 - p)))

        losses.append(loss(ladder.chosen) - loss("constant"))
    assert max(losses) < 0.005


def test_a_strong_signal_is_learned_and_trusted():
    ladder = climbed()
    assert ladder.chosen in LEARNED
    assert ladder.chosen in ladder.reasons[0]
    constant = ladder.rungs["constant"].inner_log_loss
    assert ladder.best.inner_log_loss < constant - 0.01


@pytest.mark.parametrize(("flat", "trust"), [(False, 20.0), (True, 5.0)])
def test_a_hazard_that_tells_nobody_apart_holds_the_others_back_less(flat, trust):
    rows = company()
    due = np.random.default_rng(1).random(rows.y.size) < 0.3
    X = rows.X.copy()
    X[:, 1] = np.where(due | (rows.y == 1) | flat, 30.0, 300.0)  # days to renewal
    rows = replace(rows, X=X)
    share = shares(climb(rows, makers(without=("rules",))).rungs)
    total = sum(share.values())
    assert share["hazard"] / total == pytest.approx(trust / (trust + rows.outcomes))


def shares(rungs):
    """Give the blend's weights of its members' calibrated margins."""
    blend = rungs["blend"].scorer
    weights = zip(blend.members_, blend.weights, strict=True)
    return {m.name: w / rungs[m.name].calibrator.slope for m, w in weights}


def test_a_period_too_short_for_later_dates_is_judged_on_accounts_left_out():
    rows, new = (company(signal=3.0, months=2, rate=-2, seed=s) for s in (0, 1))
    ladder = climb(rows, makers(without=("hazard",)))
    assert ladder.origins == ()
    assert ladder.chosen in LEARNED
    assert "accounts left out of training" in ladder.reasons[0]
    assert "what changes with time was not seen" in ladder.reasons[1]
    losses = {
        name: np.mean(-np.log(np.where(new.y, p, 1 - p)))
        for name, p in ((n, r.probability(new.X)) for n, r in ladder.rungs.items())
    }
    assert losses[ladder.chosen] < 0.8 * losses["constant"]
    assert losses[ladder.chosen] < losses["rules"]


def test_no_account_is_judged_by_a_fit_that_saw_it():
    """Ids that churn at random tell nothing, unless an account judges itself."""
    rows = company(signal=0.0, months=2, rate=-1)
    told = np.column_stack([rows.X[:, 0], rows.account, rows.X[:, 2:]])
    ladder = climb(replace(rows, X=told), makers(without=("hazard", "calendar")))
    assert ladder.chosen == "constant"


def test_a_short_period_with_few_outcomes_still_has_the_level_of_its_rows():
    rows = company(months=2, rate=-4.5, signal=0.2)
    ladder = climb(rows, makers())
    assert rows.outcomes < 20
    assert ladder.origins == ()
    assert ladder.chosen == "blend"
    assert ladder.best.probability(rows.X).mean() == pytest.approx(rows.y.mean())


def test_slopes_are_fitted_on_rows_later_than_those_learned_from():
    steady = climbed().rungs["logistic"].calibrator.slope
    faded = climb(company(signal=1.0, late_signal=0.2), makers(without=("gbm",)))
    # What was learned early holds too strongly later on: only later rows can tell.
    assert 0.8 < steady < 1.25
    assert faded.rungs["logistic"].calibrator.slope < 0.85 * steady


def test_every_rung_predicts_the_churn_rate_of_all_training_rows():
    rows, ladder = company(), climbed()
    for name, rung in ladder.rungs.items():
        mean = rung.probability(rows.X).mean()
        assert mean == pytest.approx(ladder.base_rate, rel=0.03), name


@pytest.mark.parametrize("name", ["constant", "recency", "calendar"])
def test_margins_that_are_rates_already_are_left_as_they_are(name):
    calibrator = climbed().rungs[name].calibrator
    assert calibrator.to_json() == {"slope": 1.0, "intercept": 0.0}


def test_the_blend_is_the_mean_of_its_calibrated_members_part_by_part():
    rungs, X = climbed().rungs, company(seed=5).X
    blend = rungs["blend"].scorer
    share = shares(rungs)
    assert share["logistic"] == pytest.approx(share["gbm"])
    calibrated = [
        share[name] * rungs[name].calibrator.slope * scorer.decision_function(X)
        for name, scorer in ((m.name, m) for m in blend.members_)
    ]
    np.testing.assert_allclose(
        blend.decision_function(X), np.sum(calibrated, axis=0), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        blend.contributions(X).sum(axis=1), blend.decision_function(X), atol=1e-9
    )
    z = rungs["blend"].calibrator
    np.testing.assert_allclose(
        rungs["blend"].probability(X),
        sigmoid(z.slope * blend.decision_function(X) + z.intercept),
    )


def test_the_blend_gets_back_half_of_what_averaging_took():
    """Were its members right, each on its own, so would be the blend with all of it."""
    rungs, X = climbed().rungs, company().X
    share = shares(rungs)
    total = sum(share.values())
    each = {
        n: rungs[n].calibrator.log_odds(rungs[n].scorer.decision_function(X))
        for n in share
    }
    mean = sum(w / total * each[n] for n, w in share.items())
    moved = sum(w / total * each[n].var() for n, w in share.items())
    assert total == pytest.approx(np.sqrt(moved / mean.var()))
    assert total > 1.02
    assert rungs["blend"].calibrator.slope <= 1.0


def test_the_same_rows_give_the_same_ladder():
    assert written(climb(company(), makers())) == written(climbed())


def test_the_number_of_threads_changes_nothing_that_was_learned():
    one, two = (written(climb(company(), makers(threads=n))) for n in (1, 2))
    threads = ', "num_threads": '
    assert one.replace(f"{threads}1", f"{threads}2") == two


def test_what_is_learned_before_an_origin_does_not_know_later_labels():
    """Turn over every label of the newest rows: earlier choices of origin stand."""
    rows = company()
    last = rows.as_of == rows.as_of.max()
    y = np.where(last, 1 - rows.y, rows.y)
    turned = replace(
        rows, y=y, codes_at=lambda day: np.where(rows.as_of + HORIZON <= day, y, 2)
    )
    for day in inner_origins(rows):
        assert np.array_equal(rows.codes_at(day), turned.codes_at(day))


def test_progress_is_told_once_per_fit():
    ticks = []
    ladder = climb(company(), makers(), advance=lambda: ticks.append(1))
    assert len(ticks) == (len(ladder.origins) + 1) * len(
        ladder.rungs.keys() - {"blend"}
    )


def test_rungs_that_are_not_allowed_are_not_climbed():
    ladder = climb(company(), makers(without=("gbm", "rules")))
    assert " ".join(ladder.rungs) == "constant recency calendar hazard logistic blend"
    assert {m.name for m in ladder.rungs["blend"].scorer.members_} <= {
        "hazard",
        "logistic",
    }


@pytest.mark.parametrize(
    ("without", "left"), [("gbm", "logistic"), ("logistic", "gbm")]
)
def test_a_blend_holds_what_was_learned_although_not_every_rung_is_allowed(
    without, left
):
    blend = climb(company(), makers(without=(without,))).rungs["blend"].scorer
    weight = {m.name: w for m, w in zip(blend.members_, blend.weights, strict=True)}
    assert left in weight
    assert weight[left] > weight.get("hazard", 0.0)
