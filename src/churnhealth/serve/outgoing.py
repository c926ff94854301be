"""The way out: every answer gets our headers, an id, a line in the log and a count.

Nothing that the caller chose stands in any of them. Most answers leave over ASGI; those
that are settled at the door leave as the bytes of HTTP/1.1, and are the same.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from secrets import token_hex
from time import perf_counter

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from churnhealth.errors import ChurnHealthError, RequestError
from churnhealth.serve.lines import ANSWERED, log
from churnhealth.serve.observed import Observer
from churnhealth.serve.refusal import error_response
from churnhealth.serve.turns import due_in

__all__ = [
    "UNKNOWN",
    "Answer",
    "AskedAtDoor",
    "AtDoor",
    "NotAllowedError",
    "Note",
    "fault_of_ours",
    "whole",
]

UNKNOWN = "(unknown)"
"""The route of what reached none of ours."""

_Headers = tuple[tuple[bytes, bytes], ...]

_LENGTH = b"content-length"
_JSON: _Headers = ((b"content-type", b"application/json"),)
_HEADERS: _Headers = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class NotAllowedError(RequestError):
    """A path of ours, asked in a way it does not know."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(
            "CH511",
            "the path does not know this method",
            why="a request that is not understood must not be guessed at",
            fix=f"use {' or '.join(allowed)}",
        )


class Note:
    """What is noted of an answer, once: its line in the log and its count."""

    def __init__(
        self, *, method: str, observer: Observer, route: str = UNKNOWN
    ) -> None:
        self.route = route
        self.caller: str | None = None
        self.counted = False  # has no line of its own
        self.request_id = token_hex(8)
        self._method = method
        self._observer = observer
        self._told = False
        self._began = perf_counter()

    def tell(self, status: int) -> None:
        """Write down that it was answered."""
        if self._told:
            return
        self._told = True
        took = perf_counter() - self._began
        self._observer.answered(self.route, status, took)
        if self.counted:
            return
        method = "-" if self.route == UNKNOWN else self._method
        line = (self.request_id, method, self.route, status, 1000 * took)
        log.info(ANSWERED, *line, self.caller or "-")

    def refused(self, error: ChurnHealthError) -> Response:
        """Count an error, and give the answer that tells it."""
        self._observer.rejected(error.code)
        allowed = error.allowed if isinstance(error, NotAllowedError) else ()
        return error_response(error, allowed=allowed)


class Answer:
    """The way out over ASGI."""

    def __init__(self, send: Send, note: Note) -> None:
        self.note = note
        self._send = send
        self._status = 0

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer on, its head with our headers."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            own: Mapping[bytes, bytes] = dict(message.get("headers", ()))
            added = [(k, v) for k, v in _HEADERS if k not in own]
            added.append((b"x-request-id", self.note.request_id.encode()))
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        try:
            await self._send(message)
        finally:
            last = message["type"] != "http.response.start"
            if last and not message.get("more_body", False):
                self.tell()  # the caller need not wait for our notes

    async def refuse(
        self, error: ChurnHealthError, scope: Scope, receive: Receive
    ) -> None:
        """Answer with an error, unless an answer has already begun."""
        if not self._status:
            await self.note.refused(error)(scope, receive, self)

    def tell(self) -> None:
        """Note it, with the status that was sent."""
        self.note.tell(self._status)


class AtDoor:
    """The way out for who is answered at the door: waits for it as a future does.

    ``ask`` is told the query, the body and who waits, and says whether it takes such a
    question; who waits is then told the JSON of the answer, or why there is none.
    ``deadline`` is in seconds.
    """

    def __init__(
        self, note: Note, *, query: bytes, ask: AskedAtDoor, deadline: float
    ) -> None:
        self._note = note
        self._query = query
        self._ask = ask
        self._deadline = deadline

    def asks(self, body: bytes, send: Callable[[bytes], None]) -> bool:
        """Ask with a body that came whole; ``send`` takes the whole answer, once."""
        self._send = send
        due_in(self._deadline)
        try:
            return self._ask(self._query, body, self)
        except Exception as error:  # noqa: BLE001 (its text may repeat what was sent)
            self.set_exception(error)
            return True

    def cancelled(self) -> bool:
        """Say whether nobody waits any more: who left is not looked for."""
        return False

    def set_result(self, body: bytes) -> None:
        """Answer with JSON."""
        self._send(_in_one(200, _JSON, body, self._note.request_id))
        self._note.tell(200)

    def set_exception(self, error: BaseException) -> None:
        """Answer with an error."""
        response = self._note.refused(fault_of_ours(error))
        self._send(whole(response, self._note.request_id))
        self._note.tell(response.status_code)


AskedAtDoor = Callable[[bytes, bytes, AtDoor], bool]
"""Takes a query, a body and who waits for the answer; says whether it will come."""


def whole(response: Response, request_id: str) -> bytes:
    """Write an answer as HTTP/1.1, head and body."""
    headers = tuple(h for h in response.raw_headers if h[0] != _LENGTH)
    return _in_one(response.status_code, headers, bytes(response.body), request_id)


def _in_one(status: int, headers: _Headers, body: bytes, request_id: str) -> bytes:
    return b"%s%s: %d\r\nx-request-id: %s\r\n\r\n%s" % (
        _head(status, headers),
        _LENGTH,
        len(body),
        request_id.encode(),
        body,
    )


@lru_cache(maxsize=64)
def _head(status: int, headers: _Headers) -> bytes:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
    lines = (b"%s: %s" % header for header in (*headers, *_HEADERS))
    return b"\r\n".join([first, *lines, b""])


def fault_of_ours(error: BaseException) -> ChurnHealthError:
    """Give an error that can be told; of any other, log its kind and place alone."""
    if isinstance(error, ChurnHealthError):
        return error
    places = traceback.extract_tb(error.__traceback__)[-4:]
    trail = " < ".join(f"{p.name}:{p.lineno}" for p in reversed(places))
    log.error("CH519 %s in %s", type(error).__name__, trail)
    return ChurnHealthError(
        "CH519",
        "the service failed to answer this request",
        why="the fault is ours, not the request's",
        fix="the log names the place; please report it",
    )
