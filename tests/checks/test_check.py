"""Findings: each breach shows up with its count and example, and stops when it must."""

from datetime import date

import pytest
from tests.sources.checked import TODAY, days, found

from churnhealth.checks.check import check
from churnhealth.sources.contract import FAR
from churnhealth.sources.findings import stopping
from churnhealth.sources.load import load


def test_sound_data_stop_nothing(company):
    config = company()
    assert stopping(check(config, load(config), today=TODAY), allow=()) == []


def test_findings_come_worst_first(company):
    text = "account_id,happened_at\na1,2025-03-01\na1,2031-01-01\n"
    config = company(files={"events.csv": text})
    order = [f.severity for f in check(config, load(config), today=TODAY)]
    weight = {"error": 0, "warning": 1, "advice": 2}
    assert order == sorted(order, key=weight.get)
    assert order[0] == "error"


@pytest.mark.parametrize("name", ["value", "seats"])
@pytest.mark.parametrize(("rows", "stops"), [(1, False), (3, True)])
def test_contracts_of_less_than_nothing_are_told(company, name, rows, stops):
    figures = [-5] * rows + [5] * (30 - rows) + [""]
    text = f"account_id,start,{name}\n" + "".join(
        f"a{i},2025-01-01,{figure}\n" for i, figure in enumerate(figures)
    )
    [told] = found(company(files={"contracts.csv": text}), "CH243")
    assert (told.count, told.example, told.stops) == (rows, "a0", stops)
    assert f"`{name}`" in told.what


def test_dates_that_stand_for_always_or_never_are_told(company):
    text = (
        "account_id,start,end\na1,1900-01-01,1901-01-01\na2,2025-01-01,2099-12-31\n"
        "a3,2025-01-01,9999-12-31\na4,2005-01-01,2025-01-01\na5,2025-01-01,\n"
    )
    [told] = found(company(files={"contracts.csv": text}), "CH244")
    assert told.count == 2
    assert "1 start before 1970-01-01 and 1 end more than 20 years" in told.what
    mended = {"path": "contracts.csv", "missing": ["2099-12-31"]}
    config = company(files={"contracts.csv": text}, contracts=mended)
    [told] = found(config, "CH244")
    assert (told.count, told.example) == (1, "a1")
    assert load(config).history.contracts.end[1] == FAR


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "timestamp_ns"])
def test_a_day_that_stands_for_nothing_is_missing_in_a_database_too(company, kind):
    sql = (
        "select id as account_id, date '2025-01-01' as start, till::{kind} as \"end\""
        " from (values ('a1', '2099-12-31'), ('a2', '2026-02-01'), ('a3', null))"
        " t(id, till)"
    ).replace("{kind}", kind)
    config = company(contracts={"sql": sql, "missing": ["2099-12-31"]})
    assert found(config, "CH244") == []
    ends = load(config).history.contracts.end.tolist()
    assert ends == [FAR, (date(2026, 2, 1) - date(1970, 1, 1)).days, FAR]


def test_a_finding_is_plain_values(company):
    config = company()
    row = check(config, load(config), today=TODAY)[0].to_json()
    assert set(row) == {
        "code",
        "severity",
        "stops",
        "count",
        "example",
        "what",
        "why",
        "fix",
    }


def test_rows_from_the_future_stop(company):
    text = "account_id,happened_at\na1,2025-03-01\na1,2031-01-01\n"
    config = company(files={"events.csv": text})
    [f] = found(config, "CH205")
    assert (f.count, f.example, f.stops) == (1, "a1", True)


def test_booked_dates_may_lie_ahead(company):
    text = "account_id,happened_at,known_at\na1,2031-01-01,2025-03-01\n"
    events = [{"name": "meetings", "path": "events.csv", "planned": True}]
    assert found(company(files={"events.csv": text}, events=events), "CH205") == []


@pytest.mark.parametrize(("early", "stops"), [(1, False), (3, True)])
def test_use_long_before_the_first_contract_stops_when_it_is_more_than_a_fifth(
    company, early, stops
):
    text = "account_id,happened_at\n" + "a1,2024-06-01\n" * early
    text += days("a1", 1, 7)
    [f] = found(company(files={"events.csv": text}), "CH206")
    assert (f.count, f.stops) == (early, stops)
    assert f.severity == ("error" if stops else "warning")


def test_rows_that_count_zero_are_no_use(company):
    # A nightly table has a row for everybody, long before and long after.
    files = {
        "contracts.csv": "account_id,start,end\na1,2025-01-01,2025-02-01\n",
        "events.csv": "account_id,happened_at,count\n"
        "a1,2024-06-01,0\na1,2025-06-01,0\n",
    }
    config = company(files=files)
    assert found(config, "CH206") == found(config, "CH220") == []
    assert [f.count for f in found(config, "CH217")] == [1]


@pytest.mark.parametrize(("kind", "told"), [("inactivity", 140), ("horizon", None)])
def test_rows_whose_amount_is_mostly_0_are_told_where_churn_is_silence(
    company, kind, told
):
    rows = [
        f"a1,2025-{1 + i // 28:02d}-{1 + i % 28:02d},{i % 10 // 7}" for i in range(200)
    ]
    files = {"events.csv": "\n".join(["account_id,happened_at,amount", *rows])}
    config = company(files=files)
    question = config.question.model_copy(update={"kind": kind})
    config = config.model_copy(update={"question": question})
    assert [f.count for f in found(config, "CH253")] == ([told] if told else [])


def test_use_after_registration_and_before_the_start_is_no_breach(company):
    files = {
        "contracts.csv": "account_id,start,known_at\na1,2025-03-01,2024-12-01\n",
        "events.csv": "account_id,happened_at\na1,2025-01-05\n",
    }
    assert found(company(files=files), "CH206") == []


def test_accounts_without_a_contract_or_an_event_are_counted(company):
    files = {
        "contracts.csv": "account_id,start\na1,2025-01-01\na3,2025-01-01\n",
        "events.csv": "account_id,happened_at\na2,2025-03-01\na3,2025-03-01\n",
    }
    config = company(files=files)
    assert [f.example for f in found(config, "CH223")] == ["a2"]
    assert [f.example for f in found(config, "CH217")] == ["a1"]


def test_late_rows_are_described(company):
    text = "account_id,happened_at,known_at\n"
    text += "a1,2025-03-01,2025-03-01\na1,2025-03-01,2025-03-11\n" * 10
    [f] = found(company(files={"events.csv": text}), "CH208")
    assert f.count == 10
    assert (
        "0 days after they happened in the median, 10 for the slowest tenth" in f.what
    )


def test_missing_known_at_is_told(company):
    assert {f.example for f in found(company(), "CH209")} == {"contracts", "product"}


def test_a_gap_in_a_daily_source_is_found_and_weekends_are_not(company):
    daily = "account_id,happened_at\n" + days("a1", 1, 31, month="2025-03")
    daily += days("a1", 15, 15, month="2025-04")
    config = company(files={"events.csv": daily})
    assert [f.example for f in found(config, "CH210")] == ["product 2025-04-01"]
    start = date(2025, 3, 3).toordinal()
    work = [date.fromordinal(start + n) for n in range(120)]
    weekdays = "".join(f"a1,{d}\n" for d in work if d.weekday() < 5)
    config = company(files={"events.csv": "account_id,happened_at\n" + weekdays})
    assert found(config, "CH210") == []


@pytest.mark.parametrize(
    ("a_day", "empty", "told"),
    [(20, 3, ["product 2025-02-10"]), (20, 1, []), (19, 3, [])],
)
def test_some_days_without_a_row_are_told_where_every_other_day_is_busy(
    company, a_day, empty, told
):
    start = date(2025, 1, 1).toordinal()
    on = [date.fromordinal(start + n) for n in range(80) if not 40 <= n < 40 + empty]
    rows = "".join(f"a1,{d}\n" * a_day for d in on)
    config = company(files={"events.csv": "account_id,happened_at\n" + rows})
    assert [f.example for f in found(config, "CH210")] == told


def test_pauses_of_a_source_that_began_slowly_are_no_gap(company):
    """A few rows a month at first, then some every day: only the later pause is odd."""
    slow = ["2025-01-01", "2025-01-03", "2025-01-20", "2025-01-22", "2025-02-09"]
    many = [date(2025, 2, 11).toordinal() + n for n in range(120) if not 60 <= n < 75]
    rows = [*slow, *map(date.fromordinal, many)]
    text = "account_id,happened_at\n" + "".join(f"a1,{d}\n" for d in rows)
    [told] = found(company(files={"events.csv": text}), "CH210")
    assert (told.count, told.example) == (1, "product 2025-04-12")
    assert told.what.endswith("without a single row, the longest of 15 days")


def test_two_rows_on_a_first_day_are_no_rate(company):
    slow = [date(2025, 2, 10).toordinal() + 4 * n for n in range(8)]
    many = [date(2025, 3, 15).toordinal() + n for n in range(200)]
    rows = ["2025-01-01"] * 2 + [date.fromordinal(d) for d in (*slow, *many)]
    text = "account_id,happened_at\n" + "".join(f"a1,{d}\n" for d in rows)
    assert found(company(files={"events.csv": text}), "CH210") == []


def test_a_month_without_rows_in_a_monthly_source_is_found(company):
    months = [f"{y}-{m:02d}" for y in (2024, 2025) for m in range(1, 13)]
    rows = "".join(f"a1,{m}-01\n" for m in months if m != "2024-05")
    config = company(files={"events.csv": "account_id,happened_at\n" + rows})
    [f] = found(config, "CH210")
    assert f.example == "product 2024-05-01"
    assert f.what.endswith("the longest of 1 month")


@pytest.mark.parametrize(("day", "told"), [("2025-02-15", 0), ("2025-02-16", 15)])
def test_contracts_that_end_before_the_events_do_are_told(company, day, told):
    events = {"events.csv": f"account_id,happened_at\na1,2025-01-05\na2,{day}\n"}
    [*advice] = found(company(files=events), "CH255")
    assert [f.count for f in advice] == [told] * (told > 0)
    if advice:
        assert "known until 2025-02-01" in advice[0].what
        assert "go on for 15 days" in advice[0].what
    pinned = company(files=events, question={"data_until": day})
    assert found(pinned, "CH255") == []


@pytest.mark.parametrize(("start", "told"), [("2026-01-01", 0), ("2026-01-02", 1)])
def test_without_other_data_a_term_that_begins_after_today_is_told(
    company, start, told
):
    rows = f"account_id,start\na1,2025-01-01\na1,{start}\n"
    config = company(files={"contracts.csv": rows}, events=[])
    assert [f.stops for f in found(config, "CH224")] == [True] * told


def test_what_states_reach_is_other_data_too(company):
    files = {
        "contracts.csv": "account_id,start\na1,2025-01-01\na1,2026-01-02\n",
        "nps.csv": "account_id,known_at,value\na1,2025-12-20,9\n",
    }
    states = [{"name": "nps", "path": "nps.csv"}]
    config = company(files=files, events=[], states=states)
    assert found(config, "CH224") == []


def test_coverage_tells_share_and_weakest_month(company):
    [f] = found(company(), "CH211")
    assert "2 of 2 accounts (100.0 %)" in f.what
    assert f.example == "product 2025-03"


def test_events_after_the_last_cover_are_counted_beyond_the_gap(company):
    files = {
        "contracts.csv": "account_id,start,end\na1,2025-01-01,2025-02-01\n",
        "events.csv": "account_id,happened_at\na1,2025-02-20\na1,2025-06-01\n",
    }
    [f] = found(company(files=files), "CH220")
    assert f.count == 1
    assert "by 1 of the 1 account whose cover had ended by then" in f.what


@pytest.fixture
def forty(company):
    """Forty accounts, every second one cancelled in the middle of 2025."""

    def build(attribute, name="reason", *, use=True):
        gone = [i % 2 == 0 for i in range(40)]
        contracts = "".join(
            f"a{i:02d},2025-01-01,{'2025-06-01' if g else ''}\n"
            for i, g in enumerate(gone)
        )
        rows = "".join(f"a{i:02d},{attribute(i, g)}\n" for i, g in enumerate(gone))
        events = "".join(f"a{i:02d},2025-12-01\n" for i in range(40))
        accounts = {"path": "accounts.csv"}
        if use:
            accounts["attributes"] = [name]
        return company(
            files={
                "contracts.csv": "account_id,start,cancelled_at\n" + contracts,
                "accounts.csv": f"account_id,{name}\n" + rows,
                "events.csv": "account_id,happened_at\n" + events,
            },
            sources={"accounts": accounts},
        )

    return build


def test_an_attribute_filled_only_after_churn_stops(forty):
    config = forty(lambda _, gone: "too dear" if gone else "")
    [f] = found(config, "CH214")
    assert (f.stops, f.count, f.example) == (True, 20, "a00")


def test_an_attribute_that_tells_the_outcome_without_error_stops(forty):
    config = forty(lambda _, gone: "lost" if gone else "customer", "phase")
    assert len(found(config, "CH214")) == 1
    assert found(forty(lambda i, _: "xy"[i % 3 == 0], "phase"), "CH214") == []


def test_flags_that_contradict_the_contracts_stop_when_many_do(forty):
    honest = forty(lambda _, gone: str(gone), "churn_flag", use=False)
    assert found(honest, "CH213") == []
    assert len(found(honest, "CH222")) == 1
    wrong = forty(lambda *_: "false", "churn_flag", use=False)
    [f] = found(wrong, "CH213")
    assert (f.count, f.stops) == (20, True)
    assert "false for 20 of 20" in f.what
    few = forty(lambda i, gone: str(gone != (i == 0)), "churn_flag", use=False)
    [f] = found(few, "CH213")
    assert (f.count, f.stops) == (1, False)


def test_constant_attributes_and_attributes_without_a_date_are_told(forty):
    config = forty(lambda *_: "SE", "country")
    assert [f.example for f in found(config, "CH216")] == ["country"]
    [undated] = found(config, "CH219")
    assert "1 attribute carries no date: country" in undated.what


def test_users_that_are_hardly_ever_there_are_told(company):
    text = "account_id,happened_at,user_id\n"
    text += "a1,2025-03-01,\na1,2025-03-01,\na1,2025-03-02,u\n"
    assert [f.count for f in found(company(files={"events.csv": text}), "CH218")] == [2]


def test_mapped_columns_that_are_always_empty_are_told(company):
    text = "account_id,happened_at,users,amount,event\na1,2025-03-01,,,\n"
    text += "a1,2025-03-02,,,login\n"
    [told] = found(company(files={"events.csv": text}), "CH259")
    assert (told.count, told.stops) == (2, False)
    assert told.what.endswith("empty in all 2 rows: 'amount', 'users'")


def test_most_rows_of_unknown_accounts_stop(company):
    files = {
        "accounts.csv": "account_id\na1\n",
        "events.csv": "account_id,happened_at\na1,2025-03-01\n" + "x,2025-03-01\n" * 5,
    }
    config = company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    stops = {f.what.split(":")[0]: f.stops for f in found(config, "CH215")}
    assert stops["[[sources.events]] product"]


def test_an_inactivity_question_needs_no_contracts(company):
    config = company()
    bare = config.sources.model_copy(update={"contracts": None})
    config = config.model_copy(update={"sources": bare})
    assert found(config, "CH206") == []
    assert stopping(check(config, load(config), today=TODAY), allow=()) == []


@pytest.mark.parametrize(("renewed", "stops"), [(0, True), (2, True), (3, False)])
def test_ends_that_passed_and_were_hardly_ever_renewed_stop(company, renewed, stops):
    # one row per subscription whose end the billing system moves on at every renewal
    gone = "".join(f"g{i:02d},2024-01-01,2025-0{i % 6 + 1}-01\n" for i in range(24))
    back = "".join(f"g{i:02d},2025-08-01,2026-08-01\n" for i in range(renewed))
    here = "".join(f"h{i:02d},2024-01-01,2026-0{i % 6 + 1}-01\n" for i in range(24))
    files = {
        "contracts.csv": "account_id,start,end\n" + gone + back + here,
        "events.csv": "account_id,happened_at\nh00,2025-12-01\n",
    }
    told = found(company(files=files), "CH233")
    assert [(f.count, f.stops) for f in told] == ([(24, True)] if stops else [])


def test_accounts_whose_contracts_write_the_same_id_otherwise_stop(company):
    files = {
        "contracts.csv": "account_id,start\n0007,2025-01-01\n1234,2025-01-01\n",
        "events.csv": "account_id,happened_at\n7.0,2025-03-01\n1234,2025-03-01\n",
    }
    [f] = found(company(files=files), "CH223")
    assert f.stops
    assert "1 differ from one that has only in leading zeros" in f.what
    assert "write ids alike" in f.fix


def test_a_column_of_the_outcome_that_is_empty_is_not_named(company):
    contracts = "account_id,start,cancelled,churned\n"
    files = {"contracts.csv": contracts + "a1,2025-01-01,,true\na2,2025-01-01,,\n"}
    [f] = found(company(files=files), "CH222")
    assert f.what.endswith("not used: contracts.churned")
    files = {"contracts.csv": contracts + "a1,2025-01-01,,\na2,2025-01-01,,\n"}
    assert found(company(files=files), "CH222") == []


def test_what_the_contracts_are_worth_is_told(company):
    rows = [f"a{i},2025-0{i}-01,{v}" for i, v in ((1, 4900), (2, 9900), (3, 49900))]
    text = "\n".join(["account_id,start,value", *rows]) + "\n"
    [f] = found(company(files={"contracts.csv": text}), "CH236")
    assert "from 2025-01-01 to 2025-03-01; `value` is 9,900.00 a month" in f.what
    assert "4,900.00 at least and 49,900.00 at most" in f.what
    assert found(company(), "CH236") == []
