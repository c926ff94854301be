"""Where requests are read: who finds the line full is sent back before any work.

A task, an ASGI call and an answer put together header by header cost several times as
much as the answer is worth; of eight thousand requests a second, of which two thousand
can be answered, most of the processor went there, and refusals came late. All other
answers leave here too, each in one piece.
"""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable
from typing import Any, ClassVar, cast

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
            cycle.transport = cast(Transport, _Gathered(cycle))
            super()._start_asgi_task(cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        self.on_response_complete()


class _Gathered:
    """A connection that an answer leaves in one piece: its head waits for its body.

    Two writes would be two packets, and wake the caller twice. Only the head of a HEAD
    request is all that comes.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = b"" if cycle.scope["method"] == "HEAD" else None

    def write(self, data: bytes) -> None:
        """Hold the head back; send all else, and the head before it."""
        if self._head is None and self._cycle.response_started:
            self._head = data
            return
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
