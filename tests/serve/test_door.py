"""A closed door: nobody new comes in, whoever is in is answered."""

import os
import socket

import pytest

from churnhealth.serve.door import close_door


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


def test_other_ports_stay_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert close_door(1) == 0
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
