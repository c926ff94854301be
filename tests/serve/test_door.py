"""A closed door: nobody new comes in, whoever is in is answered."""

import asyncio
import os
import socket
import time
from contextlib import ExitStack

import pytest
import uvicorn

from churnhealth.serve import door
from churnhealth.serve.door import WideServer, close_door


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
