"""The trial's short form: swaps, damaged bundles, a kill, slow and bent requests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("swaps", "damaged", "shared", "kills", "slow", "fuzz", "described")


def test_the_service_holds_what_was_promised(bundle_folder, scores_folder):
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "benchmarks" / "trial_serve.py"),
            *("--seconds", "2", "--bundle", bundle_folder),
            *("--config", ROOT / "examples" / "simulated.toml"),
            *("--scores", scores_folder, "--parts", *PARTS),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
    assert done.stdout.count("kept ") >= 8
