"""The verbs that tell what was learned, and whether it came true."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnhealth.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    AsOf,
    BundleFolder,
    ByChampion,
    ConfigFile,
    ModelsFolder,
    chosen_bundle,
    day,
    now,
    print_json,
    read_settings,
    shown_progress,
)

__all__ = ["explain", "monitor", "report", "rules", "score", "tasks"]

ScoresFolder = Annotated[
    Path, typer.Option("--scores", help="The folder of all scores.")
]


def score(
    out: Annotated[Path, typer.Option("--out", help="The folder of all scores.")],
    bundle: BundleFolder = None,
    champion: ByChampion = False,
    models: ModelsFolder = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_of: AsOf = None,
    file_format: Annotated[
        str, typer.Option("--format", help="parquet or csv.")
    ] = "parquet",
    as_json: AsJson = False,
) -> None:
    """Score the whole cohort: scores, bands and drivers."""
    from churnhealth.commands.tell import score_cohort

    settings = read_settings(config)
    with shown_progress() as progress:
        done = score_cohort(
            settings,
            bundle_folder=chosen_bundle(settings, bundle, models, champion=champion),
            out=out,
            as_of=day(as_of),
            file_format=file_format,
            now=now(),
            progress=progress,
        )
    if as_json:
        print_json(done)
    else:
        bands = ", ".join(f"{n} {band}" for band, n in done["bands"].items())
        listed = f" of {done['listed']}" if done["listed"] > done["scored"] else ""
        typer.echo(f"{done['scored']}{listed} scored as of {done['as_of']}: {bands}")
        others = [(s, n) for s, n in done["statuses"].items() if s != "scored"]
        if others:
            told = ", ".join(f"{n} {s.replace('_', ' ')}" for s, n in others)
            typer.echo(f"listed without a score: {told}")
        if done["tasks"]:
            begun = ", ".join(f"{n} {name}" for name, n in done["tasks"].items())
            typer.echo(f"tasks begun: {begun}")
        typer.echo(f"-> {done['folder']}")
    if done["warning"]:
        typer.echo(f"Warning: {done['warning']}.", err=True)


def tasks(
    scores: ScoresFolder,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Only this owner's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what the playbooks of the newest run ask people to do."""
    from churnhealth.commands.tasks import list_tasks, tasks_text

    told = list_tasks(scores, owner=owner)
    if as_json:
        print_json(told)
    else:
        typer.echo(tasks_text(told))


def explain(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    bundle: BundleFolder = None,
    champion: ByChampion = False,
    models: ModelsFolder = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_of: AsOf = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Also what moved it since this day."),
    ] = None,
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Also which few changes would help."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say in words why one account has its score."""
    from churnhealth.commands.tell import explain_account
    from churnhealth.explain.telling import account_text, changed_text, rule_text

    settings = read_settings(config)
    with shown_progress() as progress:
        told = explain_account(
            settings,
            account,
            bundle_folder=chosen_bundle(settings, bundle, models, champion=champion),
            as_of=day(as_of),
            since=day(since),
            with_suggestion=suggest,
            now=now(),
            progress=progress,
        )
    if as_json:
        print_json(told)
    else:
        typer.echo(
            account_text(told["score"], told["drivers"], outcome=told["outcome"])
        )
        if since is not None:
            typer.echo("\n" + changed_text(told["move"], told["changes"]))
        if "suggestion" in told:
            typer.echo("\n" + told["suggestion"]["sentence"])
        if told["rules"]:
            typer.echo("\n" + rule_text(told["rules"][0]))
        if not told["skill"]:
            typer.echo("No skill was shown: the colour is the rules', unproven.")


def monitor(
    scores: ScoresFolder,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Compare the scores of earlier runs with what happened since.

    Of every run that --scores holds: how many were expected to leave, how many did,
    and whether each colour kept its promise. Whose window is still open waits. The page
    of the proof shows what was found last.
    """
    from churnhealth.commands.tell import look_back
    from churnhealth.monitor import follow_up_text

    settings = read_settings(config)
    with shown_progress() as progress:
        told, unkept = look_back(settings, scores, progress=progress)
    if as_json:
        print_json(told)
    else:
        typer.echo(follow_up_text(told))
    if unkept:
        typer.echo(f"Warning: {unkept}.", err=True)


def rules(
    bundle: Annotated[
        Path | None, typer.Option("--bundle", "-b", help="The folder `train` wrote.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="A scorecard's .toml file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the scorecard as a table that anyone can read aloud."""
    from churnhealth.commands.tell import read_rules

    told = read_rules(bundle_folder=bundle, card=card)
    if as_json:
        print_json({k: v for k, v in told.items() if k != "text"})
    else:
        typer.echo(told["text"])


def report(
    scores: ScoresFolder,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", "-b", help="For the model's promises.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", help="portfolio, board, backtest, review or value.")
    ] = "portfolio",
    account: Annotated[
        str | None,
        typer.Option("--account", help="Whose review or value."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a report as one HTML file: the book, or what --kind names."""
    from churnhealth.commands.report import write_portfolio

    with shown_progress() as progress, progress.stage("report"):
        size = write_portfolio(
            scores, out, bundle_folder=bundle, kind=kind, account_id=account
        )
    if as_json:
        print_json({"schema_version": 1, "out": str(out), "bytes": size})
    else:
        typer.echo(f"{out} ({size / 1e3:,.0f} kB)")
