"""Sums of weeks and months that are dated to their first day are told, others not."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

MONDAYS = [date(2025, 3, 3) + timedelta(days=7 * i) for i in range(10)]
FIRSTS = [date(2025, month, 1) for month in range(3, 8)]


def told(company, days, column="count", known="", number=5):
    rows = "".join(f"a1,{day},{number},{known}\n" for day in days)
    text = f"account_id,happened_at,n,known\n{rows}"
    columns = {"account_id": "account_id", "happened_at": "happened_at", column: "n"}
    columns |= {"known_at": "known"} if known else {}
    events = [{"name": "product", "path": "events.csv", "columns": columns}]
    return found(company(files={"events.csv": text}, events=events), "CH279")


@pytest.mark.parametrize(
    ("days", "begins"),
    [
        (MONDAYS, "a Monday, so they seem to be sums of weeks"),
        (FIRSTS, "the first of a month, so they seem to be sums of months"),
    ],
)
@pytest.mark.parametrize("column", ["count", "users"])
def test_sums_on_the_first_day_are_told(company, days, begins, column):
    (one,) = told(company, days, column)
    assert f"all {len(days)} rows lie on {begins}" in one.what
    assert (one.count, one.stops) == (len(days), False)


@pytest.mark.parametrize(
    "days",
    [
        MONDAYS[:8],
        [d - timedelta(days=1) for d in MONDAYS],
        [*MONDAYS, date(2025, 5, 13)],
        [d - timedelta(days=1) for d in FIRSTS],
        FIRSTS[:3],
    ],
    ids=["too few", "Sundays", "another day", "last days", "few months"],
)
def test_others_are_not(company, days):
    assert told(company, days) == []


def test_nor_are_invoices_and_what_was_known_later(company):
    assert told(company, FIRSTS, "amount") == []
    assert told(company, FIRSTS, number=1) == []
    assert told(company, FIRSTS, known="2025-09-01") == []
