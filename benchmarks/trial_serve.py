"""Does the service hold? Overload, swaps, kills, damaged bundles, bad bodies, in one run.

Every part prints what it saw and whether that is what was promised (docs/http.md).

    python benchmarks/trial_serve.py --seconds 60       # by hand, the long form
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from load import Connection, Told, at_rate, closed_loop, request_bytes
from serving import asked, free_port, memory, rows_of, running

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.registry import Champion, crown, read_champion
from churnhealth.sources.contract import date_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "zebra-7341"


class Trial:
    """A registry of two bundles, a service that follows it, and what was promised."""

    def __init__(self, bundle_folder, folder, *, seconds, workers):
        self.bundle = load_bundle(bundle_folder)
        self.seconds, self.folder, self.workers = seconds, folder, workers
        self.models = folder / "models"
        self.known = {}
        for name in ("one", "two"):
            made = replace(self.bundle, card={**self.bundle.card, "name": name})
            save_bundle(made, self.models / name)
            version = made.model_version
            self.known[name] = Champion(folder=name, model_version=version)
        self.crown("one")
        self.day = str(date_of(self.bundle.as_of))
        self.rows = rows_of(self.bundle, 500)
        self.kept = True

    def crown(self, name):
        now = read_champion(self.models)
        crown(self.models, self.known[name], over=now, at=NOW, evidence={})

    def say(self, what, kept):
        self.kept &= bool(kept)
        print(f"{'kept  ' if kept else 'BROKEN'}  {what}", flush=True)

    def serve(self, *more):
        port = free_port()
        config = self.folder / "serve.toml"
        text = (Path(self.folder) / "base.toml").read_text()
        config.write_text(text + f"\n[serve]\nworkers = {self.workers}\n")
        command = [sys.executable, "-m", "churnhealth.cli", "serve", "--champion"]
        command += ["--models", self.models, "--port", port, "--config", config]
        return port, running([*command, *more], port, "/readyz", folder=self.folder)

    def one(self, n=1):
        return {"as_of": self.day, "rows": self.rows[:n]}


def workers_of(port):
    """Find the processes that answer: children of the one that holds the port."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            mine = f"{port}".encode() in environment + command
            if b"worker" in command and mine:
                found.append(int(entry.name))
    return found


def overload(trial, port):
    request = asked(port, trial.one())
    idle = asyncio.run(closed_loop(port, request, connections=16, seconds=3))
    able = len(idle.seconds) / idle.took
    told = asyncio.run(at_rate(port, request, rate=4 * able, seconds=trial.seconds))
    print(f"        4 x overload ({4 * able:,.0f}/s asked): {told.line()}")
    trial.say("overload: only 200, 429 and 503", set(told.statuses) <= {200, 429, 503})
    refusals = told.by_status.get(429, []) + told.by_status.get(503, [])
    if refusals:
        p99 = 1000 * np.percentile(refusals, 99)
        trial.say(f"overload: refusals come fast, p99 {p99:.0f} ms", p99 < 100)
    began = time.perf_counter()
    while time.perf_counter() - began < 10:
        after = asyncio.run(closed_loop(port, request, connections=16, seconds=1))
        if set(after.statuses) == {200} and len(after.seconds) > 0.7 * able:
            break
    took = time.perf_counter() - began
    trial.say(f"overload: back to normal after {took:.1f} s", took < 10)


def swaps(trial, port, *, times):
    request = asked(port, trial.one())
    seen, names = [], {c.model_version: n for n, c in trial.known.items()}

    def watch(status, connection):
        if status == 200:
            seen.append(names.get(json.loads(connection.body)["model_version"]))

    async def both():
        async def swap():
            for i in range(times):
                await asyncio.sleep(max(trial.seconds / times, 3.0))
                await asyncio.to_thread(trial.crown, ("two", "one")[i % 2])
            await asyncio.sleep(6.0)

        told = Told()
        task = asyncio.ensure_future(swap())
        while not task.done():
            part = await closed_loop(
                port, request, connections=8, seconds=1.0, watch=watch
            )
            told.statuses += part.statuses
            told.seconds += part.seconds
        return told

    told = asyncio.run(both())
    changes = sum(a != b for a, b in zip(seen, seen[1:], strict=False))
    whole = set(told.statuses) == {200} and None not in seen
    trial.say(
        f"{times} swaps under load: {sum(told.statuses.values()):,} requests, all 200,"
        f" {changes} changes of version seen",
        whole and changes >= times,
    )


def kills(trial, port):
    """Kill one of the workers under load; the others go on."""
    request = asked(port, trial.one())

    async def both():
        loop = asyncio.ensure_future(
            closed_loop(port, request, connections=8, seconds=12.0)
        )
        await asyncio.sleep(2.0)
        victims = workers_of(port)
        os.kill(victims[0], signal.SIGKILL)
        return await loop

    told = asyncio.run(both())
    lost = sum(n for status, n in told.statuses.items() if status != 200)
    trial.say(
        f"kill -9 of a worker: {lost} requests lost, at most 8 in flight", lost <= 8
    )
    end = time.perf_counter() + 20
    while len(workers_of(port)) < trial.workers and time.perf_counter() < end:
        time.sleep(0.2)
    again = len(workers_of(port))
    trial.say(f"kill -9 of a worker: {again} workers again", again == trial.workers)


def stopped(trial):
    """SIGTERM under load: what was sent before the listening ended is answered."""
    port, service = trial.serve()
    outcome = []

    async def asking(request, stop):
        while not stop.is_set():
            connection = Connection(port)
            try:
                opened = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return  # nobody listens any more: not a request that failed
            connection.reader, connection.writer = opened
            outcome.append(await connection.ask(request))
            connection.close()

    async def both(request, process_id):
        stop = asyncio.Event()
        tasks = [asyncio.ensure_future(asking(request, stop)) for _ in range(4)]
        await asyncio.sleep(1.5)
        os.kill(process_id, signal.SIGTERM)
        await asyncio.sleep(3.0)
        stop.set()
        await asyncio.gather(*tasks)

    with service:
        request = asked(port, trial.one())
        starter = subprocess.run(
            ["pgrep", "-f", f"churnhealth.cli serve.*{port}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        asyncio.run(both(request, int(starter)))
    lost = sum(status != 200 for status in outcome)
    trial.say(f"SIGTERM under load: {len(outcome):,} requests, {lost} lost", lost == 0)


def damaged(trial, port, *, times):
    """Crown damaged bundles one after another: what serves goes on serving."""
    source, chance = trial.models / "two", random.Random(5)
    request = asked(port, trial.one())
    before = asyncio.run(Connection(port).ask(request))
    bad = 0
    for i in range(times):
        name = f"bad-{i}"
        folder = trial.models / name
        shutil.copytree(source, folder)
        kind = damage(folder, chance, i)
        champion = Champion(folder=name, model_version=trial.known["two"].model_version)
        now = read_champion(trial.models)
        crown(trial.models, champion, over=now, at=NOW, evidence={"kind": kind})
        if i % 10 == 9:
            time.sleep(1.5)  # so that workers look at many of them
            answer = Connection(port)
            status = asyncio.run(answer.ask(request))
            version = json.loads(answer.body)["model_version"]
            bad += status != 200 or version != trial.known["one"].model_version
            shutil.rmtree(folder)
    trial.say(
        f"{times} damaged bundles crowned: the last good one served all along",
        before == 200 and not bad,
    )
    trial.crown("one")


def damage(folder, chance, i):
    names = ("bundle.json", "model.txt", "MANIFEST.json")
    file = folder / names[i % 3]
    content = file.read_bytes()
    kind = ("flip", "cut", "extra", "missing", "link", "empty")[i // 3 % 6]
    if kind == "flip":
        at = chance.randrange(len(content))
        mask = 1 << chance.randrange(8)
        content = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
        file.write_bytes(content)
    elif kind == "cut":
        file.write_bytes(content[: chance.randrange(len(content))])
    elif kind == "extra":
        (folder / f"{CANARY}.txt").write_text("x")
    elif kind == "missing":
        file.unlink()
    elif kind == "link":
        real = folder.parent / f"{folder.name}-{file.name}"
        file.rename(real)
        file.symlink_to(real)
    else:
        file.write_bytes(b"")
    return kind


def fuzz(trial, port, *, times):
    """Send requests that were bent at random; never a 5xx, a hang or an echo."""
    chance = random.Random(7)
    body = json.dumps(trial.one()).replace('"a0"', f'"{CANARY}"').encode()
    whole = request_bytes("/v1/score/features?drivers=5", body)
    statuses, echoes = {}, 0

    async def ask(raw):
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(raw)
                if writer.can_write_eof():
                    writer.write_eof()
                told = await reader.read(1 << 20)
                writer.close()
                return told
        except TimeoutError:
            return b"HANG"
        except OSError:
            return b""

    async def go():
        nonlocal echoes
        for _ in range(times):
            raw = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(raw))
                what = chance.randrange(4)
                if what == 0:
                    raw[at] = chance.randrange(256)
                elif what == 1:
                    del raw[at : at + chance.randrange(1, 40)]
                elif what == 2:
                    raw[at:at] = bytes(chance.randrange(256) for _ in range(8))
                else:
                    raw[at:at] = raw[at : at + chance.randrange(1, 40)]
            told = await ask(bytes(raw))
            status = told[9:12] if told[:5] == b"HTTP/" else told[:4]
            statuses[status] = statuses.get(status, 0) + 1
            if status[:1] in (b"4", b"5"):
                echoes += CANARY.encode() in told
        return statuses

    asyncio.run(go())
    told = {k.decode(errors="replace"): n for k, n in sorted(statuses.items())}
    fine = not any(k.startswith("5") or k == "HANG" for k in told)
    trial.say(f"{times:,} bent requests: {told}", fine)
    trial.say(f"bent requests: {echoes} errors repeat what was sent", echoes == 0)


def slow(trial, port):
    """Twenty clients send one byte a second; others are answered meanwhile."""
    request = asked(port, trial.one())

    async def drip():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = request_bytes("/v1/score/features", b" " * 60)
        writer.write(head[:-60])
        try:
            for _ in range(30):
                writer.write(b" ")
                await writer.drain()
                told = asyncio.ensure_future(reader.read(100))
                done, _ = await asyncio.wait({told}, timeout=1.0)
                if done:
                    return told.result()[9:12]
                told.cancel()
        except OSError:
            return b"cut"
        return b"waited"

    async def both():
        drips = [asyncio.ensure_future(drip()) for _ in range(20)]
        meanwhile = await closed_loop(port, request, connections=4, seconds=4.0)
        return meanwhile, await asyncio.gather(*drips)

    meanwhile, ends = asyncio.run(both())
    trial.say(
        f"20 clients at a byte a second: {set(ends)}; meanwhile {meanwhile.line()}",
        set(ends) <= {b"408", b"cut"} and set(meanwhile.statuses) == {200},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--bundle", type=Path, help="Default: the demo's, made anew.")
    given = parser.parse_args()
    long = given.seconds >= 60
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        demo = folder / "demo"
        bundle = given.bundle
        if bundle is None:
            make = [sys.executable, "-m", "churnhealth.cli", "demo", "--no-serve"]
            make += ["--dir", str(demo)]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
            bundle = demo / "model"
        base = (bundle.parent / "churnhealth.toml").read_text()
        (folder / "base.toml").write_text(base.split("\n[serve]")[0])
        trial = Trial(bundle.resolve(), folder, seconds=given.seconds, workers=2)
        stopped(trial)
        port, service = trial.serve()
        with service as took:
            trial.say(f"ready after {took:.1f} s with 2 workers", took < 10)
            start = memory(port)
            overload(trial, port)
            swaps(trial, port, times=20 if long else 4)
            damaged(trial, port, times=200 if long else 40)
            kills(trial, port)
            slow(trial, port)
            fuzz(trial, port, times=5000 if long else 500)
            print(f"        {start} at first, {memory(port)} at last")
        logs = "".join(p.read_text() for p in folder.glob("server-*.log"))
        trial.say("no line of the log holds what was sent", CANARY not in logs)
        trial.say("no answer was the service's own fault", " 500 " not in logs)
    print(f"load average {os.getloadavg()[0]:.1f}")
    sys.exit(0 if trial.kept else 1)


if __name__ == "__main__":
    main()
