"""Averages of states of any size: rates of a thousandth, bytes in billions."""

import math

import numpy as np
import pytest

from churnhealth.features.runtime import feature_table
from churnhealth.features.spec import feature
from churnhealth.sources.contract import Accounts, History, StateLog


def texts(*values):
    return np.array([*values, None], dtype=object)[:-1]


def told(values, kind="average", days=None):
    nobody = texts(None)
    accounts = Accounts(
        ids=texts("a"),
        name=nobody,
        segment=nobody,
        owner=nobody,
        group=nobody,
        known_at=np.zeros(1, int),
    )
    log = StateLog(
        name="meter",
        vocabulary=("meter",),
        categories=("usage",),
        account=np.zeros(len(values), int),
        known_at=np.arange(len(values)),
        state=np.zeros(len(values), int),
        value=np.array(values, float),
    )
    history = History(accounts=accounts, contracts=None, events=(), states=(log,))
    spec = feature(kind, source="meter", item="meter", days=days)
    table = feature_table(
        history,
        (spec,),
        account=np.zeros(1, int),
        as_of=np.array([len(values)]),
        gap_days=0,
    )
    return float(table.values[0, 0])


@pytest.mark.parametrize(
    "values",
    [
        [0.00003, 0.00005],
        [1 / 3, 2 / 3, 1 / 7],
        [5.4e10, 6.2e10, 1.5],
        [-0.5, -2e9, 0.25],
        [math.nan, 0.125, 3e-7],
    ],
)
def test_the_average_is_that_of_the_values_as_they_are(values):
    given = [value for value in values if not math.isnan(value)]
    expected = math.fsum(given) / len(given)
    assert told(values) == pytest.approx(expected, rel=1e-9)
    assert told(values, "recent_average", 90) == told(values)


@pytest.mark.parametrize("kind", ["total", "total_days", "days_lasted", "mean_gap"])
def test_nobody_is_told_to_change_what_all_of_life_added_up_to(kind):
    assert not feature("average", source="surveys", item="nps").actionable
    assert not feature(kind, source="product").actionable
    assert feature("latest", source="surveys", item="nps").actionable
    assert feature("count", source="product", days=28).actionable


def test_when_invoices_are_written_is_nothing_to_act_on_and_unpaid_ones_are():
    sent = feature("days_since", source="invoices", category="contract")
    late = feature("oldest_open", source="invoices", category="contract")
    assert (sent.actionable, late.actionable) == (False, True)
    assert feature("days_since", source="tickets", category="experience").actionable
