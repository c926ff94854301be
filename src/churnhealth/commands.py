"""What each verb of the command line does, without a terminal: files in, files out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.bundle import Bundle, load_bundle, save_bundle
from churnhealth.config import Config, Serve, parse_config
from churnhealth.errors import ChurnHealthError, ConfigError, RequestError
from churnhealth.evaluate.report import prediction_table
from churnhealth.pages.render import render_report, write_report
from churnhealth.pages.summary import summarise
from churnhealth.pages.words import outcome
from churnhealth.pipeline import (
    Trained,
    build_panel,
    choose_specs,
    gather,
    judge,
    newest_day,
    train,
)
from churnhealth.progress import Progress
from churnhealth.scoring import (
    ScoreBook,
    read_current,
    score_history,
    score_matrix,
    write_scores,
)
from churnhealth.snapshots.cohort import cohort
from churnhealth.sources.contract import History, date_of
from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load

__all__ = [
    "explain_account",
    "run_backtest",
    "score_cohort",
    "serve_bundle",
    "train_bundle",
    "with_backtest",
    "write_features",
    "write_portfolio",
]

Row = dict[str, Any]


def with_backtest(config: Config, **given: str | None) -> Config:
    """Override keys of [backtest] with what was typed; the rules stay the same."""
    changes = {k: v for k, v in given.items() if v is not None}
    if not changes:
        return config
    raw = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["backtest"] = {**raw.get("backtest", {}), **changes}
    return parse_config(raw, folder=config.folder)


def write_features(
    config: Config,
    out: Path,
    *,
    as_of: int | None,
    grid: bool,
    today: date,
    progress: Progress,
) -> tuple[int, int]:
    """Write the feature table of one date or of the whole grid; give its shape."""
    _needs_suffix(out)
    loaded, _ = gather(config, today=today, progress=progress)
    history = loaded.history
    if grid:
        panel = build_panel(config, history, progress=progress)
        account, days, names, X = (
            panel.cohort.account,
            panel.cohort.as_of,
            panel.names,
            panel.X,
        )
    else:
        from churnhealth.features.runtime import feature_table

        day = newest_day(history, config) if as_of is None else as_of
        everyone = np.arange(history.accounts.ids.size)
        listed = cohort(
            history,
            config.question,
            account=everyone,
            as_of=np.full(everyone.size, day, np.int64),
        )
        rows = listed.rows(listed.scored)
        with progress.stage("features"):
            table = feature_table(
                history,
                choose_specs(config, history, known_before=day),
                account=rows.account,
                as_of=rows.as_of,
                gap_days=config.question.gap_days,
            )
        account, days, names, X = rows.account, rows.as_of, table.names, table.values
    columns = {
        "account_id": history.accounts.ids[account],
        "as_of": days.astype("datetime64[D]"),
        **{name: X[:, i] for i, name in enumerate(names)},
    }
    write_table(out, columns)
    return X.shape[0], X.shape[1]


def _needs_suffix(out: Path) -> None:
    if out.suffix not in {".parquet", ".csv"}:
        raise ConfigError(
            "CH004",
            f"{out.name} is neither .parquet nor .csv",
            why="the suffix says how the table is written",
            fix="end the file's name in .parquet or .csv",
        )


def run_backtest(
    config: Config, *, predictions: Path | None, today: date, progress: Progress
) -> dict[str, Any]:
    """Judge every scorer; write the predictions of the test rows if asked to."""
    if predictions is not None:
        _needs_suffix(predictions)
    loaded, _ = gather(config, today=today, progress=progress)
    panel = build_panel(config, loaded.history, progress=progress)
    judged, report = judge(config, panel, progress=progress)
    if predictions is not None:
        ids = loaded.history.accounts.ids
        write_table(predictions, prediction_table(judged, report, ids))
    return report


def train_bundle(
    config: Config,
    *,
    out: Path | None,
    as_of: int | None,
    today: date,
    progress: Progress,
) -> dict[str, Any]:
    """Train, write the bundle, log the run."""
    loaded, findings = gather(config, today=today, progress=progress)
    trained = train(config, loaded, findings, as_of=as_of, progress=progress)
    bundle = trained.bundle
    folder = out or config.folder / "models" / bundle.model_version
    with progress.stage("bundle"):
        save_bundle(bundle, folder)
        load_bundle(folder)  # what was written can be read, before anyone relies on it
    with progress.stage("track"):
        run = _track(config, trained, folder)
    return {
        "schema_version": 1,
        "bundle": str(folder),
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
        "backtest": trained.report,
        **run,
    }


def _track(config: Config, trained: Trained, folder: Path) -> dict[str, str | None]:
    """Log the run to MLflow, where that is wanted and installed."""
    from importlib.util import find_spec

    if not config.tracking.uri or find_spec("mlflow") is None:
        return {"run_id": None, "registered_version": None}
    from churnhealth.evaluate.plots import bands_plot, calibration_plot, lift_plot
    from churnhealth.tracking import log_training

    bundle, judged = trained.bundle, trained.judged
    with tempfile.TemporaryDirectory() as place:
        plots = [Path(place) / f"{n}.png" for n in ("calibration", "lift", "bands")]
        calibration_plot(judged.y, judged.p["chosen"], plots[0])
        lift_plot(judged.y, judged.p["chosen"], plots[1])
        bands_plot(trained.report["bands"], plots[2])
        report = Path(place) / "backtest.json"
        report.write_text(json.dumps(trained.report, indent=1), encoding="utf-8")
        settings = Path(place) / "configuration.json"
        settings.write_text(config.model_dump_json(indent=1), encoding="utf-8")
        run = log_training(
            uri=config.tracking.uri,
            folder=config.folder,
            experiment=config.tracking.experiment,
            run_name=bundle.model_version,
            params=_params(bundle),
            metrics=_metrics(trained.report),
            tags={
                "model_version": bundle.model_version,
                "data_digest": str(bundle.card["data_digest"]),
                "skill": str(bundle.skill),
            },
            artifacts=[*plots, report, settings, folder],
            register_as=config.tracking.experiment,
            alias="challenger",
        )
    return {"run_id": run.run_id, "registered_version": str(run.model_version)}


def _params(bundle: Bundle) -> dict[str, str | float | int]:
    return {
        "question": bundle.question.kind,
        "chosen": str(bundle.card["chosen"]),
        "features": len(bundle.specs),
        "seed": int(bundle.card["seed"]),
        "base_rate": bundle.base_rate,
        "as_of": str(date_of(bundle.as_of)),
    }


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{scorer}.{name}": float(value)
        for scorer, metrics in report["scorers"].items()
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }


def score_cohort(
    config: Config,
    *,
    bundle_folder: Path,
    out: Path,
    as_of: int | None,
    file_format: str,
    now: datetime,
    progress: Progress,
) -> dict[str, Any]:
    """Score everyone as of a day and write the two tables."""
    if file_format not in {"parquet", "csv"}:
        raise ConfigError(
            "CH005",
            "there is no such format",
            why="other programs must be able to read the scores",
            fix="use --format parquet or --format csv",
        )
    bundle, history, day = _ready(config, bundle_folder, as_of, progress)
    with progress.stage("score"):
        book = score_history(
            bundle,
            history,
            as_of=day,
            scored_at=now,
            previous=_previous(out, before=day),
        )
    with progress.stage("write"):
        folder = write_scores(
            book,
            out,
            as_of=date_of(day),
            file_format="csv" if file_format == "csv" else "parquet",
        )
    bands = [b for b in book.scores["band"].tolist() if b is not None]
    order = ("green", "yellow", "orange", "red", "grey")
    return {
        "schema_version": 1,
        "as_of": str(date_of(day)),
        "folder": str(folder),
        "model_version": bundle.model_version,
        "listed": int(book.scores["status"].size),
        "scored": len(bands),
        "bands": {band: bands.count(band) for band in order if band in bands},
    }


def _ready(
    config: Config, bundle_folder: Path, as_of: int | None, progress: Progress
) -> tuple[Bundle, History, int]:
    with progress.stage("bundle"):
        bundle = load_bundle(bundle_folder)
    with progress.stage("read"):
        history = load(config).history
    return bundle, history, newest_day(history, config) if as_of is None else as_of


def _previous(out: Path, *, before: int) -> dict[str, str]:
    """Read the bands of the newest earlier scores under a folder."""
    if not out.is_dir():
        return {}
    earlier = sorted(
        p.name
        for p in out.iterdir()
        if (p / "scores.parquet").is_file() and p.name < str(date_of(before))
    )
    if not earlier:
        return {}
    from churnhealth.sources.engine import read_table

    table = read_table(out / earlier[-1] / "scores.parquet")
    pairs = zip(table["account_id"].tolist(), table["band"].tolist(), strict=True)
    return {i: band for i, band in pairs if band is not None}


def explain_account(
    config: Config,
    account: str,
    *,
    bundle_folder: Path,
    as_of: int | None,
    now: datetime,
    progress: Progress,
) -> dict[str, Any]:
    """Score one account and give its row and its drivers.

    Raises
    ------
    RequestError
        CH503 no such account, CH504 it is not in question on that day.
    """
    bundle, history, day = _ready(config, bundle_folder, as_of, progress)
    found = np.flatnonzero(history.accounts.ids == account)
    if not found.size:
        raise RequestError(
            "CH503",
            f"there is no account {account!r}",
            why="a score of somebody else would be worse than none",
            fix="check the id: it is the text in the accounts source, case and zeros"
            " included",
        )
    book = score_history(
        bundle, history, as_of=day, scored_at=now, only=[int(found[0])]
    )
    scores, drivers = rows_of(book)
    if not scores:
        raise RequestError(
            "CH504",
            f"account {account!r} is not in question on {date_of(day)}",
            why="it is not covered then, or its renewal lies outside the question",
            fix="give another --as-of, or another [question]",
        )
    base = card_of(bundle)["base_probability"]
    return {
        "schema_version": 1,
        "outcome": outcome(bundle.question.model_dump()),
        "score": {**scores[0], "base_probability": base},
        "drivers": drivers,
    }


def rows_of(book: ScoreBook) -> tuple[list[Row], list[Row]]:
    """Give both tables as rows of JSON values: no NaN, dates as text."""
    return plain_rows(book.scores), plain_rows(book.drivers)


def plain_rows(table: Mapping[str, Any]) -> list[Row]:
    """Turn columns into rows of JSON values.

    >>> plain_rows({"a": np.array([1.5, np.nan]), "d": np.array(["2026-01-01", "NaT"],
    ...            dtype="datetime64[D]")})
    [{'a': 1.5, 'd': '2026-01-01'}, {'a': None, 'd': None}]
    """
    columns = {name: [_plain(v) for v in column] for name, column in table.items()}
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def write_portfolio(scores: Path, out: Path, *, bundle_folder: Path | None) -> int:
    """Write the report of the newest scores; give its size in bytes."""
    book = read_current(scores)
    card = card_of(None if bundle_folder is None else load_bundle(bundle_folder))
    html = render_report(summarise(book.scores, book.drivers, card))
    write_report(out, html)
    return out.stat().st_size


def card_of(bundle: Bundle | None) -> dict[str, Any]:
    """Give what is told of a model: its card and the names of its versions."""
    if bundle is None:
        return {}
    base = score_matrix(bundle, np.full((1, len(bundle.specs)), np.nan)).explained
    return {
        **bundle.card,
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
        "base_probability": base.base_probability,
        "cuts": bundle.cuts.to_json(),
        "skill": bundle.skill,
    }


def serve_bundle(settings: Serve, *, bundle_folder: Path, scores: Path | None) -> int:
    """Run the service in a process of its own until it is stopped.

    Raises
    ------
    ConfigError
        CH006 a host other than loopback without keys; ChurnHealthError CH903 when the
        serving parts are not installed.
    """
    from importlib.util import find_spec

    if find_spec("bentoml") is None:
        raise ChurnHealthError(
            "CH903",
            "the serving parts are not installed",
            why="the service needs BentoML",
            fix='pip install "churnhealth[serve]"',
        )
    if settings.host not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigError(
            "CH006",
            f"the service binds to loopback only, not to {settings.host}",
            why="without keys anyone who can reach it could read every score",
            fix="keep host = 127.0.0.1 and put an authenticating proxy before it",
        )
    load_bundle(bundle_folder)  # a bad bundle is told of here, not in a worker's log
    environment = {
        **os.environ,
        "BENTOML_DO_NOT_TRACK": "True",
        "CHURNHEALTH_BUNDLE": str(bundle_folder.resolve()),
        "CHURNHEALTH_SERVE": settings.model_dump_json(),
    }
    if scores is not None:
        read_current(scores)
        environment["CHURNHEALTH_SCORES"] = str(scores.resolve())
    command = [
        *(sys.executable, "-m", "bentoml", "serve"),
        "churnhealth.serve.service:ChurnHealth",
        *("--host", "127.0.0.1" if settings.host == "localhost" else settings.host),
        *("--port", str(settings.port)),
    ]
    with tempfile.TemporaryDirectory() as place:
        environment.setdefault("BENTOML_HOME", place)
        process = subprocess.Popen(command, env=environment)  # noqa: S603
        # whoever stops us means the service: it must not live on alone
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)

