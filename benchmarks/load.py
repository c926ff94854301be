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

_RINGS_LATE = 0.002


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


class Connection(asyncio.Protocol):
    """One connection that is kept, and made anew after a failure.

    It does as little as it can: the client has to send more than the service takes.
    """

    def __init__(self, port):
        self.port = port
        self.body = b""
        self._way = self._answer = None
        self._came = bytearray()

    @property
    def is_open(self):
        return self._way is not None

    async def open(self):
        """Connect, or raise OSError."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", self.port)

    async def ask(self, request, *, seconds=30.0):
        """Give the status of one answer, 0 where none came.

        A kept connection may have been closed for idleness just before: as every
        client does, it is then opened anew, once.
        """
        kept = self._way is not None
        status = await self._asked(request, seconds)
        return await self._asked(request, seconds) if kept and not status else status

    async def _asked(self, request, seconds):
        if self._way is None:
            try:
                async with asyncio.timeout(seconds):
                    await self.open()
            except (OSError, TimeoutError):
                return 0
        loop = asyncio.get_running_loop()
        self._came.clear()
        self._answer = loop.create_future()
        late = loop.call_later(seconds, self.close)
        self._way.write(request)
        try:
            return await self._answer
        finally:
            late.cancel()

    def close(self):
        if self._way is not None:
            self._way.close()
        self._lost()

    def connection_made(self, way):
        self._way = way

    def connection_lost(self, _):
        self._lost()

    def _lost(self):
        self._way = None
        self._told(0)

    def data_received(self, data):
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._came[: end + 2].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.index(b"\r", at)]) if at >= 0 else 0
        if len(self._came) < end + 4 + length:
            return
        self.body = bytes(self._came[end + 4 :])
        self._told(int(head[9:12]))
        if b"connection: close" in head:
            self.close()

    def _told(self, status):
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


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


async def at_rate(port, *requests, rate, seconds, most=1000, watch=None):
    """Send requests in turn, each at its moment, on as many connections as it takes.

    ``watch`` sees each answer: what was asked, the status and the body.
    """
    told, free, busy = Told(), [], set()
    began = time.perf_counter()

    async def one(due, request):
        connection = free.pop() if free else Connection(port)
        sent = time.perf_counter()
        status = await connection.ask(request)
        now = time.perf_counter()
        told.add(status, now - due)
        told.since_sent.setdefault(status, []).append(now - sent)
        if watch is not None:
            watch(request, status, connection.body)
        free.append(connection)

    for i in range(int(rate * seconds)):
        due = began + i / rate
        # the loop's own timer rings up to a millisecond late: look at the clock instead
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait - _RINGS_LATE if wait > _RINGS_LATE else 0)
        while len(busy) >= most:  # the client's own bound, far above the service's
            await asyncio.sleep(0.001)
        task = asyncio.ensure_future(one(due, requests[i % len(requests)]))
        busy.add(task)
        task.add_done_callback(busy.discard)
    await asyncio.gather(*busy)
    told.took = time.perf_counter() - began
    for connection in free:
        connection.close()
    return told
