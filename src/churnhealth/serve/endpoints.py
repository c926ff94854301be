"""Routes to functions that answer a request, with nothing in between.

The guard stands before every route and answers every error, so the layers that
Starlette puts around a function would only cost time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

__all__ = ["endpoints"]

_Answer = Callable[[Request], Awaitable[Response]]


def endpoints(asked: Mapping[tuple[str, str], _Answer]) -> list[Route]:
    """Make the routes of functions, by method and path."""
    return [
        Route(path, _Endpoint(answer), methods=[method])
        for (method, path), answer in asked.items()
    ]


class _Endpoint:
    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)
