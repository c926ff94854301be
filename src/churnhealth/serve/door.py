"""A wide door, closed before the lights go out.

All workers accept from one socket that their supervisor keeps. Were they stopped while
it still listens, the system would go on taking connections that nobody answers. So the
socket is told first to let nobody wait before the door, and then to listen no more: who
comes now is refused and tries elsewhere, and who was let in is answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

import uvicorn

__all__ = ["WideServer", "close_door"]

_AT_ONCE = 32  # callers let in after a round
_LONG_ROUND = 0.003  # seconds: then more may have come than the workers share evenly
_LETTING_IN = 0.3  # seconds in which who waits before the door is let in


class WideServer(uvicorn.Server):
    """Lets in many who wait in one round of the event loop.

    uvloop takes one caller a round, and a round may hold the scoring of many rows: of a
    thousand callers that came at once the last waited 26 seconds.
    """

    _doors: tuple[socket.socket, ...] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as uvicorn does, and beside it on copies of its sockets."""
        await super().startup(sockets)
        self._doors = tuple(door.dup() for door in sockets or ())
        for door in self._doors:
            door.setblocking(False)
            asyncio.get_running_loop().add_reader(door, self._look, door)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and answer who is in."""
        for door in self._doors:
            asyncio.get_running_loop().remove_reader(door)
            door.close()
        await super().shutdown(sockets)

    def _look(self, door: socket.socket) -> None:
        """Let in more after a long round; after a short one others may have them."""
        asyncio.get_running_loop().call_soon(
            self._look_again, door, time.perf_counter()
        )

    def _look_again(self, door: socket.socket, since: float) -> None:
        if time.perf_counter() - since > _LONG_ROUND or not _listens(door):
            self._let_in(door)

    def _let_in(self, door: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(_AT_ONCE):
                caller, _ = door.accept()
                caller.setblocking(False)
                let_in = loop.connect_accepted_socket(
                    self._protocol, caller, ssl=self.config.ssl
                )
                self._coming.add(task := loop.create_task(let_in))
                task.add_done_callback(self._coming.discard)
        except BlockingIOError:
            return  # nobody waits
        except OSError:  # it listens no more
            with suppress(ValueError):  # or is closed already
                loop.remove_reader(door)

    @cached_property
    def _coming(self) -> set[asyncio.Task[object]]:
        return set()

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return made


def close_door(port: int) -> int:
    """Stop listening on a port, for every process that shares the socket.

    Gives how many sockets were closed; 0 where the system does not list open files.
    """
    # accepting from what listens no more is an error to the event loop: no news
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with ExitStack() as held:
        doors = [held.enter_context(door) for door in _doors(port)]
        for door in doors:
            door.listen(0)
        if doors:
            time.sleep(_LETTING_IN)  # who waits when it closes would be cut off
        for door in doors:
            with suppress(OSError):  # another worker closed it
                door.shutdown(socket.SHUT_RDWR)
        return len(doors)


def _doors(port: int) -> Iterator[socket.socket]:
    """Give copies of the sockets that listen on a port."""
    for name in _open_files():
        with suppress(OSError, ValueError):
            door = socket.socket(fileno=os.dup(int(name)))
            if _listens(door) and door.getsockname()[1] == port:
                yield door
            else:
                door.close()


def _listens(door: socket.socket) -> bool:
    if door.fileno() < 0:
        return False
    return bool(door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _open_files() -> list[str]:
    with suppress(OSError):
        return [entry.name for entry in Path("/proc/self/fd").iterdir()]
    return []
