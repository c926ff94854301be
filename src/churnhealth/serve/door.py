"""A wide door, closed before the lights go out.

All workers accept from one socket that their supervisor keeps. Were they stopped while
it still listens, the system would go on taking connections that nobody answers. So the
socket is told first to let nobody wait before the door, and then to listen no more: who
comes now is refused and tries elsewhere, and who was let in is answered.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import uvicorn

__all__ = ["WideServer", "close_door"]

_WIDTH = 8  # connections let in at once
_LETTING_IN = 0.3  # seconds in which who waits before the door is let in


class WideServer(uvicorn.Server):
    """Lets in several connections a round of the event loop.

    uvloop takes one from each socket, and a round may hold the scoring of many rows: of
    a thousand callers that came at once the last waited 26 seconds. So a socket is
    listened to several times over.
    """

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until stopped."""
        super().run([door.dup() for door in sockets or () for _ in range(_WIDTH)])


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
            listens = door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listens and door.getsockname()[1] == port:
                yield door
            else:
                door.close()


def _open_files() -> list[str]:
    with suppress(OSError):
        return [entry.name for entry in Path("/proc/self/fd").iterdir()]
    return []
