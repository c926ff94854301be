"""Contracts that contradict themselves or each other are told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found


def test_contract_rows_that_contradict_themselves_stop(company):
    text = (
        "account_id,start,end,cancelled_at\n"
        "a1,2025-03-01,2025-02-01,\n"
        "a2,2025-03-01,2026-01-01,2024-01-01\n"
        "a3,2025-03-01,2025-06-01,2025-09-01\n"
    )
    whats = [f.what for f in found(company(files={"contracts.csv": text}), "CH202")]
    assert any("end before they start" in w for w in whats)
    assert any("cancelled before they start" in w for w in whats)
    assert any("cancelled after their agreed end" in w for w in whats)


def test_an_old_notice_without_an_end_is_told(company):
    text = "account_id,start,notice_at\na1,2022-01-01,2022-06-01\na2,2023-07-01,\n"
    text += "a3,2023-01-01,2023-06-01\n"  # it may still run
    [told] = found(company(files={"contracts.csv": text}), "CH202")
    assert "1 of 3 rows were given notice on a year ago and more" in told.what


def test_a_registration_withdrawn_before_the_start_is_no_breach(company):
    text = (
        "account_id,start,known_at,cancelled_at\na1,2025-03-01,2025-01-01,2025-02-01\n"
    )
    assert found(company(files={"contracts.csv": text}), "CH202") == []


def test_repeated_and_overlapping_contracts_are_counted(company):
    row = "a1,2025-01-01,2026-01-01\n"
    text = "account_id,start,end\n" + row * 2 + "a1,2025-06-01,2026-06-01\n"
    text += "a2,2025-01-01,2025-06-01\na2,2025-06-01,2026-01-01\n"
    config = company(files={"contracts.csv": text})
    assert [f.count for f in found(config, "CH203")] == [1]
    assert [f.count for f in found(config, "CH204")] == [2]


@pytest.mark.parametrize(("months", "told"), [(3, [20]), (1, [])])
def test_contracts_that_are_noted_again_every_month_are_told(company, months, told):
    def rows(mapped):
        text = "account_id,start,end,value,known_at,contract_id\n"
        for i in range(10):
            terms = f"a{i},2025-01-01,2026-01-01,90"
            text += "".join(f"{terms},2025-0{m + 1}-01,k{i}\n" for m in range(months))
        names = ["account_id", "start", "end", "value", "known_at", *mapped]
        contracts = {"path": "contracts.csv", "columns": {n: n for n in names}}
        use = "account_id,happened_at\na1,2025-07-01\n"
        files = {"contracts.csv": text, "events.csv": use}
        return company(files=files, contracts=contracts)

    found_ = found(rows([]), "CH203")
    assert [f.count for f in found_] == told
    assert all("map `contract_id`" in f.fix for f in found_)
    assert found(rows(["contract_id"]), "CH203") == []


def test_notices_written_back_to_the_first_day_are_told(company):
    def rows(at_once):
        told = "account_id,start,end,notice_at\n"
        for i in range(24):
            notice = "2025-01-01" if i < at_once else "2025-05-10"
            told += f"a{i},2025-01-01,2025-06-01,{notice}\n"
        return company(files={"contracts.csv": told})

    [finding] = found(rows(12), "CH256")
    assert "of 24 rows that stop or are not renewed, notice of 12" in finding.what
    assert found(rows(11), "CH256") == []  # fewer than half
    unsaid = "account_id,start,end,cancelled_at\n"
    unsaid += "".join(f"a{i},2025-01-01,2026-01-01,2025-05-10\n" for i in range(24))
    assert found(company(files={"contracts.csv": unsaid}), "CH256") == []


def test_a_day_that_stands_for_no_stop_is_not_advised_to_be_left_out(company):
    text = "account_id,start,end,cancelled_at\n"
    text += "".join(f"a{i},2024-01-01,2025-01-01,1970-01-01\n" for i in range(12))
    [told] = found(company(files={"contracts.csv": text}), "CH202")
    assert "before they start, though nobody knew of them before, 12 of them" in (
        told.what
    )
    assert 'missing = ["1970-01-01"]' in told.fix
    config = company(
        files={"contracts.csv": text},
        contracts={"path": "contracts.csv", "missing": ["1970-01-01"]},
    )
    assert found(config, "CH202") == []


def test_upgrades_are_no_stops_that_notices_are_compared_with(company):
    told = "account_id,start,end,cancelled_at,notice_at\n"
    for i in range(12):
        told += f"a{i},2024-01-01,2025-01-01,2024-05-01,\n"
        told += f"a{i},2024-05-01,2025-05-01,2024-12-01,2024-05-01\n"
    [finding] = found(company(files={"contracts.csv": told}), "CH256")
    assert "of 12 rows that stop or are not renewed, notice of 12" in finding.what


def renewed(*, ahead, notice="", left=12, of=40):
    """Yearly terms whose renewals are known days ahead; some have left after one."""
    told = "account_id,start,end,known_at,notice_at\nnew,2025-06-01,,,\n"
    for i in range(of):
        told += f"a{i},2024-01-01,2025-01-01,2024-01-01,{notice if i < left else ''}\n"
        if i >= left:
            known = date(2025, 1, 1) - timedelta(days=ahead(i))
            told += f"a{i},2025-01-01,2026-01-01,{known},\n"
    return told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ahead": lambda _: 150}, True),
        ({"ahead": lambda i: 60 + 3 * i}, False),  # signed one by one
        ({"ahead": lambda _: 10}, False),  # the day of the order
        ({"ahead": lambda _: 90, "notice": "2024-09-20"}, False),  # a notice period
    ],
)
def test_renewals_known_equally_long_before_are_told(company, given, told):
    """Unless who left had given notice by then."""
    findings = found(company(files={"contracts.csv": renewed(**given)}), "CH248")
    assert [f.count for f in findings] == ([28] if told else [])


def booked(late, *, renewals=True, of=40):
    """Contracts of which some renewals, or stops, are entered 50 days too late."""
    told = "account_id,contract_id,start,end,cancelled_at,known_at\n"
    for i in range(of):
        known = "2025-02-20" if i < late else "2025-01-02"
        if renewals:
            told += f"a{i},1,2024-01-01,2025-01-01,,2024-01-01\n"
            told += f"a{i},2,2025-01-01,2026-01-01,,{known}\n"
        else:
            told += f"a{i},1,2024-01-01,,,2024-01-01\n"
            told += f"a{i},1,2024-01-01,,2025-01-01,{known}\n"
    return told


@pytest.mark.parametrize("renewals", [True, False])
def test_outcomes_that_are_entered_after_their_label_closed_are_told(company, renewals):
    def found_in(late):
        told = booked(late, renewals=renewals)
        return found(company(files={"contracts.csv": told}), "CH257")

    [finding] = found_in(12)
    what = "renewals were entered" if renewals else "stops were entered"
    assert f"12 of 40 {what} more than 30 days after" in finding.what
    assert "50 days" in finding.what
    assert "a row's last change, map that of its entry" in finding.fix
    assert finding.severity == "warning"
    assert not finding.stops
    assert found_in(9) == []


def test_a_correction_of_what_was_entered_in_time_is_no_late_renewal(company):
    told = booked(0) + "".join(
        f"a{i},2,2025-01-01,2026-01-01,,2025-04-01\n" for i in range(40)
    )
    assert found(company(files={"contracts.csv": told}), "CH257") == []


@pytest.mark.parametrize(
    ("agreed", "told"), [("", 1), ("b0,2024-01-01,2026-09-01,", 0)]
)
def test_ends_that_stand_only_where_notice_was_given_are_told(company, agreed, told):
    # renewing by themselves: the system writes an end when somebody gives notice
    gone = "".join(f"g{i:02d},2024-01-01,2025-03-01,2025-01-10\n" for i in range(12))
    going = "p1,2024-01-01,2026-03-01,2025-11-20\n"
    here = "".join(f"h{i:02d},2024-01-01,,\n" for i in range(12))
    files = {
        "contracts.csv": f"account_id,start,end,notice_at\n{gone}{going}{here}{agreed}",
        "events.csv": "account_id,happened_at\nh00,2025-12-01\n",
    }
    findings = found(company(files=files), "CH233")
    assert len(findings) == told
    assert all("none of 13 agreed ends lies ahead" in f.what for f in findings)


def test_what_contracts_were_worth_first_and_last_is_told(company):
    # in cents until the billing system was changed
    text = "account_id,start,value\na1,2023-02-01,9900\na2,2024-03-01,4900\n"
    text += "a3,2025-04-01,59\na4,2025-05-01,79\n"
    [told] = found(company(files={"contracts.csv": text}), "CH236")
    assert "(9,900.00 of those of 2023, 69.00 of those of 2025)" in told.what


def test_rows_of_cancellations_are_named_and_contradict_nothing(company):
    """Of purchases each row says whether it is one; who let the end pass has none."""
    rows = "a1,2025-01-01,2025-02-01,0\na2,2025-01-01,2025-02-01,0\na2,2025-01-20,,1\n"
    files = {"contracts.csv": "account_id,start,end,is_cancel\n" + rows}
    [told] = found(company(files=files), "CH222")
    assert told.example == "contracts.is_cancel"
    assert "`cancelled_at` of the terms that it stops" in told.fix
    assert found(company(files=files), "CH213") == []


@pytest.mark.parametrize(("end", "gap", "stops"), [(31, 0, 1), (31, 30, 0), (32, 0, 0)])
def test_ends_that_are_the_last_day_covered_stop_where_no_gap_is_allowed(
    company, end, gap, stops
):
    last = "2025-01-01" if end == 32 else "2024-12-31"
    rows = [f"a{i},2024-01-01,{last}\na{i},2025-01-01,2026-01-01" for i in range(10)]
    files = {
        "contracts.csv": "\n".join(["account_id,start,end", *rows]) + "\n",
        "events.csv": "account_id,happened_at\na1,2025-03-01\n",
    }
    question = {"kind": "horizon", "gap_days": gap}
    told = found(company(files=files, question=question), "CH237")
    assert [(f.count, f.stops) for f in told] == [(10, True)] * stops
