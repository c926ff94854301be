"""What every test may lean on: real data beside the repository, a browser, one seed."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is not a broken program: examples are judged by their answers, not
# by the time they took. CI draws the same examples every time.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


# Files that take longest, longest first. Workers take them first, so that all end
# together: a long file that is taken last is waited for by everybody.
LONGEST = (
    "tests/test_notebooks.py",
    "tests/test_examples.py",
    "tests/cli/test_cli.py",
    "tests/serve/test_trial.py",
    "tests/pages/test_walk.py",
    "tests/evaluate/test_screen.py",
    "tests/features/test_kernel.py",
    "tests/test_snippets.py",
    "tests/sources/test_broken.py",
    "tests/serve/test_service.py",
    "tests/serve/test_pages.py",
    "tests/test_pipeline.py",
    "tests/evaluate/test_ladder.py",
    "tests/archive/test_runs.py",
    "tests/scorers/test_every_scorer.py",
    "tests/evaluate/test_verdict.py",
    "tests/evaluate/test_backtest.py",
    "tests/pages/test_browser.py",
    "tests/snapshots/test_no_future.py",
    "tests/test_bad_input.py",
    "tests/test_gate.py",
    "tests/evaluate/test_report.py",
    "tests/test_scoring_in_time.py",
    "tests/archive/test_timeline.py",
    "tests/snapshots/test_against_oracle.py",
    "tests/workbench/test_workbench.py",
    "tests/test_monitor.py",
    "tests/archive/test_moves.py",
    "tests/sources/test_store.py",
    "tests/serve/test_deploy.py",
)


def pytest_collection_modifyitems(items):
    rank = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.split("::")[0], len(rank)))


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files from what the code says now",
    )


@pytest.fixture
def update_golden(request):
    return request.config.getoption("--update-golden")


def _missing(what):
    """Skip on a machine that lacks something; on CI nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared_data():
    """Give the folder of a real data set by its name, as ``shared_data("crm5")``."""
    given = os.environ.get("CHURNHEALTH_TEST_DATA")
    root = Path(given) if given else ROOT.parent / "shared" / "data"

    def folder(name):
        if not (root / name).is_dir():
            _missing(f"no {name} in {root}: set CHURNHEALTH_TEST_DATA to its parent")
        return root / name

    return folder


@pytest.fixture(scope="session")
def chromium():
    """Give the path of the system's Chromium."""
    path = Path(os.environ.get("CHURNHEALTH_CHROMIUM", "/usr/bin/chromium"))
    if not path.exists():
        _missing(f"no Chromium at {path}: install it or set CHURNHEALTH_CHROMIUM")
    return path
