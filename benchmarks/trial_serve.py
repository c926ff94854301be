"""Does the service hold? Overload, swaps, kills, damaged bundles, bad bodies.

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
from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import uvloop
from full_disk import full, in_own_mounts
from load import Connection, at_rate, closed_loop
from odd_requests import CANARY, described, fuzz, slow
from serving import asked, free_port, memory, rows_of, running, workers_of
from soak import soak

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.registry import Champion, crown, read_champion
from churnhealth.sources.contract import date_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Trial:
    """A registry of two bundles, a service that follows it, and what was promised."""

    def __init__(self, bundle_folder, folder, *, seconds, workers, scores, config):
        self.bundle = load_bundle(bundle_folder)
        self.seconds, self.folder, self.workers = seconds, folder, workers
        self.scores, self.config = scores, config
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

    def much(self, short, long):
        """Give the count for a short trial or a long one."""
        return long if self.seconds >= 60 else short

    def crown(self, name, *, models=None):
        models = models or self.models
        now = read_champion(models)
        crown(models, self.known[name], over=now, at=NOW, evidence={})

    def say(self, what, kept):
        self.kept &= bool(kept)
        print(f"{'kept  ' if kept else 'BROKEN'}  {what}", flush=True)

    def timely(self, what, kept):
        """Judge a time by hand only: other work may have the machine."""
        if kept or self.seconds >= 60:
            self.say(what, kept)
        else:
            print(f"slow    {what}", flush=True)

    def serve(self, *, workers=None, place=None, **environment):
        """Serve the champion; ``place`` may hold other models, scores and the log."""
        port, workers = free_port(), workers or self.workers
        models, scores = self.models, self.scores
        if place is not None:
            models, scores = place / "models", place / "scores"
        config = self.folder / "serve.toml"
        text = (Path(self.folder) / "base.toml").read_text()
        config.write_text(text + f"\n[serve]\nworkers = {workers}\n")
        command = [sys.executable, "-m", "churnhealth", "serve", "--champion"]
        command += ["--models", models, "--port", port, "--config", config]
        command += ["--scores", scores]
        folder = place or self.folder
        return port, running(command, port, "/readyz", folder=folder, **environment)

    def one(self, n=1):
        return {"as_of": self.day, "rows": self.rows[:n]}


def overload(trial):
    """Ask four times what one worker can answer; the client has the other core."""
    port, service = trial.serve(workers=1)
    with service:
        overloaded(trial, port)


def overloaded(trial, port):
    request = asked(port, trial.one())
    idle = asyncio.run(closed_loop(port, request, connections=16, seconds=3))
    able = len(idle.seconds) / idle.took
    # the client must be able to send as much as that
    told = uvloop.run(at_rate(port, request, rate=4 * able, seconds=trial.seconds))
    print(f"        4 x overload ({4 * able:,.0f}/s asked): {told.line()}")
    trial.say("overload: only 200, 429 and 503", set(told.statuses) <= {200, 429, 503})
    refusals = told.since_sent.get(429, []) + told.since_sent.get(503, [])
    if refusals:
        p99 = 1000 * np.percentile(refusals, 99)
        trial.timely(f"overload: refusals come fast, p99 {p99:.0f} ms", p99 < 100)
    began = time.perf_counter()
    while time.perf_counter() - began < 10:
        after = asyncio.run(closed_loop(port, request, connections=16, seconds=1))
        if set(after.statuses) == {200} and len(after.seconds) > 0.7 * able:
            break
    took = time.perf_counter() - began
    trial.timely(f"overload: back to normal after {took:.1f} s", took < 10)


def swaps(trial, port):
    """Promote under load, again and again, each when all workers follow the last."""
    times = trial.much(2, 20)
    request, lags = asked(port, trial.one()), []
    names = {c.model_version: n for n, c in trial.known.items()}
    newest, other = deque(maxlen=200), Counter()

    def watch(status, connection):
        if status == 200:
            version = json.loads(connection.body)["model_version"]
            newest.append(names.get(version))
            other[version in names] += 1

    async def swap():
        for i in range(times):
            name, began = ("two", "one")[i % 2], time.perf_counter()
            await asyncio.to_thread(trial.crown, name)
            newest.clear()
            while len(newest) < 200 or set(newest) != {name}:
                await asyncio.sleep(0.05)
                if time.perf_counter() - began > 30:
                    break
            lags.append(time.perf_counter() - began)

    async def both():
        statuses, task = Counter(), asyncio.ensure_future(swap())
        while not task.done():
            part = await closed_loop(
                port, request, connections=8, seconds=1.0, watch=watch
            )
            statuses += part.statuses
        return statuses

    statuses = asyncio.run(both())
    trial.say(
        f"{times} swaps under load: {sum(statuses.values()):,} requests, {statuses};"
        " every answer from one of the two models",
        set(statuses) == {200} and not other[False] and max(lags) < 30,
    )
    trial.timely(f"all workers followed within {max(lags):.1f} s", max(lags) < 10)


def shared(trial, port):
    """Callers who come at once and stay: every worker gets its share of them."""
    import psutil

    request = asked(port, trial.one())
    workers = [psutil.Process(worker) for worker in workers_of(port)]

    async def crowd():
        callers = [Connection(port) for _ in range(8)]
        await asyncio.gather(*(caller.ask(request) for caller in callers))
        held = [
            sum(c.laddr.port == port and c.status == "ESTABLISHED" for c in held)
            for held in (worker.net_connections("tcp") for worker in workers)
        ]
        for caller in callers:
            caller.close()
        await asyncio.sleep(0.2)
        return tuple(sorted(held))

    crowds = Counter(asyncio.run(crowd()) for _ in range(trial.much(3, 20)))
    fewest = min(min(held) for held in crowds)
    trial.timely(f"8 callers at once, by worker: {dict(crowds)}", fewest >= 2)


def kills(trial, port):
    """Kill one of the workers under load; the others go on."""
    request = asked(port, trial.one())

    async def both():
        loop = asyncio.ensure_future(
            closed_loop(port, request, connections=8, seconds=trial.much(3.0, 8.0))
        )
        await asyncio.sleep(trial.much(1.0, 2.0))
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

    async def asking(request, stop, *, keeps):
        connection = Connection(port)
        while not stop.is_set():
            try:
                if not connection.is_open:
                    await connection.open()
            except OSError:
                return  # nobody listens any more: not a request that failed
            outcome.append(await connection.ask(request))
            if not keeps:
                connection.close()

    async def both(request, process_id):
        stop = asyncio.Event()
        tasks = [
            asyncio.ensure_future(asking(request, stop, keeps=keeps))
            for keeps in (True, False) * 4
        ]
        await asyncio.sleep(1.5)
        os.kill(process_id, signal.SIGTERM)
        await asyncio.sleep(3.0)
        stop.set()
        await asyncio.gather(*tasks)

    with service:
        request = asked(port, trial.one())
        starter = subprocess.run(
            ["pgrep", "-f", f"churnhealth serve.*{port}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        asyncio.run(both(request, int(starter)))
    lost = sum(status != 200 for status in outcome)
    trial.say(f"SIGTERM under load: {len(outcome):,} requests, {lost} lost", lost == 0)


def damaged(trial, port):
    """Crown damaged bundles one after another: what serves goes on serving."""
    times = trial.much(20, 200)
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
        (folder / "extra.txt").write_text("x")
    elif kind == "missing":
        file.unlink()
    elif kind == "link":
        real = folder.parent / f"{folder.name}-{file.name}"
        file.rename(real)
        file.symlink_to(real)
    else:
        file.write_bytes(b"")
    return kind


ALONE = {"stop": stopped, "overload": overload, "full": full}
PARTS = {
    "swaps": swaps,
    "damaged": damaged,
    "shared": shared,
    "kills": kills,
    "slow": slow,
    "soak": soak,
}
ODD = {"fuzz": fuzz, "described": described}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--bundle", type=Path, help="Default: the demo's, made anew.")
    parser.add_argument("--config", type=Path, help="Default: the demo's.")
    parser.add_argument("--scores", type=Path, help="Default: those beside the bundle.")
    parser.add_argument("--parts", nargs="*", default=[*ALONE, *PARTS, *ODD])
    given = parser.parse_args()
    if "full" in given.parts:
        in_own_mounts()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle, config = given.bundle, given.config
        if bundle is None:
            make = [sys.executable, "-m", "churnhealth", "demo", "--no-serve"]
            make += ["--dir", str(folder / "demo")]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
            bundle = folder / "demo" / "model"
        config = config or bundle.parent / "churnhealth.toml"
        text = config.read_text().split("\n[serve]")[0]
        (folder / "base.toml").write_text(text)
        scores = (given.scores or bundle.parent / "scores").resolve()
        trial = Trial(
            bundle.resolve(),
            folder,
            seconds=given.seconds,
            workers=2,
            scores=scores,
            config=config.resolve(),
        )
        for name in given.parts:
            if name in ALONE:
                ALONE[name](trial)
        port, service = trial.serve()
        with service as took:
            trial.timely(f"ready after {took:.1f} s with 2 workers", took < 10)
            for name in given.parts:
                if name in PARTS:
                    PARTS[name](trial, port)
            before = memory(port)
            for name in given.parts:
                if name in ODD:
                    ODD[name](trial, port)
            after = memory(port)
            trial.say(
                f"a worker took {before:.0f} MB before odd requests, {after:.0f} after",
                after - before < 20 and after < 400,
            )
        logs = "".join(p.read_text() for p in folder.glob("server-*.log"))
        trial.say("no line of the log holds what was sent", CANARY not in logs)
        trial.say("no answer was the service's own fault", " 500 " not in logs)
    print(f"load average {os.getloadavg()[0]:.1f}")
    sys.exit(0 if trial.kept else 1)


if __name__ == "__main__":
    main()
