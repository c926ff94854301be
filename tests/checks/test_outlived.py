"""A stop beside a row of the same term that does not know of it is told."""

import pytest
from tests.sources.checked import found

HEAD = "account_id,start,end,cancelled_at,notice_at,plan,contract_id,known_at"
USE = "account_id,happened_at\na00,2025-12-01\n"


def _changes(company, *, stopped, said="2025-05-01,2025-05-01", other="pro", mapped=()):
    """Write 40 terms as they began, and a row more for each that stops later."""
    rows = [f"a{i:02d},2025-01-01,2026-01-01,,,pro,s{i},2025-01-01" for i in range(40)]
    rows += [
        f"a{i:02d},2025-01-01,2026-01-01,{said},{other},s{i},2025-05-01"
        for i in range(stopped)
    ]
    rows += [
        f"b{i:02d},2025-01-01,2026-01-01,2025-05-01,,pro,t{i},2025-01-01"
        for i in range(8)
    ]
    names = ("account_id", "start", "end", "cancelled_at", "notice_at", "plan", *mapped)
    files = {"contracts.csv": "\n".join([HEAD, *rows]), "events.csv": USE}
    contracts = {"path": "contracts.csv", "columns": {n: n for n in names}}
    return found(company(files=files, contracts=contracts), "CH275")


@pytest.mark.parametrize("said", ["2025-05-01,2025-05-01", ",2025-05-01"])
def test_stops_and_notices_beside_the_row_from_before_are_told(company, said):
    [told] = _changes(company, stopped=12, said=said)
    assert (told.count, told.example, told.stops) == (12, "a00", True)
    assert "of 20 rows that stop, or are given notice on, 12 stand beside" in told.what


def test_versions_of_a_contract_are_not(company):
    versions = ("contract_id", "known_at")
    assert _changes(company, stopped=12, mapped=versions) == []


@pytest.mark.parametrize("more", [{"stopped": 9}, {"stopped": 12, "other": "add-on"}])
def test_few_stops_and_an_add_on_that_stops_alone_are_not(company, more):
    assert _changes(company, **more) == []
