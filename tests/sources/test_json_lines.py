"""JSON lines say what a CSV of the same texts says: nothing in them is guessed."""

import json
from datetime import date

import numpy as np
import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.contract import date_of
from churnhealth.sources.load import load

PATTERN = "%m-%d-%Y %H:%M:%S"
GUID = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"


def told(company, *rows, contracts="account_id,start\na1,2025-01-01\n", **more):
    """Load events of JSON lines beside one contract."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    config = company(
        files={"contracts.csv": contracts, "e.jsonl": text},
        events=[{"name": "product", "path": "e.jsonl", **more}],
    )
    return load(config).history


def at(time, account="a1"):
    return {"account_id": account, "happened_at": time}


def test_of_two_numbers_none_is_taken_for_the_month(company):
    with pytest.raises(SourceError) as caught:
        told(company, at("01-02-2025 10:00:00"))
    assert caught.value.code == "CH104"
    assert PATTERN in caught.value.fix


def test_a_format_reads_times_as_it_does_in_a_csv(company):
    log = told(company, at("01-02-2025 10:00:00"), formats={"happened_at": PATTERN})
    assert date_of(log.events[0].happened_at[0]) == date(2025, 1, 2)


def test_a_time_that_says_it_is_utc_is_not_moved_by_the_zone_of_the_source(company):
    for time, day in (("22:00:00Z", 2), ("22:00:00", 3)):
        log = told(company, at(f"2025-01-02T{time}"), timezone="America/New_York")
        assert date_of(log.events[0].happened_at[0]) == date(2025, 1, day)


def test_capitals_of_an_id_stay_capitals(company):
    history = told(
        company,
        at("2025-03-01", GUID),
        at("2025-03-02T08:00:00Z", GUID),
        contracts=f"account_id,start\n{GUID},2025-01-01\n",
    )
    assert history.accounts.ids.tolist() == [GUID]
    assert history.events[0].account.tolist() == [0, 0]


def test_texts_that_look_like_times_are_left_as_they_are(company):
    rows = [{**at("2025-03-01"), "event": "10:30", "item": "2025-03-01 08:00:00.50"}]
    log = told(company, *rows).events[0]
    assert log.vocabulary == ("10:30",)


def test_a_key_with_other_capitals_in_some_rows_is_told_with_a_query_that_reads_both(
    company,
):
    rows = [{**at(f"2025-03-0{i}"), "user": "u1"} for i in range(1, 4)]
    rows += [{**at(f"2025-04-0{i}"), "User": "u2"} for i in range(1, 4)]
    mapped = {"columns": {c: c for c in at("")} | {"user_id": "user"}}
    with pytest.raises(SourceError, match="'user' is 'User'") as caught:
        told(company, *rows, **mapped)
    assert caught.value.code == "CH102"
    query = {"path": None, "sql": caught.value.fix.split("'''")[1]}
    log = told(company, *rows, **mapped, **query).events[0]
    assert np.bincount(log.user).tolist() == [3, 3]
    log = told(company, *rows).events[0]  # of what nobody reads nothing is told
    assert log.account.size == 6


def test_a_key_of_its_own_is_no_other_way_to_write_a_shorter_one(company):
    rows = [{**at(f"2025-03-0{i}"), "User": "u1", "user_1": "x"} for i in range(1, 4)]
    mapped = {"columns": {c: c for c in at("")} | {"user_id": "User"}}
    assert np.bincount(told(company, *rows, **mapped).events[0].user).tolist() == [3]
