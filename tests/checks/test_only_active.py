"""Contracts of those alone who are still there are told by the use of the others."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

FIRST = date(2024, 1, 1)


def _company(company, *, gone=12, free=0, ended=0, days=300, stay=20, idle=0):
    """Write who is there, who left and has no contract, and free accounts in use."""
    terms = ["account_id,start,end,cancelled_at"]
    rows = ["account_id,happened_at,event"]

    def use(account, until):
        rows.extend(f"{account},{FIRST + timedelta(days=d)},x" for d in (0, until))

    for i in range(stay):
        terms.append(f"a{i:02d},{FIRST},2026-01-01,")
        use(f"a{i:02d}", 100 if i < idle else 600)
    for i in range(ended):
        terms.append(f"e{i:02d},{FIRST},2026-01-01,2024-12-01")
        use(f"e{i:02d}", 300)
    terms.append(f"new,{FIRST + timedelta(days=600)},2026-09-01,")
    for i in range(gone):
        use(f"g{i:02d}", days)
    for i in range(free):
        use(f"f{i:02d}", 600)
    files = {"contracts.csv": "\n".join(terms), "events.csv": "\n".join(rows)}
    return found(company(files=files), "CH285")


def test_former_customers_without_a_contract_are_told(company):
    [told] = _company(company)
    assert (told.count, told.example, told.stops) == (12, "g00", False)
    assert "12 accounts without any contract were used for 90 days" in told.what
    assert "cover has ended of 0" in told.what


@pytest.mark.parametrize(
    "more",
    [{"gone": 9}, {"free": 5}, {"ended": 13}, {"days": 40}, {"idle": 15}],
    ids=["few", "free accounts", "others left", "trials", "hardly anybody uses it"],
)
def test_others_are_not(company, more):
    assert _company(company, **more) == []
