"""Load on a local HTTP service: in a closed loop, or at a rate whatever it answers.

In the closed loop each connection sends its next request when the last was answered. At
a rate requests are sent at their moments, and a latency counts from that moment, so a
service that stops for a while cannot hide it by being asked less.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Told:
    """What came back: seconds per answer, and how often each status (0: none)."""

    seconds: list = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    since_sent: dict = field(default_factory=dict)  # by status; not since it was due
    took: float = 0.0

    def add(self, status, seconds):
        self.seconds.append(seconds)
        self.statuses[status] += 1

    def line(self):
        ms = 1000 * np.percentile(self.seconds, [50, 99, 100]) if self.seconds else []
        told = " ".join(f"{n} x {s or 'no answer'}" for s, n in self.statuses.items())
        rate = len(self.seconds) / self.took
        spread = " / ".join(f"{m:.2f}" for m in ms)
        return f"{rate:8,.0f}/s   p50 / p99 / max {spread} ms   {told}"


def request_bytes(path, body=b"", *, method="POST", headers=()):
    """Write one request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Connection:
    """One connection that is kept, and made anew after a failure."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def ask(self, request, *, seconds=30.0):
        """Give the status of one answer, 0 where none came.

        A kept connection may have been closed for idleness just before: as every
        client does, it is then opened anew, once.
        """
        kept = self.writer is not None
        status = await self._asked(request, seconds)
        return await self._asked(request, seconds) if kept and not status else status

    async def _asked(self, request, seconds):
        try:
            async with asyncio.timeout(seconds):
                if self.writer is None:
                    opened = await asyncio.open_connection("127.0.0.1", self.port)
                    self.reader, self.writer = opened
                self.writer.write(request)
                head = await self.reader.readuntil(b"\r\n\r\n")
                low = head.lower()
                at = low.find(b"content-length:")
                length = int(low[at + 15 : low.index(b"\r", at)]) if at >= 0 else 0
                self.body = await self.reader.readexactly(length)
                if b"connection: close" in low:
                    self.close()
                return int(head[9:12])
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return 0

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def closed_loop(port, request, *, connections, seconds, watch=None):
    """Keep every connection busy for some seconds; ``watch`` sees each answer."""
    told, end = Told(), time.perf_counter() + seconds

    async def one():
        connection = Connection(port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            status = await connection.ask(request)
            told.add(status, time.perf_counter() - began)
            if watch is not None:
                watch(status, connection)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    told.took = time.perf_counter() - began
    return told


async def at_rate(port, request, *, rate, seconds, most=1000):
    """Send requests at their moments, on as many connections as it takes."""
    told, free, busy = Told(), [], set()
    began = time.perf_counter()

    async def one(due):
        connection = free.pop() if free else Connection(port)
        sent = time.perf_counter()
        status = await connection.ask(request)
        now = time.perf_counter()
        told.add(status, now - due)
        told.since_sent.setdefault(status, []).append(now - sent)
        free.append(connection)

    for i in range(int(rate * seconds)):
        due = began + i / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        while len(busy) >= most:  # the client's own bound, far above the service's
            await asyncio.sleep(0.001)
        task = asyncio.ensure_future(one(due))
        busy.add(task)
        task.add_done_callback(busy.discard)
    await asyncio.gather(*busy)
    told.took = time.perf_counter() - began
    for connection in free:
        connection.close()
    return told
