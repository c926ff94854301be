"""The verdict of a backtest: skill where there is some, and why it says so."""

from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.evaluate.judged import SIMPLE, judged_by
from tests.evaluate.reported import every_question, judged_with, report_of, told
from tests.made import panel_of, settings

from churnhealth.evaluate.backtest import fold_rows
from churnhealth.evaluate.longer_test import longer_test
from churnhealth.evaluate.metrics import log_loss
from churnhealth.evaluate.report import backtest_report
from churnhealth.evaluate.report_text import scorer_rows
from churnhealth.pages.proof import proof_told
from churnhealth.sources.contract import date_of


@every_question
def test_the_verdict_follows_from_the_gain_interval(kind):
    report = report_of(kind)
    low, high = report["scorers"]["chosen"]["gain_interval"]
    churned = sum(fold["outcomes_test"] for fold in report["folds"])
    assert report["verdict"]["skill"] is (low > 0 and churned >= 10)
    assert low <= report["scorers"]["chosen"]["log_loss_gain_over_constant"] <= high
    said = " ".join(report["verdict"]["reasons"])
    assert ("does not lie above zero" in said) is (low <= 0)
    outcomes = report["folds"][0]["outcomes_test"]
    more = f"{3 * outcomes} more accounts that leave would narrow that interval to"
    assert (f"{more} {(high - low) / 4:.4f} on either side" in said) is (low < high)
    assert (f"only {outcomes} accounts churned in the test" in said) is (outcomes < 20)


def test_another_level_for_everybody_gains_but_is_no_skill():
    judged, _ = told("horizon")
    level = np.full(judged.y.size, judged.y.mean())
    p = {"constant": np.full(judged.y.size, 0.5), "hazard": level, "chosen": level}
    moved = replace(judged, p=p, chosen="hazard")
    report = backtest_report(moved, panel_of(), settings(), leaky=None, shuffled={})
    assert report["scorers"]["chosen"]["gain_interval"][0] > 0
    assert report["verdict"]["skill"] is False
    assert any(
        "tells nobody apart" in reason for reason in report["verdict"]["reasons"]
    )


def test_figures_of_folds_that_chose_different_scorers_are_no_scorer_s():
    seen = panel_of()
    each = settings(backtest={"origins": "each"})
    each = each.model_copy(update={"model": SIMPLE})
    judged = judged_by(each, seen)
    report = backtest_report(judged, seen, each, leaky=None, shuffled={"auc": None})
    told = dict(scorer_rows(report["scorers"]))
    loss = log_loss(judged.p["chosen"], judged.y)
    assert told["by fold"]["log_loss"] == pytest.approx(loss)
    assert [name for name, row in told.items() if row["chosen"]] == ["by fold"]
    chose = Counter(fold.ladder.chosen for fold in judged.folds)
    assert len(chose) == 2  # else there is nothing to tell
    (one, ones), (other, others) = chose.most_common()
    said = f"the folds chose different scorers ({one} {ones}, {other} {others})"
    assert [r for r in report["verdict"]["reasons"] if r.startswith(said)]
    assert not any("by that alone" in r for r in report["verdict"]["reasons"])
    rate = {day: judged.y[judged.as_of == day].mean() for day in judged.as_of}
    level = {**judged.p, "constant": np.array([rate[day] for day in judged.as_of])}
    moved = replace(judged, p=level)
    report = backtest_report(moved, seen, each, leaky=None, shuffled={"auc": None})
    ranked = report["scorers"]["constant"]["auc"]
    said = f"by that alone the constant has an AUC of {ranked:.3f}"
    assert any(reason.endswith(said) for reason in report["verdict"]["reasons"])


def test_a_gain_that_too_few_outcomes_show_is_not_denied():
    judged, _ = told("horizon")
    left = np.unique(judged.account[judged.y == 1])[:3]
    few = replace(judged, y=np.where(np.isin(judged.account, left), judged.y, 0))
    report = backtest_report(few, panel_of(), settings(), leaky=None, shuffled={})
    assert report["verdict"]["skill"] is False
    assert "was not shown to tell who leaves" in proof_told(report)["headline"]


def test_a_loss_over_the_average_chance_is_told_as_one():
    judged, _ = told("horizon")
    worse = replace(judged, p={**judged.p, "chosen": 1.0 - judged.p["constant"]})
    report = backtest_report(worse, panel_of(), settings(), leaky=None, shuffled={})
    [line] = [x for x in proof_told(report)["lines"] if "average chance" in x]
    assert "further from what happened" in line
    assert "\u2212" not in line


def test_more_accounts_narrow_no_interval_of_the_constant_beside_itself():
    judged, _ = told("horizon")
    kept = replace(judged, p={**judged.p, "chosen": judged.p["constant"]})
    kept = replace(kept, chosen="constant")
    report = backtest_report(kept, panel_of(), settings(), leaky=None, shuffled={})
    assert report["scorers"]["chosen"]["gain_interval"] == [0.0, 0.0]
    assert not [r for r in report["verdict"]["reasons"] if "would narrow" in r]


def test_a_test_period_in_which_nobody_left_is_told_and_no_gain_is_claimed():
    judged, _ = told("horizon")
    nobody = replace(judged, y=np.zeros_like(judged.y))
    report = backtest_report(nobody, panel_of(), settings(), leaky=None, shuffled={})
    said = " ".join(report["verdict"]["reasons"])
    assert report["verdict"]["skill"] is False
    assert "no account churned in the test period, so it can show nothing" in said
    assert "[backtest] test_from" in said
    for claim in ("lies above zero", "those who left", "0 accounts"):
        assert claim not in said
    lines = proof_told(report)["lines"]
    assert lines == ["Nobody left in the test period: it can show nothing."]


@pytest.mark.parametrize(
    ("factor", "told_as"), [(0.4, "too low"), (1.0, None), (2.5, "too high")]
)
def test_chances_off_on_the_whole_are_told_with_what_was_seen(factor, told_as):
    judged, _ = told("horizon")
    p = np.clip(judged.p["chosen"] * factor * judged.y.mean(), 0.0, 0.99)
    p /= judged.p["chosen"].mean()

    def level(**sections):
        moved = replace(judged, p={**judged.p, "chosen": p})
        how = {"leaky": None, "shuffled": {}}
        report = backtest_report(moved, panel_of(), settings(**sections), **how)
        return [r for r in report["verdict"]["reasons"] if "chances were too" in r]

    if told_as is None:
        assert level() == []
        return
    [reason] = level()
    assert told_as in reason
    assert f"{p.mean():.1%} expected, {judged.y.mean():.1%} churned" in reason
    assert 'base_rate = "corrected"' in reason
    [reason] = level(calibration={"base_rate": "corrected"})
    assert "corrected" not in reason


def test_colours_do_not_follow_a_season():
    judged, _ = told("horizon")
    (fold,) = judged.folds

    def limits(newest, year_before):
        seen = replace(fold, newest_p=newest, year_before_p=year_before)
        moved = replace(judged, folds=(seen,))
        how = {"leaky": None, "shuffled": {}}
        return backtest_report(moved, panel_of(), settings(), **how)["cuts"]

    quiet, none = np.full(50, 0.001), np.zeros(0)
    usual = np.full(50, fold.ladder.base_rate)
    assert limits(quiet, quiet) == limits(usual, usual)
    assert limits(quiet, usual) == limits(quiet, none) < limits(usual, none)


@pytest.mark.parametrize("kind", ["horizon", "renewal"])
def test_limits_follow_everybody_in_question_before_the_test_not_closed_labels(kind):
    judged, _ = told(kind)
    (fold,) = judged.folds
    panel, best = panel_of(kind), fold.ladder.best
    day = panel.cohort.as_of
    newest = day[day < fold.fold.judged_at].max()
    before = day[np.abs(day - (newest - 365)) < 14].max()
    for on, said in ((newest, fold.newest_p), (before, fold.year_before_p)):
        row = np.flatnonzero(day == on)
        assert said.size == row.size
        assert said.mean() == pytest.approx(best.probability(panel.X[row]).mean())


def test_random_features_show_no_skill():
    seen = panel_of()
    X = np.random.default_rng(3).normal(size=seen.X.shape)
    _, report = judged_with(replace(seen, X=X))
    assert report["verdict"]["skill"] is False
    gain = report["scorers"]["chosen"]["log_loss_gain_over_constant"]
    assert abs(gain) < 0.005
    assert any("no skill" in reason for reason in report["verdict"]["reasons"])


def test_who_shows_no_skill_on_few_is_told_from_when_on_twice_as_many_left():
    judged, _ = told("horizon")
    panel, (fold,) = panel_of(), judged.folds
    p = {**judged.p, "chosen": np.full(judged.y.size, judged.y.mean())}
    p["chosen"] = p["chosen"] + 1e-9 * judged.y  # ranks, and gains next to nothing
    blunt = replace(judged, p=p)
    report = backtest_report(blunt, panel, settings(), leaky=None, shuffled={})
    assert report["verdict"]["skill"] is False
    (said,) = (r for r in report["verdict"]["reasons"] if r.startswith("a test from"))
    day = said.split()[3]
    assert date.fromisoformat(day) < date_of(fold.fold.test_from)
    longer = settings(backtest={"test_from": day})
    longer = longer.model_copy(update={"model": SIMPLE})
    (row,) = fold_rows(judged_by(longer, panel), panel)
    assert row["test_from"] == day
    assert f"judge by {row['outcomes_test']} accounts that left" in said
    assert f"learn from {row['outcomes_train']}:" in said
    left = np.unique(judged.account[judged.y == 1]).size
    assert row["outcomes_test"] >= 2 * left


@every_question
def test_no_longer_test_is_told_where_there_is_skill_or_too_little_before(kind):
    reasons = report_of(kind)["verdict"]["reasons"]
    skill = report_of(kind)["verdict"]["skill"]
    assert not (skill and any(r.startswith("a test from") for r in reasons))
    panel, first = panel_of(kind), int(panel_of(kind).cohort.as_of.min())
    assert longer_test(panel, test_from=first + 40, outcomes=1) is None


def test_without_skill_those_who_left_are_told_with_the_colours_that_were_shown():
    seen = panel_of()
    X = np.random.default_rng(3).normal(size=seen.X.shape)
    seen = replace(seen, X=X)
    judged, report = judged_with(seen, ladder=("constant", "rules"))
    (fold,) = judged.folds
    shown = fold.ladder.rungs["rules"].scorer.bands(X[fold.test])
    assert report["verdict"]["skill"] is False
    assert set(shown) > {"red"}
    alarms = np.isin(shown, ("red", "orange"))[judged.y == 0].mean()
    assert report["lead_time"][0]["false_alarm_rate"] == pytest.approx(alarms)
    assert "kept their promise" not in " ".join(proof_told(report)["lines"])


@pytest.mark.parametrize(("p", "told"), [(0.9, "unproven (AUC"), (0.1, "by chance")])
def test_what_stands_in_for_a_model_without_skill_is_told_with_its_worth(p, told):
    judged, _ = judged_with(panel_of())
    level = np.full(judged.y.size, judged.y.mean())
    rules = np.where(judged.y == 1, p, 1 - p)
    moved = replace(judged, p={**judged.p, "rules": rules, "chosen": level})
    report = backtest_report(moved, panel_of(), settings(), leaky=None, shuffled={})
    [reason] = [
        r for r in report["verdict"]["reasons"] if "colours are the rules'" in r
    ]
    assert told in reason


def test_a_planted_signal_shows_skill():
    seen = panel_of()
    random = np.random.default_rng(4)
    X = random.normal(size=seen.X.shape)
    X[:, 5] += 2.5 * (seen.labels().code == 1)
    _, report = judged_with(replace(seen, X=X))
    verdict = report["verdict"]
    assert verdict["skill"] is True
    assert verdict["chosen"] in ("logistic", "gbm", "blend")
    assert report["scorers"]["chosen"]["auc"] > 0.9


def by_the_dates(chosen, low=0.005, high=0.2):
    """Report a made-up ``chosen`` beside a hazard that knows whose term ends."""
    judged, _ = judged_with(panel_of())
    due = (judged.y == 1) | (np.arange(judged.y.size) % 7 == 0)
    hazard = np.where(due, high, low)
    level = np.full(judged.y.size, judged.y.mean())
    p = {"constant": level, "hazard": hazard, "chosen": chosen(hazard, judged.y)}
    moved = replace(judged, p=p, chosen="blend")
    report = backtest_report(moved, panel_of(), settings(), leaky=None, shuffled={})
    return report["verdict"]


def test_skill_that_is_the_dates_of_contracts_alone_is_told_as_such():
    noise = np.random.default_rng(5)

    def noisy(p, _):
        return p * noise.uniform(0.8, 1.2, p.size)

    verdict = by_the_dates(noisy)
    assert verdict["skill"] is True
    [reason] = [r for r in verdict["reasons"] if "dates of the contracts" in r]
    assert "and not who of them will" in reason


def test_skill_beyond_the_dates_of_contracts_is_told_with_its_gain():
    verdict = by_the_dates(lambda p, y: np.where(y == 1, 0.9, p / 2))
    [reason] = [r for r in verdict["reasons"] if "dates of the contracts" in r]
    assert "(hazard)" in reason
    assert reason.endswith("more is known than whose term ends")


def test_where_cover_is_open_the_dates_of_contracts_are_not_compared():
    def flat(p, y):
        return np.where(y == 1, 0.9, 0.005)

    verdict = by_the_dates(flat, low=0.1, high=0.1)
    assert verdict["skill"] is True
    assert not [r for r in verdict["reasons"] if "dates of the contracts" in r]


def test_where_no_term_ends_skill_is_told_beside_silence_alone():
    judged, _ = judged_with(panel_of())
    level = np.full(judged.y.size, judged.y.mean())
    silent = np.where(judged.y == 1, 0.3, 0.01)
    for chosen, end in (
        (np.where(judged.y == 1, 0.9, 0.005), "how long each has been silent"),
        (silent, "how long each has been silent, and no more"),
    ):
        p = {"constant": level, "recency": silent, "chosen": chosen}
        moved = replace(judged, p=p, chosen="lifetime")
        report = backtest_report(moved, panel_of(), settings(), leaky=None, shuffled={})
        reasons = report["verdict"]["reasons"]
        [reason] = [r for r in reasons if "days since each was last there" in r]
        assert reason.endswith(end)
