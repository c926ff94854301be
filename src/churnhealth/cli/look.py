"""The verbs that look at the data: check and features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnhealth.cli.options import (
    DEFAULT_CONFIG,
    Allow,
    AsJson,
    AsOf,
    ConfigFile,
    day,
    print_json,
    read_settings,
    shown_progress,
    today,
)
from churnhealth.errors import GateError
from churnhealth.said import many

__all__ = ["check", "features"]


def check(
    config: ConfigFile = DEFAULT_CONFIG,
    allow: Allow = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 3 when a finding stops training.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read all sources and report every breach at once, leaks of the outcome too."""
    from churnhealth.commands.look import check_all
    from churnhealth.sources.findings import stopping, told_findings

    settings = read_settings(config, allow)
    with shown_progress() as progress:
        findings = check_all(settings, today=today(), progress=progress)
    if as_json:
        print_json({"schema_version": 1, "findings": [f.to_json() for f in findings]})
    else:
        for line in told_findings(findings, allow=settings.check.allow):
            typer.echo(line)
        typer.echo(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}")
    broken = {f.code for f in stopping(findings, allow=settings.check.allow)}
    if strict and broken:
        raise GateError(
            "CH902",
            f"findings that stop training: {', '.join(sorted(broken))}",
            why="a model built on these data would be wrong without looking wrong",
            fix="mend the data, or accept them with --allow CODE",
        )


def features(
    out: Annotated[Path, typer.Option("--out", help="A .parquet or .csv file.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_of: AsOf = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="All dates of [snapshots].")
    ] = False,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Write the feature table: account_id, as_of, one column per feature."""
    from churnhealth.commands.learn import write_features

    settings = read_settings(config, allow)
    with shown_progress() as progress:
        rows, columns = write_features(
            settings,
            out,
            as_of=day(as_of),
            grid=grid,
            today=today(),
            progress=progress,
        )
    if as_json:
        print_json(
            {"schema_version": 1, "rows": rows, "features": columns, "out": str(out)}
        )
    else:
        typer.echo(f"{many(rows, 'snapshot')} x {many(columns, 'feature')} -> {out}")
