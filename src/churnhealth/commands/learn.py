"""The verbs that learn: the feature table, the backtest, training a bundle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.assessing import model_card
from churnhealth.bundle import Bundle, load_bundle, refuse_place, save_bundle
from churnhealth.config import Config, Question, parse_config
from churnhealth.errors import ConfigError, RequestError
from churnhealth.evaluate.backtest import fold_plan
from churnhealth.evaluate.choice import choose_specs
from churnhealth.evaluate.learning import learning_curve
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.evaluate.report import prediction_table
from churnhealth.evaluate.report_text import sentence
from churnhealth.evaluate.tuning import Budget
from churnhealth.features.runtime import feature_table
from churnhealth.gathering import gather
from churnhealth.pages.proof import proof_page
from churnhealth.pages.render import write_report
from churnhealth.pipeline import Trained, build_panel, judge, scoring_day, train
from churnhealth.progress import Progress
from churnhealth.snapshots.cohort import Cohort, cohort
from churnhealth.sources.contract import History, date_of, day_of
from churnhealth.sources.engine import write_table
from churnhealth.sources.reading import source_files

__all__ = ["run_backtest", "train_bundle", "with_backtest", "write_features"]


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
    if grid and as_of is not None:
        raise RequestError(
            "CH507",
            "--as-of and --grid exclude each other",
            why="one asks for a day, the other for all days of [snapshots]",
            fix="give one of the two",
        )
    _refuse_name(config, out)
    loaded, _ = gather(config, today=today, progress=progress)
    history = loaded.history
    if grid:
        panel = build_panel(config, history, progress=progress)
        rows, names, X = panel.cohort, panel.names, panel.X
    else:
        newest = scoring_day(history, config, today=day_of(today))
        day = newest if as_of is None else as_of
        rows = _scored_on(day, history, config.question)
        with progress.stage("features"):
            table = feature_table(
                history,
                choose_specs(config, history, known_before=day),
                account=rows.account,
                as_of=rows.as_of,
                gap_days=config.question.gap_days,
            )
        names, X = table.names, table.values
    if not rows.account.size:
        raise RequestError(
            "CH506",
            "nobody is in question on the days asked for",
            why="an empty table would pass for an answer",
            fix="give another --as-of, or check [question] and the contracts",
        )
    columns = {
        "account_id": history.accounts.ids[rows.account],
        "as_of": rows.as_of.astype("datetime64[D]"),
        **{name: X[:, i] for i, name in enumerate(names)},
    }
    write_table(out, columns)
    return X.shape[0], X.shape[1]


def _scored_on(day: int, history: History, question: Question) -> Cohort:
    everyone = np.arange(history.accounts.ids.size)
    days = np.full(everyone.size, day, np.int64)
    listed = cohort(history, question, account=everyone, as_of=days)
    return listed.rows(listed.scored)


def _refuse_name(config: Config, out: Path) -> None:
    """Refuse the name of a table that says no kind, or that is a source's."""
    if out.suffix not in {".parquet", ".csv"}:
        raise ConfigError(
            "CH004",
            f"{out.name} is neither .parquet nor .csv",
            why="the suffix says how the table is written",
            fix="end the file's name in .parquet or .csv",
        )
    if out.resolve() in source_files(config):
        raise ConfigError(
            "CH009",
            f"{out.name} is one of the sources",
            why="what is read from it would be lost",
            fix="give another file",
        )


def run_backtest(
    config: Config,
    *,
    predictions: Path | None,
    html: Path | None = None,
    learning: bool = False,
    today: date,
    progress: Progress,
) -> dict[str, Any]:
    """Judge every scorer; write test predictions and the page if asked to.

    With ``learning`` the report tells too what fewer outcomes would have been worth.
    """
    if predictions is not None:
        _refuse_name(config, predictions)
    loaded, _ = gather(config, today=today, progress=progress)
    panel = build_panel(config, loaded.history, progress=progress)
    judged, report = judge(config, panel, progress=progress)
    if predictions is not None:
        ids = loaded.history.accounts.ids
        write_table(predictions, prediction_table(judged, report, ids))
    if learning:
        with progress.stage("learning curve"):
            report["learning"] = learning_curve(
                panel,
                fold_plan(panel, config),
                scorer_makers(config, panel.specs),
                calibration=config.calibration,
                seed=config.model.seed,
            )
    if html is not None:
        page = proof_page(report, company=config.company.name, since={})
        write_report(html, page)
    return report


def train_bundle(
    config: Config,
    *,
    out: Path | None,
    as_of: int | None,
    tune: str | None = None,
    today: date,
    progress: Progress,
) -> dict[str, Any]:
    """Train, write the bundle, log the run; ``tune`` is a budget as it was typed."""
    budget = None if tune is None else Budget.read(tune)
    refuse_place(out or config.folder / "models" / ".yet-to-be-named")
    loaded, findings = gather(config, today=today, progress=progress)
    trained = train(
        config, loaded, findings, as_of=as_of, tune=budget, progress=progress
    )
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
        "tuning": bundle.card["tuning"],
        "drivers": bundle.card["drivers"],
        "findings": bundle.card["findings"],
        **run,
    }


def _track(config: Config, trained: Trained, folder: Path) -> dict[str, str | None]:
    """Log the run to MLflow, where that is wanted and installed."""
    if not config.tracking.uri or find_spec("mlflow") is None:
        return {"run_id": None, "registered_version": None}
    from churnhealth.evaluate.plots import bands_plot, calibration_plot, lift_plot
    from churnhealth.tracking import log_training

    bundle, judged = trained.bundle, trained.judged
    with tempfile.TemporaryDirectory() as place:
        pictures = {
            "calibration": calibration_plot(judged.y, judged.p["chosen"]),
            "lift": lift_plot(judged.y, judged.p["chosen"]),
            "bands": bands_plot(trained.report["bands"]),
        }
        plots = [p.save(Path(place) / f"{n}.png") for n, p in pictures.items()]
        texts = {
            "backtest": json.dumps(trained.report, indent=1),
            "configuration": config.model_dump_json(indent=1),
            "model_card": json.dumps(model_card(bundle), indent=1),
        }
        files = [Path(place) / f"{name}.json" for name in texts]
        for file in files:
            file.write_text(texts[file.stem], encoding="utf-8")
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
            data={
                "data_digest": bundle.card["data_digest"],
                "trained_on": bundle.card["trained_on"],
                "counts": trained.report["data"],
            },
            description="\n".join(
                f"* {sentence(why)}" for why in trained.report["verdict"]["reasons"]
            ),
            artifacts=[*plots, *files, folder],
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
        **_tuned_params(bundle),
    }


def _tuned_params(bundle: Bundle) -> dict[str, str | float | int]:
    search = bundle.card["tuning"]
    if search is None:
        return {}
    return {"tuned_trials": search["tried"], **search["settings"]}


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{scorer}.{name}": float(value)
        for scorer, metrics in report["scorers"].items()
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }
