"""Features of many events against other engines: same file, same features, one run.

Counts and sums of 8 events over 4 windows (64 features) for every account on 18
monthly dates, from one Parquet file of raw events in the order they came. Every engine
runs in a process of its own, from opening the file to a NumPy table; its answer is
compared with ours, and its time and peak memory are printed. The floor is DuckDB
reading the file and grouping it once by account and event.

    python benchmarks/features.py --sizes 1e6 20e6 --plot docs/images/features.svg
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import product
from pathlib import Path

import features_peers
import numpy as np

from churnhealth.config import parse_config
from churnhealth.features.runtime import feature_table
from churnhealth.features.spec import feature
from churnhealth.sources.contract import day_of
from churnhealth.sources.engine import connect
from churnhealth.sources.load import load

EVENTS, WINDOWS = 8, (7, 28, 90, 180)
AS_OF = [date(2024 + (6 + m) // 12, (6 + m) % 12 + 1, 1) for m in range(18)]
ROWS_PER_ACCOUNT = {1_000_000: 1000, 20_000_000: 1000, 100_000_000: 500}
PEERS_UP_TO = 20_000_000  # beyond it they need more memory than 24 GB, or an hour
MOST_GB = 14  # what the hungriest engine needs
APART = 28  # days over which accounts' own dates are spread
PEERS = ("Polars", "DuckDB, ASOF joins", "DuckDB, join", "pandas")


def make_events(path, rows, accounts):
    """Draw two years of events, a few accounts far busier than the rest."""
    with connect() as con:
        con.execute("SET threads = 1")
        con.execute("SELECT setseed(0.5)")
        con.execute(f"""COPY (SELECT
            'a' || lpad(floor({accounts} * pow(random(), 1.5))::BIGINT::VARCHAR, 7, '0')
              AS account_id,
            TIMESTAMP '2024-01-01' + to_seconds(i * (731 * 86400.0) / {rows})
              AS happened_at,
            'event_' || floor({EVENTS} * pow(random(), 1.3))::INT AS event,
            'u' || floor(40 * random() * random())::INT AS user_id,
            round(100 * random() * random(), 2) AS amount
          FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)""")


def config_of(path, *, store=None, users=False):
    columns = {name: name for name in ("account_id", "happened_at", "event", "amount")}
    columns |= {"user_id": "user_id"} if users else {}
    source = {"name": "product", "path": str(path), "columns": columns}
    return parse_config(
        {
            "sources": {"events": [source], "store": store and str(store)},
            "question": {"kind": "inactivity"},
        },
        folder=Path(path).parent,
    )


def specs_of(history, *, users=False):
    words = history.events[0].vocabulary
    specs = [
        feature(kind, source="product", item=word, days=days)
        for word, days, kind in product(words, WINDOWS, ("count", "sum"))
    ]
    if users:
        specs += [feature("active_users", source="product", days=w) for w in WINDOWS]
    return specs


def ours(path, *, store=None, users=None, apart=1):
    history = load(config_of(path, store=store, users=users is not None)).history
    n = history.accounts.ids.size
    days = np.array([day_of(day) for day in AS_OF])
    each = days + (np.arange(n) % apart)[:, None]
    table = feature_table(
        history,
        specs_of(history, users=bool(users)),
        account=np.repeat(np.arange(n), days.size),
        as_of=each.ravel(),
        gap_days=0,
    )
    return table.values


def floor(path):
    with connect() as con:
        con.execute("SET threads = 2")
        asked = "SELECT account_id, event, count(*), sum(amount)"
        con.execute(f"{asked} FROM read_parquet('{path}') GROUP BY ALL").fetchnumpy()


def engines(store):
    """Name every engine and how it is run."""
    return {
        "churnhealth": ours,
        "churnhealth, kept sorted": lambda path: ours(path, store=store),
        "the floor": floor,
        "Polars": features_peers.polars,
        "DuckDB, ASOF joins": features_peers.duckdb_asof,
        "DuckDB, join": features_peers.duckdb_join,
        "pandas": features_peers.pandas,
        "dates of one's own": lambda path: ours(path, apart=APART),
        "64 features, user ids read": lambda path: ours(path, users=False),
        "64 features and users of 4 windows": lambda path: ours(path, users=True),
    }


def child(engine, path, answer, store):
    """Run one engine in this process and leave its answer as a file."""
    begun = time.perf_counter()
    values = engines(store)[engine](path)
    took = time.perf_counter() - begun
    if values is not None:
        np.save(answer, values)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": took, "peak_gb": peak}))


def run(engine, path, folder, *, limit):
    """Run one engine in a process of its own; ``None`` when it does not end."""
    answer = folder / f"{engine}.npy"
    touch_memory()
    command = [sys.executable, __file__, "--engine", engine, "--data", str(path)]
    command += ["--answer", str(answer), "--store", str(folder / "store")]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f"not done after {limit} s"
    if done.returncode:
        return None, f"ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    told = json.loads(done.stdout.splitlines()[-1])
    return told, np.load(answer, mmap_mode="r") if answer.exists() else None


def touch_memory():
    """Have the memory at hand that any engine needs: a virtual machine's may be away.

    What was not touched for a while comes anew from the host, at half a gigabyte a
    second: whoever runs first would pay for all.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    touch = f"import numpy as np; np.ones({max(min(MOST_GB, free - 2), 0)} << 27)"
    subprocess.run([sys.executable, "-c", touch], check=True)


def compared(found, reference):
    """Say how far an engine's answer is from ours."""
    if found is None or found.shape[0] != reference.shape[0]:
        return ""
    width = min(found.shape[1], reference.shape[1])
    apart = np.abs(found[:, :width] - reference[:, :width])
    same = "the same bits" if not apart.any() else f"{apart.max():.0e} apart"
    return same if np.isfinite(apart).all() else "DIFFERS"


def measure(rows, folder, *, limit, peers):
    """Run every engine on one size; print and give its line."""
    accounts = int(rows // ROWS_PER_ACCOUNT.get(rows, 1000))
    path = folder / "events.parquet"
    make_events(path, rows, accounts)
    print(f"\n{rows:,} events, {accounts:,} accounts, {len(AS_OF)} dates", flush=True)
    lines, reference = {}, None
    run("churnhealth, kept sorted", path, folder, limit=limit)  # fills the store
    for engine in engines(None):
        skipped = engine in PEERS and (engine not in peers or rows > PEERS_UP_TO)
        if skipped or "own" in engine:
            continue
        told, answer = run(engine, path, folder, limit=limit)
        if told is None:
            print(f"  {engine:36} {answer}", flush=True)
            continue
        reference = answer if reference is None else reference
        lines[engine] = told
        print(
            f"  {engine:36} {told['seconds']:8.1f} s  {told['peak_gb']:5.1f} GB"
            f"  {told['seconds'] / lines['churnhealth']['seconds']:6.1f}x"
            f"  {compared(answer, reference)}",
            flush=True,
        )
    return lines


def with_featuretools(folder, python):
    """Measure featuretools, in its own environment, at sizes that it can do.

    With the same dates for all accounts, which suits it, and with dates of their own,
    as renewals are.
    """
    for rows, engine, apart in (
        (4_000_000, "churnhealth", 1),
        (20_000_000, "churnhealth", 1),
        (100_000, "dates of one's own", APART),
    ):
        path, accounts = folder / f"few-{rows}.parquet", rows // 1000
        make_events(path, rows, accounts)
        mine, reference = run(engine, path, folder, limit=600)
        kept = None
        if apart == 1:
            again = "churnhealth, kept sorted"
            run(again, path, folder, limit=600)  # fills the store
            kept, _ = run(again, path, folder, limit=600)
        answer = folder / "featuretools.npy"
        script = Path(__file__).with_name("features_featuretools.py")
        done = subprocess.run(
            [python, str(script), str(path), str(answer), str(apart)],
            capture_output=True,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout.splitlines()[-1])
        dates = "dates of their own" if apart > 1 else "dates for all"
        print(f"\n{rows:,} events, {accounts} accounts, {len(AS_OF)} {dates}")
        print(f"  {'churnhealth':36} {mine['seconds']:8.2f} s")
        if kept is not None:
            times = told["seconds"] / kept["seconds"]
            print(f"  {'kept sorted':36} {kept['seconds']:8.2f} s, {times:.0f}x faster")
        print(
            f"  {'featuretools':36} {told['seconds']:8.1f} s           "
            f"  {told['seconds'] / mine['seconds']:6.1f}x"
            f"  {compared(np.load(answer), reference)}",
            flush=True,
        )


def plot(measured, file):
    """Draw seconds by size, one line an engine."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 4))
    names = dict.fromkeys(name for lines in measured.values() for name in lines)
    for name in (n for n in names if not n.startswith("64")):
        at = [rows for rows, lines in measured.items() if name in lines]
        seconds = [measured[rows][name]["seconds"] for rows in at]
        style = "-" if name.startswith("churnhealth") else "--"
        ax.plot(at, seconds, style, marker="o", markersize=4, label=name)
    ax.set(xscale="log", yscale="log", xlabel="events", ylabel="seconds")
    ax.set_title("64 features on 18 dates, two cores", loc="left", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)
    fig.tight_layout()
    fig.savefig(file, metadata={"Date": None})


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--sizes", nargs="+", type=float, default=[1e6, 20e6])
    ask.add_argument("--limit", type=float, default=900, help="seconds for an engine")
    ask.add_argument("--plot", type=Path)
    ask.add_argument("--featuretools", help="a Python that has featuretools")
    ask.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    ask.add_argument("--engine")
    ask.add_argument("--data")
    ask.add_argument("--answer")
    ask.add_argument("--store")
    given = ask.parse_args()
    if given.engine:
        child(given.engine, given.data, given.answer, given.store)
        return
    load_now = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load_now}, Python {sys.version.split()[0]}")
    measured = {}
    for rows in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured[int(rows)] = measure(
                int(rows), Path(folder), limit=given.limit, peers=given.peers
            )
    if given.featuretools:
        with tempfile.TemporaryDirectory() as folder:
            with_featuretools(Path(folder), given.featuretools)
    if given.plot:
        plot(measured, given.plot)


if __name__ == "__main__":
    main()
