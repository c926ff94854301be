"""The verbs to start with: demo and doctor."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from churnhealth.cli.options import AsJson, now, print_json, shown_progress, today

__all__ = ["demo", "doctor", "init"]


def init(
    folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")] = (
        Path()
    ),
    accounts: Annotated[int, typer.Option("--accounts", min=60, max=20_000)] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 7,
) -> None:
    """Write a project that works: configuration, scorecard, notebook, data.

    The data are those of a simulated company; put your own files in their place and
    change the mappings in churnhealth.toml.
    """
    from churnhealth.demo import start_project

    for name in start_project(folder, accounts=accounts, seed=seed):
        typer.echo(f"wrote {folder / name}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {quote(str(folder))}, then "
    typer.echo(f"next: {there}churnhealth check, and churnhealth backtest")


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the demo's files go.")
    ] = Path("demo"),
    accounts: Annotated[int, typer.Option("--accounts", min=150, max=20_000)] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 7,
    port: Annotated[int, typer.Option("--port", min=1, max=65_535)] = 3000,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Stop before serving the pages.")
    ] = False,
) -> None:
    """Go the whole way on the simulated company, ending with a page."""
    from churnhealth.demo import run_demo

    with shown_progress() as progress:
        raise typer.Exit(
            run_demo(
                folder,
                accounts=accounts,
                seed=seed,
                port=port,
                serve=not no_serve,
                today=today(),
                now=now(),
                say=typer.echo,
                progress=progress,
            )
        )


def doctor(as_json: AsJson = False) -> None:
    """Say which versions are here, what is missing, and the command that adds it."""
    from churnhealth.doctor import examine

    parts = examine()
    if as_json:
        print_json({"schema_version": 1, "parts": parts})
        return
    for part in parts:
        state = part["version"] or f"missing: {part['fix']}"
        typer.echo(f"{part['name']:<14} {part['for']:<42} {state}")
