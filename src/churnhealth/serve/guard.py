"""What may come in: the host, the path, the method, the type, the size and strict JSON.

One pure ASGI layer before every route. Whatever is refused is refused in one shape,
``{"error": {"code", "message", "where"}}``, and what was sent is repeated neither in an
answer nor in a log line: there only its route, its status and its time appear.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from time import perf_counter
from typing import NamedTuple

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churnhealth.errors import ChurnHealthError, RequestError
from churnhealth.serve.keys import OPEN, Keys, only_near
from churnhealth.serve.lines import log
from churnhealth.serve.observed import Observer
from churnhealth.serve.outgoing import (
    Answer,
    AskedAtDoor,
    AtDoor,
    NotAllowedError,
    Note,
    fault_of_ours,
    whole,
)
from churnhealth.serve.refusal import SLOWEST, error_response, refused, too_slow
from churnhealth.serve.turns import due_in, too_many

__all__ = ["Guard"]

_PATIENCE = 5.0  # seconds, then ``SLOWEST``, for a body
_A_WHILE = 1.0  # seconds of which one line tells how many found no place
_MOST_BODIES = 8  # of the largest size, held at the same time
_PORT = re.compile(r":\d{1,5}$")


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
    come back is told so before his body is read, for next to nothing; ``room`` says it
    at the door, where ``at_door`` answers for some paths.
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
        at_door: Mapping[str, AskedAtDoor] | None = None,
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
        self.door = at_door or {}
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = Answer(send, Note(method=scope["method"], observer=self.observer))
        try:
            await self._answer(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 (its text may repeat what was sent)
            await answer.refuse(fault_of_ours(error), scope, receive)
        answer.tell()

    async def _answer(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        self._known_host(scope)
        found = self._route(scope)
        path = answer.note.route = found.route.path
        if path not in OPEN:
            self._let_in(scope, found, answer.note)
        body = b""
        if found.reads:
            if self.busy is not None and self.busy(path, _announced(scope)):
                self._turn_away(answer.note)
                await self._come_back(scope, receive, answer)
                return
            self._declared(scope)
            body = await self._body(receive)
        due_in(self.deadline)
        self._held += len(body)
        try:
            inner = {**scope, **found.more}
            await found.route.handle(inner, _replay(body, receive), answer)
        finally:
            self._held -= len(body)

    def at_door(self, scope: Scope) -> bytes | AtDoor | None:
        """Say how a request of HTTP/1.1 is met before it is anything else.

        Whoever finds the line full gets the whole answer; who asks what is answered at
        the door waits there. ``None`` for everybody else, also for who would be refused
        for something else: they go the usual way.
        """
        try:
            found = self._route(scope)
            path = found.route.path
            if not found.reads:
                return None
            away = self.room is not None and not self.room(path, _announced(scope))
            if not away and path not in self.door:
                return None
            note = Note(method=scope["method"], observer=self.observer, route=path)
            self._known_host(scope)
            self._let_in(scope, found, note)
            if not away:
                self._declared(scope)
        except ChurnHealthError:
            return None
        if not away:
            query, ask = scope["query_string"], self.door[path]
            return AtDoor(note, query=query, ask=ask, deadline=self.deadline)
        self._turn_away(note)
        note.tell(429)
        return whole(self._come_back, note.request_id)

    def refuse(self, error: RequestError) -> bytes:
        """Give the whole answer of HTTP/1.1 for what did not become a request."""
        note = Note(method="-", observer=self.observer)
        response = note.refused(error)
        note.tell(response.status_code)
        return whole(response, note.request_id)

    def _known_host(self, scope: Scope) -> None:
        """Refuse other names than ours: a page elsewhere may point its own at us."""
        if self.hosts is None:
            return
        if _host_of(_only(scope, b"host")) not in self.hosts:
            names = ", ".join(sorted(self.hosts))
            raise refused(
                "CH515",
                "the service is not known by this host name",
                fix=f"call it as one of {names}",
                where="Host",
            )

    def _let_in(self, scope: Scope, found: _Found, note: Note) -> None:
        """Note the name of the key that was shown; nothing is read before."""
        if not self.keys:
            only_near(scope.get("server"))
            return
        self.keys.let_in(
            _only(scope, b"authorization"),
            needs="score" if found.reads else "read",
            shown=lambda name: _only(scope, name.encode()),
            heard=partial(setattr, note, "caller"),
        )

    def _turn_away(self, note: Note) -> None:
        """Count instead of a line each: a crowd must not fill the disk with lines."""
        self.observer.rejected("CH532")
        note.counted = True
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
        raise NotAllowedError(sorted(allowed))

    def _search(self, scope: Scope) -> _Found | None:
        """Find the first route that answers this path and method."""
        for route in self.routes:
            match, more = route.matches({"type": "http", **scope})
            if match is Match.FULL:
                return _Found(route, more, reads="POST" in (route.methods or ()))
        return None

    def _declared(self, scope: Scope) -> None:
        """Refuse a body by what is said of it."""
        encoding = _only(scope, b"content-encoding", "identity")
        if encoding != "identity" or not _is_json(_only(scope, b"content-type")):
            raise refused(
                "CH512",
                "the body is not declared as plain JSON",
                fix="send Content-Type: application/json and no Content-Encoding",
                where="Content-Type",
            )
        length = _only(scope, b"content-length") or "0"
        if length.isdecimal() and int(length[:20]) > self.max_bytes:
            raise self._too_large()

    async def _body(self, receive: Receive) -> bytes:
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


@lru_cache(maxsize=16)  # who asks again says the same; few, for a head may be 64 kB
def _host_of(header: str | None) -> str:
    return _PORT.sub("", header or "").strip("[]").lower()


@lru_cache(maxsize=16)
def _is_json(content_type: str | None) -> bool:
    kind = [part.strip().lower() for part in (content_type or "").split(";")]
    return kind[0] == "application/json" and kind[1:] in ([], ["charset=utf-8"])


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
