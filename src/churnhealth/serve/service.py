"""The shell: BentoML starts the workers and keeps them; our application answers.

Only this file knows BentoML. Its own routes and pages (the index page loads a tracker)
cannot be reached: all that comes in goes to our guard, and only ``/metrics`` and the
start and end of a process go to BentoML. Settings come from the environment, which
``churnhealth serve`` fills: CHURNHEALTH_BUNDLE (a folder), CHURNHEALTH_SERVE (the
``[serve]`` section as JSON), CHURNHEALTH_SCORES (a folder; may be absent),
CHURNHEALTH_STARTER (its own process id) and CHURNHEALTH_KEYS (keys; may be absent).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # read once, at its import

import bentoml
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from churnhealth.bundle import load_bundle
from churnhealth.config import Serve
from churnhealth.errors import BundleError, ChurnHealthError
from churnhealth.serve.api import Live, create_app, make_serving
from churnhealth.serve.guard import log
from churnhealth.serve.keys import read_keys

__all__ = ["ChurnHealth"]

_SETTINGS = Serve.model_validate_json(os.environ.get("CHURNHEALTH_SERVE", "{}"))
_ADDRESS = "127.0.0.1" if _SETTINGS.host == "localhost" else _SETTINGS.host
_LOADING = threading.Event()
_LIVE = Live(loading=_LOADING)


class _Shell:
    """BentoML's own application, reachable for what only it can answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


_SHELL = _Shell()


def _observe(route: str, status: int, seconds: float) -> None:
    """Count answers by route template and status: few series, whatever is asked."""
    _seconds().labels(route=route, status=str(status)).observe(seconds)


@cache
def _seconds() -> Any:
    return bentoml.metrics.Histogram(
        name="churnhealth_request_seconds",
        documentation="Time to answer, by route and status",
        labelnames=["route", "status"],
    )


_KEYS = read_keys(
    None if _SETTINGS.keys_file is None else Path(_SETTINGS.keys_file), os.environ
)
_APP = create_app(
    _LIVE,
    _SETTINGS,
    more=[Route("/metrics", _SHELL)],
    keys=_KEYS,
    observe=_observe,
)


class _Guarded(bentoml.Service[Any]):  # type: ignore[misc]
    """A BentoML service whose requests all come in through our guard."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001
        _SHELL.app = super().to_asgi(is_main)

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            inner = _SHELL if scope["type"] == "lifespan" else _APP
            await inner(scope, receive, send)

        return front


@bentoml.service(
    name="churnhealth",
    service_class=_Guarded,
    workers=_SETTINGS.workers,
    http={"host": _ADDRESS, "port": _SETTINGS.port},
    logging={"access": {"enabled": False}},  # it writes paths, and ids stand in them
)
class ChurnHealth:
    """One worker: loads the bundle beside the event loop, so that /livez answers."""

    def __init__(self) -> None:
        _log_to_stderr()
        threading.Thread(target=_load, name="load", daemon=True).start()
        threading.Thread(
            target=_watch, args=(os.getppid(),), name="watch", daemon=True
        ).start()


def _load() -> None:
    """Load what the environment names, or say why not; the worker lives on."""
    try:
        folder = os.environ.get("CHURNHEALTH_BUNDLE", "")
        scores = os.environ.get("CHURNHEALTH_SCORES")
        if not folder:
            raise _no_bundle()
        _LIVE.serving = make_serving(
            load_bundle(Path(folder)), scores=Path(scores) if scores else None
        )
        log.info("ready: model %s", _LIVE.serving.bundle.model_version)
    except ChurnHealthError as error:
        _LIVE.refusal = error
        log.error("not ready: %s", error)
    except Exception as error:
        _LIVE.refusal = _no_bundle()
        log.error("not ready: %s while loading", type(error).__name__)
        raise
    finally:
        _LOADING.set()


def _watch(supervisor: int) -> None:
    """Stop when those who started us were killed: nobody could stop us afterwards.

    The supervisor is BentoML's first process; CHURNHEALTH_STARTER is the process of
    ``churnhealth serve`` above it, if that started it.
    """
    starter = int(os.environ.get("CHURNHEALTH_STARTER", "0"))
    while os.getppid() == supervisor:
        if starter and not _lives(starter):
            os.kill(supervisor, signal.SIGTERM)
            return
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _no_bundle() -> BundleError:
    return BundleError(
        "CH405",
        "there is no bundle to serve",
        why="without a model there is nothing to answer with",
        fix="start with `churnhealth serve --bundle B`, or set CHURNHEALTH_BUNDLE",
    )


def _log_to_stderr() -> None:
    """Write our own lines, one per answer; uvicorn's and BentoML's stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
