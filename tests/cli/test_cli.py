"""The command line on the simulated company, as a newcomer would type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from churnhealth import cli
from churnhealth.sources.engine import read_table


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "churnhealth", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole demo run on a third of the accounts, stopped before serving."""
    folder = tmp_path_factory.mktemp("demo")
    words = ("--no-serve", "--dir", "company", "--accounts", "200")
    done = run("demo", *words, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "verdict:" in done.stdout
    assert done.stderr == ""  # nothing is drawn where there is no terminal
    return folder / "company"


def test_the_demo_leaves_a_model_scores_and_a_report(demo: Path) -> None:
    assert (demo / "model" / "MANIFEST.json").is_file()
    assert (demo / "scores" / "current").read_text().strip() == "2026-01-01"
    assert "<html" in (demo / "report.html").read_text()
    assert (demo / "mlflow.db").is_file()


def test_the_service_keeps_to_the_configuration_beside_which_it_is_started(
    tmp_path: Path,
) -> None:
    (tmp_path / "churnhealth.toml").write_text('[serve]\nhost = "0.0.0.0"\n')
    done = run("serve", "--bundle", "model", folder=tmp_path)
    assert done.returncode == 2
    assert "[CH006]" in done.stderr  # whoever names keys there is not served without


def test_the_tracked_run_tells_of_data_settings_figures_and_the_model(
    demo: Path,
) -> None:
    (run_folder,) = (demo / "mlartifacts").iterdir()
    kept = {file.name: file for file in (run_folder / "artifacts").iterdir()}
    assert {"configuration.json", "backtest.json", "lift.png", "bundle"} <= set(kept)
    bundle = json.loads((demo / "model" / "bundle.json").read_text())
    card = json.loads(kept["model_card.json"].read_text())
    assert card["model_version"].startswith("2026-01-01-")
    assert card["data_digest"] == bundle["card"]["data_digest"]
    data = json.loads(kept["data.json"].read_text())
    assert data["data_digest"] == card["data_digest"]
    assert data["counts"]["outcomes"] == card["trained_on"]["outcomes"]


def test_scores_have_the_promised_columns_and_drivers_add_up(demo: Path) -> None:
    scores = read_table(demo / "scores" / "2026-01-01" / "scores.parquet")
    drivers = read_table(demo / "scores" / "2026-01-01" / "drivers.parquet")
    assert list(scores)[:8] == [
        "account_id",
        "name",
        "owner",
        "segment",
        "value",
        "as_of",
        "scored_at",
        "status",
    ]
    assert set(scores["status"]) <= {
        "scored",
        "announced",
        "grace",
        "too_new",
        "churned",
    }
    scored = scores["status"] == "scored"
    p = scores["churn_probability"][scored].astype(float)
    assert ((p > 0) & (p < 1)).all()
    assert np.isnan(scores["churn_probability"][~scored].astype(float)).all()
    z = np.log(p / (1 - p))
    total = dict.fromkeys(scores["account_id"][scored], 0.0)
    for account, effect in zip(
        drivers["account_id"], drivers["effect_log_odds"], strict=True
    ):
        total[account] += effect
    base = z - np.array([total[i] for i in scores["account_id"][scored]])
    assert np.ptp(base) < 1e-9


def test_score_again_gives_the_same_bits(demo: Path, tmp_path: Path) -> None:
    words = ("--bundle", "model", "--config", "churnhealth.toml")
    done = run("score", *words, "--out", str(tmp_path), "--json", folder=demo)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    again = read_table(Path(told["folder"]) / "scores.parquet")
    before = read_table(demo / "scores" / "2026-01-01" / "scores.parquet")
    for name in before:
        if name != "scored_at":
            assert np.array_equal(
                before[name], again[name], equal_nan=before[name].dtype.kind == "f"
            ), name


def test_training_again_gives_the_same_bundle(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    done = run("train", "--out", str(out), "--json", folder=demo)
    assert done.returncode == 0, done.stderr
    codes = {f["code"] for f in json.loads(done.stdout)["findings"]}
    assert "CH201" in codes  # what `check` found is told here too
    for name in ("MANIFEST.json", "bundle.json"):
        assert (out / name).read_bytes() == (demo / "model" / name).read_bytes()


def test_explain_says_why_in_words(demo: Path) -> None:
    scores = read_table(demo / "scores" / "2026-01-01" / "scores.parquet")
    account = scores["account_id"][scores["status"] == "scored"][0]
    done = run("explain", account, "--bundle", "model", folder=demo)
    assert done.returncode == 0, done.stderr
    assert "not causes" in done.stdout


def test_features_are_written_for_one_day(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    done = run("features", "--as-of", "2025-06-01", "--out", str(out), folder=demo)
    assert done.returncode == 0, done.stderr
    table = read_table(out)
    assert list(table)[:2] == ["account_id", "as_of"]
    assert len(table["account_id"]) == len(set(table["account_id"])) > 100


def test_backtest_prints_json_and_writes_predictions_and_a_page(
    demo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p.parquet"
    page = tmp_path / "proof.html"
    words = ("backtest", "--json", "--predictions", str(out), "--html", str(page))
    done = run(*words, folder=demo)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    wanted = "schema_version question data folds scorers group_disjoint cuts bands"
    more = "lead_time gains leaky shuffled_dates base_rate slices verdict"
    assert list(report) == [*wanted.split(), *more.split()]
    table = read_table(out)
    assert len(table["label"]) == report["folds"][0]["n_test"]
    assert {"p_constant", "p_rules", "p_gbm", "p_chosen", "band"} <= set(table)
    keys = list(zip(table["account_id"], table["as_of"], strict=True))
    assert len(keys) == len(set(keys))
    html = page.read_text(encoding="utf-8")
    assert "Does it work?" in html
    assert "Are the chances right?" in html
    assert html.count('<figure class="plot') >= 4
    assert 'href="/' not in html  # a file leads nowhere else


def test_scoring_by_other_colours_than_those_of_training_is_told(
    demo: Path, tmp_path: Path
) -> None:
    text = (demo / "churnhealth.toml").read_text(encoding="utf-8")
    others = demo / "other-colours.toml"
    words = ("score", "--bundle", "model", "--out", str(tmp_path / "scores"))
    for bands, told in (
        ('policy = "fixed"\ncuts = [0.1, 0.2, 0.3]', True),
        ("hysteresis = 0.1", False),
    ):
        others.write_text(f"{text}\n[bands]\n{bands}\n", encoding="utf-8")
        done = run(*words, "--config", str(others), folder=demo)
        assert done.returncode == 0, done.stderr
        assert ("[bands] says others now" in done.stderr) is told
        assert "[bands]" not in done.stdout


def test_scoring_a_day_that_the_model_has_seen_is_told(
    demo: Path, tmp_path: Path
) -> None:
    words = ("score", "--bundle", "model", "--out", str(tmp_path), "--as-of")
    for day, told in (("2025-12-01", True), ("2026-01-01", False)):
        done = run(*words, day, folder=demo)
        assert done.returncode == 0, done.stderr
        assert ("became known until 2026-01-01" in done.stderr) is told


def test_scoring_long_after_a_source_ends_tells_why_colours_are_grey(
    demo: Path, tmp_path: Path
) -> None:
    words = ("score", "--bundle", "model", "--out", str(tmp_path), "--as-of")
    done = run(*words, "2026-01-01", folder=demo)
    assert "Warning" not in done.stderr
    done = run(*words, "2026-01-25", folder=demo)
    assert done.returncode == 0, done.stderr
    assert "product ends on 2025-12-31, too long before 2026-01-25" in done.stderr
    assert "score --as-of 2026-01-01" in done.stderr
    assert "join it with its heir or leave it out" in done.stderr


def test_backtest_tells_what_fewer_outcomes_had_been_worth(
    demo: Path, tmp_path: Path
) -> None:
    page, few = tmp_path / "proof.html", demo / "few-rungs.toml"
    text = (demo / "churnhealth.toml").read_text(encoding="utf-8")
    rungs = '["constant", "rules", "hazard"]'  # quick
    few.write_text(f"{text}\n[model]\nladder = {rungs}\n", encoding="utf-8")
    words = ("--learning", "--html", str(page), "--config", str(few))
    done = run("backtest", *words, folder=demo)
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("learned from")[1].split("\n\n")[0].splitlines()[1:]
    assert table.pop().startswith("  tested on ")
    outcomes = [int(line.split()[0]) for line in table]
    assert len(outcomes) >= 2
    assert outcomes == sorted(outcomes)
    shown = page.read_text(encoding="utf-8")
    assert all(f"{n} accounts that left</th>" in shown for n in outcomes)


def test_check_reports_findings_with_codes(demo: Path) -> None:
    done = run("check", "--json", folder=demo)
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert all(f["code"].startswith("CH") and f["fix"] for f in findings)


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("check", "--config", "nothing.toml"), "CH001", 2),
        (("explain", "nobody", "--bundle", "model"), "CH503", 2),
        (("score", "--bundle", "data", "--out", "x"), "CH401", 2),
        (("features", "--out", "x.txt"), "CH004", 2),
        (("features", "--out", "x.csv", "--as-of", "soon"), "CH502", 2),
        (("report", "--scores", "nowhere", "--out", "r.html"), "CH501", 2),
        (("backtest", "--test-from", "2031-01-01"), "CH303", 2),
    ],
)
def test_a_mistake_is_told_with_a_code_and_no_traceback(
    demo: Path, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    done = run(*words, folder=demo)
    assert done.returncode == exit_code, done.stderr
    assert f"[{code}]" in done.stderr
    assert "Fix:" in done.stderr
    assert "Traceback" not in done.stderr


def test_tasks_are_listed_for_one_owner_as_text_and_json(demo: Path) -> None:
    told = json.loads(run("tasks", "--scores", "scores", "--json", folder=demo).stdout)
    assert told["as_of"] == "2026-01-01"
    assert {task["playbook"] for task in told["tasks"]} <= {
        "first-value",
        "renewal-plan",
        "turn-around",
    }
    owner = told["tasks"][0]["owner"]
    mine = [task for task in told["tasks"] if task["owner"] == owner]
    text = run("tasks", "--scores", "scores", "--owner", owner, folder=demo).stdout
    assert text.splitlines()[0] == (
        f"{len(mine)} task{'s' if len(mine) > 1 else ''} begun on 2026-01-01"
    )
    assert all(f"{task['account_id']} · " in text for task in mine)
    assert all(task["because"] in text for task in mine)


def test_a_folder_for_a_configuration_is_told_with_the_way_to_begin(demo: Path) -> None:
    done = run("check", "--config", ".", folder=demo)
    assert "the configuration .: is a directory" in done.stderr
    assert "churnhealth init FOLDER" in done.stderr


@pytest.mark.parametrize(
    ("verb", "day"), [("train", "newest known outcome"), ("score", "newest data")]
)
def test_help_tells_which_day_is_meant_where_none_is_given(
    verb: str, day: str, tmp_path: Path
) -> None:
    told = " ".join(run(verb, "--help", folder=tmp_path).stdout.split())
    assert f"default: the day after the {day}" in told


@pytest.mark.parametrize(
    ("words", "there"), [(("my company",), "cd 'my company', then "), ((), "")]
)
def test_init_says_where_to_go_next(
    tmp_path: Path, words: tuple[str, ...], there: str
) -> None:
    done = run("init", *words, "--accounts", "60", folder=tmp_path)
    last = done.stdout.splitlines()[-1]
    assert last == f"next: {there}churnhealth check, and churnhealth backtest"


def test_one_changed_byte_in_a_bundle_is_refused(demo: Path, tmp_path: Path) -> None:
    for name in sorted(p.name for p in (demo / "model").iterdir()):
        copy = tmp_path / name.replace(".", "_")
        copy.mkdir()
        for file in (demo / "model").iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(bytes(content))
        done = run("score", "--bundle", str(copy), "--out", "s", folder=demo)
        assert done.returncode == 2
        assert "[CH40" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_place_that_knows_few_letters_gets_the_nearest(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run("rules", "--bundle", "model", folder=demo).stdout
    assert "\N{MINUS SIGN}" in wanted
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    done = run("rules", "--bundle", "model", folder=demo)
    assert done.returncode == 0, done.stderr
    assert done.stdout == wanted.replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("/srv/acme/report.html", "report.html"),
        ("/srv/acme/.0f1e2d.tmp", "a file in /srv/acme"),
        (None, "a file"),
    ],
)
def test_what_the_system_refuses_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str | None,
    named: str,
) -> None:
    def refused() -> None:
        raise PermissionError(13, "Permission denied", file)

    monkeypatch.setattr(cli, "app", refused)
    monkeypatch.setattr(cli, "end_cleanly", lambda: None)
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert told.startswith(f"[CH901] the system refused {named}: Permission denied")
