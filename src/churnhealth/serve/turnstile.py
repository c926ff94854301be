"""What is settled where requests are read, before any work.

Who finds the line full is sent back here: a task, an ASGI call and an answer put
together header by header cost several times as much as the answer is worth; of eight
thousand requests a second, of which two thousand can be answered, most of the processor
went there, and refusals came late. All other answers leave here too, each in one piece.

Here, too, ends the patience with callers whom nothing behind sees: those who never ask,
whose head never ends, or who do not read what they asked for.
"""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from churnhealth.errors import RequestError
from churnhealth.serve.outgoing import AtDoor
from churnhealth.serve.refusal import refused, too_slow

__all__ = ["Turnstile"]

_LONGEST_HEAD = 64 * 2**10  # bytes
_LAST = b"connection: close"
_LOOKS = 10  # one a second, through which a caller may do nothing

_Met = Callable[[Scope], bytes | AtDoor | None]


class Turnstile(HttpToolsProtocol):
    """Reads requests as uvicorn does, but asks first whether there is room.

    ``at_door`` gives the whole answer for whoever has to come back, somebody to wait
    for what is answered here, and ``None`` for all others: they go the usual way.
    ``refuse`` gives the answer for what is no request. When the service ``stops``, each
    answer says that it is the last: a kept connection that is closed between two
    requests loses the one that is on its way.
    """

    at_door: ClassVar[_Met] = staticmethod(lambda _: None)
    refuse: ClassVar[Callable[[RequestError], bytes]] = staticmethod(lambda _: b"")
    stops: ClassVar[bool] = False

    _came = 0  # bytes of the newest piece
    _head: int | None = None  # bytes of a head so far; None: none has begun
    _looks = 0
    _unread = 0
    _asking: tuple[RequestResponseCycle, Any, AtDoor] | None = None
    _reading = False
    _answering: RequestResponseCycle

    def data_received(self, data: bytes) -> None:
        """Read a piece, unless it belongs to a head without an end."""
        self._came = len(data)
        self._reading = True
        super().data_received(data)
        self._reading = False
        if self.stops and self._owed():
            self.cycle.keep_alive = False
        if self._asking is not None:
            self._ask(*self._asking)
        if self._head is not None:
            self._head += self._came
            if self._head > _LONGEST_HEAD:
                self._part(_too_long())

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
        """Answer what was asked for before; half a request is none."""
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()  # the half one; those before it came whole
            self.cycle = self.pipeline[0][0] if self.pipeline else self._answering
        asked = self._owed() and not self.cycle.more_body
        if asked:
            self.cycle.keep_alive = False
        return asked

    def on_message_begin(self) -> None:
        """Begin to count: the piece may begin with a request before this one."""
        self._head = -self._came
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Go on with a head that has come whole."""
        self._head, self._looks = None, 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP in the shape of all our errors."""
        self._part(_not_http())

    def look(self) -> None:
        """Part from a caller who did nothing through many looks, one a second."""
        unread = self.transport.get_write_buffer_size()
        works = self._owed() and not unread
        reads = unread < self._unread
        self._looks = 0 if works or reads else self._looks + 1
        self._unread = unread
        if self._looks <= _LOOKS:
            return
        if unread:
            self.transport.abort()  # closing would wait until it is read
        elif self._head is None:
            self.transport.close()
        else:
            self._part(too_slow("the request"))

    def _owed(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _part(self, error: RequestError) -> None:
        """Say why and close, but not before those asked for are answered, nor amid one.

        What came after a whole request does not undo it: its answer is the last.
        """
        if self.transport.is_closing():
            return
        if self._owed() and not self.cycle.more_body:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        begun = self._owed() and (self.pipeline or self.cycle.response_started)
        if not begun:
            self.transport.write(type(self).refuse(error))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        # answers keep the order of their requests, and wait for a caller who reads
        free = cycle.keep_alive and not self.pipeline and not self.flow.write_paused
        met = type(self).at_door(cast(Scope, cycle.scope)) if free else None
        if isinstance(met, bytes):
            self._send(cycle, met)
        elif met is None or not self._reading or cycle.waiting_for_100_continue:
            self._go_on(cycle, app)
        else:
            self._asking = cycle, app, met

    def _ask(self, cycle: RequestResponseCycle, app: Any, who: AtDoor) -> None:
        """Ask at the door, where the whole body came in the piece with its head."""
        self._asking = None
        send = partial(self._send, cycle)
        if cycle.more_body or not who.asks(bytes(cycle.body), send):
            self._go_on(cycle, app)

    def _go_on(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.transport = cast(Transport, _Gathered(cycle))
        super()._start_asgi_task(cycle, app)

    def _send(self, cycle: RequestResponseCycle, answer: bytes) -> None:
        """Send an answer whole, and go on as uvicorn does after one."""
        if cycle.disconnected or self.transport.is_closing():
            return
        cycle.response_started = cycle.response_complete = True
        more = [b"%s: %s\r\n" % header for header in cycle.default_headers]
        if _LAST in answer[: answer.index(b"\r\n\r\n")]:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            more.append(_LAST + b"\r\n")
        first, _, others = answer.partition(b"\r\n")
        self.transport.write(b"%s\r\n%s%s" % (first, b"".join(more), others))
        if not cycle.keep_alive:
            self.transport.close()
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
        """Hold the head back; send all else, and the head before it, if one can."""
        if self._transport.is_closing():
            return
        if self._head is None and self._cycle.response_started:
            self._head = data
            return
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _too_long() -> RequestError:
    most = f"{_LONGEST_HEAD // 2**10} kB"
    return refused(
        "CH536",
        f"the address and the headers do not end within {most}",
        fix="send only the headers that docs/http.md names",
    )


def _not_http() -> RequestError:
    return refused(
        "CH535",
        "what was sent is no request of HTTP/1.1",
        fix="send one as RFC 9112 has it; over TLS ask the proxy in front",
    )
