"""An event after which cover ends for nearly everybody is told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

START = date(2025, 1, 1)


def _invoices(company, *, lost=12, kept=0, days=21, each=1, stays=40, **question):
    """Write accounts cut off so many days after an invoice that nobody paid."""
    stop = date(2025, 7, 1)
    contracts = ["account_id,start,end,cancelled_at"]
    events = ["account_id,happened_at,event"]
    for i in range(lost + kept):
        last = stop if i < lost else ""
        contracts.append(f"a{i:02d},{START},2026-06-01,{last}")
        first = stop - timedelta(days=days)
        events += [
            f"a{i:02d},{first + timedelta(days=k)},uncollectible" for k in range(each)
        ]
    contracts += [f"b{i:02d},{START},2026-06-01," for i in range(stays)]
    contracts.append("late,2025-12-01,2026-06-01,")
    ids = [f"a{i:02d}" for i in range(lost)] + [f"b{i:02d}" for i in range(stays)]
    events += [f"{a},{START},paid" for a in ids]
    files = {"contracts.csv": "\n".join(contracts), "events.csv": "\n".join(events)}
    return found(company(files=files, question=question), "CH277")


def test_a_status_of_those_who_are_cut_off_is_told(company):
    [told] = _invoices(company)
    assert (told.count, told.example, told.stops) == (12, "a00", False)
    assert "12 of 12 accounts with 'uncollectible'" in told.what
    assert "in the median after 21" in told.what


@pytest.mark.parametrize(
    "more",
    [
        {"lost": 9},
        {"kept": 2},
        {"days": 120},
        {"each": 5},
        {"stays": 6},
        {"churn_when": ["not_renewed"]},
    ],
    ids=["few", "some stay", "long before", "a habit", "most leave", "no churn"],
)
def test_others_are_not(company, more):
    assert _invoices(company, **more) == []
