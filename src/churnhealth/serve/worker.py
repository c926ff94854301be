"""What one worker does: answers, follows what is named, and stops with its starter.

Settings come from the environment: CHURNHEALTH_BUNDLE (a folder) or
CHURNHEALTH_CHAMPION (the folder of the models), CHURNHEALTH_SCORES (a folder; may be
absent), CHURNHEALTH_TRIED (a file that will hold the seal of the bundle when it was
tried; may be absent), CHURNHEALTH_GOOD (a file for the last champion that served; may
be absent), CHURNHEALTH_STARTER (the process id of ``churnhealth serve``),
CHURNHEALTH_STOP (a file that is there when it is to stop) and CHURNHEALTH_KEYS (keys;
may be absent).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from churnhealth.config import Serve
from churnhealth.errors import ConfigError
from churnhealth.serve.api import create_app
from churnhealth.serve.door import close_door
from churnhealth.serve.follow import Follower
from churnhealth.serve.keys import KeysFollowed
from churnhealth.serve.lines import lines_of, log
from churnhealth.serve.live import Live
from churnhealth.serve.metrics import Metrics
from churnhealth.serve.processes import forget_the_dead, lives
from churnhealth.serve.turnstile import Turnstile

__all__ = ["Worker"]

_EVERY = 1.0  # seconds between two looks at what is named
_OFTEN = 0.1  # seconds between two looks at whether to stop
_ORPHANS = 1  # the process that takes them: the supervisor was gone before we began
_SWITCH = 0.0005  # seconds that answers may wait for a thread beside them, not 0.005


class _Shell:
    """The application around ours, reachable for what only it can answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Worker:
    """``app`` answers; ``start`` loads the model beside it, so that /livez answers."""

    def __init__(self, settings: Serve, *, shell: ASGIApp, metrics: Any) -> None:
        self._port = settings.port
        self._form = settings.log
        self._loading = threading.Event()
        self._live = Live(loading=self._loading)
        self._metrics = Metrics(metrics)
        keys_file = None if settings.keys_file is None else Path(settings.keys_file)
        self._keys = KeysFollowed(keys_file, os.environ)
        self.app = create_app(
            self._live,
            settings,
            more=[Route("/metrics", _Shell(shell))],
            keys=self._keys.keys,
            observer=self._metrics,
        )

    def start(self) -> None:
        """Begin to keep the model, and to watch those who started us."""
        _log_to_stderr(self._form)
        sys.setswitchinterval(_SWITCH)
        for work, given in ((self._keep, ()), (self._watch, (os.getppid(),))):
            threading.Thread(target=work, args=given, daemon=True).start()

    def _keep(self) -> None:
        """Serve what the environment names, follow it, write down what was counted."""
        named = {
            name: Path(os.environ[key])
            for name, key in (
                ("folder", "CHURNHEALTH_BUNDLE"),
                ("models", "CHURNHEALTH_CHAMPION"),
                ("scores", "CHURNHEALTH_SCORES"),
                ("good", "CHURNHEALTH_GOOD"),
            )
            if os.environ.get(key)
        }
        tried = _tried()
        follower = Follower(self._live, observer=self._metrics, tried=tried, **named)
        while True:
            self._follow_keys()
            try:
                follower.look()
                serving = self._live.serving
                if serving is not None and serving.stored is not None:
                    serving.stored.newest().desk  # noqa: B018 (before asked for)
                self._metrics.flush(self.app.state.turns.waiting)
                if gauges := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
                    forget_the_dead(Path(gauges))
            except Exception as error:  # noqa: BLE001 (what serves goes on serving)
                log.error("%s while keeping the model", type(error).__name__)
            if not self._loading.is_set():
                _freeze()
                self._loading.set()
            time.sleep(_EVERY)

    def _follow_keys(self) -> None:
        try:
            if self._keys.look():
                self.app.state.guard.keys = self._keys.keys
                log.info("the keys are those of the file as it is now")
        except ConfigError as error:
            log.error("[%s] %s; those before stay", error.code, error.what)

    def _watch(self, supervisor: int) -> None:
        """Stop when those who started us were killed: nobody could stop us afterwards.

        The supervisor is BentoML's first process; CHURNHEALTH_STARTER is the process of
        ``churnhealth serve`` above it, if that started it.
        """
        starter = int(os.environ.get("CHURNHEALTH_STARTER", "0"))
        stop, told = os.environ.get("CHURNHEALTH_STOP", ""), False
        while os.getppid() == supervisor:
            if stop and not told and Path(stop).exists():
                Turnstile.stops = told = True
                close_door(self._port)
            if starter and not lives(starter):
                if supervisor == _ORPHANS:
                    break
                with suppress(ProcessLookupError):
                    os.kill(supervisor, signal.SIGTERM)
                starter = 0  # told once; it may be killed before it stops us
            time.sleep(_OFTEN)
        os.kill(os.getpid(), signal.SIGTERM)


def _tried() -> str:
    """Wait while the starter still tries the bundle; if that fails, it stops us."""
    if not (name := os.environ.get("CHURNHEALTH_TRIED")):
        return ""
    while not Path(name).exists():
        time.sleep(_OFTEN)
    return Path(name).read_text(encoding="utf-8")


def _freeze() -> None:
    """Put what was loaded out of the collector's sight.

    The imports leave some hundred thousand objects, and a full collection over them
    stops a worker for a fifth of a second: it was the slowest one answer in a hundred.
    """
    gc.collect()
    gc.freeze()


def _log_to_stderr(form: Literal["text", "json"]) -> None:
    """Write our own lines, one per answer; uvicorn's and BentoML's stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(lines_of(form))
    logging.raiseExceptions = False  # where a disk is full, nobody can be told so
    # what no line of ours tells need not be found out for each
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
