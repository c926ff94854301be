"""Minutes and people of less than nothing are told, refunds are not."""

import pytest
from tests.sources.checked import found

from churnhealth.errors import SourceError
from churnhealth.sources.load import load


def told(company, column, values=(5, -3, 20, ""), *, ours="amount"):
    rows = "".join(f"a1,2025-03-0{n},{v}\n" for n, v in enumerate(values, 1))
    text = f"account_id,happened_at,{column}\n{rows}"
    columns = {"account_id": "account_id", "happened_at": "happened_at", ours: column}
    events = [{"name": "product", "path": "events.csv", "columns": columns}]
    return found(company(files={"events.csv": text}, events=events), "CH268")


@pytest.mark.parametrize(
    "column", ["minutes", "usage_duration_secs", "sizeGB", "Dauer"]
)
def test_a_duration_below_zero_is_told(company, column):
    (one,) = told(company, column)
    assert (one.count, one.stops) == (1, False)
    assert f"{column!r} (our `amount`) is below zero in 1 of 4 rows" in one.what


def test_so_are_people(company):
    assert len(told(company, "people", ours="users")) == 1


@pytest.mark.parametrize("column", ["amount", "refund", "qty", "viewpoint"])
def test_money_and_returns_are_not(company, column):
    assert told(company, column) == []


def test_nor_what_is_nothing_or_missing(company):
    assert told(company, "minutes", (0, 3, "", 7)) == []


def test_a_count_of_what_is_taken_back_is_an_amount(company):
    text = "account_id,happened_at,count\na1,2025-03-01,1\na1,2025-03-02,-1\n"
    with pytest.raises(SourceError) as caught:
        load(company(files={"events.csv": text}))
    assert "or is taken back (below zero), to `amount`" in caught.value.fix
