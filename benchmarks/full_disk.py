"""A disk without one free byte, under all that the service and the commands write to.

It is a real one, small and of memory, mounted where the log, the temporary files, the
models, the scores and MLflow's store lie. Mounting needs a root, be it one of a
namespace of its own: ``trial_serve.py`` starts itself anew in such, where it can. A
part of it.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

from load import Connection, closed_loop, request_bytes
from serving import raw_history, workers_of

ROOTS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])
MOUNT = ["mount", "-t", "tmpfs", "-o", "size=96m", "none"]


def in_own_mounts():
    """Start this program anew where it may mount; nothing of it is seen outside."""
    if os.environ.get("TRIAL_MAY_MOUNT"):
        return
    for root in ROOTS:
        tried = subprocess.run(
            [*root, *MOUNT, "/mnt"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            os.environ["TRIAL_MAY_MOUNT"] = "yes"
            os.execvp(root[0], [*root, sys.executable, *sys.argv])


@contextmanager
def small_disk(place):
    place.mkdir()
    subprocess.run([*MOUNT, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk):
    """Leave no byte free."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError:
                pass


def full(trial):
    """Fill the disk: what serves goes on, what writes fails and changes nothing."""
    if not os.environ.get("TRIAL_MAY_MOUNT"):
        print("skipped  full disk: nothing can be mounted here")
        return
    with small_disk(trial.folder / "disk") as disk:
        (disk / "tmp").mkdir()
        furnish(trial, disk)
        port, service = trial.serve(place=disk, TMPDIR=str(disk / "tmp"))
        with service:
            served(trial, port, disk)
            commanded(trial, disk)
            (disk / "filler").unlink()
            freed(trial, port, disk)


def furnish(trial, disk):
    """Put two models, of which one is champion after the other, and scores there."""
    models = disk / "models"
    for name in ("one", "two"):
        shutil.copytree(trial.models / name, models / name)
    for name in ("two", "one"):
        trial.crown(name, models=models)
    shutil.copytree(trial.scores, disk / "scores")
    for file in trial.config.parent.glob("*.toml"):
        shutil.copy(file, disk / file.name)
    text = trial.config.read_text()
    root = re.search(r'^root = "(.*)"$', text, re.MULTILINE)[1]
    there = f'root = "{(trial.config.parent / root).resolve()}"'
    (disk / "churnhealth.toml").write_text(text.replace(f'root = "{root}"', there))


def served(trial, port, disk):
    """Ask before and after; a worker that starts on the full disk serves too."""
    asked, workers = questions(trial, port), set(workers_of(port))
    before = [ask(port, request) for request in asked]
    fill(disk)
    told = asyncio.run(closed_loop(port, asked[0], connections=4, seconds=3.0))
    told_odd = odd(port, asked * 5, before * 5)
    trial.say(
        f"full disk: {told.line()}; {len(told_odd)} of {5 * len(asked)} others were"
        f" answered otherwise {told_odd[:3]}",
        set(told.statuses) == {200} and not told_odd,
    )
    trial.say("full disk: no worker died of it", set(workers_of(port)) == workers)
    workers = set(workers_of(port))
    os.kill(min(workers), signal.SIGKILL)
    end = time.perf_counter() + 30
    while time.perf_counter() < end:
        again = set(workers_of(port)) - {min(workers)}
        if len(again) == len(workers):
            break
        time.sleep(0.2)
    time.sleep(trial.much(3.0, 8.0))  # or does it die again?
    same = set(workers_of(port)) == again and len(again) == len(workers)
    trial.say("full disk: a worker that was killed came back and stayed", same)
    told_odd = odd(port, asked * 5, before * 5)
    trial.say(f"full disk: {len(told_odd)} of its answers differ", not told_odd)


def questions(trial, port):
    """Make one request of each kind whose answer is the same every time."""
    listed = request_bytes("/v1/accounts", method="GET")
    account = json.loads(ask(port, listed)[1])["accounts"][0]["account_id"]
    rows = {"as_of": trial.day, "rows": trial.rows[:1]}
    raw = {"as_of": trial.day, "accounts": [raw_history(trial.bundle, 100)]}
    paths = ["/livez", "/readyz", "/", "/model", "/v1/model", "/nowhere"]
    paths += [f"/v1/accounts/{account}", f"/v1/accounts/{account}/history"]
    return [
        request_bytes("/v1/score/features?drivers=5", json.dumps(rows).encode()),
        request_bytes("/v1/score?drivers=5", json.dumps(raw).encode()),
        request_bytes("/v1/score", b"[]"),
        request_bytes("/v1/score/features", b"{"),
        listed,
        *(request_bytes(path, method="GET") for path in paths),
    ]


def ask(port, request):
    async def once():
        connection = Connection(port)
        status = await connection.ask(request, seconds=10)
        connection.close()
        return status, connection.body

    return asyncio.run(once())


def odd(port, asked, before):
    pairs = zip(asked, before, strict=True)
    return [(r[:40], told[0]) for r, b in pairs if (told := ask(port, r)) != b]


def commanded(trial, disk):
    """Run what writes: each fails with a code, and all that was there still is."""
    before = contents(disk)
    for name, args in commands(trial, disk).items():
        done = command(disk, *args)
        told = f"{done.returncode} {done.stderr[:40]!r}"
        coded = done.returncode == 1 and done.stderr.startswith("[CH")
        trial.say(f"full disk: `{name}` ended with {told}", coded)
        now = contents(disk)
        changed = sorted(n for n in before.keys() | now if before.get(n) != now.get(n))
        trial.say(f"full disk: after `{name}` {changed[:5]} differ", not changed)


def commands(trial, disk):
    told = {
        "score": ("score", "--champion", "--out", disk / "scores"),
        "rollback": ("rollback",),
    }
    two, elsewhere = disk / "models" / "two", trial.folder / "elsewhere"
    long = {
        "promote": ("promote", two, "--models", disk / "others"),
        "train": ("train",),
        "train --out elsewhere": ("train", "--out", elsewhere),
    }
    return told | trial.much({}, long)


def command(disk, *args):
    done = [sys.executable, "-m", "churnhealth", *map(str, args)]
    done += ["--config", str(disk / "churnhealth.toml")]
    environment = {**os.environ, "TMPDIR": str(disk / "tmp"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        done, capture_output=True, text=True, check=False, cwd=disk, env=environment
    )


def contents(disk):
    """Give by their digests all files that hold anything, but log and database."""
    return {
        str(file.relative_to(disk)): hashlib.sha256(file.read_bytes()).hexdigest()
        for name in ("models", "others", "scores", "mlartifacts")
        for file in (disk / name).rglob("*")
        if file.is_file() and file.stat().st_size
    }


def freed(trial, port, disk):
    """Make room again: everything works, and nothing was lost."""
    for name, args in commands(trial, disk).items():
        if name != "train":
            done = command(disk, *args)
            told = f"{done.returncode} {done.stderr[:40]!r}"
            may = {0, 3} if name == "promote" else {0}  # the gate may say no
            trial.say(f"with room again: `{name}` {told}", done.returncode in may)
    if (store := disk / "mlflow.db").exists():
        with closing(sqlite3.connect(store)) as ledger:
            sound = ledger.execute("PRAGMA integrity_check").fetchone()
            runs = ledger.execute("SELECT status, count(*) FROM runs GROUP BY 1")
            trial.say(f"with room again: MLflow's {runs.fetchall()}", sound == ("ok",))
    version = trial.known["two"].model_version.encode()
    end = time.perf_counter() + 20
    while version not in (told := ask(port, request_bytes("/readyz", method="GET")))[1]:
        if time.perf_counter() > end:
            break
        time.sleep(0.2)
    trial.say("with room again: the service follows the rollback", version in told[1])
