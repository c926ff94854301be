"""The whole way on the simulated company: files, checks, model, scores, page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

from churnhealth.commands.learn import train_bundle
from churnhealth.commands.tell import score_cohort, serve_bundle, write_portfolio
from churnhealth.config import read_config
from churnhealth.errors import ConfigError
from churnhealth.evaluate.report import report_text
from churnhealth.folders import write_text
from churnhealth.progress import Progress
from churnhealth.sources.simulate import simulate, write_company

__all__ = ["run_demo"]

_MARK = ".churnhealth-demo"
_UNTIL = date(2026, 1, 1)
_SETTINGS = {
    "demo.toml": "churnhealth.toml",
    "rules-simulated.toml": "rules-simulated.toml",
}


def _claim(folder: Path) -> None:
    """Take a folder that is new, empty, or an earlier demo's; never anybody else's."""
    if folder.exists() and not (folder / _MARK).is_file() and any(folder.iterdir()):
        raise ConfigError(
            "CH009",
            f"{folder.name} already holds something that this program did not write",
            why="the demo would overwrite it",
            fix="give an empty folder with --dir",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / _MARK, "This folder was made by `churnhealth demo`.\n")


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
        company = simulate(accounts=accounts, seed=seed, until=_UNTIL)
        write_company(company, folder / "data", file_format="csv")
    for name, kept_as in _SETTINGS.items():
        text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
        write_text(folder / kept_as, text)
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
        settings, bundle_folder=folder / "model", scores=folder / "scores"
    )
