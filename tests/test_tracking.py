"""A run can be read back from a real MLflow store, and a failed one says so."""

import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from churnhealth.errors import ChurnHealthError
from churnhealth.tracking import BUNDLE_PATH, TrackedRun, log_training, store_uri

pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a company's folder; its store is made by the first run (2-10 s)."""
    home = tmp_path_factory.mktemp("company")
    bundle = home / "models" / "v1"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text('{"bands": []}', encoding="utf-8")
    (bundle / "model.txt").write_text("tree\n", encoding="utf-8")
    (home / "lift.png").write_bytes(b"\x89PNG")
    return home


def log(home: Path, **more) -> TrackedRun:
    given = {
        "uri": "sqlite:///mlflow.db",
        "folder": home,
        "experiment": "acme",
        "run_name": "2026-01-01",
        "params": {"chosen": "gbm", "seed": 7},
        "metrics": {"gbm.auc": 0.79, "gbm.ece": float("nan")},
        "tags": {"data_digest": "abc123"},
        "artifacts": [home / "lift.png", home / "models" / "v1"],
        "register_as": "acme",
        "alias": "challenger",
    }
    return log_training(**{**given, **more})


@pytest.fixture(scope="module")
def first(home):
    data = {"data_digest": "abc123", "events": 12}
    return log(home, data=data, description="* GBM gains 0.01")


@pytest.fixture
def client(home, first):
    from mlflow.tracking import MlflowClient

    uri = store_uri("sqlite:///mlflow.db", folder=home)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_the_data_are_the_run_s_dataset(client, first):
    [given] = client.get_run(first.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("acme", "abc123")
    assert json.loads(given.dataset.profile) == {"data_digest": "abc123", "events": 12}


def test_numbers_and_settings_read_back(client, first):
    run = client.get_run(first.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "2026-01-01"
    assert run.info.experiment_id == first.experiment_id
    assert run.data.params == {"chosen": "gbm", "seed": "7"}
    assert run.data.metrics == {"gbm.auc": 0.79}  # what is not finite is no metric
    assert run.data.tags["data_digest"] == "abc123"


def test_the_bundle_is_kept_as_the_files_it_is(client, first, home, tmp_path):
    top = {file.path for file in client.list_artifacts(first.run_id)}
    assert top == {"lift.png", "data.json", BUNDLE_PATH}
    kept = Path(client.download_artifacts(first.run_id, BUNDLE_PATH, str(tmp_path)))
    there = {file.name: file.read_bytes() for file in kept.iterdir()}
    source = home / "models" / "v1"
    assert there == {file.name: file.read_bytes() for file in source.iterdir()}


def test_the_data_it_learned_from_is_on_record(client, first, tmp_path):
    kept = Path(client.download_artifacts(first.run_id, "data.json", str(tmp_path)))
    assert json.loads(kept.read_text()) == {"data_digest": "abc123", "events": 12}


def test_the_verdict_stands_on_the_pages_of_the_run_and_of_its_version(client, first):
    told = client.get_run(first.run_id).data.tags["mlflow.note.content"]
    version = client.get_model_version("acme", first.model_version)
    assert told == version.description == "* GBM gains 0.01"


def test_the_alias_moves_to_the_newest_version(client, first, home):
    assert first.model_version == "1"
    found = client.get_model_version_by_alias("acme", "challenger")
    assert (str(found.version), found.run_id) == ("1", first.run_id)
    assert found.source.endswith(f"/{first.run_id}/artifacts/{BUNDLE_PATH}")

    second = log(home)
    found = client.get_model_version_by_alias("acme", "challenger")
    assert (str(found.version), found.run_id) == ("2", second.run_id)


def test_a_run_need_not_be_registered(client, home):
    run = log(home, register_as=None, alias=None, artifacts=[])
    assert run.model_version is None
    assert client.get_run(run.run_id).info.status == "FINISHED"


def test_many_parameters_and_metrics_are_no_trouble(client, home):
    params = {f"p{i}": i for i in range(250)}
    metrics = {f"m{i}": i / 7 for i in range(1100)}
    tags = {f"t{i}": "x" for i in range(120)}
    plain = {"register_as": None, "alias": None, "artifacts": []}
    run = log(home, params=params, metrics=metrics, tags=tags, **plain)
    data = client.get_run(run.run_id).data
    assert data.params == {k: str(v) for k, v in params.items()}
    assert data.metrics == metrics
    assert tags.items() <= data.tags.items()


def test_store_and_artifacts_lie_beside_the_configuration(home, first):
    assert (home / "mlflow.db").exists()
    assert [p.name for p in (home / "mlartifacts").iterdir()]
    assert not Path("mlruns").exists()
    with sqlite3.connect(home / "mlflow.db") as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_nothing_is_reported_home(first):
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_run_that_fails_is_marked_and_told(client, home, first):
    with pytest.raises(ChurnHealthError, match="CH611") as caught:
        log(home, run_name="doomed", alias="latest")  # MLflow reserves this alias
    assert "bundle on disk is intact" in caught.value.why
    runs = client.search_runs([first.experiment_id], "run_name = 'doomed'")
    assert [run.info.status for run in runs] == ["FAILED"]
    assert (home / "models" / "v1" / "model.txt").read_text() == "tree\n"


def test_a_run_that_is_stopped_does_not_stay_running(client, home, first):
    class Stopped(dict):
        def items(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log(home, run_name="stopped", params=Stopped())
    runs = client.search_runs([first.experiment_id], "run_name = 'stopped'")
    assert [run.info.status for run in runs] == ["KILLED"]


def test_a_store_that_cannot_be_opened_is_told_without_its_password(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ChurnHealthError, match="CH611"):
        log(
            tmp_path,
            folder=tmp_path / "file",
            artifacts=[],
            register_as=None,
            alias=None,
        )
    secret = "mssql+nodriver://me:hunter2@127.0.0.1/db"
    with pytest.raises(ChurnHealthError, match="CH611") as caught:
        log(tmp_path, uri=secret, artifacts=[], register_as=None, alias=None)
    assert "hunter2" not in str(caught.value)


def test_without_mlflow_the_error_names_the_command(home, monkeypatch):
    # None in sys.modules is how Python itself marks a module as not importable.
    for name in [m for m in sys.modules if m.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ChurnHealthError, match="CH610") as caught:
        log(home)
    assert 'pip install "churnhealth[track]"' in caught.value.fix


def test_what_makes_no_sense_is_refused_before_anything_is_written(home, tmp_path):
    with pytest.raises(ValueError, match="bundle folder"):
        log(home, folder=tmp_path, artifacts=[home / "lift.png"])
    with pytest.raises(ValueError, match="alias a name"):
        log(home, folder=tmp_path, register_as=None)
    with pytest.raises(ValueError, match="at most one folder"):
        log(home, folder=tmp_path, artifacts=[home, home / "models"])
    assert list(tmp_path.iterdir()) == []
