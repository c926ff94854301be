"""Drivers of trees against the peers: same model, same rows, same cores, in one run.

Prints rows per second of this package, of LightGBM's ``pred_contrib``, of
``shap.TreeExplainer`` and of ``woodelf``, the largest difference from ``pred_contrib``,
what the tables cost, the time of one row, and 100,000 accounts from their features to
Parquet (the demo's model on a simulated company, rows drawn from it).

    python benchmarks/drivers.py --rows 20000 --accounts 100000
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np

from churnhealth.explain.trees import tree_tables

THREADS = 2


def timed(work, *, least=0.5):
    """Give the best time of one call, and its answer."""
    best, total, answer = np.inf, 0.0, None
    while total <= least:
        begun = time.perf_counter()
        answer = work()
        took = time.perf_counter() - begun
        best, total = min(best, took), total + took
    return best, answer


def model_of(trees, leaves, *, features=60, rows=20_000):
    """Train trees of the product's shape on made-up counts with gaps."""
    random = np.random.default_rng(1)
    X = random.poisson(3.0, size=(rows, features)).astype(float)
    X += random.normal(size=X.shape).cumsum(axis=1) * 0.2
    X[random.random(X.shape) < 0.05] = np.nan
    z = np.nan_to_num(X[:, :12]) @ random.normal(size=12) * 0.3 - 3.0
    y = random.random(rows) < 1.0 / (1.0 + np.exp(-z))
    how = {
        "objective": "binary",
        "num_leaves": leaves,
        "max_depth": 6,
        "learning_rate": 0.04,
        "lambda_l2": 20.0,
        "feature_fraction": 0.5,
        "min_data_in_leaf": 40,
        "num_threads": THREADS,
        "verbosity": -1,
    }
    booster = lgb.train(how, lgb.Dataset(X, y), num_boost_round=trees)
    return booster, X


def peers(booster, X):
    """Name the others and how each is called; all give (n, F + 1) or (n, F)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        import shap
        import woodelf

        tree = shap.TreeExplainer(booster)
        elf = woodelf.WoodelfExplainer(booster)
    columns = [f"Column_{j}" for j in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=columns)
    return {
        "pred_contrib": lambda: booster.predict(
            X, pred_contrib=True, num_threads=THREADS
        ),
        "shap.TreeExplainer": lambda: tree.shap_values(X),
        "woodelf": lambda: elf.shap_values(frame),
    }


def batch(trees, leaves, rows):
    booster, X = model_of(trees, leaves)
    X = np.tile(X, (-(-rows // len(X)), 1))[:rows]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = booster.model_to_string()
    begun = time.perf_counter()
    tables = tree_tables(text, width=X.shape[1])
    built = time.perf_counter() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\n{trees} trees x {leaves} leaves, {rows} rows, {THREADS} cores")
    print(
        f"  tables: {built:.2f} s, {tables.bytes / 2**20:.0f} MB kept,"
        f" peak memory grew by {grown / 2**10:.0f} MB, trees left out:"
        f" {sum(n for _, n in tables.left_out)}"
    )
    ours, found = timed(lambda: tables.contributions(X, threads=THREADS))
    print(f"  {'churnhealth':<20}{rows / ours:>12,.0f} rows/s")
    truth = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, work in peers(booster, X).items():
            took, theirs = timed(work, least=0.0)
            theirs = np.asarray(theirs)
            truth = theirs if truth is None else truth
            width = min(theirs.shape[-1], found.shape[1])
            apart = np.abs(theirs[..., :width] - truth[:, :width]).max()
            print(
                f"  {name:<20}{rows / took:>12,.0f} rows/s, ours is"
                f" {took / ours:5.1f} times as fast, differs from pred_contrib by"
                f" {apart:.1e}"
            )
    print(f"  ours differs from pred_contrib by {np.abs(found - truth).max():.1e}")
    one_row(booster, tables, X)


def one_row(booster, tables, X):
    rows = [X[i : i + 1] for i in range(200)]
    ways = {
        "churnhealth": lambda x: tables.contributions(x),
        "pred_contrib": lambda x: booster.predict(x, pred_contrib=True, num_threads=1),
        "shap.TreeExplainer": None,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        ways["shap.TreeExplainer"] = shap.TreeExplainer(booster).shap_values
        for name, work in ways.items():
            times = []
            for x in rows:
                begun = time.perf_counter()
                work(x)
                times.append(time.perf_counter() - begun)
            print(f"  one row, {name:<20} median {1e3 * np.median(times):.3f} ms")


def whole(accounts):
    """Go from the features of many accounts to Parquet: scores, drivers, words."""
    from churnhealth.assessing import score_matrix
    from churnhealth.bundle import load_bundle
    from churnhealth.explain.drivers import driver_table
    from churnhealth.sources.engine import write_table

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, X, segment = subprocess_company(folder)
        bundle = load_bundle(model)
        at = np.random.default_rng(3).integers(len(X), size=accounts)
        X, segment = X[at], segment[at]
        ids = np.array([f"A{i:06d}" for i in range(accounts)], dtype=object)
        begun = time.perf_counter()
        rows = 0
        for start in range(0, accounts, 20_000):
            part = slice(start, start + 20_000)
            scored = score_matrix(bundle, X[part])
            drivers = driver_table(
                scored.explained,
                bundle.specs,
                account_ids=ids[part],
                as_of=bundle.as_of * np.ones(len(X[part]), np.int64),
                values=X[part],
                past=X[part],
                peers=bundle.peers_of(segment[part]),
                tenths=bundle.tenths_of(segment[part]),
                related=bundle.stories,
            )
            rows += drivers["rank"].size
            write_table(folder / f"drivers{start}.parquet", drivers)
            told = {"account_id": ids[part], "band": scored.band}
            told |= {"churn_probability": scored.explained.probability}
            told |= {"rules_score": scored.rules_score}
            write_table(folder / f"scores{start}.parquet", told)
        took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\n{accounts} accounts, {X.shape[1]} features, {bundle.scorer.name}: scores,"
        f" {rows:,} drivers, words and Parquet {took:.1f} s; peak memory of this"
        f" process {peak:.2f} GB"
    )


def subprocess_company(folder):
    """Train on a simulated company in a process of its own, so that memory is ours."""
    code = f"""
from importlib.resources import files
from pathlib import Path
import numpy as np
from churnhealth.bundle import save_bundle
from churnhealth.config import read_config
from churnhealth.pipeline import build_panel, train
from churnhealth.progress import Progress
from churnhealth.sources.load import load
from churnhealth.simulated.company import simulate, write_company
folder = Path({str(folder)!r})
write_company(simulate(accounts=1500, seed=5), folder / "data", file_format="csv")
for name in ("demo.toml", "rules-simulated.toml"):
    text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
config = read_config(folder / "demo.toml")
loaded = load(config)
with Progress() as progress:
    save_bundle(train(config, loaded, (), progress=progress).bundle, folder / "model")
    panel = build_panel(config, loaded.history, progress=progress)
np.save(folder / "X.npy", panel.X)
segment = panel.history.accounts.segment[panel.cohort.account]
(folder / "segment.txt").write_text("\\n".join(map(str, segment)))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    segment = (folder / "segment.txt").read_text(encoding="utf-8").split("\n")
    return folder / "model", np.load(folder / "X.npy"), np.array(segment, dtype=object)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    given = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    batch(400, 8, given.rows)
    batch(300, 15, given.rows)
    if given.accounts:
        whole(given.accounts)


if __name__ == "__main__":
    main()
