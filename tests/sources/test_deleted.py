"""Rows that their own table calls deleted are told where they are read."""

import pytest
from tests.sources.checked import found

TERMS = ["a1,2024-01-01", "a1,2024-01-01", "a2,2024-02-01", "a3,2024-03-01"]


def told(company, column, marks, **source):
    rows = [f"{row},{mark}" for row, mark in zip(TERMS, marks, strict=True)]
    text = "\n".join([f"account_id,start,{column}", *rows])
    columns = {"account_id": "account_id", "start": "start"}
    contracts = {"path": "contracts.csv", "columns": columns, **source}
    return found(company(files={"contracts.csv": text}, contracts=contracts), "CH293")


@pytest.mark.parametrize(
    ("column", "marks"),
    [
        ("IsDeleted", ["false", "true", "false", "false"]),
        ("_fivetran_deleted", ["False", "True", "False", "False"]),
        ("__deleted", ["0", "1", "0", "0"]),
        ("_ab_cdc_deleted_at", ["", "2025-05-01T10:00:00Z", "", ""]),
        ("deletedAt", ["", "2025-05-01", "NULL", ""]),
        ("voided", ["no", "yes", "no", "no"]),
    ],
)
def test_deleted_rows_are_told(company, column, marks):
    (one,) = told(company, column, marks)
    assert (one.count, one.example, one.stops) == (1, "a1", False)
    assert f"1 of 4 rows are deleted ones, by the column {column!r}" in one.what


@pytest.mark.parametrize(
    ("column", "marks"),
    [
        ("StageName", ["Closed Won", "Closed Lost", "Negotiation", "Closed Won"]),
        ("Deal Stage", ["Closed won", "closed lost", "new", "Closed won"]),
        ("IsWon", ["true", "false", "false", "true"]),
    ],
)
def test_deals_that_are_not_won_are_told(company, column, marks):
    (one,) = told(company, column, marks)
    assert f"2 of 4 rows are of deals that are not won, by the column {column!r}" in (
        one.what
    )
    won = {"where": f"lower(\"{column}\") in ('closed won', 'true')"}
    assert told(company, column, marks, **won) == []
    assert told(company, column, ["signed", "sent"] * 2) == []  # no word that we know


@pytest.mark.parametrize(
    ("column", "marks", "source"),
    [
        ("IsDeleted", ["false"] * 4, {}),
        ("IsDeleted", ["false", "true"] * 2, {"where": "IsDeleted = 'false'"}),
        ("deleted", ["true"] * 4, {}),  # it says something else
        ("files_deleted", ["5", "0", "1", "0"], {}),
        ("undeleted", ["true", "false", "false", "false"], {}),
    ],
)
def test_rows_that_are_left_out_and_other_columns_are_not(
    company, column, marks, source
):
    assert told(company, column, marks, **source) == []


def test_a_day_of_deletion_that_is_mapped_is_not(company):
    columns = {"account_id": "account_id", "start": "start"}
    columns["cancelled_at"] = "deleted_at"
    marks = ["", "2025-05-01", "", ""]
    assert told(company, "deleted_at", marks, columns=columns) == []


def test_deleted_events_are_told(company):
    text = "account_id,happened_at,is_deleted\na1,2025-01-01,0\na1,2025-01-02,1\n"
    columns = {"account_id": "account_id", "happened_at": "happened_at"}
    events = [{"name": "app", "path": "events.csv", "columns": columns}]
    (one,) = found(company(files={"events.csv": text}, events=events), "CH293")
    assert "[[sources.events]] app: 1 of 2 rows" in one.what
