"""Closing the door before the lights go out.

All workers accept from one socket that their supervisor keeps. Were they stopped while
it still listens, the system would go on taking connections that nobody answers. So the
socket is told to listen no more first: who comes now is refused at once and tries
elsewhere, and who was let in is answered.
"""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path

__all__ = ["close_door"]


def close_door(port: int) -> int:
    """Stop listening on a port, for every process that shares the socket.

    Gives how many sockets were closed; 0 where the system does not list open files.
    """
    # accepting from what listens no more is an error to the event loop: no news
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    closed = 0
    for name in _open_files():
        with suppress(OSError, ValueError):
            shared = socket.socket(fileno=os.dup(int(name)))
            with shared:
                listens = shared.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                if listens and shared.getsockname()[1] == port:
                    shared.shutdown(socket.SHUT_RDWR)
                    closed += 1
    return closed


def _open_files() -> list[str]:
    with suppress(OSError):
        return [entry.name for entry in Path("/proc/self/fd").iterdir()]
    return []
