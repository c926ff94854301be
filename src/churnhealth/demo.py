"""The whole way on the simulated company: files, checks, model, scores, page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

from churnhealth.commands.learn import train_bundle
from churnhealth.commands.report import write_portfolio
from churnhealth.commands.serving import serve_bundle
from churnhealth.commands.tell import score_cohort
from churnhealth.config import read_config
from churnhealth.errors import ConfigError
from churnhealth.evaluate.report_text import report_text
from churnhealth.folders import write_text
from churnhealth.progress import Progress
from churnhealth.simulated.company import simulate, write_company

__all__ = ["run_demo", "start_project"]

_MARK = ".churnhealth-demo"
_UNTIL = date(2026, 1, 1)
_SETTINGS = {
    "demo.toml": "churnhealth.toml",
    "rules-simulated.toml": "rules-simulated.toml",
}


def _refuse_full(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            "CH009",
            f"{folder.resolve().name} already holds something",
            why="what stands there would be overwritten",
            fix="give a folder that is new or empty",
        )
    folder.mkdir(parents=True, exist_ok=True)


def _claim(folder: Path) -> None:
    """Take a folder that is new, empty, or an earlier demo's; never anybody else's."""
    if not (folder / _MARK).is_file():
        _refuse_full(folder)
    write_text(folder / _MARK, "This folder was made by `churnhealth demo`.\n")


def start_project(folder: Path, *, accounts: int, seed: int) -> list[str]:
    """Write what one starts from: data, configuration, scorecard, a notebook.

    The folder must be new or empty (CH009); gives the files' names.
    """
    _refuse_full(folder)
    _write_company(folder, accounts=accounts, seed=seed)
    text = files("churnhealth").joinpath("start.ipynb").read_text(encoding="utf-8")
    write_text(folder / "start.ipynb", text)
    return [*_SETTINGS.values(), "start.ipynb", "data/"]


def _write_company(folder: Path, *, accounts: int, seed: int) -> None:
    company = simulate(accounts=accounts, seed=seed, until=_UNTIL)
    write_company(company, folder / "data", file_format="csv")
    for name, kept_as in _SETTINGS.items():
        text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
        write_text(folder / kept_as, text)


def run_demo(
    folder: Path,
    *,
    accounts: int,
    seed: int,
    port: int,
    serve: bool,
    today: date,
    now: datetime,
    say: Callable[[str], None],
    progress: Progress,
) -> int:
    """Simulate, check, train, score, report, and serve until stopped."""
    _claim(folder)
    with progress.stage("simulate"):
        _write_company(folder, accounts=accounts, seed=seed)
    config = read_config(folder / "churnhealth.toml")
    done = train_bundle(
        config, out=folder / "model", as_of=None, today=today, progress=progress
    )
    say(report_text(done["backtest"]))
    score_cohort(
        config,
        bundle_folder=folder / "model",
        out=folder / "scores",
        as_of=None,
        file_format="parquet",
        now=now,
        progress=progress,
    )
    with progress.stage("report"):
        write_portfolio(
            folder / "scores", folder / "report.html", bundle_folder=folder / "model"
        )
    say(f"\nreport: {folder / 'report.html'}")
    say(progress.line())
    if not serve:
        return 0
    say(f"serving http://127.0.0.1:{port}/ (stop with Ctrl-C)")
    settings = config.serve.model_copy(update={"port": port})
    return serve_bundle(
        settings, models=None, bundle_folder=folder / "model", scores=folder / "scores"
    )
