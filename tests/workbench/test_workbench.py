"""The notebook's way gives the same figures as the commands, and shows itself."""

import ast
import pickle
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import churnhealth as ch
from churnhealth.bundle import save_bundle
from churnhealth.errors import ConfigError, RequestError
from churnhealth.pipeline import build_panel, judge
from churnhealth.progress import Progress
from churnhealth.scoring import score_history

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"ladder": ["constant", "rules", "logistic"]}


@pytest.fixture(scope="module")
def data():
    return ch.simulate_company(accounts=200)


@pytest.fixture(scope="module")
def result(data):
    return data.backtest(model=QUICK)


@pytest.fixture(scope="module")
def model(data):
    return data.train(model=QUICK)


@pytest.fixture(scope="module")
def riskiest(data, model):
    scores = model.score(data)
    return scores.loc[scores["churn_probability"].idxmax(), "account_id"]


def frames(n=300):
    starts = pd.date_range("2022-01-01", periods=n)
    first = pd.DataFrame({"account_id": [f"a{i}" for i in range(n)], "start": starts})
    first["end"] = first["start"] + pd.DateOffset(years=1)
    second = first[first.index % 4 > 0]
    second = second.assign(
        start=second["end"], end=second["end"] + pd.DateOffset(years=1)
    )
    events = pd.DataFrame({"account_id": [f"a{i % n}" for i in range(40 * n)]})
    events["happened_at"] = pd.date_range("2022-01-01", periods=40 * n, freq="3h")
    return pd.concat([first, second]), events


def test_from_frames_to_a_backtest_in_six_lines():
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    after = page[page.index("data = ch.company_data(") :].split("```")[0]
    lines = ["import churnhealth as ch", *after.strip().splitlines()]
    assert len(ast.parse("\n".join(lines)).body) <= 6
    contracts, events = frames()
    told = ch.company_data(contracts=contracts, events={"logins": events}).backtest()
    assert told.report["data"]["accounts"] == 300
    assert told.report["data"]["positives"] > 0


def test_the_backtest_is_the_commands(data, result):
    config = data._changed({"model": QUICK})
    with Progress() as progress:
        panel = build_panel(config, data.history, progress=progress)
        _, report = judge(config, panel, progress=progress)
    assert result.report == report
    assert list(result.scorers.index) == list(report["scorers"])
    assert result.predictions.shape[0] == report["folds"][0]["n_test"]


def test_features_and_labels_have_one_index_and_a_reason_each(data):
    training = data.training_set()
    assert training.X.index.equals(training.y.index)
    known = training.rows[training.rows["label"].isin(["churned", "stayed"])]
    assert len(known) == len(training.X)
    assert (known["label"] == "churned").sum() == training.y.sum()
    assert (known["known_on"] > known["as_of"]).all()
    assert list(training.features["name"]) == list(training.X.columns)


def test_scores_are_those_of_a_scoring_run(data, model):
    day = date(2025, 12, 1)
    mine = model.score(data, as_of=day)
    from datetime import UTC, datetime

    from churnhealth.sources.contract import day_of

    book = score_history(
        model.bundle, data.history, as_of=day_of(day), scored_at=datetime.now(UTC)
    )
    theirs = book.scores["churn_probability"]
    np.testing.assert_array_equal(mine["churn_probability"], theirs)
    drivers = model.score_drivers(data, as_of=day)
    assert set(drivers["account_id"]) <= set(mine["account_id"])


def test_a_saved_model_is_the_same_model(data, model, tmp_path):
    again = ch.load_model(model.save(tmp_path / "m"))
    assert again.version == model.version
    pd.testing.assert_series_equal(
        again.score(data)["churn_probability"], model.score(data)["churn_probability"]
    )


def test_an_explanation_adds_up_and_speaks(data, model, riskiest):
    why = model.explain(data, riskiest, since="2025-10-01", suggest=True)
    base = why.told["score"]["base_probability"]
    moved = 100 * (why.churn_probability - base)
    assert why.drivers["effect_points"].sum() == pytest.approx(moved, abs=1e-9)
    assert why.band in why.text
    assert "Since 2025-10-01" in why.text
    assert why.text == repr(why)
    with pytest.raises(RequestError, match="CH503"):
        model.explain(data, "nobody")
    with pytest.raises(RequestError, match="CH509"):
        model.explain(data, riskiest, as_of="2025-10-01", since="2025-11-01")


def test_an_accounts_history_is_what_would_have_been_said(data, model, riskiest):
    rows = model.history(data, riskiest, every=31, looks=4)
    assert rows["as_of"].is_monotonic_increasing
    scored = rows.dropna(subset=["churn_probability"]).iloc[-2]
    then = model.score(data, as_of=scored["as_of"].date()).set_index("account_id")
    assert then.loc[riskiest, "churn_probability"] == scored["churn_probability"]
    title = model.plot_history(data, riskiest, looks=4).title
    assert title.startswith("Risk over time, now")


def test_every_picture_is_drawn_and_its_title_says_the_finding(result, model):
    for name in ("folds", "scorers", "calibration", "lift", "bands", "lead_time"):
        picture = result.plot(name)
        assert picture._repr_png_()[:4] == b"\x89PNG"
        assert len(picture.title) > 10
    assert "moves most" in model.plot("drivers").title


def test_what_cannot_be_is_refused_with_what_can(data, model, result):
    def refused(code, what, ask):
        with pytest.raises(ch.ChurnHealthError, match=rf"\[{code}\][\s\S]*{what}"):
            ask()

    refused("CH803", "choose of folds", lambda: result.plot("pie"))
    refused("CH803", "choose of drivers", lambda: model.plot("pie"))
    refused("CH803", "DataFrame is no company", lambda: model.score(pd.DataFrame()))
    refused("CH803", "2001-01-01", lambda: model.shap(data, as_of="2001-01-01"))
    refused("CH503", "no account", lambda: model.history(data, "nobody"))
    refused("CH803", "`accounts`", lambda: ch.simulate_company(accounts=0))
    refused("CH803", "`accounts`", lambda: ch.simulate_company(accounts=99.5))
    refused("CH803", "`seed`", lambda: ch.simulate_company(seed=-1))
    assert ch.simulate_company(accounts=np.int64(60)).history.accounts.ids.size == 60
    refused("CH003", "model", lambda: data.train(model=5))
    refused("CH003", "question", lambda: data.train(question=5))


def test_data_and_results_can_be_copied_and_pickled(data, model, result):
    for copied in (deepcopy(data), pickle.loads(pickle.dumps(data))):
        theirs = model.score(copied)["churn_probability"]
        pd.testing.assert_series_equal(theirs, model.score(data)["churn_probability"])
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.predictions, result.predictions)


def test_the_learning_curve_ends_with_the_backtests_own_figure(result):
    curve = result.learning_curve()
    assert curve["outcomes"].is_monotonic_increasing
    last = curve.iloc[-1]
    chosen = result.report["scorers"]["chosen"]
    assert last["chosen"] == chosen["name"]
    assert last["gain"] == pytest.approx(chosen["log_loss_gain_over_constant"])
    assert "log loss gained" in result.plot("learning").title


def test_everything_shows_itself_and_nothing_in_it_can_run(data, result, model):
    evil = ch.company_data(
        contracts=frames()[0],
        company={"name": "<script>alert(1)</script>"},
    )
    assert "<script" not in evil._repr_html_()
    shown = [data, data.training_set(), result, model]
    for thing in shown:
        assert thing._repr_html_().startswith("<div")
        assert len(repr(thing)) > 20
    bars = [thing._repr_html_().count("<svg") for thing in shown[1:]]
    assert min(bars) >= 2


def test_a_test_in_which_nobody_left_shows_itself_too(result):
    report = deepcopy(dict(result.report))
    for row in report["scorers"].values():
        row["auc"] = None
    for line in report["lead_time"]:
        line["churners"] = 0
    nobody = type(result)(result.panel, result.config, result.judged, report)
    shown = nobody._repr_html_()
    assert shown.count("<svg") == result._repr_html_().count("<svg")
    assert ", AUC" not in shown
    assert nobody.plot("lead_time").title.startswith("Nobody who left had a score")


def test_what_each_fold_chose_is_drawn_as_no_scorer_s(result):
    report = deepcopy(dict(result.report))
    chosen = report["scorers"]["chosen"]
    chosen["log_loss"] -= 0.001  # as if another fold had chosen another scorer
    mixed = type(result)(result.panel, result.config, result.judged, report)
    assert mixed.plot("scorers").title.startswith("What each fold chose ")
    assert "by fold" in mixed._repr_html_()


def test_a_notebook_says_how_much_a_segment_may_lose(data, model, tmp_path):
    able = replace(model.bundle, skill=True)  # who shows none is not compared at all
    save_bundle(able, tmp_path / "mine")
    given = {"models": tmp_path / "models", "segment_tolerance": 0.2}
    told = model.promote(data, tmp_path / "mine", **given)
    assert told["evidence"]["segment_tolerance"] == 0.2


def test_sections_are_held_to_the_rules_of_the_configuration(data):
    with pytest.raises(ConfigError, match="CH003"):
        data.backtest(question={"kind": "renewal", "lead_max": 90})
    with pytest.raises(ConfigError, match="CH003"):
        data.backtest(typo={"a": 1})


def test_the_files_behind_frames_go_with_the_data():
    data = ch.company_data(contracts=frames()[0])
    folder = data.config.root
    assert folder.is_dir()
    del data
    assert not folder.exists()


@pytest.mark.parametrize(
    "day",
    ["2026-02-01", pd.Timestamp("2026-02-01 15:00"), np.datetime64("2026-02-01")],
    ids=["text", "timestamp", "numpy"],
)
def test_a_day_may_be_given_as_notebooks_hold_it(day):
    contracts, _ = frames(30)
    data = ch.company_data(contracts=contracts, today=day)
    assert data.today == date(2026, 2, 1)


@pytest.mark.parametrize("day", ["1.2.2026", 7, pd.NaT])
def test_what_is_no_day_is_refused(data, model, day):
    with pytest.raises(ch.ChurnHealthError, match=r"\[CH802\]"):
        model.score(data, as_of=day)


def test_frames_that_cannot_be_read_leave_no_copy_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    contracts, _ = frames(30)
    with pytest.raises(ConfigError, match="CH003"):
        ch.company_data(contracts=contracts, snapshotz={})
    assert not any(tmp_path.iterdir())


def test_more_is_said_of_frames_as_a_file_would_say_it():
    contracts, events = frames()
    due = events[:600].assign(known_at=events["happened_at"][0] - pd.Timedelta(days=9))
    due["ended_at"] = due["happened_at"] + pd.Timedelta(days=2)
    more = {"events": [{"name": "deadlines", "planned": True}], "known_at_lag_days": 1}
    given = {"logins": events, "deadlines": due}
    data = ch.company_data(contracts=contracts, events=given, sources=more)
    assert "deadlines__all__overdue" in data.training_set().X
    assert data.config.sources.known_at_lag_days == 1
    assert [s.name for s in data.config.sources.events] == ["logins", "deadlines"]
    assert "CH207" not in {finding.code for finding in data.findings}


def test_how_contracts_renew_and_who_says_the_seats_are_keys_of_their_sources():
    contracts, _ = frames(30)
    licences = pd.DataFrame({"account_id": ["a1"], "known_at": ["2022-02-01"]})
    licences = licences.assign(state="licences", value=5)
    data = ch.company_data(
        contracts=contracts[["account_id", "start"]],
        states={"billing": licences},
        sources={
            "contracts": {"renews_months": 12},
            "states": [{"name": "billing", "seats": "licences"}],
        },
    )
    assert data.history.contracts.renews_months == 12
    assert data.config.sources.states[0].seats == "licences"


def test_a_check_looks_for_what_tells_the_outcome_as_the_command_does():
    contracts, events = frames()
    again = contracts["account_id"].value_counts() > 1
    order = [*again.index[again], *again.index[~again]]  # ids that sort by outcome
    named = {old: f"c{i:03d}" for i, old in enumerate(order)}
    contracts, events = (
        frame.assign(account_id=frame["account_id"].map(named))
        for frame in (contracts, events)
    )
    data = ch.company_data(contracts=contracts, events={"logins": events})
    assert "CH226" in set(data.check()["code"])


@pytest.mark.parametrize("sources", [3, {"events": ["x"]}, {"events": [{"name": "x"}]}])
def test_what_says_nothing_of_frames_is_refused(sources):
    contracts, events = frames(30)
    with pytest.raises(ConfigError, match="CH003"):
        ch.company_data(contracts=contracts, events={"e": events}, sources=sources)


def test_a_configuration_is_read_from_a_path_in_text(tmp_path):
    path = tmp_path / "churnhealth.toml"
    path.write_text("", encoding="utf-8")
    assert ch.read_config(str(path)) == ch.read_config(path)
