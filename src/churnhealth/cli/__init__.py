"""The command line: ``churnhealth VERB --config FILE``.

Data go to stdout, progress and errors to stderr. Exit codes: 0 ok, 1 failed, 2 usage or
input, 3 a gate said no. A verb is a function in a file beside this one, and stands in
``VERBS`` in the order of ``--help``. A verb imports what it needs when it runs, so that
``--help`` stays quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from churnhealth import __version__
from churnhealth.cli import gate, learn, look, serving, start, tell
from churnhealth.cli.terminal import end_cleanly, write_plainly
from churnhealth.errors import ChurnHealthError

__all__ = ["EXAMPLES", "app", "main"]

VERBS = (
    start.init,
    look.check,
    look.features,
    learn.backtest,
    learn.train,
    tell.score,
    tell.tasks,
    tell.explain,
    tell.monitor,
    tell.rules,
    tell.report,
    gate.promote,
    gate.rollback,
    gate.models,
    serving.serve,
    start.demo,
    start.doctor,
)

app = typer.Typer(
    name="churnhealth",
    help="Honest, calibrated, explained renewal risk and customer health.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
)
EXAMPLES = {
    "init": "churnhealth init my-company",
    "check": "churnhealth check --strict",
    "features": "churnhealth features --as-of 2026-01-01 --out features.parquet",
    "backtest": "churnhealth backtest --origins each --json > backtest.json",
    "train": "churnhealth train --out models/first",
    "score": "churnhealth score --bundle models/first --out scores --format csv",
    "tasks": "churnhealth tasks --scores scores --owner 'Ann Example'",
    "explain": "churnhealth explain A00012 --bundle models/first --since 2025-12-01",
    "monitor": "churnhealth monitor --scores scores",
    "rules": "churnhealth rules --card rules.toml",
    "report": "churnhealth report --scores scores --bundle models/first --out r.html",
    "promote": "churnhealth promote models/first",
    "rollback": "churnhealth rollback",
    "models": "churnhealth models",
    "serve": "churnhealth serve --bundle models/first --scores scores",
    "demo": "churnhealth demo --accounts 300 --no-serve",
    "doctor": "churnhealth doctor",
}
for _verb in VERBS:
    app.command(epilog=f"Example: {EXAMPLES[_verb.__name__]}")(_verb)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Say which.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; a mistake of the user's never ends in a traceback."""
    write_plainly((sys.stdout, sys.stderr))
    end_cleanly()
    try:
        app()
    except ChurnHealthError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        sys.exit(1)
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        sys.exit(130)  # Ctrl-C, as DuckDB says it
    except OSError as error:
        sys.stderr.write(
            f"[CH901] the system refused {_named(error.filename)}: {error.strerror}\n"
            "  Why it matters: nothing was left half-written\n"
            "  Fix: check the path, the permissions and the space on the disk\n"
        )
        sys.exit(1)


def _named(file: object) -> str:
    """Name a file; of one that was to be written under another name the folder."""
    if not isinstance(file, str) or not file:
        return "a file"
    path = Path(file)
    return f"a file in {path.absolute().parent}" if path.name[:1] == "." else path.name
