"""The whole way, question by question."""

import csv
import json
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from tests.made import RENEWAL, SILENCE, loaded, settings, write_files

from churnhealth.archive.runs import read_current
from churnhealth.bundle import load_bundle
from churnhealth.commands.learn import (
    run_backtest,
    train_bundle,
    with_backtest,
    write_features,
)
from churnhealth.commands.look import check_all
from churnhealth.commands.tell import explain_account, score_cohort, write_portfolio
from churnhealth.config import parse_config
from churnhealth.errors import ConfigError, RequestError, SourceError, TrainingError
from churnhealth.evaluate.choice import choose_specs
from churnhealth.features.levels import medians
from churnhealth.gathering import gather
from churnhealth.pipeline import newest_day, train
from churnhealth.progress import Progress
from churnhealth.scoring import features_on
from churnhealth.snapshots.cohort import cohort
from churnhealth.sources.contract import date_of
from churnhealth.sources.engine import read_table

TODAY = date(2026, 1, 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = {"horizon": None, "renewal": RENEWAL, "silence": SILENCE}


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company's files, and its configuration for each question."""
    folder = tmp_path_factory.mktemp("company")
    write_files(folder, accounts=60)

    def configured(kind="horizon", **sections):
        question = QUESTIONS[kind]
        asked = {} if question is None else {"question": question}
        return settings(folder, **{**asked, **sections})

    return configured


@pytest.mark.parametrize("kind", QUESTIONS)
def test_each_question_goes_the_whole_way(company, kind, tmp_path):
    config = company(kind)
    with Progress() as progress:
        done = train_bundle(
            config, out=tmp_path / "model", as_of=None, today=TODAY, progress=progress
        )
        told = score_cohort(
            config,
            bundle_folder=tmp_path / "model",
            out=tmp_path / "scores",
            as_of=None,
            file_format="parquet",
            now=NOW,
            progress=progress,
        )
        size = write_portfolio(
            tmp_path / "scores",
            tmp_path / "report.html",
            bundle_folder=tmp_path / "model",
        )
        bundle = load_bundle(tmp_path / "model")
        assert done["model_version"] == told["model_version"] == bundle.model_version
        assert bundle.question.kind == done["backtest"]["question"]["kind"]
        assert (done["run_id"], done["registered_version"]) == (None, None)
        json.dumps([done, told], allow_nan=False)
        scores = read_current(tmp_path / "scores").scores
        on = scores["status"] == "scored"
        assert told["listed"] == scores["status"].size
        assert told["scored"] == on.sum() == sum(told["bands"].values()) > 20
        account = scores["account_id"][on][0]
        why = explain_account(
            config,
            account,
            bundle_folder=tmp_path / "model",
            as_of=None,
            now=NOW,
            progress=progress,
        )
    assert why["score"]["account_id"] == account
    p, base = why["score"]["churn_probability"], why["score"]["base_probability"]
    moved = sum(d["effect_log_odds"] for d in why["drivers"])
    z = [np.log(x / (1 - x)) for x in (p, base)]
    assert moved == pytest.approx(z[0] - z[1], abs=1e-9)
    assert size > 1000
    assert account in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("data_until", ["1999-01-01", "2023-03-01"])
def test_check_says_early_that_train_would_stop(company, data_until):
    config = company("horizon")
    asked = config.question.model_copy(
        update={"data_until": date.fromisoformat(data_until)}
    )
    young = config.model_copy(update={"question": asked})
    with Progress() as progress:
        told = {f.code: f for f in check_all(young, today=TODAY, progress=progress)}
        usual = check_all(config, today=TODAY, progress=progress)
        with pytest.raises(TrainingError) as caught:
            run_backtest(young, predictions=None, today=TODAY, progress=progress)
    assert f"{caught.value.code}: {caught.value.what}" in told["CH249"].what
    assert told["CH249"].fix == caught.value.fix
    assert "CH249" not in {f.code for f in usual}


def test_a_renewal_is_asked_of_accounts_whose_end_is_near_only(company, tmp_path):
    config = company("renewal")
    with Progress() as progress:
        train_bundle(
            config, out=tmp_path / "model", as_of=None, today=TODAY, progress=progress
        )
        score_cohort(
            config,
            bundle_folder=tmp_path / "model",
            out=tmp_path / "scores",
            as_of=None,
            file_format="parquet",
            now=NOW,
            progress=progress,
        )
    scores = read_current(tmp_path / "scores").scores
    days = scores["days_to_renewal"][scores["status"] == "scored"]
    assert days.min() >= 0
    assert days.max() < 180


def test_the_band_of_the_run_before_is_carried_over(company, tmp_path):
    config = company()
    with Progress() as progress:
        train_bundle(
            config, out=tmp_path / "model", as_of=None, today=TODAY, progress=progress
        )
        for day in (date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)):
            score_cohort(
                config,
                bundle_folder=tmp_path / "model",
                out=tmp_path / "scores",
                as_of=(day - date(1970, 1, 1)).days,
                file_format="parquet",
                now=NOW,
                progress=progress,
            )
    october, november, december = (
        read_table(tmp_path / "scores" / f"2025-{m}-01" / "scores.parquet")
        for m in (10, 11, 12)
    )
    for before, after in ((october, november), (november, december)):
        was = dict(zip(before["account_id"], before["band"], strict=True))
        wanted = [was.get(i) for i in after["account_id"]]
        assert after["previous_band"].tolist() == wanted
        assert sum(band is not None for band in wanted) > 20
    assert all(band is None for band in october["previous_band"])


def test_features_are_chosen_from_rows_known_before_the_day(company):
    history = loaded().history
    config = company()
    early = int(history.events[0].known_at.min())
    assert choose_specs(config, history, known_before=early + 400)
    nothing = company(features={"include": ["no_such_feature*"]})
    with pytest.raises(TrainingError) as caught:
        choose_specs(nothing, history, known_before=early + 400)
    assert caught.value.code == "CH306"


def test_what_a_source_says_of_its_values_reaches_their_features(company):
    config = company(features={"include": ["pulse__*", "payment__*"]})
    past = loaded().history
    specs = choose_specs(config, past, known_before=newest_day(past, config))
    told = {(s.source, s.kind): s.direction for s in specs}
    assert told["pulse", "latest"] == told["pulse", "change"] == -1
    assert told["payment", "latest"] == 1
    assert told["pulse", "days_since_noted"] == 0


def test_the_newest_day_sees_all_outcomes(company):
    assert date_of(newest_day(loaded().history, company())) == date(2026, 1, 1)


def test_what_is_typed_overrides_the_backtest_section_alone(company):
    config = company()
    changed = with_backtest(config, test_from="2025-05-01", origins=None)
    assert changed.backtest.test_from == date(2025, 5, 1)
    assert changed.backtest.origins == "one"
    assert changed.sources == config.sources
    assert changed.folder == config.folder
    with pytest.raises(ConfigError) as caught:
        with_backtest(config, origins="some")
    assert caught.value.code == "CH003"


def test_features_of_the_grid_are_the_panel_s(company, tmp_path):
    with Progress() as progress:
        shape = write_features(
            company(),
            tmp_path / "f.parquet",
            as_of=None,
            grid=True,
            today=TODAY,
            progress=progress,
        )
    table = read_table(tmp_path / "f.parquet")
    assert shape == (table["account_id"].size, len(table) - 2)
    assert np.unique(table["as_of"]).size > 6


def test_predictions_go_to_csv_or_parquet_alike(company, tmp_path):
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"p.{suffix}"
        with Progress() as progress:
            run_backtest(company(), predictions=out, today=TODAY, progress=progress)
    table = read_table(tmp_path / "p.parquet")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(table)
    assert [float(r["p_chosen"]) for r in rows] == table["p_chosen"].tolist()
    assert [r["account_id"] for r in rows] == table["account_id"].tolist()


def test_a_wrong_suffix_is_told_before_the_work(company, tmp_path):
    with Progress() as progress, pytest.raises(ConfigError) as caught:
        run_backtest(
            company(), predictions=tmp_path / "p.txt", today=TODAY, progress=progress
        )
    assert caught.value.code == "CH004"
    assert "read" not in progress.times()


@pytest.mark.parametrize("account", ["A00001 ", "a00001", "1", ""])
def test_an_account_is_found_by_its_exact_id_only(company, tmp_path, account):
    with Progress() as progress:
        train_bundle(
            company(), out=tmp_path / "m", as_of=None, today=TODAY, progress=progress
        )
        with pytest.raises(RequestError) as caught:
            explain_account(
                company(),
                account,
                bundle_folder=tmp_path / "m",
                as_of=None,
                now=NOW,
                progress=progress,
            )
    assert caught.value.code == "CH503"


def test_an_account_that_is_not_in_question_is_told_so(company, tmp_path):
    with Progress() as progress:
        train_bundle(
            company(), out=tmp_path / "m", as_of=None, today=TODAY, progress=progress
        )
        with pytest.raises(RequestError) as caught:
            explain_account(
                company(),
                "A00001",
                bundle_folder=tmp_path / "m",
                as_of=1000,
                now=NOW,
                progress=progress,
            )
    assert caught.value.code == "CH504"


def test_training_as_of_a_day_knows_nothing_of_later_days(company, tmp_path):
    config = company(backtest={"test_from": "2025-01-01"})
    day = date(2025, 6, 1)
    with Progress() as progress:
        train_bundle(
            config,
            out=tmp_path / "m",
            as_of=(day - date(1970, 1, 1)).days,
            today=TODAY,
            progress=progress,
        )
    bundle = load_bundle(tmp_path / "m")
    assert bundle.model_version.startswith("2025-06-01-")
    # 90 days of window and 30 of gap must have passed before that day
    assert bundle.card["trained_on"]["to"] <= "2025-02-01"


@pytest.mark.parametrize("kind", QUESTIONS)
def test_training_on_a_day_that_the_data_do_not_reach_is_refused(company, kind):
    with Progress() as progress:
        data, findings = gather(company(kind), today=TODAY, progress=progress)
        late = newest_day(data.history, company(kind)) + 1
        with pytest.raises(TrainingError) as caught:
            train(company(kind), data, findings, as_of=late, progress=progress)
    assert caught.value.code == "CH307"


def test_similar_accounts_are_those_of_the_day_of_training(company):
    """Not those of the newest outcomes, which are months older."""
    config = company(model={"ladder": ["constant", "rules"]})
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        bundle = train(config, data, (), progress=progress).bundle
    history = data.history
    account = np.arange(history.accounts.ids.size)
    days = np.full(account.size, bundle.as_of)
    rows = cohort(history, config.question, account=account, as_of=days)
    asked = rows.account[rows.scored]
    X = features_on(bundle, history, account=asked, day=bundle.as_of)
    assert np.array_equal(bundle.peers, medians(X), equal_nan=True)
    for name, told in bundle.segment_peers.items():
        mine = X[history.accounts.segment[asked] == name]
        assert np.array_equal(told, medians(mine), equal_nan=True)


def test_a_weekend_on_which_no_contract_moved_does_not_stop_training(company):
    asked = {"kind": "horizon", "horizon_days": 90}
    config = company(question=asked, model={"ladder": ["constant", "rules"]})
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        friday = newest_day(data.history, config) - 3
        quiet = data.history.as_known(friday).contracts
        data = replace(data, history=replace(data.history, contracts=quiet))
        newest = newest_day(data.history, config)
        assert newest <= friday
        monday = newest + 3  # and the events go on until then
        made = train(config, data, (), as_of=monday, progress=progress).bundle
        assert made.as_of == newest
        stale = data.history.as_known(newest - 40).contracts
        data = replace(data, history=replace(data.history, contracts=stale))
        with pytest.raises(TrainingError) as caught:
            train(config, data, (), as_of=monday, progress=progress)
    assert caught.value.code == "CH307"
    day = date_of(newest_day(data.history, config))
    assert f"leave --as-of out to train as of {day}" in caught.value.fix


def test_what_became_known_after_the_day_of_training_changes_no_byte(company):
    """Files cut on a day and whole files give the same model of that day."""
    config = company(backtest={"test_from": "2025-01-01"})
    day = (date(2025, 6, 1) - date(1970, 1, 1)).days
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        cut = replace(data, history=data.history.as_known(day))
        assert cut.history.events[0].account.size < data.history.events[0].account.size
        pinned = RENEWAL | {"data_until": "2025-06-01"}
        config = company(question=pinned, backtest={"test_from": "2025-01-01"})
        one, two = (
            train(config, d, (), as_of=day, progress=progress).bundle
            for d in (data, cut)
        )
    assert one.scorer.to_json() == two.scorer.to_json()
    assert one.calibrator == two.calibrator
    assert one.specs == two.specs
    assert one.cuts == two.cuts
    assert np.array_equal(one.peers, two.peers, equal_nan=True)


def test_a_finding_that_does_not_exist_cannot_be_allowed(company):
    with Progress() as progress, pytest.raises(ConfigError) as caught:
        gather(company(check={"allow": ["CH999"]}), today=TODAY, progress=progress)
    assert caught.value.code == "CH010"


@pytest.mark.parametrize("name", [".0123.tmp", "1-copy"])
def test_a_folder_that_is_no_date_is_no_run_before(company, tmp_path, name):
    config = company()
    with Progress() as progress:
        train_bundle(
            config, out=tmp_path / "m", as_of=None, today=TODAY, progress=progress
        )

        def score(out):
            score_cohort(
                config,
                bundle_folder=tmp_path / "m",
                out=out,
                as_of=None,
                file_format="parquet",
                now=NOW,
                progress=progress,
            )

        score(tmp_path / "scores")
        (tmp_path / "other").mkdir()
        (tmp_path / "scores" / "2026-01-01").rename(tmp_path / "other" / name)
        score(tmp_path / "other")
    told = read_current(tmp_path / "other").scores["previous_band"]
    assert all(band is None for band in told)


def test_findings_that_stop_are_all_told_at_once(company, tmp_path):
    raw = company().model_dump(mode="json", by_alias=True, exclude_unset=True)
    (tmp_path / "c.csv").write_text(
        "account_id,start,end\na,2030-01-01,2031-01-01\nb,2030-01-01,2029-01-01\n"
    )
    raw["sources"] = {
        "contracts": {"path": str(tmp_path / "c.csv")},
        "events": [{"name": "product", "path": str(tmp_path / "e.csv")}],
    }
    (tmp_path / "e.csv").write_text("account_id,happened_at\na,2031-01-01\n")
    config = parse_config(raw, folder=tmp_path)
    with Progress() as progress, pytest.raises(SourceError) as caught:
        gather(config, today=TODAY, progress=progress)
    assert caught.value.code == "CH150"
    assert caught.value.what.count("[CH") >= 1
    assert "--allow" in caught.value.fix
