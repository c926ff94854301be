"""The shell: BentoML starts the workers and keeps them; our application answers.

Only this file knows BentoML. Its own routes and pages (the index page loads a tracker)
cannot be reached: all that comes in goes to our guard, and only ``/metrics`` and the
start and end of a process go to BentoML. Settings come from the environment, which
``churnhealth serve`` fills: CHURNHEALTH_BUNDLE (a folder) or CHURNHEALTH_CHAMPION (the
folder of the models), CHURNHEALTH_SERVE (the ``[serve]`` section as JSON),
CHURNHEALTH_SCORES (a folder; may be absent), CHURNHEALTH_TRIED (the seal of a bundle
that was tried), CHURNHEALTH_STARTER (its own process id), CHURNHEALTH_STOP (a file
that is there when it is to stop) and CHURNHEALTH_KEYS (keys; may be absent).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # read once, at its import

import bentoml
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from churnhealth.config import Serve
from churnhealth.serve.api import create_app
from churnhealth.serve.door import close_door
from churnhealth.serve.follow import Follower
from churnhealth.serve.guard import log
from churnhealth.serve.keys import read_keys
from churnhealth.serve.live import Live
from churnhealth.serve.metrics import Metrics

__all__ = ["ChurnHealth"]

_SETTINGS = Serve.model_validate_json(os.environ.get("CHURNHEALTH_SERVE", "{}"))
_ADDRESS = "127.0.0.1" if _SETTINGS.host == "localhost" else _SETTINGS.host
_EVERY = 1.0  # seconds between two looks at what is named
_OFTEN = 0.1  # seconds between two looks at whether to stop
_LOADING = threading.Event()
_LIVE = Live(loading=_LOADING)


class _Shell:
    """BentoML's own application, reachable for what only it can answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


_SHELL = _Shell()


_METRICS = Metrics(bentoml.metrics)
_KEYS = read_keys(
    None if _SETTINGS.keys_file is None else Path(_SETTINGS.keys_file), os.environ
)
_APP = create_app(
    _LIVE,
    _SETTINGS,
    more=[Route("/metrics", _SHELL)],
    keys=_KEYS,
    observer=_METRICS,
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
        supervisor = os.getppid()
        threading.Thread(target=_keep, name="keep", daemon=True).start()
        threading.Thread(
            target=_watch, args=(supervisor,), name="watch", daemon=True
        ).start()


def _keep() -> None:
    """Serve what the environment names, follow it, and write down what was counted."""
    named = {
        name: Path(os.environ[key])
        for name, key in (
            ("folder", "CHURNHEALTH_BUNDLE"),
            ("models", "CHURNHEALTH_CHAMPION"),
            ("scores", "CHURNHEALTH_SCORES"),
        )
        if os.environ.get(key)
    }
    tried = os.environ.get("CHURNHEALTH_TRIED", "")
    follower = Follower(_LIVE, observer=_METRICS, tried=tried, **named)
    while True:
        try:
            follower.look()
            if _LIVE.serving is not None and _LIVE.serving.stored is not None:
                _LIVE.serving.stored.newest().desk  # noqa: B018 (made before asked for)
            _METRICS.flush(_APP.state.turns.waiting)
        except Exception as error:  # noqa: BLE001 (what serves goes on serving)
            log.error("%s while keeping the model", type(error).__name__)
        if not _LOADING.is_set():
            _freeze()
            _LOADING.set()
        time.sleep(_EVERY)


def _freeze() -> None:
    """Put what was loaded out of the collector's sight.

    The imports leave some hundred thousand objects, and a full collection over them
    stops a worker for a fifth of a second: it was the slowest one answer in a hundred.
    """
    gc.collect()
    gc.freeze()


def _watch(supervisor: int) -> None:
    """Stop when those who started us were killed: nobody could stop us afterwards.

    The supervisor is BentoML's first process; CHURNHEALTH_STARTER is the process of
    ``churnhealth serve`` above it, if that started it.
    """
    starter = int(os.environ.get("CHURNHEALTH_STARTER", "0"))
    stop, told = os.environ.get("CHURNHEALTH_STOP", ""), False
    while os.getppid() == supervisor:
        if stop and not told and Path(stop).exists():
            close_door(_SETTINGS.port)
            told = True
        if starter and not _lives(starter):
            os.kill(supervisor, signal.SIGTERM)
            return
        time.sleep(_OFTEN)
    os.kill(os.getpid(), signal.SIGTERM)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _log_to_stderr() -> None:
    """Write our own lines, one per answer; uvicorn's and BentoML's stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
