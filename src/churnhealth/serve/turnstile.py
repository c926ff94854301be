"""Who finds the line full is sent back where requests are read, before any work.

A task, an ASGI call and an answer put together header by header cost several times as
much as the answer is worth; of eight thousand requests a second, of which two thousand
can be answered, most of the processor went there, and refusals came late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

__all__ = ["Turnstile"]


class Turnstile(HttpToolsProtocol):
    """Reads requests as uvicorn does, but asks first whether there is room.

    ``turn_away`` gives the whole answer for whoever has to come back, ``None`` for all
    others: they go the usual way.
    """

    turn_away: ClassVar[Callable[[Scope], bytes | None]] = staticmethod(lambda _: None)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # answers keep the order of their requests, and wait for a caller who reads
        free = cycle.keep_alive and not self.pipeline and not self.flow.write_paused
        answer = type(self).turn_away({**cycle.scope}) if free else None
        if answer is None:
            super()._start_asgi_task(cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        self.on_response_complete()
