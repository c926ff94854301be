"""Ids that stand for nothing are told; those that are empty are no ids."""

import pytest
from tests.sources.checked import found

HEAD = "account_id,happened_at,user_id\n"
USE = HEAD + "a1,2025-03-01,ann\na2,2025-03-02,NULL\na1,2025-03-03,NULL\n"


def test_a_user_that_stands_for_nothing_is_told(company):
    [told] = found(company(files={"events.csv": USE}), "CH284")
    assert told.what == (
        "[[sources.events]] product: 2 rows have a text that stands for nothing in"
        " user_id"
    )
    assert (told.count, told.example, told.stops) == (2, "NULL", False)


@pytest.mark.parametrize("word", ["NULL", "None", "nan", "#N/A", "-"])
def test_so_is_an_account_in_every_table(company, word):
    files = {
        "contracts.csv": f"account_id,start\na1,2025-01-01\n{word},2025-01-01\n",
        "events.csv": f"account_id,happened_at\na1,2025-03-01\n{word},2025-03-01\n",
        "nps.csv": f"account_id,known_at,value\na1,2025-03-01,9\n{word},2025-03-01,1\n",
    }
    states = [{"name": "nps", "path": "nps.csv"}]
    told = found(company(files=files, states=states), "CH284")
    assert [(f.count, f.example) for f in told] == [(1, word)] * 3


def test_what_is_said_to_be_missing_is_not_told(company):
    events = [{"name": "product", "path": "events.csv", "missing": ["NULL"]}]
    assert found(company(files={"events.csv": USE}, events=events), "CH284") == []


def test_a_row_with_neither_is_one_row(company):
    [told] = found(
        company(files={"events.csv": USE + "NULL,2025-03-04,NULL\n"}), "CH284"
    )
    assert told.count == 3
    assert told.what.endswith("in account_id, user_id")
