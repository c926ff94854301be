"""The whole way, question by question."""

import csv
import json
from datetime import UTC, date, datetime
from importlib.resources import files

import numpy as np
import pytest
from tests.made import QUESTIONS, TODAY, asked_company, contents, loaded

from churnhealth.archive.runs import read_current
from churnhealth.bundle import load_bundle
from churnhealth.commands.learn import (
    run_backtest,
    train_bundle,
    with_backtest,
    write_features,
)
from churnhealth.commands.look import check_all
from churnhealth.commands.report import write_portfolio
from churnhealth.commands.tell import explain_account, score_cohort
from churnhealth.config import parse_config
from churnhealth.errors import ConfigError, RequestError, SourceError, TrainingError
from churnhealth.evaluate.choice import choose_specs
from churnhealth.gathering import gather
from churnhealth.pipeline import newest_day
from churnhealth.progress import Progress
from churnhealth.sources.contract import date_of
from churnhealth.sources.engine import read_table
from churnhealth.sources.reading import source_files

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company's files, and its configuration for each question."""
    return asked_company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def trained(company, tmp_path_factory):
    """Train once for each question: (folder, what was told); nobody writes into it."""
    folder, told, before = tmp_path_factory.mktemp("trained"), {}, {}

    def once(kind="horizon"):
        if kind not in told:
            with Progress() as progress:
                told[kind] = train_bundle(
                    company(kind),
                    out=folder / kind,
                    as_of=None,
                    today=TODAY,
                    progress=progress,
                )
            before[kind] = contents(folder / kind)
        return folder / kind, told[kind]

    yield once
    assert {kind: contents(folder / kind) for kind in told} == before


@pytest.mark.parametrize("kind", QUESTIONS)
def test_each_question_goes_the_whole_way(company, trained, kind, tmp_path):
    config = company(kind)
    model, done = trained(kind)
    with Progress() as progress:
        told = score_cohort(
            config,
            bundle_folder=model,
            out=tmp_path / "scores",
            as_of=None,
            file_format="parquet",
            now=NOW,
            progress=progress,
        )
        size = write_portfolio(
            tmp_path / "scores",
            tmp_path / "report.html",
            bundle_folder=model,
        )
        bundle = load_bundle(model)
        assert done["model_version"] == told["model_version"] == bundle.model_version
        assert bundle.question.kind == done["backtest"]["question"]["kind"]
        assert (done["run_id"], done["registered_version"]) == (None, None)
        json.dumps([done, told], allow_nan=False)
        scores = read_current(tmp_path / "scores").scores
        on = scores["status"] == "scored"
        assert told["listed"] == scores["status"].size == sum(told["statuses"].values())
        assert told["statuses"]["scored"] == told["scored"]
        assert told["scored"] == on.sum() == sum(told["bands"].values()) > 20
        account = scores["account_id"][on][0]
        why = explain_account(
            config,
            account,
            bundle_folder=model,
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


@pytest.mark.parametrize(
    "asked",
    [
        {"data_until": date(1999, 1, 1)},
        {"data_until": date(2023, 3, 1)},
        {"horizon_days": 1},  # nobody leaves on the days looked at: one class only
    ],
)
def test_check_says_early_that_train_would_stop(company, asked):
    config = company("horizon")
    asked = config.question.model_copy(update=asked)
    young = config.model_copy(update={"question": asked})
    with Progress() as progress:
        told = {f.code: f for f in check_all(young, today=TODAY, progress=progress)}
        usual = check_all(config, today=TODAY, progress=progress)
        with pytest.raises(TrainingError) as caught:
            run_backtest(young, predictions=None, today=TODAY, progress=progress)
    assert f"{caught.value.code}: {caught.value.what}" in told["CH249"].what
    assert told["CH249"].fix == caught.value.fix
    assert "CH249" not in {f.code for f in usual}


def test_check_says_that_the_scorecard_reads_what_does_not_exist(company, tmp_path):
    card = files("churnhealth").joinpath("rules-simulated.toml").read_text("utf-8")
    (tmp_path / "card.toml").write_text(card.replace("__28d", "__29d"), "utf-8")
    config = company("horizon", rules={"card": str(tmp_path / "card.toml")})
    with Progress() as progress:
        found = check_all(config, today=TODAY, progress=progress)
    [told] = [f for f in found if f.code == "CH249"]
    assert "`train` and `backtest` stop with CH332" in told.what
    model = config.model.model_copy(update={"ladder": ("constant", "recency")})
    unread = config.model_copy(update={"model": model})  # of that card nothing is read
    with Progress() as progress:
        found = check_all(unread, today=TODAY, progress=progress)
        run_backtest(unread, predictions=None, today=TODAY, progress=progress)
    assert "CH249" not in {f.code for f in found}


def test_a_renewal_is_asked_of_accounts_whose_end_is_near_only(
    company, trained, tmp_path
):
    with Progress() as progress:
        score_cohort(
            company("renewal"),
            bundle_folder=trained("renewal")[0],
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


def test_the_band_of_the_run_before_is_carried_over(company, trained, tmp_path):
    with Progress() as progress:
        for day in (date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)):
            score_cohort(
                company(),
                bundle_folder=trained()[0],
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


def test_a_capacity_that_no_date_has_accounts_for_is_told_before_the_work(company):
    config = company(bands={"policy": "capacity", "capacity": [500, 300, 200]})
    with Progress() as progress, pytest.raises(TrainingError) as caught:
        run_backtest(config, predictions=None, today=TODAY, progress=progress)
    assert caught.value.code == "CH341"
    assert "backtest" not in progress.times()


def test_a_table_does_not_take_the_place_of_a_source(company, tmp_path):
    config = company()
    source = next(file for file in source_files(config) if file.suffix == ".parquet")
    before = source.read_bytes()
    (tmp_path / "link.parquet").symlink_to(source)
    for out in (source, tmp_path / "link.parquet"):
        with Progress() as progress, pytest.raises(ConfigError) as caught:
            run_backtest(config, predictions=out, today=TODAY, progress=progress)
        assert caught.value.code == "CH009"
        assert "read" not in progress.times()
    assert source.read_bytes() == before


def test_scores_are_not_written_among_the_files_of_a_bundle(company, trained):
    bundle = trained()[0]  # when all is done nothing in it may have changed
    with Progress() as progress, pytest.raises(ConfigError) as caught:
        score_cohort(
            company(),
            bundle_folder=bundle,
            out=bundle,
            as_of=None,
            file_format="parquet",
            now=NOW,
            progress=progress,
        )
    assert caught.value.code == "CH009"


@pytest.mark.parametrize("account", ["A00001 ", "a00001", "1", ""])
def test_an_account_is_found_by_its_exact_id_only(company, trained, account):
    with Progress() as progress, pytest.raises(RequestError) as caught:
        explain_account(
            company(),
            account,
            bundle_folder=trained()[0],
            as_of=None,
            now=NOW,
            progress=progress,
        )
    assert caught.value.code == "CH503"


def test_an_account_that_is_not_in_question_is_told_so(company, trained):
    with Progress() as progress, pytest.raises(RequestError) as caught:
        explain_account(
            company(),
            "A00001",
            bundle_folder=trained()[0],
            as_of=1000,
            now=NOW,
            progress=progress,
        )
    assert caught.value.code == "CH504"


def test_a_finding_that_does_not_exist_cannot_be_allowed(company):
    with Progress() as progress, pytest.raises(ConfigError) as caught:
        gather(company(check={"allow": ["CH999"]}), today=TODAY, progress=progress)
    assert caught.value.code == "CH010"


@pytest.mark.parametrize("name", [".0123.tmp", "1-copy"])
def test_a_folder_that_is_no_date_is_no_run_before(company, trained, tmp_path, name):
    with Progress() as progress:

        def score(out):
            score_cohort(
                company(),
                bundle_folder=trained()[0],
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


def test_the_verdict_tells_a_leak_that_does_not_stop(company):
    """Who reads the figures of a backtest need not have looked at `check`."""
    raw = company().model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["features"].pop("include", None)
    left = "case when churned_on is null then 'kept' else 'lost' end"
    raw["sources"]["accounts"] |= {
        "sql": f"select *, {left} as standing from '{{root}}/accounts.parquet'",
        "attributes": ["standing"],
    }
    raw["sources"]["accounts"].pop("path")
    raw["check"] = {"allow": ["CH214", "CH225"]}
    config = parse_config(raw, folder=company().folder)
    with Progress() as progress:
        report = run_backtest(config, predictions=None, today=TODAY, progress=progress)
    told = [reason for reason in report["verdict"]["reasons"] if "(CH2" in reason]
    assert any("standing" in reason for reason in told)
