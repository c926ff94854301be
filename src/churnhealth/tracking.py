"""A training run in MLflow's ledger: what went in, what came out, which version it is.

The only file that knows MLflow. It is a ledger and a file store, never a way to load a
model: the bundle is logged as the files it is and registered by its address, so that
nothing is pickled, and scoring has to trust nothing of MLflow's.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churnhealth.errors import ChurnHealthError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["BUNDLE_PATH", "TrackedRun", "log_training", "point_alias", "store_uri"]

BUNDLE_PATH = "bundle"
"""Where the bundle's files lie among the artifacts of a run."""

_SQLITE = "sqlite:///"
_NOTE = "mlflow.note.content"  # the tag MLflow shows as a run's description
_BATCH = 100  # what MLflow takes at once of parameters and tags
_DIGEST = 36  # characters that MLflow keeps of the digest of a dataset
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is away is told in seconds
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedRun:
    """Where to find a run; ``model_version`` is ``None`` if nothing was registered."""

    run_id: str
    experiment_id: str
    model_version: str | None


def store_uri(uri: str, *, folder: Path) -> str:
    """Resolve a relative SQLite store against ``folder``; leave any other as it is.

    >>> store_uri("sqlite:///mlflow.db", folder=Path("/srv/acme"))
    'sqlite:////srv/acme/mlflow.db'
    >>> store_uri("sqlite:////var/ml.db", folder=Path("/srv/acme"))
    'sqlite:////var/ml.db'
    >>> store_uri("http://127.0.0.1:5000", folder=Path("/srv/acme"))
    'http://127.0.0.1:5000'
    """
    if not uri.startswith(_SQLITE):
        return uri
    return _SQLITE + str((folder / uri.removeprefix(_SQLITE)).resolve())


def log_training(
    *,
    uri: str,
    experiment: str,
    run_name: str,
    params: Mapping[str, str | float | int],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    artifacts: Sequence[Path],
    register_as: str | None = None,
    alias: str | None = None,
    data: Mapping[str, object] | None = None,
    description: str = "",
    folder: Path = Path(),
) -> TrackedRun:
    """Log one training, and register its bundle as a version under an alias.

    ``artifacts`` are files and at most one folder: the bundle. ``data`` says what was
    learned from; it is kept as ``data.json`` (the tag ``data_digest`` when not given)
    and as the run's dataset, named after the experiment.
    ``description`` (Markdown) stands on the pages of the run and of its version.
    A relative SQLite ``uri`` is resolved against ``folder``; its artifacts lie beside
    it in ``mlartifacts``. Metrics that are not finite are left out.

    Raises
    ------
    ChurnHealthError
        CH610 MLflow is not installed, CH611 it refused or broke: the run is then
        marked as failed, and the bundle on disk is untouched.
    """
    files, bundle = _parted(artifacts)
    if (register_as and bundle is None) or (alias and not register_as):
        raise ValueError("registering needs a bundle folder, and an alias a name")
    lineage = data or {"data_digest": tags.get("data_digest")}
    with _quiet(), _told(uri):
        client = _client(store_uri(uri, folder=folder))
        experiment_id = _experiment(client, experiment, uri=uri, folder=folder)
        with _running(client, experiment_id, run_name) as run:
            run_id: str = run.info.run_id
            noted = {**tags, _NOTE: description} if description else tags
            _log_numbers(client, run_id, params=params, metrics=metrics, tags=noted)
            client.log_dict(run_id, dict(lineage), "data.json")
            _log_data(client, run_id, lineage, name=experiment)
            for file in files:
                client.log_artifact(run_id, str(file))
            version = None
            if bundle is not None:
                client.log_artifacts(run_id, str(bundle), artifact_path=BUNDLE_PATH)
            if register_as:
                version = _register(
                    client,
                    run,
                    register_as,
                    alias=alias,
                    tags=tags,
                    description=description,
                )
    return TrackedRun(run_id=run_id, experiment_id=experiment_id, model_version=version)


def point_alias(
    *, uri: str, name: str, alias: str, model_version: str, folder: Path = Path()
) -> str | None:
    """Let an alias point at the registered version of a bundle; give that version.

    ``None`` when no version of the bundle was ever registered: the alias is taken away
    then, as it would point at another model. Raises as ``log_training``.
    """
    with _quiet(), _told(uri):
        client = _client(store_uri(uri, folder=folder))
        wanted = f"name='{name}'"
        found = [
            int(v.version)
            for v in client.search_model_versions(wanted)
            if v.tags.get("model_version") == model_version
        ]
        if found:
            client.set_registered_model_alias(name, alias, str(max(found)))
            return str(max(found))
        with suppress(Exception):  # there may be neither model nor alias
            client.delete_registered_model_alias(name, alias)
        return None


def _parted(artifacts: Sequence[Path]) -> tuple[list[Path], Path | None]:
    folders = [path for path in artifacts if path.is_dir()]
    if len(folders) > 1:
        raise ValueError("a run has one bundle: give at most one folder")
    files = [path for path in artifacts if path not in folders]
    return files, folders[0] if folders else None


def _client(uri: str) -> MlflowClient:
    """Open the ledger; a client of its own leaves MLflow's global settings alone."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        raise ChurnHealthError(
            "CH610",
            "MLflow is not installed, so the run cannot be tracked",
            why="runs that are not on record cannot be compared or rolled back",
            fix='pip install "churnhealth[track]", or set [tracking] uri = ""',
        ) from error
    if uri.startswith(_SQLITE):
        file = Path(uri.removeprefix(_SQLITE).partition("?")[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        # Readers and one writer at once; without it, threads meet "database is locked".
        with closing(sqlite3.connect(file)) as store:
            store.execute("PRAGMA journal_mode=WAL")
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _experiment(client: MlflowClient, name: str, *, uri: str, folder: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if uri.startswith(_SQLITE):
        store = Path(store_uri(uri, folder=folder).removeprefix(_SQLITE))
        place = (store.parent / "mlartifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=place))


@contextmanager
def _running(client: MlflowClient, experiment_id: str, run_name: str) -> Iterator[Any]:
    """Hold a run open; whatever goes wrong, it does not stay "running" for ever."""
    run = client.create_run(experiment_id, run_name=run_name)
    try:
        yield run
        client.set_terminated(run.info.run_id, status="FINISHED")
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with suppress(Exception):  # the first error is the one to tell
            client.set_terminated(run.info.run_id, status=status)
        raise


def _log_numbers(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, str | float | int],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    said = [Param(k, str(v)) for k, v in params.items()]
    measured = [
        Metric(k, float(v), now, 0) for k, v in metrics.items() if math.isfinite(v)
    ]
    marked = [RunTag(k, str(v)) for k, v in tags.items()]
    for low in range(0, max(len(said), len(measured), len(marked)), _BATCH):
        part = slice(low, low + _BATCH)
        client.log_batch(
            run_id, metrics=measured[part], params=said[part], tags=marked[part]
        )


def _log_data(
    client: MlflowClient, run_id: str, lineage: Mapping[str, object], *, name: str
) -> None:
    """Name what was learned from, so that runs on the same data can be found."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if not (digest := lineage.get("data_digest")):
        return
    told = json.dumps(dict(lineage))
    data = Dataset(
        name=name,
        digest=str(digest)[:_DIGEST],
        source_type="churnhealth",
        source=json.dumps({"data_digest": digest}),
        profile=told,
    )
    context = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, datasets=[DatasetInput(data, [context])])


def _register(
    client: MlflowClient,
    run: Any,
    name: str,
    *,
    alias: str | None,
    tags: Mapping[str, str],
    description: str,
) -> str:
    """Make a version of the logged bundle, and let the alias point at it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{BUNDLE_PATH}",
        run_id=run.info.run_id,
        tags={k: str(v) for k, v in tags.items()},
        description=description or None,
    )
    if alias:
        client.set_registered_model_alias(name, alias, str(made.version))
    return str(made.version)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's own quarrel with SQLAlchemy 2.1 from the user's screen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")
        yield


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turn whatever MLflow, its database or its server raises into our own error."""
    try:
        yield
    except ChurnHealthError:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:300].replace(uri, "the store")
        raise ChurnHealthError(
            "CH611",
            f"MLflow could not keep the run: {type(error).__name__}: {first}",
            why="the run is not on record; the trained bundle on disk is intact",
            fix="mend [tracking] uri and train again, or set it to '' to do without",
        ) from error
