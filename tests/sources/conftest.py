"""A tiny company on disk: tables as text, a configuration as a dict."""

from pathlib import Path

import pytest

from churnhealth.config import parse_config
from churnhealth.simulated.company import simulate

CONTRACTS = "account_id,start,end\na1,2025-01-01,2026-01-01\na2,2025-02-01,\n"
EVENTS = "account_id,happened_at\na1,2025-03-01\na2,2025-03-02\n"


@pytest.fixture
def company(tmp_path):
    """Write the given tables and return their configuration.

    ``company(contracts={...}, events=[{...}], files={"x.csv": "..."})``: what a table
    is not told is a working default.
    """

    def build(*, files=None, contracts=None, events=None, states=(), **more):
        texts = {"contracts.csv": CONTRACTS, "events.csv": EVENTS, **(files or {})}
        for name, text in texts.items():
            path = Path(tmp_path / name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        if events is None:
            events = [{"name": "product", "path": "events.csv"}]
        sources = {
            "contracts": contracts or {"path": "contracts.csv"},
            "events": list(events),
            "states": list(states),
        }
        sources |= more.pop("sources", {})
        return parse_config({"sources": sources, **more}, folder=tmp_path)

    return build


@pytest.fixture(scope="session")
def small():
    """Simulate a small company."""
    return simulate(accounts=250, seed=3)
