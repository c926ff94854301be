"""Accounts that a join found twice are told, clicks that are alike are not."""

import pytest
from tests.sources.checked import found

ROWS = [
    (who, f"2025-{month:02}-{day:02}", 1 + (day * month) % 7)
    for who in ("a1", "a2", "a3", "a4")
    for month in (3, 4)
    for day in range(1, 14)
]


def told(company, rows, **more):
    text = "account_id,happened_at,count,id\n"
    text += "".join(f"{who},{day},{n},{at}\n" for at, (who, day, n) in enumerate(rows))
    columns = {c: c for c in ("account_id", "happened_at", "count")} | more
    events = [{"name": "product", "path": "events.csv", "columns": columns}]
    terms = "".join(f"a{n},2025-01-01\n" for n in range(5))
    files = {"events.csv": text, "contracts.csv": f"account_id,start\n{terms}"}
    return found(company(files=files, events=events), "CH280")


def twice(*accounts):
    return [row for row in ROWS for _ in range(1 + (row[0] in accounts))]


def test_accounts_that_were_joined_twice_are_told(company):
    (one,) = told(company, twice("a2", "a3", "a4"))
    assert "of 3 accounts every row stands there twice" in one.what
    assert (one.count, one.example, one.stops) == (3, "a2", False)


@pytest.mark.parametrize(
    "rows",
    [
        twice("a2", "a3"),
        [*twice("a2", "a3", "a4"), ROWS[-1]],
        [row for row in twice("a2", "a3", "a4") if row[1] < "2025-04-06"],
    ],
    ids=["two accounts", "a row more", "few rows"],
)
def test_chance_is_not(company, rows):
    assert told(company, rows) == []


def test_nor_are_rows_with_an_id_of_their_own(company):
    assert told(company, twice("a2", "a3", "a4"), event_id="id") == []
