"""The verb that keeps a service up: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnhealth.cli.options import DEFAULT_CONFIG, ModelsFolder, read_settings

__all__ = ["serve"]


def serve(
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", "-b", help="The folder that `train` wrote."),
    ] = None,
    champion: Annotated[
        bool, typer.Option("--champion", help="Serve whatever is champion.")
    ] = False,
    models: ModelsFolder = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="The folder of all scores.")
    ] = None,
    config: Annotated[
        Path,
        typer.Option("--config", "-c", help="For its [serve] section, if it is there."),
    ] = DEFAULT_CONFIG,
    host: Annotated[str | None, typer.Option("--host")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65_535)] = None,
) -> None:
    """Serve scores over HTTP (BentoML) with the pages beside them.

    Name a bundle or follow the champion; a new one is tried, then served.
    """
    from churnhealth.commands.serving import serve_bundle
    from churnhealth.config import Serve

    if (bundle is None) == (not champion):
        raise typer.BadParameter("give --bundle B, or --champion for what was promoted")
    settings, given = Serve(), {"host": host, "port": port}
    folder = Path()
    if config != DEFAULT_CONFIG or config.exists():
        whole = read_settings(config)
        settings, folder = whole.serve, whole.folder
        if settings.keys_file is not None:
            given["keys_file"] = str((folder / settings.keys_file).absolute())
    given = {k: v for k, v in given.items() if v is not None}
    settings = settings.model_copy(update=given)
    followed = (models or folder / "models") if champion else None
    raise typer.Exit(
        serve_bundle(settings, bundle_folder=bundle, models=followed, scores=scores)
    )
