"""The verb that keeps a service up: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnhealth.cli.options import (
    BundleFolder,
    read_settings,
)

__all__ = ["serve"]


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

    settings, given = Serve(), {"host": host, "port": port}
    if config is not None:
        whole = read_settings(config)
        settings = whole.serve
        if settings.keys_file is not None:
            given["keys_file"] = str((whole.folder / settings.keys_file).resolve())
    given = {k: v for k, v in given.items() if v is not None}
    settings = settings.model_copy(update=given)
    raise typer.Exit(serve_bundle(settings, bundle_folder=bundle, scores=scores))
