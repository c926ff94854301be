"""Days that a workbook counts from 1904 are told, and read if they are said to be."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

from churnhealth.sources.contract import date_of
from churnhealth.sources.load import load


def read(company, pattern, first, *, of="day", planned=False):
    rows = "".join(
        f"a1,{first + n},{date(2021, 1, 1) + timedelta(days=n)}\n"
        for n in range(0, 300, 10)
    )
    columns = {"account_id": "account_id", "happened_at": of}
    if of == "due":
        columns["ended_at"] = "day"
    events = [
        {
            "name": "calls",
            "path": "calls.csv",
            "columns": columns,
            "formats": {"day": pattern},
            "planned": planned,
        },
        {"name": "product", "path": "events.csv"},
    ]
    files = {
        "calls.csv": "account_id,day,due\n" + rows,
        "events.csv": "account_id,happened_at\na1,2025-10-20\n",
    }
    return company(files=files, events=events)


def test_days_counted_from_1904_are_told(company):
    config = read(company, "spreadsheet days", 44197)  # 2025-01-02 from 1904
    (one,) = found(config, "CH292")
    assert one.what == (
        "[[sources.events]] calls: the newest row lies 1,463 days before those of"
        " other sources, read as 'spreadsheet days'"
    )


def test_they_are_read_where_that_is_said(company):
    config = read(company, "spreadsheet days 1904", 44197)
    assert found(config, "CH292") == []
    calls = load(config).history.events[0]
    assert str(date_of(int(calls.happened_at.min()))) == "2025-01-02"


def test_days_of_most_spreadsheets_are_not_told(company):
    assert found(read(company, "spreadsheet days", 45658), "CH292") == []


@pytest.mark.parametrize("more", [{"of": "due"}, {"planned": True}])
def test_neither_are_plans_nor_days_that_are_no_times(company, more):
    assert found(read(company, "spreadsheet days", 44197, **more), "CH292") == []
