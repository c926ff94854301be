"""From a trained bundle to the champion: through the gate, or not, and back."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.cli.gate import mending
from churnhealth.commands import gate
from churnhealth.commands.gate import list_models, promote_bundle, roll_back
from churnhealth.commands.learn import train_bundle
from churnhealth.config import read_config
from churnhealth.errors import BundleError, GateError
from churnhealth.progress import Progress
from churnhealth.registry import Champion, crown, promotions, read_champion

AT = datetime(2026, 1, 2, tzinfo=UTC)
TOML = """
[sources]
root = "."
[sources.accounts]
path = "accounts.csv"
columns = { account_id = "account", segment = "size" }
[sources.contracts]
path = "contracts.csv"
columns = { account_id = "account", start = "start", end = "end" }
[[sources.events]]
name = "product"
path = "events.csv"
columns = { account_id = "account", happened_at = "day", event = "event", count = "n" }
[question]
kind = "horizon"
horizon_days = 30
gap_days = 10
data_until = 2024-12-31
[features]
include = ["contracts__all__*", "FEATURES"]
[backtest]
test_from = 2024-08-01
[model]
ladder = [LADDER]
"""


def written(folder):
    """Monthly terms that end the sooner, the fewer the logins; two kinds of use."""
    random = np.random.default_rng(5)
    first = date(2024, 1, 1)
    accounts, contracts, events = [], [], []
    for i in range(600):
        accounts.append(f"a{i},{'small' if i % 3 else 'large'}")
        level = random.normal(size=2)
        start = int(random.integers(0, 150))
        while start < 365:
            level = 0.8 * level + 0.6 * random.normal(size=2)
            days = np.arange(start, min(start + 30, 365), 3)
            for kind, weight in zip(("login", "report"), np.exp(level), strict=True):
                counts = random.poisson(4 * weight, days.size)
                events += [
                    f"a{i},{first + timedelta(int(d))},{kind},{n}"
                    for d, n in zip(days, counts, strict=True)
                    if n
                ]
            begin, end = (first + timedelta(d) for d in (start, start + 30))
            contracts.append(f"a{i},{begin},{end}")
            risk = -2.4 - 1.5 * level.sum()
            if random.random() < 1 / (1 + np.exp(-risk)):
                break
            start += 30
    for name, head, rows in (
        ("accounts", "account,size", accounts),
        ("contracts", "account,start,end", contracts),
        ("events", "account,day,event,n", events),
    ):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")


def trained(folder, name, ladder, features="product__*__count__*"):
    config = folder / f"{name}.toml"
    text = TOML.replace("LADDER", ", ".join(f'"{r}"' for r in ladder))
    config.write_text(text.replace("FEATURES", features))
    with Progress() as progress:
        train_bundle(
            read_config(config),
            out=folder / "trained" / name,
            as_of=None,
            today=date(2025, 1, 1),
            progress=progress,
        )
    return folder / "trained" / name


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    written(folder)
    trained(folder, "simple", ("constant", "logistic"), "product__login__count__*")
    trained(folder, "good", ("constant", "logistic"))
    return folder


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def put_forward(company, name, models, config="good", now=lambda: AT, **more):
    with Progress() as progress:
        return promote_bundle(
            read_config(company / f"{config}.toml"),
            company / "trained" / name,
            models=models,
            tolerance=0.05,
            today=date(2025, 1, 1),
            now=now,
            progress=progress,
            **more,
        )


def test_a_better_model_becomes_champion_and_the_journal_says_why(company, models):
    def when_done():
        assert list(models.glob("*/bundle.json"))  # all was compared before
        return AT

    told = put_forward(company, "good", models, now=when_done)
    assert told["reasons"] == []
    assert told["promoted"]
    assert told["mlflow"]["version"] is not None
    assert told["mlflow"]["warning"] is None
    assert read_champion(models).model_version == told["model_version"]
    [line] = promotions(models)
    assert (line["action"], line["at"]) == ("promoted", "2026-01-02T00:00:00+00:00")
    assert line["evidence"]["evidence"]["against"]["rules"]["beaten"]


def test_a_registry_that_takes_no_file_is_refused_before_anything_is_compared(
    company, tmp_path, monkeypatch
):
    monkeypatch.delattr(gate, "_judged")
    (tmp_path / "a file").write_text("")
    with pytest.raises(NotADirectoryError):
        put_forward(company, "good", tmp_path / "a file" / "models")


def test_who_comes_second_is_told_to_compare_with_the_new_champion(
    company, models, monkeypatch
):
    bring = gate._bring

    def meanwhile(bundle, target):
        bring(bundle, target)
        other = Champion(folder="other", model_version="another")
        crown(models, other, over=None, at=AT, evidence={})

    monkeypatch.setattr(gate, "_bring", meanwhile)
    with pytest.raises(GateError) as error:
        put_forward(company, "good", models)
    assert (error.value.code, error.value.exit_code) == ("CH623", 3)
    assert "again" in error.value.fix
    assert read_champion(models).folder == "other"


def test_what_is_no_better_is_refused_and_the_champion_stays(company, models):
    first = put_forward(company, "good", models)
    again = put_forward(company, "good", models)
    assert again["reasons"] == ["it is the champion already"]
    worse = put_forward(company, "simple", models)
    assert not worse["promoted"]
    assert any("does not beat the champion" in why for why in worse["reasons"])
    assert read_champion(models).model_version == first["model_version"]
    assert [t["action"] for t in promotions(models)] == [
        "promoted",
        "refused",
        "refused",
    ]


def test_a_refresh_need_not_beat_the_champion_and_must_be_newer(company, models):
    newest = load_bundle(company / "trained" / "good")
    earlier = company / "trained" / "earlier"
    if not earlier.exists():
        save_bundle(replace(newest, as_of=newest.as_of - 30), earlier)
    assert put_forward(company, "earlier", models)["promoted"]
    plain = put_forward(company, "good", models)
    assert any("does not beat the champion" in why for why in plain["reasons"])
    told = put_forward(company, "good", models, refresh=True)
    assert (told["reasons"], told["promoted"]) == ([], True)
    assert promotions(models)[-1]["evidence"]["evidence"]["refresh"] is True
    back = put_forward(company, "earlier", models, refresh=True)
    assert back["reasons"] == ["it is no refresh: the champion has seen as new data"]


def test_a_champion_that_reads_what_is_no_more_stands_aside(company, models):
    newest = load_bundle(company / "trained" / "good")
    [product] = newest.schema.events
    given_up = replace(newest.schema, events=(product, replace(product, name="calls")))
    save_bundle(replace(newest, schema=given_up), models / "old")
    old = load_bundle(models / "old").model_version
    champion = Champion(folder="old", model_version=old)
    crown(models, champion, over=None, at=AT, evidence={})
    told = put_forward(company, "good", models)
    assert (told["reasons"], told["promoted"]) == ([], True)
    assert told["champion_before"] == old
    assert told["evidence"]["incumbent"] == "rules"
    assert told["evidence"]["judged_as"]["champion"] == [
        "not judged: the model learned from what is not configured: events calls"
    ]


def test_a_bundle_for_another_question_is_not_compared(company, models):
    text = (company / "good.toml").read_text()
    (company / "other.toml").write_text(
        text.replace("horizon_days = 30", "horizon_days = 60")
    )
    told = put_forward(company, "good", models, config="other")
    assert told["reasons"] == [
        "it answers another question than the configuration asks"
    ]
    assert "evidence" not in told


def test_a_rollback_needs_somebody_to_go_back_to(company, models):
    put_forward(company, "good", models)
    with pytest.raises(BundleError, match="CH624"):
        roll_back(read_config(company / "good.toml"), models=models, now=AT)


def crowned(company, models, name, over=None):
    bundle = load_bundle(company / "trained" / name)
    save_bundle(bundle, models / name)
    champion = Champion(folder=name, model_version=bundle.model_version)
    crown(models, champion, over=over, at=AT, evidence={})
    return champion


def test_a_registry_alone_is_enough_to_roll_back(company, models, tmp_path):
    first = crowned(company, models, "simple")
    second = crowned(company, models, "good", over=first)
    assert read_champion(models) == second
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    done = run(alone, "rollback", "--models", str(models))
    assert done.returncode == 0, done.stderr
    assert read_champion(models) == first
    named = run(alone, "rollback", "--models", str(models), "--config", "no.toml")
    assert "[CH001]" in named.stderr


def test_a_rollback_warns_where_the_sources_lack_what_the_old_champion_reads(
    company, models
):
    first = crowned(company, models, "simple")
    kept = load_bundle(models / first.folder).card["settings"]
    assert kept["mapped"] == {"contracts": [], "product": ["count"]}
    text = (company / "good.toml").read_text() + '[tracking]\nuri = ""\n'
    back = ("rollback", "--models", str(models), "--config")
    for source, lacks in (("product", False), ("app", True)):
        config = f"{source}.toml"
        (company / config).write_text(text.replace('"product"', f'"{source}"'))
        crowned(company, models, "good", over=first)
        done = run(company, *back, config)
        assert done.returncode == 0
        assert read_champion(models) == first
        warned = f"Warning: it reads what {config} does not map" in done.stderr
        assert warned is lacks
    assert "events product" in done.stderr


def test_a_refresh_that_was_refused_is_not_told_to_be_one(company, models):
    crowned(company, models, "good")
    words = ("--config", "good.toml", "--models", str(models))
    for asked in ((), ("--refresh",)):  # neither was compared with the champion
        done = run(company, "promote", "trained/good", *words, *asked)
        assert "it is the champion already" in done.stderr
        assert ("promote --refresh" in done.stderr) is not bool(asked)


def test_bundles_are_listed_with_the_damaged_ones_named(company, models):
    told = put_forward(company, "good", models)
    broken = models / "broken"
    broken.mkdir()
    (broken / "MANIFEST.json").write_text("{")
    rows = {row["folder"]: row for row in list_models(models)["models"]}
    assert rows[told["folder"]]["champion"]
    assert rows[told["folder"]]["chosen"] == "logistic"
    assert rows["broken"]["model_version"] is None
    assert rows["broken"]["error"].startswith("CH4")
    said = run(company, "models", "--models", str(models)).stdout
    assert said.startswith("  broken                   damaged: CH4")
    assert "own test period" in said.splitlines()[-1]


def run(company, *words):
    return subprocess.run(
        [sys.executable, "-m", "churnhealth", *words],
        cwd=company,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        check=False,
    )


def test_scores_may_be_asked_of_whoever_is_champion(company, models, tmp_path):
    words = ("score", "--config", "good.toml", "--models", str(models), "--champion")
    out = ("--out", str(tmp_path / "scores"), "--json")
    nobody = run(company, *words, *out)
    assert (nobody.returncode, "[CH621]" in nobody.stderr) == (2, True), nobody.stderr
    both = run(company, *words, *out, "--bundle", "trained/good")
    assert (both.returncode, "--champion" in both.stderr) == (2, True)
    champion = put_forward(company, "good", models)
    done = run(company, *words, *out)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model_version"] == champion["model_version"]


def test_the_command_exits_with_three_and_says_why(company, models):
    champion = put_forward(company, "good", models)
    words = ("--config", "good.toml", "--models", str(models))
    done = run(company, "promote", "trained/simple", *words)
    assert done.returncode == 3, done.stderr
    assert "[CH625]" in done.stderr
    assert "Traceback" not in done.stderr
    assert "does not beat the champion" in done.stderr
    assert read_champion(models).model_version == champion["model_version"]


def test_who_has_no_champion_yet_is_not_told_to_keep_it(company, models):
    text = (company / "good.toml").read_text()
    (company / "longer.toml").write_text(
        text.replace("horizon_days = 30", "horizon_days = 60")
    )
    words = ("--config", "longer.toml", "--models", str(models))
    done = run(company, "promote", "trained/good", *words)
    assert done.returncode == 3, done.stderr
    assert "there is no champion yet" in done.stderr
    assert "keep the champion" not in done.stderr


@pytest.mark.parametrize("champion", [None, "2025-01-01-0123456789"])
def test_who_fails_by_the_colours_is_told_that_they_can_be_drawn_elsewhere(champion):
    told = {"champion_before": champion, "reasons": ["it does not beat the rule"]}
    assert "[bands] cuts" not in mending(told)
    told["reasons"].append("a promise is not kept: red is empty although ...")
    assert "[bands] cuts closer" in mending(told)
