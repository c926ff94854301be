"""Events that never end, in a table of others that do, are told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found


def _claims(company, *, notes=40, ended=0, closed=1.0, claims=40, age=300):
    rows = ["account_id,happened_at,event,ended_at"]
    for i in range(claims):
        day = date(2024, 1, 1) + timedelta(days=i)
        end = day + timedelta(days=9) if i < closed * claims else ""
        rows.append(f"a1,{day},claim,{end}")
    last = date(2024, 2, 9) + timedelta(days=age)
    for i in range(notes):
        end = date(2024, 3, 1) if i < ended else ""
        rows.append(f"a1,{date(2024, 1, 1) + timedelta(days=i)},note,{end}")
    rows.append(f"a1,{last},claim,")
    files = {
        "contracts.csv": "account_id,start\na1,2024-01-01\n",
        "events.csv": "\n".join(rows),
    }
    return found(company(files=files), "CH283")


def test_a_kind_that_never_ends_is_told(company):
    [told] = _claims(company)
    assert (told.count, told.example, told.stops) == (40, "a1", False)
    assert "none of 40 rows of 'note'" in told.what
    assert "100% of the others have" in told.what


@pytest.mark.parametrize(
    "more",
    [{"notes": 20}, {"ended": 1}, {"closed": 0.5}, {"claims": 9}, {"age": 100}],
    ids=["few", "some end", "others do not either", "few others", "new"],
)
def test_others_are_not(company, more):
    assert _claims(company, **more) == []
