"""One account with 1,000 events, in process: rows to arrays, arrays to features.

The demo's bundle, all of its features; medians of many calls on one thread.

    python benchmarks/online.py --bundle demo/model
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from serving import raw_history

from churnhealth.bundle import load_bundle
from churnhealth.features.runtime import features_of_one
from churnhealth.sources.rows import history_from_rows


def median(work, *, calls=200):
    """Give the median milliseconds of a call."""
    took = np.empty(calls)
    for i in range(calls):
        begun = time.perf_counter()
        work()
        took[i] = time.perf_counter() - begun
    return 1000 * float(np.median(took))


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--bundle", type=Path, help="Default: the demo's, made anew.")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = given.bundle
        if bundle is None:
            make = [sys.executable, "-m", "churnhealth", "demo", "--no-serve"]
            subprocess.run([*make, "--dir", f"{folder}/demo"], check=True)
            bundle = Path(folder) / "demo" / "model"
        model = load_bundle(bundle.resolve())
    gap = model.question.gap_days
    print(f"{len(model.specs)} features, load {os.getloadavg()[0]:.1f}")
    for events in (100, 1_000, 10_000):
        row = raw_history(model, events)
        history = history_from_rows(model.schema, [row])
        read = median(lambda row=row: history_from_rows(model.schema, [row]))
        told = median(
            lambda history=history: features_of_one(
                history, model.specs, as_of=model.as_of, gap_days=gap
            )
        )
        print(f"{events:6,} events: rows to arrays {read:.2f} ms, features {told:.2f}")


if __name__ == "__main__":
    main()
