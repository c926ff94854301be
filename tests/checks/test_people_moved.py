"""Accounts that end while their people begin in another are told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

END, FAR_ON = date(2025, 6, 1), date(2025, 12, 1)


def _use(account, people, first, last):
    weeks = range(0, (last - first).days, 7)
    return [f"{account},{first + timedelta(days=k)},{p}" for k in weeks for p in people]


def _merged(
    company, *, accounts=4, first=END, until=END, shared=0, people=4, moving=3,
    end=END, newest="2025-11-30",
):  # fmt: skip
    """Write accounts of which some people go on in an account that was there before."""
    contracts = ["account_id,start,end"]
    use = ["account_id,happened_at,user_id"]
    for i in range(12):
        contracts.append(f"new{i},2024-01-01,2026-12-01")
        use += _use(f"new{i}", [f"n{i}"], date(2024, 6, 1), FAR_ON)
    contracts.append(f"late,{newest},2026-12-01")
    for i in range(accounts):
        names = [f"p{i}-{k}" for k in range(people)]
        contracts.append(f"old{i},2024-01-01,{end}")
        use += _use(f"old{i}", names, date(2024, 6, 1), until)
        use += _use(f"new{i}", names[:moving], first, FAR_ON)
        for k in range(shared):
            use += _use(f"new{6 + k}", names, END, FAR_ON)
    files = {"contracts.csv": "\n".join(contracts), "events.csv": "\n".join(use)}
    columns = {c: c for c in ("account_id", "happened_at", "user_id")}
    events = [{"name": "product", "path": "events.csv", "columns": columns}]
    return found(company(files=files, events=events), "CH276")


def test_accounts_whose_people_are_seen_elsewhere_from_that_day_are_told(company):
    [told] = _merged(company)
    assert (told.count, told.example, told.stops) == (4, "old0", False)
    assert "of 4 accounts whose cover ended 4 have half of their people" in told.what


def test_so_are_those_whose_old_contract_runs_on_to_its_end(company):
    moved = date(2025, 1, 10)
    [told] = _merged(company, first=moved, until=moved)
    assert told.count == 4


def test_nobody_is_gone_because_others_have_booked_ahead(company):
    moved, end = date(2025, 10, 1), date(2025, 11, 20)  # who renews by 20 December?
    booked = _merged(company, first=moved, until=moved, end=end, newest="2025-12-28")
    assert booked == []


@pytest.mark.parametrize(
    "more",
    [
        {"accounts": 2},
        {"moving": 1},
        {"people": 1, "moving": 1},
        {"first": date(2024, 6, 1)},
        {"first": date(2025, 9, 1)},
        {"shared": 1},
    ],
    ids=["two", "one leaves", "one person", "in both all along", "later", "in three"],
)
def test_others_who_work_for_two_customers_are_not(company, more):
    assert _merged(company, **more) == []
