"""Contracts that are renewed by moving their end on are told; corrections are not."""

import pytest
from tests.sources.checked import found

HEAD = "account_id,contract_id,start,end,known_at\n"


def told(company, rows):
    names = ["account_id", "contract_id", "start", "end", "known_at"]
    contracts = {"path": "contracts.csv", "columns": {n: n for n in names}}
    use = "account_id,happened_at\na00,2025-07-01\n"
    files = {"contracts.csv": HEAD + "".join(rows), "events.csv": use}
    return found(company(files=files, contracts=contracts), "CH294")


def renewed(n, *, known="2024-11-20", end="2026-01-01", start="2024-01-01"):
    """Write yearly contracts of which a second row, known later, says more."""
    return [
        f"a{i:02d},k,2024-01-01,2025-01-01,2024-01-01\na{i:02d},k,{start},{end},{known}\n"
        for i in range(n)
    ]


def test_ends_that_move_on_a_term_are_told_by_contract(company):
    once_more = "a00,k,2024-01-01,2027-01-01,2025-12-01\n"
    (one,) = told(company, [*renewed(10), once_more])
    assert (one.count, one.example, one.stops) == (10, "a00", False)
    assert "of 10 of 10 contracts a later row" in one.what
    assert told(company, renewed(9)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"end": "2025-01-20"},  # corrected
        {"end": "2024-07-01"},  # shortened
        {"end": ""},  # open from now on
        {"known": "2024-02-01"},  # longer from its first weeks on
        {"start": "2025-01-01"},  # a term with a start of its own
    ],
)
def test_corrections_and_terms_of_their_own_are_not(company, other):
    corrected = ["c,k,2024-01-01,2025-01-01,2024-01-01\n"]
    corrected += ["c,k,2024-01-01,2025-01-02,2024-01-05\n"]
    assert told(company, [*renewed(20, **other), *corrected]) == []


def test_nor_are_a_few_of_many(company):
    others = [f"b{i:03d},k,2024-01-01,2025-01-01,2024-01-01\n" for i in range(200)]
    assert told(company, renewed(10) + others) == []
