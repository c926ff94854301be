"""The command line: ``churnhealth VERB --config FILE``.

Data go to stdout, progress and errors to stderr. Exit codes: 0 ok, 1 failed, 2 usage or
input, 3 a gate said no. The only file that may ask what day it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churnhealth import __version__
from churnhealth.errors import ChurnHealthError, GateError

if TYPE_CHECKING:
    from churnhealth.config import Config
    from churnhealth.progress import Progress

__all__ = ["app", "main"]

app = typer.Typer(
    name="churnhealth",
    help="Honest, calibrated, explained renewal risk and customer health.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The churnhealth.toml to read.")
]
BundleFolder = Annotated[
    Path, typer.Option("--bundle", "-b", help="The folder that `train` wrote.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="YYYY-MM-DD; default: the day after the newest data."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="A finding's code to accept; may be repeated."),
]
_DEFAULT_CONFIG = Path("churnhealth.toml")


def main() -> None:
    """Run the command line; a mistake of the user's never ends in a traceback."""
    try:
        app()
    except ChurnHealthError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        named = Path(error.filename).name if isinstance(error.filename, str) else ""
        named = "a file" if not named or named.startswith(".") else named
        sys.stderr.write(
            f"[CH901] the system refused {named}: {error.strerror}\n"
            "  Why it matters: nothing was left half-written\n"
            "  Fix: check the path, the permissions and the space on the disk\n"
        )
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Say which.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@contextmanager
def _progress() -> Iterator[Progress]:
    from churnhealth.progress import Progress

    with Progress() as progress:
        yield progress


def _read(config: Path, allow: list[str] | None = None) -> Config:
    from churnhealth.config import read_config

    read = read_config(config)
    if not allow:
        return read
    accepted = read.check.model_copy(update={"allow": (*read.check.allow, *allow)})
    return read.model_copy(update={"check": accepted})


def _today() -> date:
    return datetime.now(UTC).date()


def _day(text: str | None) -> int | None:
    from churnhealth.sources.contract import parse_day

    return None if text is None else parse_day(text)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False) + "\n")


@app.command()
def check(
    config: ConfigFile = _DEFAULT_CONFIG,
    allow: Allow = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 3 when a finding stops training.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read all sources and report every breach at once."""
    from churnhealth.pipeline import check_sources
    from churnhealth.sources.findings import stopping

    settings = _read(config, allow)
    with _progress() as progress:
        _, findings = check_sources(settings, today=_today(), progress=progress)
    if as_json:
        _print_json({"schema_version": 1, "findings": [f.to_json() for f in findings]})
    else:
        for finding in findings:
            accepted = finding.code in settings.check.allow
            typer.echo(finding.told(accepted=accepted))
        typer.echo(f"{len(findings)} findings")
    broken = {f.code for f in stopping(findings, allow=settings.check.allow)}
    if strict and broken:
        raise GateError(
            "CH902",
            f"findings that stop training: {', '.join(sorted(broken))}",
            why="a model built on these data would be wrong without looking wrong",
            fix="mend the data, or accept them with --allow CODE",
        )


@app.command()
def features(
    out: Annotated[Path, typer.Option("--out", help="A .parquet or .csv file.")],
    config: ConfigFile = _DEFAULT_CONFIG,
    as_of: AsOf = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="All dates of [snapshots].")
    ] = False,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Write the feature table: account_id, as_of, one column per feature."""
    from churnhealth.commands.learn import write_features

    settings = _read(config, allow)
    with _progress() as progress:
        rows, columns = write_features(
            settings,
            out,
            as_of=_day(as_of),
            grid=grid,
            today=_today(),
            progress=progress,
        )
    if as_json:
        _print_json(
            {"schema_version": 1, "rows": rows, "features": columns, "out": str(out)}
        )
    else:
        typer.echo(f"{rows} snapshots x {columns} features -> {out}")


@app.command()
def backtest(
    config: ConfigFile = _DEFAULT_CONFIG,
    test_from: Annotated[
        str | None, typer.Option("--test-from", help="YYYY-MM-DD.")
    ] = None,
    origins: Annotated[
        str | None, typer.Option("--origins", help="one or each.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="A .parquet or .csv file.")
    ] = None,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Judge every scorer on the same honest folds."""
    from churnhealth.commands.learn import run_backtest, with_backtest
    from churnhealth.evaluate.report import report_text

    settings = with_backtest(_read(config, allow), test_from=test_from, origins=origins)
    with _progress() as progress:
        report = run_backtest(
            settings, predictions=predictions, today=_today(), progress=progress
        )
    if as_json:
        _print_json(report)
    else:
        typer.echo(report_text(report))


@app.command()
def train(
    config: ConfigFile = _DEFAULT_CONFIG,
    as_of: AsOf = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The bundle's folder; default models/<version>."),
    ] = None,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Train, judge, calibrate, and write a bundle and an MLflow run."""
    from churnhealth.commands.learn import train_bundle
    from churnhealth.evaluate.report import report_text

    settings = _read(config, allow)
    with _progress() as progress:
        done = train_bundle(
            settings, out=out, as_of=_day(as_of), today=_today(), progress=progress
        )
    if as_json:
        _print_json(done)
        return
    typer.echo(report_text(done["backtest"]))
    typer.echo(f"model {done['model_version']} -> {done['bundle']}")
    if done["run_id"]:
        typer.echo(f"MLflow run {done['run_id']}, version {done['registered_version']}")


@app.command()
def score(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option("--out", help="The folder of all scores.")],
    config: ConfigFile = _DEFAULT_CONFIG,
    as_of: AsOf = None,
    file_format: Annotated[
        str, typer.Option("--format", help="parquet or csv.")
    ] = "parquet",
    as_json: AsJson = False,
) -> None:
    """Score the whole cohort: scores, bands and drivers."""
    from churnhealth.commands.tell import score_cohort

    settings = _read(config)
    with _progress() as progress:
        done = score_cohort(
            settings,
            bundle_folder=bundle,
            out=out,
            as_of=_day(as_of),
            file_format=file_format,
            now=datetime.now(UTC),
            progress=progress,
        )
    if as_json:
        _print_json(done)
    else:
        bands = ", ".join(f"{n} {band}" for band, n in done["bands"].items())
        typer.echo(f"{done['scored']} scored as of {done['as_of']}: {bands}")
        typer.echo(f"-> {done['folder']}")


@app.command()
def explain(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    bundle: BundleFolder,
    config: ConfigFile = _DEFAULT_CONFIG,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Say in words why one account has its score."""
    from churnhealth.commands.tell import explain_account
    from churnhealth.explain.wording import account_text

    settings = _read(config)
    with _progress() as progress:
        told = explain_account(
            settings,
            account,
            bundle_folder=bundle,
            as_of=_day(as_of),
            now=datetime.now(UTC),
            progress=progress,
        )
    if as_json:
        _print_json(told)
    else:
        typer.echo(
            account_text(told["score"], told["drivers"], outcome=told["outcome"])
        )
        if not told["skill"]:
            typer.echo("No skill was shown: the colour is the rules', unproven.")


@app.command()
def report(
    scores: Annotated[Path, typer.Option("--scores", help="The folder of all scores.")],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", "-b", help="For the model's promises.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the portfolio and its accounts as one HTML file."""
    from churnhealth.commands.tell import write_portfolio

    with _progress() as progress, progress.stage("report"):
        size = write_portfolio(scores, out, bundle_folder=bundle)
    if as_json:
        _print_json({"schema_version": 1, "out": str(out), "bytes": size})
    else:
        typer.echo(f"{out} ({size / 1e6:.1f} MB)")


@app.command()
def serve(
    bundle: BundleFolder,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="The folder of all scores.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="For its [serve] section.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65_535)] = None,
) -> None:
    """Serve scores over HTTP (BentoML) with the pages beside them."""
    from churnhealth.commands.tell import serve_bundle
    from churnhealth.config import Serve

    settings = Serve() if config is None else _read(config).serve
    given = {k: v for k, v in (("host", host), ("port", port)) if v is not None}
    settings = settings.model_copy(update=given)
    raise typer.Exit(serve_bundle(settings, bundle_folder=bundle, scores=scores))


@app.command()
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

    with _progress() as progress:
        raise typer.Exit(
            run_demo(
                folder,
                accounts=accounts,
                seed=seed,
                port=port,
                serve=not no_serve,
                today=_today(),
                now=datetime.now(UTC),
                say=typer.echo,
                progress=progress,
            )
        )


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say which versions are here, what is missing, and the command that adds it."""
    from churnhealth.doctor import examine

    parts = examine()
    if as_json:
        _print_json({"schema_version": 1, "parts": parts})
        return
    for part in parts:
        state = part["version"] or f"missing: {part['fix']}"
        typer.echo(f"{part['name']:<14} {part['for']:<42} {state}")


if __name__ == "__main__":
    main()
