"""Loading: every rule about ids, times, repeats, order and fingerprints."""

from datetime import date

import numpy as np
import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.contract import FAR, Coverage, day_of
from churnhealth.sources.engine import write_table
from churnhealth.sources.joining import coverage_of
from churnhealth.sources.load import load


def day(text):
    return day_of(date.fromisoformat(text))


def one_source(**columns):
    return [{"name": "product", "path": "events.csv", "columns": columns}]


def test_an_id_keeps_its_leading_zeros(company):
    files = {
        "contracts.csv": "account_id,start\n007,2025-01-01\n",
        "events.csv": "account_id,happened_at\n007,2025-03-01\n",
    }
    assert load(company(files=files)).history.accounts.ids.tolist() == ["007"]


def test_a_whole_number_that_passed_through_a_float_is_the_same_id(company, tmp_path):
    ids = np.array([12.0, 7.0])
    days = np.array(["2025-03-01", "2025-03-02"], dtype="datetime64[D]")
    write_table(tmp_path / "events.parquet", {"account_id": ids, "happened_at": days})
    events = [{"name": "product", "path": "events.parquet"}]
    contracts = "account_id,start\n12,2025-01-01\n"
    h = load(company(files={"contracts.csv": contracts}, events=events)).history
    assert h.accounts.ids.tolist() == ["12", "7"]


def test_decimals_of_a_database_are_written_as_any_other_number(company):
    """An id of 12.00 is 12, a plan of 7.50 the 7.5 that a request says."""
    sql = "select 12::decimal(9, 2) as account_id, date '2025-01-01' as start,"
    contracts = {"sql": f"{sql} 7.5::decimal(9, 2) as plan"}
    files = {"events.csv": "account_id,happened_at\n12,2025-03-01\n"}
    h = load(company(files=files, contracts=contracts)).history
    assert h.accounts.ids.tolist() == ["12"]
    assert h.contracts.plan.tolist() == ["7.5"]


def test_without_an_accounts_source_the_accounts_are_all_ids_that_occur(company):
    files = {"events.csv": "account_id,happened_at\na1,2025-03-01\nz,2025-03-01\n"}
    assert load(company(files=files)).history.accounts.ids.tolist() == ["a1", "a2", "z"]


def test_rows_of_accounts_outside_the_accounts_source_are_dropped_and_counted(company):
    accounts = {"path": "accounts.csv"}
    config = company(
        files={"accounts.csv": "account_id,name\na1,One\n"},
        sources={"accounts": accounts},
    )
    loaded = load(config)
    assert loaded.history.accounts.ids.tolist() == ["a1"]
    assert loaded.history.events[0].account.tolist() == [0]
    lost = [f for f in loaded.findings if f.code == "CH215"]
    assert [f.count for f in lost] == [1, 1]
    assert lost[0].example == "a2"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-03-01", "2025-03-01"),
        ("2025-03-01 23:59:59", "2025-03-01"),
        ("2025-03-01T23:30:00-02:00", "2025-03-02"),
        ("2025-03-01T00:30:00+02:00", "2025-02-28"),
        ("2025-03-01T08:12:00Z", "2025-03-01"),
        ("1969-12-31 10:00", "1969-12-31"),
    ],
)
def test_a_time_becomes_its_whole_utc_day(company, written, expected):
    files = {"events.csv": f"account_id,happened_at\na1,{written}\n"}
    assert load(company(files=files)).history.events[0].happened_at.tolist() == [
        day(expected)
    ]


def test_formats_read_dates_as_they_are_written(company):
    files = {"events.csv": "account_id,at\na1,28-07-2025 03:00\n"}
    events = one_source(account_id="account_id", happened_at="at")
    events[0]["formats"] = {"at": "%d-%m-%Y %H:%M"}
    h = load(company(files=files, events=events)).history
    assert h.events[0].happened_at.tolist() == [day("2025-07-28")]


def test_a_byte_order_mark_is_not_part_of_the_first_column(company):
    files = {"events.csv": b"\xef\xbb\xbf" + b"account_id,happened_at\na1,2025-03-01\n"}
    assert load(company(files=files)).history.events[0].account.size == 1


def test_semicolons_and_quoted_line_breaks_are_read(company):
    files = {"events.csv": 'account_id;happened_at;event\na1;2025-03-01;"x\ny;z"\n'}
    assert load(company(files=files)).history.events[0].vocabulary == ("x\ny;z",)


def test_json_lines_and_globs_are_read(company):
    files = {
        "log/1.jsonl": '{"account_id": "007", "happened_at": "2025-03-01T10:00:00Z"}\n',
        "log/2.jsonl": '{"account_id": "a1", "happened_at": "2025-03-02T10:00:00Z"}\n',
    }
    events = [{"name": "product", "path": "log/*.jsonl"}]
    h = load(company(files=files, events=events)).history
    assert h.accounts.ids.tolist() == ["007", "a1", "a2"]
    assert h.events[0].happened_at.tolist() == [day("2025-03-01"), day("2025-03-02")]


def test_ids_that_json_writes_partly_as_numbers_are_texts_without_quotes(company):
    rows = ('{"account_id": 1', '{"account_id": "a1"', '{"account_id": [7]')
    text = "".join(f'{row}, "happened_at": "2025-03-01"}}\n' for row in rows)
    config = company(
        files={"e.jsonl": text}, events=[{"name": "product", "path": "e.jsonl"}]
    )
    assert load(config).history.accounts.ids.tolist() == ["1", "[7]", "a1", "a2"]


def test_ids_that_a_float_no_longer_tells_apart_are_refused(company, tmp_path):
    ids = np.array([2.0**53 + 2, 12.0, 2.0**60])
    days = np.full(3, np.datetime64("2025-03-01", "D"))
    table = {"account_id": ids, "happened_at": days}
    write_table(tmp_path / "e.parquet", table)
    config = company(
        files={"contracts.csv": "account_id,start\n12,2025-01-01\n"},
        events=[{"name": "product", "path": "e.parquet"}],
    )
    with pytest.raises(SourceError) as caught:
        load(config)
    assert "2 values are not exact" in str(caught.value)
    assert "as text or as a whole number" in caught.value.fix
    write_table(tmp_path / "e.parquet", {**table, "account_id": ids[[1, 1, 1]]})
    assert load(config).history.accounts.ids.tolist() == ["12"]


def test_files_of_a_glob_may_order_their_columns_differently(company):
    files = {
        "log/1.csv": "account_id,happened_at\na1,2025-03-01\n",
        "log/2.csv": "happened_at,account_id\n2025-03-02,a2\n",
    }
    events = [{"name": "product", "path": "log/*.csv"}]
    h = load(company(files=files, events=events)).history
    assert h.events[0].account.tolist() == [0, 1]


def test_sql_finds_its_root_even_with_a_quote_in_the_path(company):
    files = {"it's/events.csv": "account_id,happened_at\na1,2025-03-01\n"}
    sql = "select * from read_csv('{root}/events.csv', all_varchar = true);"
    contracts = {"path": "../contracts.csv"}
    config = company(
        files=files,
        contracts=contracts,
        events=[{"name": "product", "sql": sql}],
        sources={"root": "it's"},
    )
    assert load(config).history.events[0].account.size == 1


def test_sql_may_attach_before_it_selects(company):
    sql = "attach ':memory:' as crm; create table crm.e as select 'a1' as account_id,"
    sql += " timestamp '2025-03-01 12:00' as happened_at; select * from crm.e"
    h = load(company(events=[{"name": "product", "sql": sql}])).history
    assert h.events[0].happened_at.tolist() == [day("2025-03-01")]


def test_where_filters_on_their_columns(company):
    files = {"events.csv": "account_id,happened_at,kind\na1,2025-03-01,x\na1,,y\n"}
    events = one_source(account_id="account_id", happened_at="happened_at")
    events[0]["where"] = "kind = 'x'"
    assert load(company(files=files, events=events)).history.events[0].account.size == 1


def test_with_columns_given_what_is_not_mapped_is_ignored(company):
    files = {"events.csv": "account_id,happened_at,event\na1,2025-03-01,login\n"}
    events = one_source(account_id="account_id", happened_at="happened_at")
    log = load(company(files=files, events=events)).history.events[0]
    assert log.vocabulary == ("product",)


def test_an_event_is_known_when_it_happened_plus_the_lag(company):
    log = load(company(sources={"known_at_lag_days": 2})).history.events[0]
    assert (log.known_at - log.happened_at).tolist() == [2, 2]


def test_an_event_is_never_known_before_it_happened_unless_planned(company):
    text = "account_id,happened_at,known_at\na1,2025-03-10,2025-03-01\n"
    events = [{"name": "product", "path": "events.csv"}]
    loaded = load(company(files={"events.csv": text}, events=events))
    assert loaded.history.events[0].known_at.tolist() == [day("2025-03-10")]
    assert [f.count for f in loaded.findings if f.code == "CH207"] == [1]
    planned = [{**events[0], "planned": True}]
    loaded = load(company(files={"events.csv": text}, events=planned))
    assert loaded.history.events[0].known_at.tolist() == [day("2025-03-01")]
    assert "CH207" not in [f.code for f in loaded.findings]


def test_a_contract_may_be_known_before_it_starts(company):
    text = "account_id,start,known_at\na1,2025-03-01,2025-01-15\na2,2025-03-01,\n"
    c = load(company(files={"contracts.csv": text})).history.contracts
    assert c.known_at.tolist() == [day("2025-01-15"), day("2025-03-01")]


def test_notice_defaults_to_the_cancellation_and_open_ends_are_far(company):
    text = (
        "account_id,start,end,cancelled_at,notice_at\n"
        "a1,2025-01-01,2026-01-01,2025-06-01,\n"
        "a2,2025-01-01,,2025-06-01,2025-04-01\n"
        "a3,2025-01-01,9999-12-31,,\n"
    )
    c = load(company(files={"contracts.csv": text})).history.contracts
    assert c.end.tolist() == [day("2026-01-01"), FAR, FAR]
    assert c.cancelled_at.tolist() == [day("2025-06-01"), day("2025-06-01"), FAR]
    assert c.notice_at.tolist() == [day("2025-06-01"), day("2025-04-01"), FAR]


def test_repeats_of_an_event_id_inside_an_account_keep_the_earliest_known(company):
    text = (
        "account_id,happened_at,known_at,event_id,count\n"
        "a1,2025-03-01,2025-03-05,e1,5\n"
        "a1,2025-03-01,2025-03-02,e1,2\n"
        "a1,2025-03-01,2025-03-02,,7\n"
        "a1,2025-03-01,2025-03-02,,7\n"
        "a2,2025-03-01,2025-03-02,e1,9\n"
    )
    loaded = load(company(files={"events.csv": text}))
    log = loaded.history.events[0]
    assert log.account.tolist() == [0, 0, 0, 1]
    assert log.count.tolist() == [2, 7, 7, 9]
    [repeated] = [f for f in loaded.findings if f.code == "CH201"]
    assert repeated.count == 2  # both other rows of e1; one of them left out
    assert "1 of them with an id whose rows differ" in repeated.what


def test_without_event_ids_equal_rows_are_all_kept(company):
    text = "account_id,happened_at\n" + "a1,2025-03-01\n" * 3
    assert load(company(files={"events.csv": text})).history.events[0].account.size == 3


def test_a_word_takes_its_most_frequent_category_and_the_first_on_a_tie(company):
    text = (
        "account_id,happened_at,event,area\n"
        "a1,2025-03-01,call,experience\na1,2025-03-02,call,Usage\n"
        "a1,2025-03-01,buy,value\na1,2025-03-02,buy,value\na1,2025-03-03,buy,usage\n"
    )
    events = [
        {
            "name": "product",
            "path": "events.csv",
            "category": {"column": "area"},
        }
    ]
    files = {"events.csv": text.replace("Usage", "usage")}
    log = load(company(files=files, events=events)).history.events[0]
    assert log.vocabulary == ("buy", "call")
    assert log.categories == ("value", "experience")


def test_amounts_are_held_with_the_fewest_decimals_that_are_exact(company):
    text = "account_id,happened_at,amount\n"
    text += "a1,2025-03-01,12.34\na1,2025-03-02,5\na1,2025-03-03,\n"
    log = load(company(files={"events.csv": text})).history.events[0]
    assert log.decimals == 2
    assert log.amount[:2].tolist() == [12.34, 5.0]
    assert np.isnan(log.amount[2])


def test_a_trained_scale_is_used_when_it_is_given(company):
    text = "account_id,happened_at,amount\na1,2025-03-01,0.0149999999\n"
    config = company(files={"events.csv": text})
    log = load(config, decimals={"product": 2}).history.events[0]
    assert (log.decimals, log.amount.tolist()) == (2, [0.01])  # rounded once, not twice


def test_users_become_integers_in_the_order_of_their_ids(company):
    text = "account_id,happened_at,user_id\n"
    text += "a1,2025-03-01,u9\na1,2025-03-01,u1\na1,2025-03-01,\n"
    log = load(company(files={"events.csv": text})).history.events[0]
    assert log.user.tolist() == [-1, 0, 1]


def test_truth_values_are_numbers_and_nan_is_missing(company):
    text = "account_id,known_at,state,value\n"
    text += "a1,2025-03-01,x,TRUE\na1,2025-03-02,x,False\na1,2025-03-03,x,nan\n"
    loaded = load(
        company(files={"s.csv": text}, states=[{"name": "flags", "path": "s.csv"}])
    )
    assert loaded.history.states[0].value.tolist() == [1.0, 0.0]
    assert [f.count for f in loaded.findings if f.code == "CH221"] == [1]


def test_states_of_one_day_keep_the_order_of_their_exact_times(company):
    text = (
        "account_id,known_at,state,value\n"
        "a1,2025-03-01 17:00,seats,5\na1,2025-03-01 09:00,seats,8\n"
    )
    config = company(files={"s.csv": text}, states=[{"name": "crm", "path": "s.csv"}])
    log = load(config).history.states[0]
    assert log.value.tolist() == [8.0, 5.0]
    assert log.known_at.tolist() == [day("2025-03-01")] * 2


def test_attributes_are_read_under_their_own_names(company):
    files = {"accounts.csv": "account_id,country,trial\na1,SE,TRUE\na2,,False\n"}
    accounts = {"path": "accounts.csv", "attributes": ["country", "trial"]}
    h = load(company(files=files, sources={"accounts": accounts})).history
    assert h.accounts.attributes["country"].tolist() == ["SE", None]
    assert h.accounts.attributes["trial"].tolist() == ["true", "false"]
    assert h.accounts.known_at.tolist() == [-FAR, -FAR]


def test_coverage_is_what_could_be_seen_on_each_day():
    known = np.array([10, 12, 12, 15, 20])
    happened = np.array([10, 11, 3, 11, 20])
    expected = Coverage(known=(10, 12, 20), first=(10, 3, 3), last=(10, 11, 20))
    assert coverage_of(known, happened) == expected


def test_rows_of_accounts_we_do_not_know_still_show_that_a_source_was_recorded(company):
    files = {
        "accounts.csv": "account_id\na1\n",
        "events.csv": "account_id,happened_at\nx,2025-01-01\na1,2025-03-01\n",
    }
    config = company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    coverage = load(config).history.events[0].coverage
    assert coverage.first == (day("2025-01-01"), day("2025-01-01"))


def rows_shuffled(seed):
    rng = np.random.default_rng(seed)
    header, *rows = EVENTS_TEXT.splitlines()
    return "\n".join([header, *np.array(rows)[rng.permutation(len(rows))], ""])


EVENTS_TEXT = "account_id,happened_at,known_at,event,count,amount,user_id\n" + "".join(
    f"a{i % 3},2025-03-0{1 + i % 2} 10:00,2025-03-0{3 + i % 2},e{i % 2},{i % 4},"
    f"{i % 5}.5,{'' if i % 4 == 0 else f'u{i % 6}'}\n"
    for i in range(60)
)


def test_the_order_of_rows_in_the_files_changes_nothing(company):
    first = load(company(files={"events.csv": rows_shuffled(1)}))
    again = load(company(files={"events.csv": rows_shuffled(2)}))
    assert first.digest == again.digest
    for name in (
        "account",
        "happened_at",
        "known_at",
        "event",
        "count",
        "amount",
        "user",
    ):
        a, b = (getattr(x.history.events[0], name) for x in (first, again))
        np.testing.assert_array_equal(a, b)


def test_a_changed_value_changes_the_digest_and_a_moved_file_does_not(company):
    before = load(company()).digest
    assert load(company(sources={"root": "."})).digest == before
    files = {"events.csv": "account_id,happened_at\na1,2025-03-01\na2,2025-03-03\n"}
    assert load(company(files=files)).digest != before


def test_arrays_are_plain_and_of_the_promised_types(company):
    files = {"events.csv": EVENTS_TEXT}
    log = load(company(files=files)).history.events[0]
    for name in ("account", "happened_at", "known_at", "event", "count", "user"):
        column = getattr(log, name)
        assert type(column) is np.ndarray
        assert column.dtype == np.int64
    assert type(log.amount) is np.ndarray
    assert log.amount.dtype == np.float64


def test_progress_is_told_source_by_source(company):
    steps = []
    load(company(), report=steps.append)
    assert "reading product" in steps


def test_churn_flags_nobody_mapped_are_kept_apart(company):
    files = {"accounts.csv": "account_id,churn_flag\na1,TRUE\na2,FALSE\n"}
    loaded = load(company(files=files, sources={"accounts": {"path": "accounts.csv"}}))
    assert loaded.flags["accounts.churn_flag"].tolist() == [1, 0]
    assert loaded.history.accounts.attributes == {}


def test_a_states_source_without_a_state_column_holds_one_of_its_own_name(company):
    files = {"nps.csv": "account_id,known_at,value\na1,2025-03-01,9\n"}
    states = [{"name": "nps", "path": "nps.csv"}]
    [nps] = load(company(files=files, states=states)).history.states
    assert (nps.vocabulary, nps.value.tolist()) == (("nps",), [9.0])
