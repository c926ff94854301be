"""The service against bare Starlette, a plain BentoML API and MLflow, in one run.

Same machine, same 200 features, same rows; the client runs beside the server. Ours
checks the body, scores with the whole blend, and adds bands, rules and five drivers in
words; the others only ask LightGBM. MLflow is asked in its own formats.

    python benchmarks/serving.py --seconds 8
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
from load import Connection, at_rate, closed_loop, request_bytes

from churnhealth.bundle import load_bundle
from churnhealth.sources.contract import date_of

HERE = Path(__file__).resolve().parent
TWO_WORKERS = "[serve]\nworkers = 2\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def running(command, port, path, *, folder, **environment):
    """Start a server, wait until it answers, stop it; gives the seconds it took."""
    log = (folder / f"server-{port}.log").open("w")
    # MLflow starts uvicorn by its name alone
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    began = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)),
        env={**os.environ, "PATH": found, "OMP_NUM_THREADS": "1", **environment},
        stdout=log,
        stderr=log,
        cwd=HERE,
    )
    try:
        ask = request_bytes(path, method="GET")
        while asyncio.run(Connection(port).ask(ask, seconds=2)) != 200:
            if process.poll() is not None or time.perf_counter() - began > 240:
                raise SystemExit(f"{command} did not start; see {log.name}")
            time.sleep(0.05)
        yield time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def rows_of(bundle, n):
    """Draw rows around what is usual, most features present."""
    random = np.random.default_rng(3)
    usual = np.nan_to_num(bundle.peers, nan=1.0)
    X = usual * random.uniform(0.3, 2.0, size=(n, len(usual)))
    X[random.random(X.shape) < 0.05] = np.nan
    return [
        {
            "account_id": f"a{i}",
            "features": {
                name: None if v != v else v
                for name, v in zip(bundle.names, row, strict=True)
            },
        }
        for i, row in enumerate(X.tolist())
    ]


def raw_history(bundle, events=1000):
    """Write one account with many events, as an app would send it."""
    schema = bundle.schema.to_json()
    source = schema["events"][0]["name"]
    names = schema["events"][0].get("vocabulary") or ["login"]
    end = date_of(bundle.as_of)
    rows = [
        {
            "source": source,
            "event": names[i % len(names)],
            "happened_at": f"{end - timedelta(days=1 + i % 300)}T08:{i % 60:02d}:00Z",
            "user_id": f"u{i % 9}",
        }
        for i in range(events)
    ]
    start, stop = end - timedelta(days=300), end + timedelta(days=65)
    return {
        "account_id": "a1",
        "profile": {},
        "contracts": [{"start": str(start), "end": str(stop), "value": 900.0}],
        "events": rows,
        "states": [],
    }


def asked(port, body, path="/v1/score/features?drivers=5"):
    request = request_bytes(path, json.dumps(body).encode())
    connection = Connection(port)
    status = asyncio.run(connection.ask(request))
    if status != 200:
        raise SystemExit(f"{path}: {status} {connection.body[:300]!r}")
    return request


def measured(port, request, seconds, connections=(1, 16)):
    """Warm up, then the closed loop; requests per second by connections."""
    asyncio.run(closed_loop(port, request, connections=4, seconds=1.0))
    rates = {}
    for n in connections:
        told = asyncio.run(closed_loop(port, request, connections=n, seconds=seconds))
        if set(told.statuses) != {200}:
            raise SystemExit(f"not all answered: {told.statuses}")
        rates[n] = len(told.seconds) / told.took
        print(f"  {n:>2} connections {told.line()}")
    return rates, told


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--bundle", type=Path, help="Default: the demo's, made anew.")
    parser.add_argument(
        "--alone",
        action="store_true",
        help="Peers as they install alone: without uvloop and httptools, which we add.",
    )
    parser.add_argument("--without", nargs="*", default=(), help="bentoml, mlflow")
    given = parser.parse_args()
    program = [sys.executable, "-m", "churnhealth"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle_folder = given.bundle
        if bundle_folder is None:
            make = [*program, "demo", "--no-serve", "--dir", str(folder / "demo")]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
            bundle_folder = folder / "demo" / "model"
        bundle_folder = bundle_folder.resolve()
        compare(bundle_folder, folder, given)
    print(f"load average {os.getloadavg()[0]:.1f}")


def compare(bundle_folder, folder, given):
    bundle = load_bundle(bundle_folder)
    day = str(date_of(bundle.as_of))
    rows = rows_of(bundle, 500)
    one = {"as_of": day, "rows": rows[:1]}
    model = bundle_folder / "model.txt"
    peer = {"BENCH_MODEL": str(model), "BENCH_NAMES": json.dumps(bundle.names)}
    alone = without_ours(folder) if given.alone else {}
    peer |= alone
    print(f"{type(bundle.scorer).__name__}, {len(bundle.names)} features")

    ours = our_rates(bundle, bundle_folder, folder, rows, given.seconds)
    two_workers(bundle, bundle_folder, folder, rows, given.seconds)

    rates = {}
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "serving_peers:bare"]
    command += ["--port", port, "--log-level", "warning"]
    with running(command, port, "/readyz", folder=folder, **peer):
        print("bare Starlette and uvicorn")
        request = asked(port, one)
        rates["bare"], _ = measured(port, request, given.seconds)
        at_half_load(port, request, rates["bare"], given.seconds)
    if "bentoml" not in given.without:
        port = free_port()
        command = [sys.executable, "-m", "bentoml", "serve", "serving_peers:Plain"]
        command += ["--port", port]
        peer |= {"BENCH_PEER": "bentoml", "BENCH_PORT": str(port)}
        peer |= {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "b")}
        with running(command, port, "/readyz", folder=folder, **peer):
            print("a plain BentoML API")
            rates["bentoml"], _ = measured(port, asked(port, one), given.seconds)
    if "mlflow" not in given.without:
        rates |= mlflow_rates(model, rows[:1], bundle.names, folder, given, alone)
    for name, rate in rates.items():
        told = ", ".join(f"{ours[n] / rate[n]:.2f} x at {n}" for n in rate)
        print(f"ours against {name}: {told}")


def at_half_load(port, request, rates, seconds):
    """Send half of what was answered, at even moments; give the idle p50."""
    idle = asyncio.run(closed_loop(port, request, connections=1, seconds=seconds / 2))
    p50 = np.median(idle.seconds)
    for n, rate in rates.items():
        told = asyncio.run(at_rate(port, request, rate=rate / 2, seconds=seconds))
        times = np.percentile(told.seconds, 99) / p50
        print(f"  half the load of {n}, open loop: {told.line()}")
        print(f"    p99 is {times:.1f} x the idle p50 ({1000 * p50:.2f} ms)")
    return p50


def serving(bundle_folder, *more):
    port = free_port()
    command = [sys.executable, "-m", "churnhealth", "serve"]
    return port, [*command, "--bundle", bundle_folder, "--port", port, *more]


def our_rates(bundle, bundle_folder, folder, rows, seconds):
    """Ask our service rows, batches and raw histories; give the rates of one row."""
    day = str(date_of(bundle.as_of))
    port, command = serving(bundle_folder)
    with running(command, port, "/readyz", folder=folder) as took:
        # 404 is not among its answers: ready means that the model is loaded
        print(f"ours, ready after {took:.1f} s; worker {memory(port):.0f} MB")
        request = asked(port, {"as_of": day, "rows": rows[:1]})
        ours, _ = measured(port, request, seconds)
        p50 = at_half_load(port, request, ours, seconds)
        batch = asked(port, {"as_of": day, "rows": rows})
        told = asyncio.run(closed_loop(port, batch, connections=1, seconds=seconds))
        rate = 500 * len(told.seconds) / told.took
        print(f"  batches of 500 with drivers: {rate:,.0f} accounts/s")
        body = {"as_of": day, "accounts": [raw_history(bundle)]}
        raw = asked(port, body, "/v1/score?drivers=5")
        told = asyncio.run(closed_loop(port, raw, connections=1, seconds=seconds / 2))
        ratio = np.median(told.seconds) / p50
        print(f"  raw history of 1,000 events: {told.line()}; {ratio:.1f} x a row")
        print(f"  after all: worker {memory(port):.0f} MB")
    return ours


def two_workers(bundle, bundle_folder, folder, rows, seconds):
    """Ask batches of as many workers as there are cores."""
    config = folder / "two.toml"
    config.write_text(TWO_WORKERS)
    port, command = serving(bundle_folder, "--config", config)
    with running(command, port, "/readyz", folder=folder):
        batch = asked(port, {"as_of": str(date_of(bundle.as_of)), "rows": rows})
        for n in (2, 4):
            told = asyncio.run(closed_loop(port, batch, connections=n, seconds=seconds))
            rate = 500 * len(told.seconds) / told.took
            print(f"  two workers, batches of 500, {n} at once: {rate:,.0f} accounts/s")


def without_ours(folder):
    """Hide from the peers what only our installation brings along."""
    hidden = folder / "hidden"
    hidden.mkdir()
    for name in ("uvloop", "httptools"):
        (hidden / f"{name}.py").write_text("raise ImportError\n")
    return {"PYTHONPATH": str(hidden)}


def mlflow_rates(model, rows, names, folder, given, environment):
    """Serve the model as MLflow would; ask by the features' names, then bare numbers.

    Named as ours are asked, it makes a table of each row; a plain list of numbers in
    the right order, which nothing checks, is its fastest way.
    """
    import lightgbm as lgb
    import mlflow

    saved = folder / "mlflow-model"
    booster = lgb.Booster(model_file=str(model))
    mlflow.lightgbm.save_model(booster, str(saved))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", saved]
    command += ["--env-manager", "local", "--port", port]
    names = names[: booster.num_feature()]
    values = [rows[0]["features"][n] for n in names]
    bodies = {
        "mlflow": {"dataframe_split": {"columns": names, "data": [values]}},
        "mlflow, numbers without names": {"inputs": [values]},
    }
    rates = {}
    with running(command, port, "/ping", folder=folder, **environment):
        for name, body in bodies.items():
            print(f"{name} (`mlflow models serve`)")
            sent = json.dumps(body).replace("null", "NaN").encode()
            request = request_bytes("/invocations", sent)
            rates[name], _ = measured(port, request, given.seconds)
    return rates


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


def memory(port):
    """Give the resident MB of the largest worker."""
    page = resource.getpagesize()
    sizes = [0]
    for worker in workers_of(port):
        with suppress(OSError):
            sizes.append(int(Path(f"/proc/{worker}/statm").read_text().split()[1]))
    return max(sizes) * page / 2**20


if __name__ == "__main__":
    main()
