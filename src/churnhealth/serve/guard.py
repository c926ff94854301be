"""What may come in: the host, the path, the method, the type, the size and strict JSON.

One pure ASGI layer before every route. Whatever is refused is refused in one shape,
``{"error": {"code", "message", "where"}}``, and what was sent is repeated neither in an
answer nor in a log line: there only its route, its status and its time appear.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from secrets import token_hex
from time import perf_counter
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churnhealth.errors import ChurnHealthError, RequestError
from churnhealth.serve.keys import OPEN, Keys, only_near
from churnhealth.serve.lines import ANSWERED, log
from churnhealth.serve.observed import Observer
from churnhealth.serve.refusal import SLOWEST, error_response, refused, too_slow
from churnhealth.serve.turns import due_in, too_many

__all__ = ["LOOPBACK", "Guard"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names under which a service that is bound to loopback may be called."""

_UNKNOWN = "(unknown)"
_PATIENCE = 5.0  # seconds, then ``SLOWEST``, for a body
_A_WHILE = 1.0  # seconds of which one line tells how many found no place
_MOST_BODIES = 8  # of the largest size, held at the same time
_PORT = re.compile(r":\d{1,5}$")
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class _Found(NamedTuple):
    route: Route
    more: Scope  # what the path names
    reads: bool


class Guard:
    """An ASGI layer that lets through only what a route of ours can answer.

    ``hosts`` are the names the service may be called by (``None``: any), ``max_bytes``
    caps a body, ``keys`` say who may ask, ``observer`` is told of every answer;
    ``deadline`` is in seconds, from the end of the body on. ``busy`` says of a path and
    the bytes that are announced whether nobody more can wait for it: whoever has to
    come back is told so before his body is read, for next to nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Sequence[Route],
        hosts: frozenset[str] | None,
        max_bytes: int,
        deadline: float,
        observer: Observer,
        keys: Keys | None = None,
        busy: Callable[[str, int], bool] | None = None,
        room: Callable[[str, int], bool] | None = None,
    ) -> None:
        self.app = app
        self.routes = routes
        self.hosts = hosts
        self.max_bytes = max_bytes
        self.keys = Keys() if keys is None else keys
        self.deadline = deadline
        self.observer = observer
        self.busy = busy
        self.room = room
        self._held = 0  # bytes of bodies that came in and are not answered yet
        self._plain = {
            (method, route.path): found
            for route in routes
            if "{" not in route.path
            for method in route.methods or ()
            if (found := self._search({"path": route.path, "method": method}))
        }
        self._turned_away = 0  # since the last line that told of them
        self._come_back = error_response(too_many())
        self._away = _head_of(self._come_back)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, method=scope["method"], observer=self.observer)
        try:
            self._known_host(scope)
            found = self._route(scope)
            answer.route = found.route.path
            if found.route.path not in OPEN:
                answer.caller = self._caller(scope, found)
            if found.reads and self._is_busy(scope, found):
                self.observer.rejected("CH532")
                self._turn_away(answer)
                await self._come_back(scope, receive, answer)
                return
            body = await self._body(scope, receive) if found.reads else b""
            due_in(self.deadline)
            self._held += len(body)
            try:
                inner = {**scope, **found.more}
                await found.route.handle(inner, _replay(body, receive), answer)
            finally:
                self._held -= len(body)
        except ChurnHealthError as error:
            await answer.refuse(error, scope, receive)
        except Exception as error:  # noqa: BLE001 (its text may repeat what was sent)
            await answer.refuse(_internal(error), scope, receive)
        answer.tell()

    def turn_away(self, scope: Scope) -> bytes | None:
        """Give the whole answer of HTTP/1.1 for whoever finds the line full.

        ``None`` for everybody else, also for who would be refused for something else.
        """
        began = perf_counter()
        try:
            found = self._route(scope)
            path = found.route.path
            if (
                self.room is None
                or not found.reads
                or self.room(path, _announced(scope))
            ):
                return None
            self._known_host(scope)
            self._caller(scope, found)
        except ChurnHealthError:
            return None
        self.observer.rejected("CH532")
        self._count_one()
        self.observer.answered(path, 429, perf_counter() - began)
        return b"%sx-request-id: %s\r\n\r\n%s" % (
            self._away,
            token_hex(8).encode(),
            self._come_back.body,
        )

    def refuse(self, error: RequestError) -> bytes:
        """Give the whole answer of HTTP/1.1 for what did not become a request."""
        self.observer.rejected(error.code)
        response, request_id = error_response(error), token_hex(8)
        status = response.status_code
        self.observer.answered(_UNKNOWN, status, 0.0)
        log.info(ANSWERED, request_id, "-", _UNKNOWN, status, 0.0, "-")
        return b"%sx-request-id: %s\r\n\r\n%s" % (
            _head_of(response),
            request_id.encode(),
            response.body,
        )

    def _known_host(self, scope: Scope) -> None:
        """Refuse other names than ours: a page elsewhere may point its own at us."""
        if self.hosts is None:
            return
        name = _PORT.sub("", _only(scope, b"host") or "").strip("[]")
        if name.lower() not in self.hosts:
            names = ", ".join(sorted(self.hosts))
            raise refused(
                "CH515",
                "the service is not known by this host name",
                fix=f"call it as one of {names}",
                where="Host",
            )

    def _caller(self, scope: Scope, found: _Found) -> str | None:
        """Give the name of the key that was shown; nothing is read before."""
        if not self.keys:
            only_near(scope.get("server"))
            return None
        needs = "score" if found.reads else "read"
        return self.keys.let_in(
            _only(scope, b"authorization"),
            needs=needs,
            shown=lambda name: _only(scope, name.encode()),
        )

    def _is_busy(self, scope: Scope, found: _Found) -> bool:
        path, size = found.route.path, _announced(scope)
        return self.busy is not None and self.busy(path, size)

    def _turn_away(self, answer: _Answer) -> None:
        """Count instead of a line each: a crowd must not fill the disk with lines."""
        answer.counted = True
        self._count_one()

    def _count_one(self) -> None:
        if not self._turned_away:
            asyncio.get_running_loop().call_later(_A_WHILE, self._tell_of_crowd)
        self._turned_away += 1

    def _tell_of_crowd(self) -> None:
        log.info("429 for %d that found the line full", self._turned_away)
        self._turned_away = 0

    def _route(self, scope: Scope) -> _Found:
        plain = self._plain.get((scope["method"], scope["path"]))
        found = plain if plain and not scope.get("root_path") else self._search(scope)
        if found is not None:
            return found
        matches = [(route, route.matches(scope)[0]) for route in self.routes]
        allowed: set[str] = set()
        for route, match in matches:
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if not allowed:
            fix = "docs/http.md lists what there is"
            raise refused("CH510", "there is no such path", fix=fix)
        raise _NotAllowedError(sorted(allowed))

    def _search(self, scope: Scope) -> _Found | None:
        """Find the first route that answers this path and method."""
        for route in self.routes:
            match, more = route.matches({"type": "http", **scope})
            if match is Match.FULL:
                return _Found(route, more, reads="POST" in (route.methods or ()))
        return None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        named = (_only(scope, b"content-type") or "").split(";")
        kind = [part.strip().lower() for part in named]
        plain = kind[0] == "application/json" and kind[1:] in ([], ["charset=utf-8"])
        if not plain or _only(scope, b"content-encoding", "identity") != "identity":
            raise refused(
                "CH512",
                "the body is not declared as plain JSON",
                fix="send Content-Type: application/json and no Content-Encoding",
                where="Content-Type",
            )
        length = _only(scope, b"content-length") or "0"
        if length.isdecimal() and int(length[:20]) > self.max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        size, began = 0, perf_counter()
        while True:
            patience = began + _PATIENCE + size / SLOWEST - perf_counter()
            try:
                async with asyncio.timeout(patience):
                    message = await receive()
            except TimeoutError:
                raise too_slow("the body") from None
            if message["type"] == "http.disconnect":
                raise refused("CH514", "the body ended early", fix="send all of it")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_bytes:
                raise self._too_large()
            if self._held + size > _MOST_BODIES * self.max_bytes:
                fix = "ask again after the seconds in Retry-After"
                raise refused("CH532", "too much is being read already", fix=fix)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> RequestError:
        return refused(
            "CH513",
            f"the body is larger than {self.max_bytes / 2**20:g} MB",
            fix="send fewer accounts at a time, or raise [serve] max_body_mb",
        )


class _NotAllowedError(RequestError):
    """A path of ours, asked in a way it does not know."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(
            "CH511",
            "the path does not know this method",
            why="a request that is not understood must not be guessed at",
            fix=f"use {' or '.join(allowed)}",
        )


def _only(scope: Scope, name: bytes, otherwise: str | None = None) -> str | None:
    """Give a header that is there once; what is there twice is nothing."""
    given = [value for key, value in scope["headers"] if key == name]
    if not given:
        return otherwise
    return given[0].decode("latin-1") if len(given) == 1 else None


def _announced(scope: Scope) -> int:
    """Give how many bytes the body is said to have, 0 where it is not said."""
    size = _only(scope, b"content-length") or "0"
    return int(size[:20]) if size.isdecimal() else 0


def _head_of(response: Response) -> bytes:
    """Write the head of an answer as HTTP/1.1, all but its request's id and end."""
    status = HTTPStatus(response.status_code)
    first = f"HTTP/1.1 {status.value} {status.phrase}".encode()
    headers = (b"%s: %s" % h for h in (*response.raw_headers, *_HEADERS))
    return b"\r\n".join([first, *headers, b""])


def _internal(error: Exception) -> ChurnHealthError:
    """Log where it failed and with what kind of error, and say only that it did."""
    places = traceback.extract_tb(error.__traceback__)[-4:]
    trail = " < ".join(f"{p.name}:{p.lineno}" for p in reversed(places))
    log.error("CH519 %s in %s", type(error).__name__, trail)
    return ChurnHealthError(
        "CH519",
        "the service failed to answer this request",
        why="the fault is ours, not the request's",
        fix="the log names the place; please report it",
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was already read once more, then what really comes."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


class _Answer:
    """The way out: every answer gets our headers, and is told of once."""

    def __init__(self, send: Send, *, method: str, observer: Observer) -> None:
        self.route = _UNKNOWN
        self.caller: str | None = None
        self.counted = False  # has no line of its own
        self._send = send
        self._method = method
        self._observer = observer
        self._status = 0
        self._told = False
        self._began = perf_counter()
        self._request_id = token_hex(8)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            own: Mapping[bytes, bytes] = dict(message.get("headers", ()))
            added = [(k, v) for k, v in _HEADERS if k not in own]
            added.append((b"x-request-id", self._request_id.encode()))
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
        if self._status:
            return
        allowed = error.allowed if isinstance(error, _NotAllowedError) else ()
        self._observer.rejected(error.code)
        response = error_response(error, allowed=allowed)
        await response(scope, receive, self)

    def tell(self) -> None:
        """Write the line of this answer: nothing that the caller chose stands in it."""
        if self._told:
            return
        self._told = True
        took = perf_counter() - self._began
        self._observer.answered(self.route, self._status, took)
        if self.counted:
            return
        method = "-" if self.route == _UNKNOWN else self._method
        line = (self._request_id, method, self.route, self._status, 1000 * took)
        log.info(ANSWERED, *line, self.caller or "-")
