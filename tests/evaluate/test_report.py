"""The backtest as a dict: what stands in it, what is absent, and that it is true."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.evaluate.reported import every_question, judged_with, report_of, told
from tests.made import loaded, panel, panel_of, settings

from churnhealth.evaluate.report import backtest_report, prediction_table
from churnhealth.evaluate.report_text import report_text, sentence
from churnhealth.pages.proof import proof_page, proof_told

TOP = [
    "schema_version",
    "question",
    "data",
    "folds",
    "scorers",
    "group_disjoint",
    "cuts",
    "bands",
    "lead_time",
    "gains",
    "leaky",
    "shuffled_dates",
    "base_rate",
    "slices",
    "verdict",
]
DATA = {
    "accounts",
    "events",
    "snapshots",
    "positives",
    "outcomes",
    "censored",
    "excluded",
}
FOLD = {
    "train_from",
    "train_to",
    "test_from",
    "test_to",
    "n_train",
    "n_test",
    "positives_train",
    "positives_test",
    "outcomes_train",
    "outcomes_test",
}
SCORER = {
    "auc",
    "auc_interval",
    "average_precision",
    "log_loss",
    "log_loss_gain_over_constant",
    "gain_interval",
    "brier",
    "calibration_slope",
    "predicted_over_observed",
    "ece",
    "lift_top_decile",
}
BAND = {"band", "low", "high", "n", "predicted", "observed", "interval", "kept"}
LEAD = {
    "days_before",
    "churners",
    "red_or_orange",
    "red",
    "orange",
    "yellow",
    "green",
    "grey",
    "false_alarm_rate",
    "value",
    "value_red_or_orange",
    "value_green",
}


@every_question
def test_the_report_has_exactly_the_promised_keys(kind):
    report = report_of(kind)
    assert list(report) == TOP
    assert report["schema_version"] == 1
    assert set(report["data"]) == DATA
    assert {"grace", "announced", "in_lead"} <= set(report["data"]["excluded"])
    assert report["folds"]
    assert all(set(fold) == FOLD for fold in report["folds"])
    chosen = report["scorers"]["chosen"]
    assert set(chosen) == {"name"} | SCORER
    for name, row in report["scorers"].items():
        assert set(row) - {"name"} == SCORER, name
    assert [set(band) for band in report["bands"]] == [BAND] * 4
    assert all(set(row) == LEAD for row in report["lead_time"])
    assert set(report["leaky"]) == {"auc", "how"}
    shuffled = {"auc", "auc_shuffled", "gap", "accounts"}
    assert set(report["shuffled_dates"]) == shuffled
    assert set(report["verdict"]) == {"skill", "chosen", "reasons"}
    assert report["question"]["kind"] == {"silence": "inactivity"}.get(kind, kind)


@every_question
def test_the_report_is_plain_json_without_nan(kind):
    report = report_of(kind)
    text = json.dumps(report, allow_nan=False)
    assert json.loads(text) == report


@every_question
def test_the_page_draws_what_the_report_of_any_question_holds(kind):
    drawn = proof_told(report_of(kind))["drawn"]
    there = {name for name, plot in drawn.items() if plot is not None}
    assert there >= {"bands", "found"}
    parts = report_of(kind)["slices"]["calibration"]
    assert ("chances" in there) == (len(parts) > 1)
    assert ("lead" in there) == (kind != "silence")  # a silence has no day
    assert ("learning" in there) is False  # nobody asked for it
    assert "Does it work?" in proof_page(report_of(kind), company="x", since={})


@pytest.mark.parametrize("few", [0, 1])
def test_a_test_period_in_which_hardly_anybody_left_has_a_page_too(few):
    judged, _ = told("horizon")
    first = np.flatnonzero(judged.y == 1)[:few]
    y = np.isin(np.arange(judged.y.size), first).astype(judged.y.dtype)
    nothing = {"auc": None, "auc_shuffled": None, "gap": None, "accounts": 0}
    report = backtest_report(
        replace(judged, y=y, outcome=np.where(y == 1, judged.outcome, -1)),
        panel_of(),
        settings(),
        leaky={"auc": None, "how": ""},
        shuffled=nothing,
    )
    assert report["verdict"]["skill"] is False
    assert (report["gains"] is None) == (few == 0)
    read = json.loads(json.dumps(report, allow_nan=False))
    page = proof_page(read, company="x", since={})
    assert page.count('<figure class="plot') >= 2 * few
    assert "nan" not in page


@every_question
def test_a_scorer_that_does_not_apply_is_absent(kind):
    names = list(report_of(kind)["scorers"])
    calendar = ["calendar"] if kind == "horizon" else []
    hazard = ["hazard"] if kind in ("horizon", "renewal") else ["lifetime"]
    assert names == [
        *("constant", "recency", *calendar, "rules", *hazard),
        *("logistic", "gbm", "blend", "chosen"),
    ]


def test_only_the_rungs_that_are_allowed_are_reported():
    _, report = judged_with(panel_of(), ladder=("constant", "rules"))
    assert list(report["scorers"]) == ["constant", "rules", "chosen"]
    assert report["verdict"]["chosen"] in ("constant", "rules")


@every_question
def test_the_chosen_scorer_repeats_the_figures_of_its_name(kind):
    scorers = report_of(kind)["scorers"]
    chosen = dict(scorers["chosen"])
    name = chosen.pop("name")
    assert name == report_of(kind)["verdict"]["chosen"]
    assert chosen == scorers[name]


@every_question
def test_bands_are_ordered_leave_no_gap_and_hold_every_test_row(kind):
    report = report_of(kind)
    bands = report["bands"]
    assert [b["band"] for b in bands] == ["green", "yellow", "orange", "red"]
    assert (bands[0]["low"], bands[-1]["high"]) == (0.0, 1.0)
    for cut, (better, worse) in zip(report["cuts"], pairwise(bands), strict=True):
        # a promise may reach beyond its cuts, and over one neighbour at most
        assert better["low"] <= worse["low"] <= cut <= better["high"] <= worse["high"]
    assert bands[0]["high"] <= report["cuts"][1] <= bands[3]["low"]
    assert sum(b["n"] for b in bands) == sum(f["n_test"] for f in report["folds"])
    for band in bands:
        if band["n"]:
            assert band["low"] <= band["predicted"] <= band["high"]
        else:
            figures = ("predicted", "observed", "interval", "kept")
            assert [band[f] for f in figures] == [None] * 4


def test_what_a_colour_promises_does_not_depend_on_what_came():
    judged, report = told("horizon")
    other = replace(judged, y=1 - judged.y)
    panel = panel_of()
    again = backtest_report(other, panel, settings(), leaky=None, shuffled={})
    for mine, theirs in zip(report["bands"], again["bands"], strict=True):
        assert (mine["low"], mine["high"]) == (theirs["low"], theirs["high"])
        assert mine["observed"] != theirs["observed"] or not mine["n"]


def test_bands_lie_at_multiples_of_the_training_odds():
    report = report_of("horizon")
    fold = report["folds"][0]
    rate = fold["positives_train"] / fold["n_train"]
    odds = rate / (1 - rate)
    cuts = report["cuts"]
    wanted = [m * odds / (1 + m * odds) for m in (0.5, 1.5, 3.0)]
    assert cuts == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("kind", "days"),
    [("horizon", [60, 30]), ("renewal", [120, 90, 60, 30]), ("silence", [])],
)
def test_lead_time_is_told_for_days_that_the_question_covers_only(kind, days):
    rows = report_of(kind)["lead_time"]
    assert [row["days_before"] for row in rows] == days
    for row in rows:
        assert row["red"] + row["orange"] == row["red_or_orange"]
        shown = ("red_or_orange", "yellow", "green", "grey")
        assert sum(row[name] for name in shown) == row["churners"]
        assert 0 <= row["false_alarm_rate"] <= 1


def test_whoever_was_measured_too_little_had_been_shown_grey_before_leaving():
    bare = replace(panel_of(), X=np.full_like(panel_of().X, np.nan))
    _, report = judged_with(bare, ladder=("constant",))
    churners = {row["days_before"]: row["churners"] for row in report["lead_time"]}
    assert sum(churners.values()) > 0
    for row in report["lead_time"]:
        assert (row["grey"], row["red_or_orange"]) == (row["churners"], 0)
        assert row["false_alarm_rate"] == 0.0


def test_lead_time_begins_after_the_lead():
    question = {"kind": "horizon", "lead_days": 30, "horizon_days": 61, "gap_days": 30}
    seen = panel(settings(question=question), loaded().history)
    _, report = judged_with(seen, ladder=("constant", "rules"), question=question)
    days = {row["days_before"]: row["churners"] for row in report["lead_time"]}
    assert list(days) == [90, 60, 30]
    assert sum(days.values()) > 0


@every_question
def test_counts_agree_with_each_other(kind):
    judged, report = told(kind)
    fold, data = report["folds"][0], report["data"]
    assert fold["n_test"] == judged.y.size
    assert fold["positives_test"] == judged.y.sum()
    churned = judged.account[judged.y == 1]
    assert fold["outcomes_test"] == np.unique(churned).size
    assert fold["n_train"] + fold["n_test"] <= data["snapshots"]
    assert fold["positives_train"] + fold["positives_test"] <= data["positives"]
    assert fold["train_to"] < fold["test_from"] <= fold["test_to"]
    assert data["accounts"] == 300
    assert data["outcomes"] <= data["positives"]


def test_snapshots_and_what_is_excluded_are_counted_on_one_grid():
    weekly = {"snapshots": {"every": "month", "train_every": "week"}}
    dense = panel(settings(**weekly), loaded().history)
    _, report = judged_with(dense, ladder=("constant", "rules"), **weekly)
    monthly = report_of("horizon")["data"]
    grew = report["data"]["snapshots"] / monthly["snapshots"]
    also = report["data"]["excluded"]["grace"] / monthly["excluded"]["grace"]
    assert also == pytest.approx(grew, rel=0.5)


def test_capacity_is_counted_on_one_date_of_training_not_on_the_test():
    bands = {"policy": "capacity", "capacity": [50, 30, 20]}
    judged, report = judged_with(panel_of(), bands=bands)
    dates = np.unique(judged.as_of).size
    n = {band["band"]: band["n"] / dates for band in report["bands"]}
    for band, capacity in zip(("red", "orange", "yellow"), (20, 30, 50), strict=True):
        # later dates have other scores: about as many, not as many
        assert n[band] == pytest.approx(capacity, rel=0.5), band


@every_question
def test_predictions_are_the_rows_behind_the_figures(kind):
    judged, report = told(kind)
    ids = loaded().history.accounts.ids
    table = prediction_table(judged, report, ids)
    names = [n for n in report["scorers"] if n != "chosen"]
    assert list(table) == [
        *("account_id", "as_of", "label"),
        *(f"p_{n}" for n in names),
        *("p_chosen", "band"),
    ]
    keys = list(zip(table["as_of"].tolist(), table["account_id"].tolist(), strict=True))
    assert keys == sorted(set(keys))
    y = table["label"]
    for name in (*names, "chosen"):
        p = table[f"p_{name}"]
        loss = -np.mean(np.log(np.where(y == 1, p, 1 - p)))
        assert loss == pytest.approx(report["scorers"][name]["log_loss"])
    for band in report["bands"]:
        mine = table["band"] == band["band"]
        assert mine.sum() == band["n"]
        if band["n"]:
            assert y[mine].mean() == pytest.approx(band["observed"])
            p = table["p_chosen"][mine]
            cuts = (0.0, *report["cuts"], 1.0)
            at = [b["band"] for b in report["bands"]].index(band["band"])
            assert ((cuts[at] <= p) & (p < cuts[at + 1])).all()


@every_question
def test_the_page_of_text_says_what_the_dict_says(kind):
    report = report_of(kind)
    text = report_text(report)
    for name in report["scorers"]:
        assert name in text
    word = "skill" if report["verdict"]["skill"] else "no skill"
    assert f"verdict: {word}, chosen {report['verdict']['chosen']}" in text
    for reason in report["verdict"]["reasons"]:
        assert f"  - {sentence(reason)}" in text
    assert f"{report['folds'][0]['n_train']:,} rows" in text
    apart = report["group_disjoint"]["auc"]
    assert apart is None or f"of groups it had not seen: an AUC of {apart:.3f}" in text
    assert "nan" not in text.lower()


def test_the_text_copes_with_figures_that_do_not_exist():
    report = json.loads(json.dumps(report_of("horizon")))
    report["scorers"]["constant"].update(auc=None, calibration_slope=None)
    report["leaky"] = {"auc": None, "how": "not enough"}
    report["group_disjoint"] = {"auc": None, "log_loss": None}
    text = report_text(report)
    assert "cheating" not in text
    assert "groups" not in text
    assert "None" not in text


def test_the_chosen_scorer_stands_once_in_the_table_and_is_marked():
    report = report_of("horizon")
    name = report["verdict"]["chosen"]
    [row] = [x for x in report_text(report).splitlines() if x.startswith(f"{name} ")]
    assert row.endswith("  chosen")
    assert f"chosen ({name})" not in report_text(report)
    page = proof_page(report, company="Example", since={})
    assert page.count(f'<th scope="row">{name}<small>chosen</small></th>') == 1
    assert '<th scope="row">chosen' not in page
