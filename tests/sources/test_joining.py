"""Ids that are written otherwise elsewhere are told; those that differ are not."""

import pytest
from tests.sources.checked import found

from churnhealth.errors import SourceError
from churnhealth.sources.joining import alike
from churnhealth.sources.load import load

SHORT, LONG = "001A0000006Vm9r", "001A0000006Vm9rIAC"


def test_ids_of_15_characters_that_begin_one_of_18_stop_and_are_told(company):
    files = {
        "contracts.csv": f"account_id,start\n{LONG},2025-01-01\na1,2025-01-01\n",
        "events.csv": f"account_id,happened_at\n{SHORT},2025-03-01\na1,2025-03-01\n",
    }
    [f] = found(company(files=files), "CH223")
    assert f.stops
    assert "1 differ from one that has only in" in f.what
    assert "15 of 18 characters" in f.what
    files["accounts.csv"] = f"account_id\n{LONG}\na1\n"
    config = company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    [f] = found(config, "CH215")
    assert "1 of their ids differ from one there only in" in f.what


def test_whole_files_of_15_and_18_characters_are_told_how_to_meet(company):
    files = {
        "contracts.csv": f"account_id,start\n{LONG},2025-01-01\n",
        "events.csv": f"account_id,happened_at\n{SHORT},2025-03-01\n",
    }
    with pytest.raises(SourceError) as caught:
        load(company(files=files))
    assert "`left(ID, 15)` in the `sql`" in caught.value.fix
    assert "leading zeros" not in caught.value.fix


def test_ids_of_15_characters_that_differ_in_capitals_are_different(company):
    other = SHORT.replace("A", "a")
    files = {
        "contracts.csv": f"account_id,start\n{SHORT},2025-01-01\n",
        "events.csv": f"account_id,happened_at\n{other},2025-03-01\n"
        f"{SHORT},2025-03-01\n",
    }
    [f] = found(company(files=files), "CH223")
    assert not f.stops
    assert "differ" not in f.what


@pytest.mark.parametrize(
    "other", ["Mu\u0308ller", "Müller\t", "MÜLLER", "Müller\u2028"]
)
def test_ids_that_differ_in_blanks_or_how_letters_are_coded_are_alike(other):
    assert alike([other, "Muller"], ["Müller"]) == 1


def _purged(company, kept):
    rows = "".join(f"g{i:02d},2024-01-01,2025-03-01\n" for i in range(20))
    rows += "".join(f"h{i:02d},2024-01-01,\n" for i in range(40))
    ids = [*(f"g{i:02d}" for i in range(kept)), *(f"h{i:02d}" for i in range(38))]
    files = {
        "contracts.csv": "account_id,start,cancelled_at\n" + rows,
        "events.csv": "account_id,happened_at\nh00,2025-06-01\n",
        "accounts.csv": "\n".join(["account_id", *ids]),
    }
    config = company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    return found(config, "CH260")


def test_an_accounts_source_without_former_customers_stops(company):
    [told] = _purged(company, 4)
    assert (told.count, told.example, told.stops) == (16, "g04", True)
    assert "lacks 16 of the 20 accounts that are gone, and 2 of the 40" in (told.what)
    assert _purged(company, 11) == []


def test_where_churn_is_silence_accounts_that_were_deleted_are_missed_too(company):
    silent = "".join(f"g{i:02d},2025-01-05\ng{i:02d},2025-02-01\n" for i in range(20))
    active = "".join(f"h{i:02d},2025-01-05\nh{i:02d},2025-06-01\n" for i in range(40))
    ids = [*(f"g{i:02d}" for i in range(8)), *(f"h{i:02d}" for i in range(40))]
    files = {
        "events.csv": f"account_id,happened_at\n{silent}{active}",
        "accounts.csv": "\n".join(["account_id", *ids]),
    }
    config = company(
        files=files,
        sources={"accounts": {"path": "accounts.csv"}, "contracts": None},
        question={"kind": "inactivity"},
    )
    [told] = found(config, "CH260")
    assert (told.count, told.example, told.stops) == (12, "g08", True)
