"""Versions of one contract: the one known last holds, from when it was known."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.checks.check import check
from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import FAR, date_of, day_of
from churnhealth.sources.load import load
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.schema import Schema

HEAD = "account_id,contract_id,start,end,value,known_at\n"
# booked for three years, corrected two months later to one year at another price
CORRECTED = (
    HEAD + "a1,c1,2025-01-01,2028-01-01,900,2024-12-20\n"
    "a1,c1,2025-01-01,2026-01-01,100,2025-03-01\n"
)


def day(text):
    return day_of(date.fromisoformat(text))


def seen(contracts, as_of):
    cover = cover_at(
        contracts,
        account=np.zeros(1, np.int64),
        as_of=np.array([day(as_of)]),
        gap_days=30,
    )
    return int(cover.end[0]), float(contracts.value[cover.row[0]])


def findings(config):
    found = check(config, load(config), today=date(2026, 1, 1))
    return {f.code: f.count for f in found if f.code in ("CH204", "CH241", "CH242")}


def test_a_correction_holds_from_the_day_it_was_known(company):
    config = company(files={"contracts.csv": CORRECTED})
    contracts = load(config).history.contracts
    assert seen(contracts, "2025-02-01") == (day("2028-01-01"), 900.0)
    assert seen(contracts, "2025-03-02") == (day("2026-01-01"), 100.0)
    assert findings(config) == {"CH241": 1}


def test_files_cut_on_a_day_say_what_whole_files_say_of_it(company):
    history = load(company(files={"contracts.csv": CORRECTED})).history
    cut = history.as_known(day("2025-02-01")).contracts
    assert seen(cut, "2025-02-01") == (day("2028-01-01"), 900.0)
    assert cut.replaced_at.tolist() == [FAR]


def test_a_stop_that_is_not_yet_known_does_not_say_which_of_two_rows_is_the_main_one(
    company,
):
    head = "account_id,start,end,value,discount,cancelled_at\n"
    row = "a1,2025-01-01,2026-01-01,100,"
    stopped = f"{head}{row}5,\n{row}9,2025-06-01\n"
    open_yet = f"{head}{row}5,\n{row}9,\n"
    told = []
    for text in (stopped, open_yet):
        contracts = load(company(files={"contracts.csv": text})).history.contracts
        cover = cover_at(contracts, account=np.zeros(1, np.int64),
                         as_of=np.array([day("2025-06-01")]), gap_days=30)  # fmt: skip
        told.append(float(contracts.discount[cover.row[0]]))
    assert told == [9.0, 9.0]


def test_a_cancellation_may_come_as_a_new_version(company):
    text = (
        "account_id,contract_id,start,end,cancelled_at,known_at\n"
        "a1,c1,2025-01-01,2026-01-01,,2024-12-20\n"
        "a1,c1,2025-01-01,2026-01-01,2025-05-01,2025-04-10\n"
    )
    contracts = load(company(files={"contracts.csv": text})).history.contracts
    cover = cover_at(
        contracts,
        account=np.zeros(2, np.int64),
        as_of=np.array([day("2025-04-01"), day("2025-05-02")]),
        gap_days=30,
    )
    assert cover.end.tolist() == [day("2026-01-01"), day("2025-05-01")]


TAKEN_BACK = (
    "account_id,contract_id,start,end,cancelled_at,notice_at,known_at\n"
    "a1,c1,2025-01-01,2026-01-01,,,2024-12-20\n"
    "a1,c1,2025-01-01,2026-01-01,2025-05-01,2025-04-10,2025-04-10\n"
    "a1,c1,2025-01-01,2026-01-01,,,2025-05-20\n"
)


def test_a_cancellation_that_was_taken_back_was_believed_until_then(company):
    contracts = load(company(files={"contracts.csv": TAKEN_BACK})).history.contracts
    days = ["2025-04-10", "2025-04-11", "2025-05-02", "2025-05-20", "2025-05-21"]
    cover = cover_at(
        contracts,
        account=np.zeros(5, np.int64),
        as_of=np.array([day(d) for d in days]),
        gap_days=30,
    )
    assert cover.covered.tolist() == [True, True, False, False, True]
    assert cover.announced_cancel.tolist() == [False, True, False, False, False]
    assert cover.grace.tolist() == [False, False, True, True, False]


def test_a_cancellation_stands_when_a_later_version_repeats_it(company):
    text = TAKEN_BACK.replace(",,,2025-05-20", ",2025-05-01,2025-04-10,2025-05-20")
    contracts = load(company(files={"contracts.csv": text})).history.contracts
    cover = cover_at(
        contracts,
        account=np.zeros(2, np.int64),
        as_of=np.array([day("2025-04-11"), day("2025-05-10")]),
        gap_days=30,
    )
    assert cover.covered.tolist() == [True, False]
    assert cover.announced_cancel.tolist() == [True, False]


DAYS = range(20_100, 20_160)
version = st.tuples(
    st.integers(DAYS[0] - 5, DAYS[-1]),  # known_at
    st.integers(DAYS[0], DAYS[-1]),  # end
    st.none() | st.integers(DAYS[0] + 1, DAYS[-1]),  # cancelled_at
)


def believed(versions, as_of):
    """Take the version known last, and what it said: covered, and until when."""
    seen = [v for v in versions if v[0] < as_of]
    if not seen:
        return False
    _, end, stop = max(seen)
    if stop is not None and stop < as_of:  # its notice is the stop itself
        end = min(end, stop)
    return DAYS[0] < as_of <= end


@given(st.lists(version, min_size=1, max_size=5, unique_by=lambda v: v[0]))
def test_on_every_day_the_version_known_last_is_what_counts(versions):
    rows = [
        {
            "contract_id": "c",
            "start": str(date_of(DAYS[0])),
            "end": str(date_of(end)),
            "known_at": str(date_of(known)),
            **({} if stop is None else {"cancelled_at": str(date_of(stop))}),
        }
        for known, end, stop in versions
    ]
    asked = history_from_rows(
        Schema(contracts=True), [{"account_id": "a", "contracts": rows}]
    )
    as_of = np.array(DAYS)
    everyone = np.zeros(as_of.size, np.int64)
    cover = cover_at(asked.contracts, account=everyone, as_of=as_of, gap_days=0)
    assert cover.covered.tolist() == [believed(versions, t) for t in DAYS]
    middle = DAYS[30]
    cut = asked.as_known(middle).contracts
    then = cover_at(cut, account=everyone[:31], as_of=as_of[:31], gap_days=0)
    assert then.covered.tolist() == cover.covered[:31].tolist()


def test_terms_under_one_id_follow_each_other(company):
    text = (
        HEAD + "a1,c1,2024-01-01,2025-01-01,9,2024-01-01\n"
        "a1,c1,2025-01-01,2026-01-01,9,2024-12-01\n"
    )
    config = company(files={"contracts.csv": text})
    assert load(config).history.contracts.replaced_at.tolist() == [FAR, FAR]
    assert findings(config) == {}


@pytest.mark.parametrize("ids", ["c0,c2", ","])
def test_rows_of_other_contracts_or_of_none_are_no_versions(company, ids):
    one, two = ids.split(",")
    text = CORRECTED.replace("a1,c1", f"a1,{one}", 1).replace("a1,c1,", f"a1,{two},")
    config = company(files={"contracts.csv": text})
    assert load(config).history.contracts.replaced_at.tolist() == [FAR, FAR]
    assert "CH241" not in findings(config)


def test_rows_of_one_contract_that_were_known_together_are_told(company):
    text = CORRECTED.replace("2025-03-01", "2024-12-20")
    config = company(files={"contracts.csv": text})
    assert load(config).history.contracts.replaced_at.tolist() == [FAR, FAR]
    assert findings(config)["CH242"] == 2


def test_a_request_settles_versions_as_the_files_do(company):
    stored = load(company(files={"contracts.csv": CORRECTED})).history.contracts
    keys = HEAD.strip().split(",")
    rows = [
        dict(zip(keys, line.split(","), strict=True))
        for line in CORRECTED.strip().split("\n")[1:]
    ]
    terms = [
        {k: float(v) if k == "value" else v for k, v in row.items() if k != keys[0]}
        for row in rows
    ]
    asked = history_from_rows(
        Schema(contracts=True), [{"account_id": "a1", "contracts": terms}]
    ).contracts
    for name in ("start", "end", "known_at", "cancelled_at", "replaced_at", "value"):
        mine = stored.account == 0
        assert getattr(asked, name).tolist() == getattr(stored, name)[mine].tolist()


def test_two_contracts_alike_but_for_their_ids_are_two_in_files_and_requests(company):
    rows = [
        {"contract_id": c, "start": "2025-01-01", "end": "2026-01-01", "value": 50.0}
        for c in ("c2", "c1", "c1", "c1")  # one of them stands there three times
    ]
    lines = [f"a1,{','.join(map(str, row.values()))}\n" for row in rows]
    text = "account_id,contract_id,start,end,value\n" + "".join(lines)
    config = company(files={"contracts.csv": text})
    filed = load(config).history.contracts
    asked = history_from_rows(
        Schema(contracts=True), [{"account_id": "a1", "contracts": rows}]
    ).contracts
    for contracts in (filed, asked):
        assert contracts.contract.tolist() == [0, 0, 0, 1]
        told = cover_at(contracts, account=np.zeros(1, np.int64),
                        as_of=np.array([day("2025-02-01")]), gap_days=30)  # fmt: skip
        assert told.value.tolist() == [100.0]
    found = check(config, load(config), today=date(2026, 1, 1))
    assert [f.count for f in found if f.code == "CH203"] == [2]
