"""Days on which nobody came are told beside the windows that end in them."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

FIRST = date(2025, 1, 1)


def _shop(company, *, horizon=14, kind="inactivity", online=False):
    """Write a shop of 12 who come each day, closed from 1 to 14 August."""
    rows, web = [], []
    for i in range(300):
        day = FIRST + timedelta(days=i)
        closed = day.month == 8 and day.day < 15
        rows += [] if closed else [f"a{k:02d},{day}" for k in range(12)]
        web += [f"a{k:02d},{day}" for k in range(6)]
    head = "account_id,happened_at"
    files = {
        "contracts.csv": "account_id,start\na00,2025-01-01\n",
        "events.csv": "\n".join([head, *rows]),
    }
    sources = {}
    if online:
        files["web.csv"] = "\n".join([head, *web])
        both = [{"name": n, "path": f"{n}.csv"} for n in ("events", "web")]
        sources = {"sources": {"events": both}}
    question = {"kind": kind, "horizon_days": horizon}
    config = company(files=files, question=question, **sources)
    return [f for f in found(config, "CH210") if "[question]" in f.what]


def test_a_window_that_ends_while_the_shop_is_closed_is_told(company):
    [told] = _shop(company)
    assert (told.count, told.example, told.stops) == (1, "2025-08-01", False)
    assert "no source has an event for 14 days from 2025-08-01" in told.what
    assert "an outcome window has 14" in told.what


@pytest.mark.parametrize("horizon", [29, 90])
def test_a_long_window_is_not(company, horizon):
    assert _shop(company, horizon=horizon) == []


@pytest.mark.parametrize("more", [{"kind": "horizon"}, {"online": True}])
def test_neither_another_question_nor_what_goes_on_elsewhere(company, more):
    assert _shop(company, **more) == []
