"""The verbs of the registry: promote, rollback and models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from churnhealth.cli.options import (
    DEFAULT_CONFIG,
    Allow,
    AsJson,
    ConfigFile,
    ModelsFolder,
    now,
    print_json,
    read_settings,
    shown_progress,
    today,
)
from churnhealth.errors import GateError
from churnhealth.said import many

__all__ = ["models", "promote", "rollback"]


def promote(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or its name.")],
    config: ConfigFile = DEFAULT_CONFIG,
    models: ModelsFolder = None,
    segment_tolerance: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="The share of log loss a segment may lose at most."
        ),
    ] = 0.05,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Of newer data: it need not beat the champion, only hold."
        ),
    ] = False,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Make a bundle champion if it passes the gate; else exit 3 and say why.

    It needs the configuration: both are judged on the same later rows of its sources.
    """
    from churnhealth.commands.gate import models_folder, promote_bundle

    settings = read_settings(config, allow)
    with shown_progress() as progress:
        told = promote_bundle(
            settings,
            bundle,
            models=models_folder(settings, models),
            tolerance=segment_tolerance,
            refresh=refresh,
            today=today(),
            now=now,
            progress=progress,
        )
    unjudged = _unjudged(told)
    if as_json:
        print_json(told)
        if not told["promoted"]:
            raise typer.Exit(3)
    elif told["promoted"]:
        typer.echo(f"champion: {told['model_version']}")
        if unjudged:
            typer.echo(f"the champion before was {unjudged}")
        _tell_mirror(told["mlflow"])
    else:
        lines = "\n".join(f"    - {reason}" for reason in told["reasons"])
        if unjudged:
            lines += f"\n    the champion was {unjudged}"
        raise GateError(
            "CH625",
            f"{told['model_version']} was not promoted:\n{lines}",
            why="people would act on a model that is not shown to be better",
            fix=mending(told, refresh=refresh),
        )


def mending(told: Mapping[str, Any], *, refresh: bool = False) -> str:
    """Say what can be done about a bundle that was not promoted.

    >>> told = {"champion_before": None, "reasons": ["a promise is not kept: red ..."]}
    >>> "[bands] cuts" in mending(told)
    True
    """
    fix = _NO_CHAMPION if told["champion_before"] is None else _KEEP
    if fix == _KEEP and not refresh:
        fix += _REFRESH
    colours = any(r.startswith("a promise is not kept") for r in told["reasons"])
    return fix + _COLOURS if colours else fix


def _unjudged(told: dict[str, Any]) -> str | None:
    """Say why the champion was not judged beside the challenger, where it was not."""
    ways = told.get("evidence", {}).get("judged_as", {}).get("champion", ())
    return next((way for way in ways if way.startswith("not judged")), None)


_KEEP = "keep the champion; train on more data or with other settings"
_REFRESH = "; what is of newer data need not be better: `promote --refresh`"
_NO_CHAMPION = (
    "there is no champion yet: until one passes, `score` and `serve` with --bundle, and"
    " tell people what stands above; train on more data or with other settings"
)
_COLOURS = (
    "; or draw the colours where the scores lie, and train again: [bands] cuts closer"
    ' together, such as [0.7, 1.2, 1.8], or policy = "capacity"'
)


def rollback(
    config: ConfigFile = DEFAULT_CONFIG,
    models: ModelsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make the champion before this one champion again.

    With --models it needs no configuration; without one MLflow is not told.
    """
    from churnhealth.commands.gate import models_folder, roll_back, untracked_settings

    bare = models is not None and config == DEFAULT_CONFIG and not config.exists()
    settings = untracked_settings() if bare else read_settings(config)
    told = roll_back(settings, models=models_folder(settings, models), now=now())
    if as_json:
        print_json(told)
    else:
        typer.echo(f"champion: {told['model_version']}")
        _tell_mirror(told["mlflow"])
    if told["unmapped"]:
        typer.echo(
            f"Warning: it reads what {config} does not map, and cannot score (CH113):"
            f" {', '.join(told['unmapped'])}. Map it as it was, or promote another.",
            err=True,
        )


def models(
    config: ConfigFile = DEFAULT_CONFIG,
    models: ModelsFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the bundles of the registry, and which is champion."""
    from churnhealth.commands.gate import list_models, models_folder

    folder = models_folder(read_settings(config), models) if models is None else models
    told = list_models(folder)
    if as_json:
        print_json(told)
        return
    for row in told["models"]:
        typer.echo(_line(row))
    typer.echo(many(len(told["models"]), "bundle"))
    if any(row.get("log_loss") is not None for row in told["models"]):
        typer.echo(
            "* champion, - was champion; a log loss is of the bundle's own test"
            " period: `promote` compares on the same rows"
        )


def _line(row: dict[str, Any]) -> str:
    if row["model_version"] is None:
        return f"  {row['folder']:<24} damaged: {row['error']}"
    mark = "*" if row["champion"] else "-" if row["was_champion"] else " "
    loss = "" if row["log_loss"] is None else f"log loss {row['log_loss']:.4f}"
    skill = "skill" if row["skill"] else "no skill"
    return f"{mark} {row['folder']:<24} {row['chosen']:<10} {skill:<9} {loss}"


def _tell_mirror(mirror: dict[str, str | None]) -> None:
    if mirror["version"]:
        typer.echo(f"MLflow: champion is version {mirror['version']}")
    elif mirror["warning"]:
        typer.echo(f"MLflow does not follow: {mirror['warning']}", err=True)
