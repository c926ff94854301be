"""Amendments that leave what they amend in force are told where they stop."""

import pytest
from tests.sources.checked import found

HEAD = "account_id,contract_id,start,end,cancelled_at\n"


def told(company, rows, *, mapped=True):
    names = ["account_id", "start", "end", "cancelled_at"] + ["contract_id"] * mapped
    contracts = {"path": "contracts.csv", "columns": {n: n for n in names}}
    use = "account_id,happened_at\na00,2025-07-01\n"
    files = {"contracts.csv": HEAD + "".join(rows), "events.csv": use}
    return found(company(files=files, contracts=contracts), "CH275")


def amendments(n, *, first="", stopped="2025-06-01"):
    """Write contracts that were amended once, of which the amendment stops."""
    return [
        f"a{i:02d},k{i},2024-01-01,,{first}\na{i:02d},k{i},2024-09-01,,{stopped}\n"
        for i in range(n)
    ]


@pytest.mark.parametrize("mapped", [True, False])
def test_amendments_that_stop_beside_what_they_amend_are_told(company, mapped):
    (one,) = told(company, amendments(10), mapped=mapped)
    assert (one.count, one.example, one.stops) == (10, "a00", mapped)
    whose = "contracts" if mapped else "accounts"
    assert f"10 of 10 {whose} whose newest row stops" in one.what
    assert "lead(start)" in one.fix
    assert told(company, amendments(9), mapped=mapped) == []


@pytest.mark.parametrize(
    "rows",
    [
        amendments(20, first="2024-09-01"),  # ended where the next begins
        amendments(20, first="2025-06-01"),  # lines that end together
        amendments(20, stopped=""),
        # of add-ons some end with what they were added to
        amendments(20)
        + [r.replace("a", "b") for r in amendments(2, first="2025-06-01")],
        [f"a{i:02d},k{i},2024-01-01,2025-01-01,\n" for i in range(20)]
        + [f"a{i:02d},k{i},2025-01-01,2026-01-01,2025-06-01\n" for i in range(20)],
    ],
)
def test_rows_that_were_ended_and_add_ons_are_not(company, rows):
    assert told(company, rows) == []
    assert told(company, rows, mapped=False) == []
