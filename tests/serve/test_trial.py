"""The trial's short form: swaps, damaged bundles, a kill, a full disk, odd requests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("swaps", "damaged", "shared", "kills", "slow", "soak", "fuzz", "described")


@pytest.fixture
def tried(bundle_folder, scores_folder):
    """Run parts of the trial, and give what they told."""

    def run(*parts):
        done = subprocess.run(
            [
                *(sys.executable, ROOT / "benchmarks" / "trial_serve.py"),
                *("--seconds", "2", "--bundle", bundle_folder),
                *("--config", ROOT / "examples" / "simulated.toml"),
                *("--scores", scores_folder, "--parts", *parts),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "BROKEN" not in done.stdout
        return done.stdout

    return run


def test_the_service_holds_what_was_promised(tried):
    assert tried(*PARTS).count("kept ") >= 12


def test_a_full_disk_stops_what_writes_and_not_what_serves(tried):
    told = tried("full")
    if "skipped" in told:
        pytest.skip("no small disk can be mounted here")
    assert told.count("kept ") >= 11
