"""The verbs that learn from the data: backtest and train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnhealth.cli.options import (
    DEFAULT_CONFIG,
    Allow,
    AsJson,
    ConfigFile,
    TrainedOn,
    day,
    print_json,
    read_settings,
    shown_progress,
    today,
)

__all__ = ["backtest", "train"]


def backtest(
    config: ConfigFile = DEFAULT_CONFIG,
    test_from: Annotated[
        str | None, typer.Option("--test-from", help="YYYY-MM-DD.")
    ] = None,
    origins: Annotated[
        str | None, typer.Option("--origins", help="one or each.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="A .parquet or .csv file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also a page for people: this file.")
    ] = None,
    learning: Annotated[
        bool,
        typer.Option("--learning", help="Also what fewer outcomes had been worth."),
    ] = False,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Judge every scorer on the same honest folds."""
    from churnhealth.commands.learn import run_backtest, with_backtest
    from churnhealth.evaluate.report_text import report_text

    settings = with_backtest(
        read_settings(config, allow), test_from=test_from, origins=origins
    )
    with shown_progress() as progress:
        report = run_backtest(
            settings,
            predictions=predictions,
            html=html,
            learning=learning,
            today=today(),
            progress=progress,
        )
    if as_json:
        print_json(report)
    else:
        typer.echo(report_text(report))


def train(
    config: ConfigFile = DEFAULT_CONFIG,
    as_of: TrainedOn = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The bundle's folder; default models/<version>."),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option("--tune", help="Search settings first: 20 (trials) or 5m."),
    ] = None,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Train, judge, calibrate, and write a bundle and an MLflow run."""
    from churnhealth.commands.learn import train_bundle
    from churnhealth.evaluate.report_text import report_text
    from churnhealth.explain.overall import against_expectation
    from churnhealth.sources.findings import warned

    settings = read_settings(config, allow)
    with shown_progress() as progress:
        done = train_bundle(
            settings,
            out=out,
            as_of=day(as_of),
            tune=tune,
            today=today(),
            progress=progress,
        )
    if as_json:
        print_json(done)
        return
    typer.echo(report_text(done["backtest"]))
    if search := done["tuning"]:
        kept = ", ".join(f"{k} = {v:.4g}" for k, v in search["settings"].items())
        typer.echo(f"\ntuning: {search['tried']} trials; {search['why']}")
        typer.echo(f"  [model] {kept or 'unchanged'}")
    if done["drivers"]:
        typer.echo("\nwhat moves the scores most (share of all movement):")
    for driver in done["drivers"][:8]:
        typer.echo(f"  {driver['share']:6.1%}  {driver['label']}")
    for told in against_expectation(done["drivers"]):
        typer.echo(f"  look at {told}")
    if warning := warned(done["findings"], allow=settings.check.allow):
        typer.echo(warning)
    typer.echo(f"model {done['model_version']} -> {done['bundle']}")
    if done["run_id"]:
        typer.echo(f"MLflow run {done['run_id']}, version {done['registered_version']}")
