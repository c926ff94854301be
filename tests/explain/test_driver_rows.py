"""Drivers as plain values are those of the table, told to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.archive.plain import plain_rows
from churnhealth.explain.driver_rows import driver_rows
from churnhealth.explain.drivers import driver_table, explain_margin
from churnhealth.features.spec import feature

TOLD = (
    "feature",
    "label",
    "category",
    "value",
    "own_past",
    "peers_median",
    "effect_log_odds",
    "effect_points",
    "sentence",
)
SPECS = tuple(
    feature(kind, source="app", item=item, days=28)
    for kind in ("count", "trend", "active_users")
    for item in ("login", "export", "import")
)


def company(seed, n):
    """Effects of which some are nothing or equal, measures of which some are absent."""
    random = np.random.default_rng(seed)
    width = len(SPECS)
    parts = random.choice([-0.5, -0.1, 0.0, 0.1, 0.3, 0.5], (n, width + 1))
    parts[:, -1] = -2.0
    values = random.uniform(-0.9, 3.0, (n, width)).round(1)
    values[random.random(values.shape) < 0.3] = np.nan
    past = np.where(random.random(values.shape) < 0.5, np.nan, values[::-1] + 0.1)
    shape = (n, width) if seed % 2 else width  # of each account's own, or of all
    peers = random.uniform(0.0, 0.9, shape).round(1)
    peers[random.random(shape) < 0.3] = np.nan
    levels = np.sort(random.uniform(0.0, 2.0, (2, 2, width)), axis=1)
    return explain_margin(parts, slope=1.0, intercept=0.0), {
        "values": values,
        "past": past,
        "peers": peers,
        "tenths": (levels, random.integers(0, 2, n)),
        "related": random.integers(0, 4, width),
    }


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    top=st.integers(0, 12),
    worded=st.integers(1, 3),
)
def test_rows_tell_what_the_table_tells(seed, n, top, worded):
    why, measured = company(seed, n)
    how = {"top": top, "worded": worded, **measured}
    ids = np.arange(n).astype(object)
    table = driver_table(why, SPECS, account_ids=ids, as_of=np.zeros(n, int), **how)
    columns = {name: table[name] for name in ("account_id", *TOLD)}
    by_account = [[] for _ in range(n)]
    for told in plain_rows(columns):
        by_account[told.pop("account_id")].append(told)
    assert driver_rows(why, SPECS, **how) == by_account


def test_without_levels_of_peers_no_account_is_among_few():
    why, measured = company(1, 5)
    told = driver_rows(why, SPECS, top=9, **{**measured, "tenths": None})
    assert not any("nine in ten" in (d["sentence"] or "") for row in told for d in row)
    assert any(
        "nine in ten" in (driver["sentence"] or "")
        for row in driver_rows(why, SPECS, top=9, **measured)
        for driver in row
    )


@pytest.mark.parametrize("n", [1, 3])
def test_an_account_that_nothing_moved_has_no_drivers(n):
    why = explain_margin(np.zeros((n, len(SPECS) + 1)), slope=1.0, intercept=0.0)
    _, measured = company(2, n)
    assert driver_rows(why, SPECS, top=5, **measured) == [[] for _ in range(n)]
