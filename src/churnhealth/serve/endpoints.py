"""Routes to functions that answer a request, with nothing in between.

The guard stands before every route and answers every error, so the layers that
Starlette puts around a function would only cost time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

__all__ = ["endpoints"]

_Answer = Callable[[Request], Awaitable[Response]]


def endpoints(asked: Mapping[tuple[str, str], _Answer]) -> list[Route]:
    """Make the routes of functions, by method and path.

    An account's id may hold slashes: one that ends in ``/history`` is asked for by
    ``a%2Fhistory``, and ``a/history`` asks for the history of ``a``.
    """
    return [
        _Route(path, _Endpoint(answer), methods=[method])
        for (method, path), answer in asked.items()
    ]


class _Route(Route):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a path; what was encoded belongs to the id before the last word."""
        _, named, ending = self.path.rpartition("}")
        sent = scope.get("raw_path") or scope["path"].encode()
        if named and not sent.endswith(ending.encode()):
            return Match.NONE, {}
        return super().matches(scope)


class _Endpoint:
    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)
