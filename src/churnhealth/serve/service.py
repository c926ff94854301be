"""The shell: BentoML starts the workers and keeps them; our application answers.

Only this file knows BentoML. Its own routes and pages (the index page loads a tracker)
cannot be reached: all that comes in goes to our guard, and only ``/metrics`` and the
start and end of a process go to BentoML. Settings come from the environment, which
``churnhealth serve`` fills (``worker`` lists them).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # read once, at its import

import bentoml
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from churnhealth.config import Serve

__all__ = ["ChurnHealth"]

_SETTINGS = Serve.model_validate_json(os.environ.get("CHURNHEALTH_SERVE", "{}"))
_ADDRESS = "127.0.0.1" if _SETTINGS.host == "localhost" else _SETTINGS.host


class _Guarded(bentoml.Service[Any]):  # type: ignore[misc]
    """A BentoML service whose requests all come in through our guard."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001
        # the supervisor reads this file too, and answers nothing: it need not load this
        from churnhealth.serve.door import Held, WideServer
        from churnhealth.serve.turnstile import Turnstile
        from churnhealth.serve.worker import Worker

        shell: ASGIApp = super().to_asgi(is_main)
        worker = Worker(_SETTINGS, shell=shell, metrics=bentoml.metrics)
        guard = worker.app.state.guard  # it answers all errors: nothing else is needed
        Turnstile.at_door, Turnstile.refuse = guard.at_door, guard.refuse
        if _SETTINGS.workers > 1 and (stop := os.environ.get("CHURNHEALTH_STOP")):
            WideServer.held = Held(Path(stop).with_name("held"))
        uvicorn.Server = WideServer  # type: ignore[misc]  # BentoML starts it by name

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                worker.start()
                await shell(scope, receive, send)
            else:
                await guard(scope, receive, send)

        return front


@bentoml.service(
    name="churnhealth",
    service_class=_Guarded,
    workers=_SETTINGS.workers,
    http={"host": _ADDRESS, "port": _SETTINGS.port},
    logging={"access": {"enabled": False}},  # it writes paths, and ids stand in them
)
class ChurnHealth:
    """The service as BentoML knows it; ``Worker`` does the work."""
