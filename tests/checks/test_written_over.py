"""A status that only the newest rows have is told; what is new or steady is not."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

DAYS = 300


def told(company, status, *, column="status"):
    """Write an invoice for each of 300 days: ``status(its age)``."""
    first = date(2025, 1, 1)
    rows = "".join(
        f"a1,{first + timedelta(days=n)},{status(DAYS - 1 - n)}\n" for n in range(DAYS)
    )
    columns = {"account_id": "account_id", "happened_at": "day", "event": column}
    events = [{"name": "invoices", "path": "events.csv", "columns": columns}]
    files = {"events.csv": f"account_id,day,{column}\n{rows}"}
    return found(company(files=files, events=events), "CH274")


def overwritten(age):
    return "Open" if age < 25 else "paid" if age % 9 else "void"


@pytest.mark.parametrize("column", ["status", "InvoiceStatus", "kind"])
def test_a_status_that_is_written_over_is_told(company, column):
    (one,) = told(company, overwritten, column=column)
    assert one.what == (
        f"[[sources.events]] invoices: {column!r} (our `event`) is 'Open' in 83 % of"
        " the rows of the newest 30 days, and in 0.0 % of the 180 rows that are 120"
        " days old and older"
    )
    assert (one.count, one.severity, one.stops) == (25, "warning", False)


def test_so_is_one_of_other_words_by_the_name_of_its_column(company):
    def shipped(age):
        return "packed" if age < 25 else "sent"

    assert len(told(company, shipped)) == 1
    assert told(company, shipped, column="kind") == []


def test_a_log_of_changes_is_not(company):
    changes = ("open", "paid", "void")
    assert told(company, lambda age: changes[age % 3]) == []


def test_nor_are_a_few(company):
    assert told(company, lambda age: "open" if age < 9 else "paid") == []


def test_nor_is_a_name_that_is_new_beside_others_that_go_on(company):
    first = date(2025, 1, 1)
    rows = "".join(
        f"a1,{first + timedelta(days=n)},{name}\n"
        for n in range(DAYS)
        for name in ("sent", "clicked", *["open"] * (n >= DAYS - 25))
    )
    events = [{"name": "mails", "path": "events.csv"}]
    files = {"events.csv": f"account_id,happened_at,event\n{rows}"}
    assert found(company(files=files, events=events), "CH274") == []
