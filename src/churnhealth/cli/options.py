"""What the verbs share: their options, the clock, progress, and JSON on stdout.

The only file that may ask what day it is.
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

if TYPE_CHECKING:
    from churnhealth.config import Config
    from churnhealth.progress import Progress

__all__ = [
    "DEFAULT_CONFIG",
    "Allow",
    "AsJson",
    "AsOf",
    "BundleFolder",
    "ByChampion",
    "ConfigFile",
    "ModelsFolder",
    "TrainedOn",
    "chosen_bundle",
    "day",
    "now",
    "print_json",
    "read_settings",
    "shown_progress",
    "today",
]

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The churnhealth.toml to read.")
]
BundleFolder = Annotated[
    Path | None, typer.Option("--bundle", "-b", help="The folder that `train` wrote.")
]
ByChampion = Annotated[
    bool, typer.Option("--champion", help="By whatever is champion.")
]
ModelsFolder = Annotated[
    Path | None,
    typer.Option("--models", help="The registry; default: models/ beside --config."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="YYYY-MM-DD; default: the day after the newest data."),
]
# outcomes end where the contracts do, which may be days before the events
TrainedOn = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="YYYY-MM-DD; default: the day after the newest known outcome."
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="A finding's code to accept; may be repeated."),
]
DEFAULT_CONFIG = Path("churnhealth.toml")


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show progress on stderr while the block runs."""
    from churnhealth.progress import Progress

    with Progress() as progress:
        yield progress


def read_settings(config: Path, allow: list[str] | None = None) -> Config:
    """Read the configuration; findings named with ``--allow`` join [check] allow."""
    from churnhealth.config import read_config

    read = read_config(config)
    if not allow:
        return read
    accepted = read.check.model_copy(update={"allow": (*read.check.allow, *allow)})
    return read.model_copy(update={"check": accepted})


def chosen_bundle(
    settings: Config, bundle: Path | None, models: Path | None, *, champion: bool
) -> Path:
    """Give the folder of the bundle that was named, or of the champion."""
    if (bundle is None) == (not champion):
        raise typer.BadParameter("give --bundle B, or --champion for what was promoted")
    if bundle is not None:
        return bundle
    from churnhealth.commands.gate import models_folder
    from churnhealth.registry import load_champion

    registry = models_folder(settings, models)
    return registry / load_champion(registry)[0].folder


def now() -> datetime:
    """Ask the clock, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Ask the clock for the day, in UTC."""
    return now().date()


def day(text: str | None) -> int | None:
    """Read YYYY-MM-DD as a day number; None stays None."""
    from churnhealth.sources.contract import parse_day

    return None if text is None else parse_day(text)


def print_json(value: Any) -> None:
    """Print one JSON value on stdout; NaN would be no JSON, so it is refused."""
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False) + "\n")
