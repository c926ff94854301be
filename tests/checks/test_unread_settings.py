"""Settings that nothing reads are told; those that are read, or at rest, are not."""

from pathlib import Path

import pytest

from churnhealth.checks.unread_settings import unread_settings
from churnhealth.config import parse_config

CONTRACTS = {"path": "contracts.csv"}
USE = {"account_id": "account", "happened_at": "day"}
EVENTS = [{"name": "product", "path": "events.csv", "columns": USE}]


def told(question, *, contracts=CONTRACTS, **sections):
    sources = {"contracts": contracts, "events": EVENTS}
    raw = {"sources": sources, "question": question, **sections}
    return [f.what for f in unread_settings(parse_config(raw, folder=Path()))]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("renewal", {"lead_days": 7, "horizon_days": 30, "active_days": 28}),
        ("horizon", {"lead_max_days": 60, "active_days": 28}),
        ("inactivity", {"lead_max_days": 60, "churn_when": ["cancelled"]}),
    ],
)
def test_keys_of_another_question_are_told(kind, keys):
    (one,) = told({"kind": kind, **keys})
    listed = ", ".join(f"`{key}`" for key in keys)
    assert f"[question]: {kind} does not read {listed}; " in one


@pytest.mark.parametrize(
    "question",
    [
        {"kind": "renewal", "lead_max_days": 60, "gap_days": 20, "min_age_days": 9},
        {"kind": "horizon", "lead_days": 7, "horizon_days": 30},
        {"kind": "inactivity", "active_days": 28, "horizon_days": 28},
        {"kind": "renewal", "lead_days": 0},
    ],
)
def test_keys_that_are_read_or_change_nothing_are_not(question):
    assert told(question) == []


def test_rates_without_a_currency_are_told():
    rates = {"company": {"rates": {"EUR": 1, "SEK": 0.088}}}
    columns = {"account_id": "a", "start": "s", "value": "v"}
    money = {"path": "contracts.csv", "columns": columns}
    (one,) = told({"kind": "renewal"}, contracts=money, **rates)
    assert "`rates` are given, and no source maps `currency`" in one
    mapped = {**money, "columns": {**columns, "currency": "c"}}
    assert told({"kind": "renewal"}, contracts=mapped, **rates) == []
