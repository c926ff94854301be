"""Minutes of mixed traffic: does anything grow, get slower, or answer otherwise?

Rows of features, raw histories, batches, stored scores, pages and bad bodies, at about
half of what the service can do of them. A part of ``trial_serve.py``.
"""

import asyncio
import json
import random
import time
from collections import Counter
from urllib.parse import quote

import numpy as np
import psutil
import uvloop
from load import Connection, at_rate, request_bytes
from serving import raw_history, workers_of

FEW = 2  # threads for long work are started when two of it first meet
AWAY = (429, 503)  # who else uses the machine may make it too slow for half
READ = ("/v1/model", "/v1/features", "/readyz", "/metrics", "/v1/accounts?sort=value")
PAGES = ("/", "/model", "/nowhere")
BAD = (
    b'{"as_of": "2026-01-01", "rows": [',
    b'{"as_of": 1, "rows": [{"account_id": "a", "features": {}}]}',
    b'{"as_of": "2026-01-01", "rows": [{"account_id": "a", "features": {"x": NaN}}]}',
    b'{"as_of": "2026-01-01", "rows": [{"account_id": "a", "features": {"x": true}}]}',
)


def soak(trial, port):
    """Ask all kinds of things for a while; nothing may grow."""
    requests, first, odd, away = mixed(trial, port), {}, [], Counter()

    def watch(request, status, body):
        told = (status, b"" if b"/metrics" in request else body)
        if status in AWAY:
            away[status] += 1
        elif first.setdefault(request, told) != told or not 200 <= status < 500:
            odd.append((request[:50], status))

    able = most(port, requests, trial.much(1, 5))
    told, sizes = [], []
    for _ in range(trial.much(3, 10)):
        given = {"rate": able / 2, "seconds": trial.seconds, "watch": watch}
        told.append(uvloop.run(at_rate(port, *requests, **given)))
        time.sleep(1.0)  # connections that were closed are let go
        sizes.append(sizes_of(port))
        each = ", ".join("{:.1f} MB {} {}".format(*s) for s in sizes[-1].values())
        print(f"        {told[-1].line()}; memory, files, threads: {each}", flush=True)
    asked = sum(len(part.seconds) for part in told)
    trial.say(
        f"soak: {asked:,} mixed requests at {able / 2:,.0f}/s, {len(odd)} failed or"
        f" answered otherwise than before {odd[:3]}",
        not odd,
    )
    trial.timely(f"soak: turned away {dict(away)}", not away)
    grown(trial, sizes[0], sizes[-1])
    p99 = [1000 * np.percentile(part.seconds, 99) for part in told]
    trial.timely(
        f"soak: p99 {p99[0]:.1f} ms in the first part, {p99[-1]:.1f} in the last",
        p99[-1] <= 2 * p99[0],
    )


def grown(trial, before, after):
    """Compare the workers as they were after the first part and after the last."""
    more = [
        np.subtract(after[worker], before[worker])
        for worker in before
        if worker in after
    ]
    trial.say(
        f"soak: the workers that began are there, {len(more)} of {len(after)}",
        len(more) == len(before) == len(after),
    )
    _, files, threads = np.max(more, axis=0)
    # a worker that had no large batch yet is not warm: the largest is compared, and
    # after seconds it is not either
    most = trial.much(60, 20)
    mb = max(size for size, *_ in after.values()) - max(s for s, *_ in before.values())
    trial.say(f"soak: the largest worker grew by {mb:.1f} MB since", mb < most)
    trial.say(
        f"soak: {files:.0f} more open files and {threads:.0f} more threads",
        max(files, threads) <= FEW,
    )


def mixed(trial, port):
    """Make what is asked, in an order that is the same every time."""
    listed = Connection(port)
    asyncio.run(listed.ask(request_bytes("/v1/accounts", method="GET")))
    ids = [quote(row["account_id"]) for row in json.loads(listed.body)["accounts"]]
    paths = [*READ, *PAGES]
    for i in ids[:6]:
        paths += [f"/v1/accounts/{i}", f"/v1/accounts/{i}/history", f"/accounts/{i}"]

    def post(path, **what):
        body = json.dumps({"as_of": trial.day, **what}).encode()
        return request_bytes(f"{path}?drivers=5", body)

    def account(events):
        return raw_history(trial.bundle, events)

    requests = [
        *(post("/v1/score/features", rows=[row]) for row in trial.rows[:70]),
        *(post("/v1/score/features", rows=trial.rows[:n]) for n in (20, 100, 500)),
        *(post("/v1/score", accounts=[account(n)]) for n in (10, 30, 100, 300, 1000)),
        *(request_bytes(path, method="GET") for path in paths),
        *(request_bytes("/v1/score/features", body) for body in BAD),
    ]
    random.Random(3).shuffle(requests)
    return requests


def most(port, requests, seconds):
    """Give how many a second eight callers get answered who never wait."""
    end = time.perf_counter() + seconds

    async def caller(i):
        connection, asked = Connection(port), 0
        while time.perf_counter() < end:
            await connection.ask(requests[(i * 13 + asked) % len(requests)])
            asked += 1
        connection.close()
        return asked

    async def all_of_them():
        return sum(await asyncio.gather(*map(caller, range(8))))

    return asyncio.run(all_of_them()) / seconds


def sizes_of(port):
    """Give memory in MB, open files and threads of every worker."""
    found = {}
    for worker in workers_of(port):
        process = psutil.Process(worker)
        size = process.memory_info().rss / 2**20
        found[worker] = (size, process.num_fds(), process.num_threads())
    return found
