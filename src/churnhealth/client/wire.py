"""Carry one request there and its answer back, all of it in so many seconds."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any, NamedTuple, cast
from urllib.error import HTTPError
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

__all__ = ["Answer", "carried"]

_PIECE = 65_536  # bytes: an encrypted line gives each piece its time anew


class Answer(NamedTuple):
    """What came back; ``retry_after`` is in seconds."""

    status: int
    retry_after: float | None
    said: bytes


def carried(request: Request, timeout: float) -> Answer:
    """Ask, and give the answer with its status, whatever that is.

    Only to look up the name of a host may take longer: the system does that.

    Raises
    ------
    OSError
        The service cannot be reached, or has not answered in time.
    http.client.HTTPException
        It broke off amid its answer.
    """
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return Answer(answer.status, None, answer.read())
    except HTTPError as error:
        with error:
            wait = error.headers.get("Retry-After", "")
            seconds = float(wait) if wait.isdecimal() else None
            return Answer(error.code, seconds, error.read())


class _Stay(HTTPRedirectHandler):
    """The service never sends anybody elsewhere, and the key would go along."""

    def redirect_request(self, *_: object) -> None:
        return None


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError("the service did not answer in time")
    return left


def _reached(
    until: float, host: tuple[str, int], _: object, source: Any = None
) -> socket.socket:
    """Connect to the first address that answers; each has its part of the time."""
    found = socket.getaddrinfo(*host, type=socket.SOCK_STREAM)
    for others, address in zip(range(len(found))[::-1], found, strict=True):
        try:
            place = cast("tuple[str, int]", address[4][:2])
            line = socket.create_connection(place, _left(until) / (others + 1), source)
        except OSError:
            if not others:
                raise
        else:
            line.settimeout(_left(until))
            return line
    raise OSError("the host has no address")


class _InTime(io.RawIOBase):
    """What comes in on a line, until a moment: a line's own limit is one of silence."""

    def __init__(self, line: socket.socket, until: float) -> None:
        self._line, self._until = line, until
        self._raw = line.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._line.settimeout(_left(self._until))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Read(HTTPResponse):
    def __init__(
        self, sock: socket.socket, *how: Any, until: float, **more: Any
    ) -> None:
        super().__init__(sock, *how, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock, until))


class _Heard(HTTPConnection):
    """A connection that hears why it was refused while it still sends.

    A service that takes no body so large says so at once and hangs up: to stop at the
    broken line would leave its answer unread.
    """

    def __init__(self, host: str, *, timeout: float = 0.0, **how: Any) -> None:
        super().__init__(host, timeout=timeout, **how)
        self._until = monotonic() + timeout
        self._create_connection = partial(_reached, self._until)
        self.response_class = cast(
            "type[HTTPResponse]", partial(_Read, until=self._until)
        )

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # what breaks here is no refusal
        with suppress(BrokenPipeError, ConnectionResetError):
            for at in range(0, len(data), _PIECE):
                self.sock.settimeout(_left(self._until))
                super().send(data[at : at + _PIECE])


class _HeardSafely(_Heard, HTTPSConnection):
    """The same, encrypted."""


class _Plain(HTTPHandler):
    def http_open(self, req: Request) -> Any:
        return self.do_open(_Heard, req)


class _Safe(HTTPSHandler):
    def https_open(self, req: Request) -> Any:
        return self.do_open(_HeardSafely, req)


_OPENER = build_opener(_Stay, _Plain, _Safe)
