"""The examples on their real data: the counts that were pinned, figures that hold."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.made import read_only

from churnhealth.config import read_config
from churnhealth.evaluate.backtest import fold_plan, training_rows
from churnhealth.evaluate.panel import snapshot_panel
from churnhealth.gathering import gather
from churnhealth.pipeline import build_panel, judge
from churnhealth.progress import Progress
from churnhealth.snapshots.labels import NO, YES

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def example(shared_data):
    """Give an example's configuration over its data, and its history, read once."""
    done = {}

    def read(name, **snapshots):
        config = read_config(ROOT / "examples" / f"{name}.toml")
        sources = config.sources.model_copy(update={"root": str(shared_data(name))})
        config = config.model_copy(update={"sources": sources})
        if name not in done:
            with Progress() as progress:
                loaded, _ = gather(config, today=TODAY, progress=progress)
            done[name] = read_only(loaded.history)
        placed = config.snapshots.model_copy(update=snapshots)
        return config.model_copy(update={"snapshots": placed}), done[name]

    return read


@pytest.fixture(scope="module")
def judged(example):
    done = {}

    def report(name, *, without=(), **snapshots):
        if name not in done:
            config, history = example(name, **snapshots)
            ladder = tuple(s for s in config.model.ladder if s not in without)
            model = config.model.model_copy(update={"ladder": ladder})
            config = config.model_copy(update={"model": model})
            with Progress() as progress:
                panel = build_panel(config, history, progress=progress)
                done[name] = judge(config, panel, progress=progress)[1]
        return done[name]

    return report


def fold_counts(report):
    fold = report["folds"][0]
    names = ("n_train", "positives_train", "n_test", "positives_test")
    return tuple(fold[name] for name in names)


def test_crm5_counts_and_figures_are_as_pinned(judged):
    report = judged("crm5")
    fold, scorers = report["folds"][0], report["scorers"]
    assert fold_counts(report) == (1921, 51, 1387, 53)
    assert (fold["outcomes_train"], fold["outcomes_test"]) == (29, 31)
    assert scorers["constant"]["log_loss"] == pytest.approx(0.1645, abs=0.0005)
    assert scorers["calendar"]["log_loss"] == pytest.approx(0.150, abs=0.002)
    assert scorers["calendar"]["auc"] == pytest.approx(0.665, abs=0.002)
    assert report["verdict"]["skill"] is True


def test_crm5_beats_the_calendar_with_29_outcomes(judged):
    scorers = judged("crm5")["scorers"]
    ratio = scorers["chosen"]["log_loss"] / scorers["constant"]["log_loss"]
    assert ratio < 0.87
    assert scorers["chosen"]["log_loss"] < scorers["calendar"]["log_loss"]
    assert scorers["chosen"]["auc"] > 0.75


def test_crm5_lead_time_is_told_for_30_days_only(judged):
    assert [row["days_before"] for row in judged("crm5")["lead_time"]] == [30]


@pytest.mark.parametrize(
    ("name", "pinned"), [("openstack", (1600, 705)), ("cdnow", (71221, 50162))]
)
def test_training_on_the_test_grid_has_the_pinned_counts(example, name, pinned):
    config, history = example(name, train_every=None)
    panel = snapshot_panel(config, history)
    rows, _ = training_rows(panel, fold_plan(panel, config)[0].judged_at)
    assert (rows.y.size, int(rows.y.sum())) == pinned


def test_openstack_counts_are_as_pinned_and_usage_tells(judged):
    report = judged("openstack")
    assert fold_counts(report)[2:] == (907, 435)
    scorers = report["scorers"]
    assert scorers["recency"]["auc"] == pytest.approx(0.783, abs=0.005)
    assert scorers["constant"]["log_loss"] == pytest.approx(0.696, abs=0.002)
    assert scorers["chosen"]["auc"] > 0.865  # of a regularised LightGBM
    assert scorers["chosen"]["log_loss"] < 0.466
    assert report["verdict"]["skill"] is True


@pytest.mark.slow
def test_cdnow_counts_are_as_pinned_and_the_falling_churn_rate_is_survived(judged):
    # learned on the days it is judged on, as the untuned LightGBM was
    report = judged("cdnow", without=("gbm",), train_every=None)
    assert fold_counts(report)[2:] == (15698, 8316)
    scorers = report["scorers"]
    assert scorers["recency"]["auc"] == pytest.approx(0.594, abs=0.005)
    assert scorers["chosen"]["log_loss"] < 0.6221  # of an untuned LightGBM
    assert "calendar" not in scorers


@pytest.mark.parametrize("name", ["ravenstack", "ravenstack_excel"])
def test_ravenstack_shows_no_skill(judged, name):
    report = judged(name)
    assert report["data"]["snapshots"] == 2519
    assert report["data"]["positives"] == 429
    assert report["verdict"]["skill"] is False
    assert report["verdict"]["chosen"] in ("constant", "rules")
    assert any("no skill" in reason for reason in report["verdict"]["reasons"])
    best = max(row["log_loss_gain_over_constant"] for row in report["scorers"].values())
    assert best < 0.005
    # and the cheat would have seen a perfect model in it
    assert report["leaky"]["auc"] > 0.95


def test_a_round_trip_through_a_spreadsheet_changes_no_figure(judged):
    assert judged("ravenstack") == judged("ravenstack_excel")


def test_the_sample_in_the_repository_runs_to_the_end():
    config = read_config(ROOT / "examples" / "simulated.toml")
    with Progress() as progress:
        loaded, _ = gather(config, today=TODAY, progress=progress)
        panel = build_panel(config, loaded.history, progress=progress)
        _, report = judge(config, panel, progress=progress)
    assert report["data"]["accounts"] == 60
    # what needs no evidence of its own: a written card and the contract calendar
    assert report["verdict"]["chosen"] in ("rules", "blend")
    assert "fewer than 20" in report["verdict"]["reasons"][0]
    assert not {"logistic", "gbm"} & set(report["scorers"])


def test_oulad_counts_are_as_pinned(example):
    config, history = example("oulad")
    panel = snapshot_panel(config, history)
    day = fold_plan(panel, config)[0].judged_at
    rows, at = training_rows(panel, day)
    assert (rows.y.size, int(rows.y.sum())) == (145_448, 1_128)
    code = panel.labels().code
    tested = panel.tests & (panel.cohort.as_of >= day) & ((code == YES) | (code == NO))
    assert (int(tested.sum()), int(np.sum(code[tested] == YES))) == (304_358, 1_850)
    # closed before the test, and one row per enrolment and week
    assert panel.cohort.as_of[at].max() + 7 <= day
    keys = rows.account * 100_000 + rows.as_of
    assert np.unique(keys).size == keys.size


@pytest.mark.slow
def test_oulad_looked_at_every_eighth_week_tells_who_leaves(example):
    # every week and scorer take far longer: benchmarks/quality.py does that, and a
    # notebook asks the logistic
    config, history = example("oulad", every=56)
    model = config.model.model_copy(update={"ladder": ("constant", "gbm")})
    config = config.model_copy(update={"model": model})
    with Progress() as progress:
        panel = build_panel(config, history, progress=progress)
        _, report = judge(config, panel, progress=progress, leaky=False)
    assert fold_counts(report) == (20_437, 140, 39_824, 507)
    scorers = report["scorers"]
    constant = scorers["constant"]["log_loss"]
    assert constant == pytest.approx(0.0702, abs=0.0001)
    assert scorers["gbm"]["auc"] >= 0.82
    assert scorers["gbm"]["log_loss"] <= 0.92 * constant
    assert report["verdict"]["skill"] is True
    assert report["lead_time"] == []  # a week ahead covers none of the days
    rates = [band["observed"] for band in report["bands"] if band["n"]]
    assert rates == sorted(rates)
    assert set(report["group_disjoint"]) == {"auc", "log_loss"}
