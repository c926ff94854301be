"""A wide door, fair between workers, closed before the lights go out.

All workers accept from one socket that their supervisor keeps. Whoever comes wakes all
of them, and the first to look took everybody: of four callers who came at once one
worker got four, and the other stood idle as long as they stayed. So workers tell each
other how many they hold, and who holds more than another lets that one go first.

Were workers stopped while the socket still listens, the system would go on taking
connections that nobody answers. So the socket is told first to let nobody new wait
before the door, and then to listen no more: who comes now is refused and tries
elsewhere, and who was let in is answered.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import logging
import mmap
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from churnhealth.serve.lines import log
from churnhealth.serve.turnstile import Turnstile

__all__ = ["Held", "WideServer", "close_door"]

_AT_ONCE = 256  # callers that a worker without others lets in after a round
_AFTER_YOU = 0.02  # seconds in which another may take who knocks
_WORKERS = 256  # at most
_BREATH = 1.0  # seconds until somebody may have left
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_LETTING_IN = 0.3  # seconds in which who waits before the door is let in
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, which Python does not name
_KNOCKS_NOT = b"".join(  # what a listening socket looks at: all but a first SYN
    struct.pack("HBBI", *step)
    for step in (
        (0x30, 0, 0, 13),  # load the flags of TCP
        (0x45, 0, 1, 0x14),  # ACK or RST: the next step, else the one after it
        (0x06, 0, 0, 2**32 - 1),  # look at all of it
        (0x06, 0, 0, 0),  # as if it had not come
    )
)


class Held:
    """How many callers every worker holds, in a file that all of them map.

    A worker that was killed leaves its number behind until the next takes its place.
    """

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(self._file, 0, 8 * _WORKERS)  # no hole: a disk may be full
        self._mine = self._place()
        shared = mmap.mmap(self._file, 8 * _WORKERS)
        self._numbers = memoryview(shared).cast("q")  # one more than held, 0: nobody

    def _place(self) -> int:
        for place in range(_WORKERS):
            with suppress(OSError):  # a living worker has locked it
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                return place
        return _WORKERS - 1

    def tell(self, held: int) -> None:
        """Say how many we hold."""
        self._numbers[self._mine] = held + 1

    def leave(self) -> None:
        """Hold nobody any more, and be nobody to wait for."""
        self._numbers[self._mine] = 0

    def fewest(self) -> int:
        """Give the number of whoever holds fewest, ourselves included.

        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "held"
        >>> one = Held(file); one.tell(3); one.fewest()
        3
        """
        return min(filter(None, self._numbers), default=1) - 1


class WideServer(uvicorn.Server):
    """Lets in all who wait in one round of the event loop; beside others, its share.

    uvloop takes one caller a round, and a round may hold the scoring of many rows: of a
    thousand callers that came at once the last waited 26 seconds.
    """

    held: Held | None = None  # there are other workers, and this is what they tell
    _doors: tuple[socket.socket, ...] = ()

    def __init__(self, config: uvicorn.Config) -> None:
        config.proxy_headers = False  # nobody reads who a proxy says has asked
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, but let callers in ourselves."""
        await super().startup(sockets and [])
        self._doors = tuple(door.dup() for door in sockets or ())
        for door in self._doors:
            door.setblocking(False)
            door.listen(self.config.backlog)
            self._watch(door)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and answer who is in."""
        for door in self._doors:
            asyncio.get_running_loop().remove_reader(door)
            door.close()
        if self.held is not None:
            self.held.leave()
        await super().shutdown(sockets)

    def _watch(self, door: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(door, self._knock, door)

    def _knock(self, door: socket.socket) -> None:
        """Let in whoever knocks, unless a worker that holds fewer does it first."""
        if self.held is None:
            self._let_in(door, _AT_ONCE)
            return
        inside = self._tell()
        many = 1 + inside // 2
        if inside <= self.held.fewest():
            self._let_in(door, many)
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(door)
        loop.call_later(_AFTER_YOU, self._after_you, door, many)

    def _after_you(self, door: socket.socket, many: int) -> None:
        if door.fileno() >= 0 and self._let_in(door, many):
            self._watch(door)

    def _tell(self) -> int:
        inside = len(self.server_state.connections) + len(self._coming)
        if self.held is not None:
            self.held.tell(inside)
        return inside

    async def on_tick(self, counter: int) -> bool:
        """Tell the others who has left; once a second look who takes up a place."""
        self._tell()
        if counter % 10 == 0:
            for caller in [*self.server_state.connections]:
                if isinstance(caller, Turnstile):
                    caller.look()
        return await super().on_tick(counter)

    def _let_in(self, door: socket.socket, many: int) -> bool:
        """Let in some of those who wait; say whether more may come."""
        loop = asyncio.get_running_loop()
        try:
            for _ in range(many):
                caller, _ = door.accept()
                caller.setblocking(False)
                let_in = loop.connect_accepted_socket(
                    self._protocol, caller, ssl=self.config.ssl
                )
                self._coming.add(task := loop.create_task(let_in))
                task.add_done_callback(self._coming.discard)
                self._tell()
        except BlockingIOError:
            pass  # nobody waits
        except OSError as error:
            if not _listens(door):
                loop.remove_reader(door)
                return False
            if error.errno in _NO_ROOM:  # who waits knocks on, in every round
                log.warning("nobody can be let in: %s", error.strerror)
                loop.remove_reader(door)
                loop.call_later(_BREATH, self._after_you, door, many)
                return False
        return True

    @cached_property
    def _coming(self) -> set[asyncio.Task[object]]:
        return set()

    def _protocol(self) -> asyncio.Protocol:
        kind = self.config.http_protocol_class
        kind = Turnstile if kind is HttpToolsProtocol else kind
        made: asyncio.Protocol = kind(  # type: ignore[call-arg]
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
            _no_one_new(door)
        if doors:
            time.sleep(_LETTING_IN)  # who waits when it closes would be cut off
        for door in doors:
            with suppress(OSError):  # another worker closed it
                door.shutdown(socket.SHUT_RDWR)
        return len(doors)


def _no_one_new(door: socket.socket) -> None:
    """Let nobody begin to wait before a door; who does already is let in.

    A socket with room for none lets one wait, and there is always one under load: he
    was cut off. So who comes is not heard any more, where the system can do that.
    """
    door.listen(0)
    steps = ctypes.create_string_buffer(_KNOCKS_NOT, len(_KNOCKS_NOT))
    many = len(_KNOCKS_NOT) // struct.calcsize("HBBI")
    given = struct.pack("HP", many, ctypes.addressof(steps))
    with suppress(OSError):
        door.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, given)


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
