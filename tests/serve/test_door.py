"""A closed door: nobody new comes in, whoever is in is answered."""

import asyncio
import logging
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
import uvicorn

from churnhealth.serve import door
from churnhealth.serve.door import Held, WideServer, close_door


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_a_socket_that_is_shared_listens_no_more_and_what_was_let_in_goes_on():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shared = os.dup(server.fileno())
        with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
            inside, _ = server.accept()
            assert close_door(port) >= 1
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), timeout=5)
            caller.sendall(b"still here")
            assert inside.recv(20) == b"still here"
            inside.close()
        os.close(shared)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_who_waits_before_the_door_is_let_in_while_it_closes(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, let_in = server.getsockname(), []

        def meanwhile(_):  # what the workers do while the door is closing
            let_in.append(server.accept()[0])

        monkeypatch.setattr(door.time, "sleep", meanwhile)
        with socket.create_connection(address, timeout=5) as caller:
            close_door(address[1])
            caller.sendall(b"let in")
            assert let_in[0].recv(20) == b"let in"
            let_in[0].close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs its filters of sockets")
def test_who_comes_while_the_door_closes_does_not_wait_before_it(monkeypatch):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket() as early,
        socket.socket() as late,
    ):
        address, let_in = server.getsockname(), []
        server.setblocking(False)
        late.setblocking(False)

        def meanwhile(_):
            let_in.append(server.accept()[0])
            late.connect_ex(address)
            with pytest.raises(BlockingIOError):  # he would be cut off
                server.accept()

        monkeypatch.setattr(door.time, "sleep", meanwhile)
        early.connect(address)
        early.sendall(b"still here")
        close_door(address[1])
        let_in[0].setblocking(True)
        assert let_in[0].recv(20) == b"still here"
        let_in[0].sendall(b"answered")
        assert early.recv(20) == b"answered"
        let_in[0].close()


def test_other_ports_stay_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert close_door(1) == 0
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_many_who_come_at_once_are_let_in_within_a_few_rounds():
    """A round may take long: whoever is let in a round later waits for all before."""
    rounds, began, callers = [0], [], 40

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            count(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        began.append(rounds[0])
        server.should_exit = len(began) == callers
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    def count(loop):
        rounds[0] += 1
        end = time.perf_counter() + 0.005  # work
        while time.perf_counter() < end:
            pass
        loop.call_soon(count, loop)

    server = WideServer(uvicorn.Config(app, log_config=None, loop="uvloop"))
    with socket.create_server(("127.0.0.1", 0)) as shared, ExitStack() as held:
        for _ in range(callers):
            caller = socket.create_connection(shared.getsockname(), timeout=5)
            held.enter_context(caller).sendall(b"GET / HTTP/1.0\r\n\r\n")
        server.run([shared])
    assert len(began) == callers
    assert began[-1] - began[0] < callers / 2


OTHER = """
import sys
from pathlib import Path
from churnhealth.serve.door import Held
held = Held(Path(sys.argv[1]))
held.tell(int(sys.argv[2]))
print(held.fewest())
"""


def test_workers_see_how_many_the_others_hold_and_take_the_place_of_the_dead(tmp_path):
    file = tmp_path / "held"
    mine = Held(file)
    mine.tell(3)
    for held, fewest in ((1, "1"), (5, "3")):
        told = subprocess.run(
            [sys.executable, "-c", OTHER, file, str(held)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == fewest
    assert mine.fewest() == 3  # the second other took the place of the first
    mine.leave()
    assert mine.fewest() == 5


class Told:
    """What the other workers are said to hold."""

    def __init__(self, fewest):
        self._fewest = fewest

    def fewest(self):
        return self._fewest

    def tell(self, held):
        pass

    def leave(self):
        pass


async def nothing(scope, receive, send):
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
        return
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("others", [0, 9])
def test_who_holds_more_than_another_lets_that_one_take_the_next(others, monkeypatch):
    monkeypatch.setattr(door, "_AFTER_YOU", 60.0)
    server = WideServer(uvicorn.Config(nothing, log_config=None, loop="uvloop"))
    server.held = Told(others)
    with socket.create_server(("127.0.0.1", 0)) as shared, ExitStack() as held:
        address, another = shared.getsockname(), shared.dup()
        work = threading.Thread(target=server.run, args=([shared],), daemon=True)
        work.start()

        def caller():
            caller = socket.create_connection(address, timeout=5)
            held.enter_context(caller).sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return caller

        assert caller().recv(12).startswith(b"HTTP/1.1 204")
        second = caller()
        if others:
            assert second.recv(12).startswith(b"HTTP/1.1 204")
        else:
            another.settimeout(5)
            let_in, _ = another.accept()
            assert let_in.getpeername() == second.getsockname()
            let_in.close()
        another.close()
        server.should_exit = True
        held.close()
        work.join(10)
        assert not work.is_alive()


def test_who_comes_when_no_file_can_be_opened_is_let_in_later(caplog):
    asked, answered = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 204"
    config = {"log_config": None, "loop": "uvloop", "timeout_keep_alive": 2}
    server = WideServer(uvicorn.Config(nothing, **config))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        socket.create_server(("127.0.0.1", 0)) as shared,
        socket.socket() as caller,
        caplog.at_level(logging.WARNING, logger="churnhealth.serve"),
    ):
        thread = threading.Thread(target=server.run, args=([shared],), daemon=True)
        thread.start()
        with socket.create_connection(shared.getsockname(), timeout=30) as first:
            first.sendall(asked)
            assert first.recv(100).startswith(answered)
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                caller.settimeout(30)
                caller.connect(shared.getsockname())
                caller.sendall(asked)
                assert first.recv(100) == b""  # a second or two later
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caller.recv(100).startswith(answered)
        server.should_exit = True
        thread.join()
    assert 1 <= len(caplog.records) < 10


def test_a_service_may_open_as_many_files_as_the_system_lets_it():
    told = """
import resource
from churnhealth.commands.serving import open_many_files
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
open_many_files()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "True\n"
