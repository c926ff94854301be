"""A started `churnhealth serve`: ask it, read what it wrote, stop it."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

DEADLINE = 60.0  # seconds: far more than a start takes, even on a busy machine


class Service:
    """A started service: ask it, read what it wrote."""

    def __init__(self, process, port, log):
        self.process = process
        self.port = port
        self.log = log

    def ask(self, method, path, body=None, **headers):
        """Send one request over a connection of its own: (status, headers, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            given = {"content-type": "application/json"} if content else {}
            connection.request(method, path, content, {**given, **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def until_ready(self):
        """Wait for /readyz, but not for ever."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            # asking again at once would take the processor that it needs to start
            time.sleep(0.1)
        pytest.fail("not ready:\n" + self.log.read_text())

    def until_gone(self):
        """Wait until nobody listens any more, but not for ever."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                return
            time.sleep(0.1)
        pytest.fail("somebody still listens:\n" + self.log.read_text())

    def kill_group(self):
        """Kill the starter and the supervisor; workers have groups of their own."""
        os.killpg(self.process.pid, signal.SIGKILL)


def free_port():
    """Find one below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20_000, 32_000), 99):
        with socket.socket() as s, suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")


def command(*args):
    return [sys.executable, "-m", "churnhealth", "serve", *map(str, args)]


@contextmanager
def started(folder, *args):
    port, log = free_port(), folder / "service.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command(*args, "--port", port),
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    service = Service(process, port, log)
    try:
        service.until_ready()
        yield service
    finally:
        try:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
        finally:
            with suppress(ProcessLookupError):  # as it should be: nobody is left
                service.kill_group()
            process.wait()
            service.until_gone()
