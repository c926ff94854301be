"""Sources that cannot be read: each problem is told with its way out, all at once."""

import numpy as np
import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.engine import QueryError, connect, literal, write_table
from churnhealth.sources.load import load
from churnhealth.sources.refused import reading_problem


def refused(config):
    with pytest.raises(SourceError) as caught:
        load(config)
    assert caught.value.exit_code == 2
    return caught.value


def events(**more):
    return [{"name": "product", "path": "events.csv", **more}]


def test_a_missing_file_is_named(company):
    error = refused(company(events=[{"name": "product", "path": "usage.csv"}]))
    assert error.code == "CH101"
    assert "'usage.csv'" in error.what
    assert "correct `path`" in error.fix


def test_a_glob_that_matches_nothing_is_told(company):
    error = refused(company(events=[{"name": "product", "path": "log/*.csv"}]))
    assert "no file matches 'log/*.csv'" in error.what


def test_a_missing_column_lists_those_that_exist_and_the_nearest(company):
    columns = {"account_id": "acount_id", "happened_at": "happened_at"}
    error = refused(company(events=events(columns=columns)))
    assert error.code == "CH102"
    assert "the nearest is `account_id`" in error.what
    assert "it has account_id, happened_at" in error.what


def test_a_field_inside_of_a_field_is_told_with_the_query_that_takes_it_out(company):
    rows = '{"org": {"id": "a1"}, "ts": "2025-03-01"}\n'
    files = {"t.jsonl": rows}
    columns = {"account_id": "org.id", "happened_at": "ts"}
    tickets = {"name": "tickets", "path": "t.jsonl", "columns": columns}
    error = refused(company(files=files, events=[tickets]))
    assert error.code == "CH102"
    assert "no column 'org.id': 'org' holds fields of its own" in error.what
    query = """select *, "org".id as org_id from read_json('{root}/t.jsonl')"""
    assert f"sql = '''{query}'''" in error.fix
    columns["account_id"] = "org_id"
    mended = {"name": "tickets", "sql": query, "columns": columns}
    assert load(company(files=files, events=[mended])).history.accounts.ids[0] == "a1"


def test_so_it_is_where_the_outer_field_is_a_word_of_sql(company):
    files = {"o.jsonl": '{"order": {"by": "a1", "date": "2025-03-01"}}\n'}
    columns = {"account_id": "order.by", "happened_at": "order.date"}
    orders = {"name": "orders", "path": "o.jsonl", "columns": columns}
    query = refused(company(files=files, events=[orders])).fix.split("'''")[1]
    columns = {"account_id": "order_by", "happened_at": "order_date"}
    mended = {"name": "orders", "sql": query, "columns": columns}
    assert load(company(files=files, events=[mended])).history.accounts.ids[0] == "a1"


def test_one_query_takes_all_fields_out_whatever_they_are_called(company):
    inside = '{"distinct_id": "a1", "time": "2025-03-01", "$insert_id": "m1"}'
    files = {"m.jsonl": f'{{"event": "Open", "properties": {inside}}}\n'}
    names = ("distinct_id", "time", "$insert_id")
    ours = ("account_id", "happened_at", "event_id")
    columns = {o: f"properties.{n}" for o, n in zip(ours, names, strict=True)}
    mixpanel = {"name": "mixpanel", "path": "m.jsonl", "columns": columns}
    fix = refused(company(files=files, events=[mixpanel])).fix
    query = fix.split("'''")[1]
    assert fix.count("select") == 1
    made = ("properties_distinct_id", "properties_time", "properties_insert_id")
    columns = dict(zip(ours, made, strict=True))
    mended = {"name": "mixpanel", "sql": query, "columns": columns}
    assert load(company(files=files, events=[mended])).history.accounts.ids[0] == "a1"


def test_a_required_column_that_is_not_mapped_is_told(company):
    error = refused(company(events=events(columns={"account_id": "account_id"})))
    assert "`happened_at` is not mapped" in error.what


def test_a_column_that_is_not_ours_is_told_with_the_nearest(company):
    columns = {
        "account_id": "account_id",
        "happened_at": "happened_at",
        "amonut": "happened_at",
    }
    error = refused(company(events=events(columns=columns)))
    assert "the nearest is `amount`" in error.what


@pytest.mark.parametrize("text", ["", "account_id,happened_at\n"])
def test_an_empty_table_is_refused(company, text):
    assert refused(company(files={"events.csv": text})).code == "CH103"


@pytest.mark.parametrize("path", ["use/*/*.jsonl", "use/**/p.jsonl", "use/b c/*"])
def test_of_many_files_the_damaged_one_is_named(company, path):
    good = '{"account_id": "a1", "happened_at": "2025-03-01"}\n'
    files = {"use/a/p.jsonl": good, "use/b c/p.jsonl": good + '{"account_id": "a'}
    error = refused(company(files=files, events=[{"name": "p", "path": path}]))
    assert error.code == "CH111"
    assert "'use/b c/p.jsonl' is damaged" in error.what


def test_a_filter_that_leaves_nothing_is_told(company):
    error = refused(company(events=events(where="account_id = 'x'")))
    assert error.code == "CH103"
    assert "that pass `where`" in error.what


def test_dates_that_do_not_convert_are_counted_and_the_first_row_named(company):
    text = "account_id,happened_at\na1,2025-03-01\na1,31-12-2025\na1,soon\n"
    error = refused(company(files={"events.csv": text}))
    assert error.code == "CH104"
    assert "2 values are not a date or time in 'happened_at'" in error.what
    assert "the first in data row 2" in error.what
    assert "%d-%m-%Y" in error.fix


@pytest.mark.parametrize("bad", ["12,5", "-1", "2.5", "many", "1e30", "inf"])
def test_a_count_must_be_a_whole_number(company, bad):
    text = f'account_id,happened_at,count\na1,2025-03-01,1\na1,2025-03-02,"{bad}"\n'
    error = refused(company(files={"events.csv": text}))
    assert error.code == "CH104"
    assert "1 value is not a whole number of 0 or more" in error.what
    assert "data row 2" in error.what


def test_no_message_repeats_a_value(company):
    secret = "canary@example.org"
    text = f"account_id,happened_at,count\na1,{secret},{secret}\n"
    assert secret not in str(refused(company(files={"events.csv": text})))
    cast = "select account_id, cast(happened_at as date) as happened_at"
    config = company(
        files={"events.csv": text},
        events=[{"name": "p", "sql": f"{cast} from read_csv('{{root}}/events.csv')"}],
    )
    error = refused(config)
    assert error.code == "CH105"
    assert secret not in str(error)


@pytest.mark.parametrize("year", ["1066-10-14", "2525-01-01"])
def test_dates_outside_1900_to_2199_are_typing_errors(company, year):
    text = f"account_id,happened_at\na1,{year}\n"
    assert refused(company(files={"events.csv": text})).code == "CH104"


def test_numbers_are_no_dates(company, tmp_path):
    given = {"account_id": np.array([1, 2]), "happened_at": np.array([45000, 45001])}
    write_table(tmp_path / "e.parquet", given)
    error = refused(company(events=[{"name": "p", "path": "e.parquet"}]))
    assert error.code == "CH104"


def test_a_missing_account_id_is_refused(company):
    text = "account_id,happened_at\na1,2025-03-01\n  ,2025-03-01\n"
    error = refused(company(files={"events.csv": text}))
    assert error.code == "CH106"
    assert "1 row is without it, the first is data row 2" in error.what


def test_ids_of_merged_cells_are_not_advised_to_be_left_out(company):
    """Leaving them out would keep of each account its first row alone."""
    rows = "a1,2025-03-01\n,2025-03-02\n,2025-03-03\na2,2025-03-01\n,2025-03-02\n"
    error = refused(company(files={"events.csv": "account_id,happened_at\n" + rows}))
    assert error.code == "CH106"
    assert "write the id into every row: of merged cells" in error.fix
    assert "leave those rows out" not in error.fix


def test_a_sign_of_per_cent_is_told_with_what_takes_it_off(company):
    text = "account_id,start,discount\na1,2025-03-01,10 %\na1,2025-04-01,0\n"
    error = refused(
        company(files={"c.csv": text}, sources={"contracts": {"path": "c.csv"}})
    )
    assert error.code == "CH104"
    assert "replace(\"discount\", '%', '')" in error.fix


def test_a_text_in_double_quotes_is_told_to_stand_in_single_ones(company):
    source = events(where='account_id = "a1"')
    error = refused(company(events=source))
    assert error.code == "CH105"
    assert "texts stand in single quotes" in error.fix


def test_a_where_that_no_row_meets_is_what_is_to_be_corrected(company):
    error = refused(company(events=events(where="account_id = 'nobody'")))
    assert error.code == "CH103"
    assert error.fix == "correct `where`, or remove the source"


def test_of_a_file_without_rows_the_where_is_not_to_be_corrected(company):
    source = events(where="account_id = 'a1'")
    error = refused(
        company(files={"events.csv": "account_id,happened_at\n"}, events=source)
    )
    assert error.fix == "give a table with rows, or remove the source"


def test_most_rows_may_be_of_nobody_and_are_left_out(company):
    text = "account_id,happened_at\na1,2025-03-01\n,2025-03-01\n,2025-03-02\n"
    error = refused(company(files={"events.csv": text}))
    assert "where they are of nobody leave them out: where = " in error.fix


def test_an_account_that_stands_twice_is_refused(company):
    files = {"accounts.csv": "account_id\na1\na1\na2\n"}
    error = refused(
        company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    )
    assert error.code == "CH107"
    assert "'a1'" in error.what


def test_a_query_with_a_mistake_tells_it(company):
    error = refused(company(events=[{"name": "p", "sql": "select * form x"}]))
    assert error.code == "CH105"
    assert "syntax error" in error.what
    error = refused(company(events=events(where="nope = 1")))
    assert error.code == "CH105"
    assert "nope" in error.what


def test_a_query_without_its_extension_is_told_which_to_install(company):
    sql = "load churn_nowhere; select 1 as account_id"
    error = refused(company(events=[{"name": "p", "sql": sql}]))
    assert error.code == "CH105"
    assert "extension 'churn_nowhere', which is not installed" in error.what
    assert "duckdb.sql('install churn_nowhere')" in error.fix


@pytest.mark.parametrize(
    ("source", "named"),
    [({"path": "events.csv"}, "'events.csv'"), ({"sql": "from 'a.csv'"}, "'a file'")],
)
def test_a_file_that_the_system_refuses_is_not_told_as_damaged(company, source, named):
    config = company(events=[{"name": "p", **source}])
    told = QueryError('IO Error: Cannot open file "/a/b.csv": Permission denied')
    problem = reading_problem("p", config.sources.events[0], told)
    assert (problem.code, named in problem.what) == ("CH901", True)
    assert "let the user that runs this read" in problem.fix


def test_a_query_of_a_file_that_is_not_there_is_told_which(company):
    sql = "select * from read_csv('{root}/nowhere.csv')"
    error = refused(company(events=[{"name": "p", "sql": sql}]))
    assert error.code == "CH105"
    assert "nowhere.csv', and no such file is there" in error.what
    assert "TRY_CAST" not in error.fix


def test_of_a_query_that_refuses_a_value_its_where_is_not_to_be_corrected(company):
    sql = "select 'a1' account_id, cast('a day' as date) happened_at"
    source = {"name": "p", "sql": sql, "where": "account_id <> 'x'"}
    assert "the query failed while running" in refused(company(events=[source])).what


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "CP1252"])
def test_a_query_of_a_file_that_is_not_utf_8_is_told_so(company, tmp_path, encoding):
    (tmp_path / "prices.csv").write_bytes("id;price\na1;5 €\n".encode("cp1252"))
    sql = "from read_csv('{root}/prices.csv', delim = ';', encoding = "
    sql += f"'{encoding}')"
    error = refused(company(events=[{"name": "p", "sql": sql}]))
    assert error.code == "CH105"
    assert "reads a file that is not UTF-8" in error.what
    assert "write the file again as UTF-8" in error.fix


@pytest.mark.parametrize("path", ["https://example.org/x.csv", "events.xls"])
def test_what_we_do_not_read_is_refused(company, path):
    files = {"events.xls": "account_id"}
    error = refused(company(files=files, events=[{"name": "p", "path": path}]))
    assert error.code == "CH108"


def test_a_category_we_do_not_know_is_refused(company):
    text = "account_id,happened_at,area\na1,2025-03-01,gossip\n"
    error = refused(
        company(files={"events.csv": text}, events=events(category={"column": "area"}))
    )
    assert error.code == "CH109"


def test_amounts_that_would_not_add_up_exactly_are_refused(company):
    rows = "a1,2025-03-01,900000000000000\n" * 6000
    text = "account_id,happened_at,amount\n" + rows
    assert refused(company(files={"events.csv": text})).code == "CH110"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.parquet", b"PAR1 and then nothing"),
        ("latin.csv", b"account_id,happened_at\n" + b"J\xf6rg,2025-03-01\n" * 3),
        ("ragged.csv", b"account_id,happened_at\na1,2025-03-01\na1,2025-03-01,9,9\n"),
    ],
)
def test_a_damaged_file_is_refused_without_showing_its_rows(company, name, content):
    files = {name: content}
    error = refused(company(files=files, events=[{"name": "p", "path": name}]))
    assert error.code in ("CH111", "CH102")
    assert "J" not in error.what.replace("JSON", "")


def test_ids_that_never_meet_are_refused(company):
    files = {"accounts.csv": "account_id\n001\n002\n"}
    error = refused(
        company(files=files, sources={"accounts": {"path": "accounts.csv"}})
    )
    assert error.code == "CH112"
    assert "ids of their own, look one up in `sql`" in error.fix


def test_all_problems_are_told_in_one_go(company):
    config = company(
        files={"events.csv": "account_id,happened_at\na1,never\n"},
        contracts={"path": "nowhere.csv"},
        events=[
            {"name": "one", "path": "gone.csv"},
            {"name": "two", "path": "events.csv", "columns": {"account_id": "who"}},
        ],
    )
    error = refused(config)
    assert "the sources have 4 problems" in error.what
    assert error.what.count("CH101") == 2
    assert error.what.count("CH102") == 2


def test_values_of_several_sources_are_told_in_one_go(company):
    config = company(
        files={
            "contracts.csv": "account_id,start,value\na1,never,lots\n",
            "events.csv": "account_id,happened_at\na1,never\n",
        }
    )
    assert refused(config).what.count("CH104") == 3


def test_every_source_may_attach_the_same_database(company, tmp_path):
    with connect() as con:
        con.execute(f"attach {literal(str(tmp_path / 'dwh.duckdb'))} as dwh")
        con.execute("create table dwh.e as select 'a1' as account_id, 3 as value")
    attach = "ATTACH '{root}/dwh.duckdb' AS dwh"
    sql = "; select *, '2025-03-01' as happened_at, happened_at as known_at from dwh.e"
    h = load(
        company(
            events=[{"name": "product", "sql": attach + sql}],
            states=[{"name": "nps", "sql": attach.replace(" AS", "\n AS") + sql}],
            contracts={
                "sql": attach + "; select 'a1' as account_id, '2025-01-01' as start"
            },
        )
    ).history
    assert h.events[0].account.size == h.states[0].account.size == 1


def test_another_database_of_the_same_name_is_told(company):
    def source(file):
        sql = f"attach '{{root}}/{file}' as dwh; select 'a1' as account_id"
        return sql + ", '2025-03-01' as happened_at"

    two = [{"name": name, "sql": source(f"{name}.duckdb")} for name in ("x", "y")]
    assert '"dwh" already exists' in refused(company(events=two)).what


@pytest.mark.parametrize("where", ["count::int > 0", "count > 0", "n::date > count"])
def test_a_condition_on_texts_accuses_no_file_and_says_how_numbers_are_read(
    company, where
):
    files = {
        "events.csv": "account_id,happened_at,count,n\na1,2025-03-01,1,2\n"
        "a1,2025-03-01,n/a,2\n"
    }
    error = refused(company(files=files, events=events(where=where)))
    assert error.code == "CH105"
    assert "damaged" not in error.what
    assert "n/a" not in str(error)
    assert "TRY_CAST(amount AS DOUBLE) > 0" in error.fix


def test_where_says_how_to_leave_out_what_is_no_number(company):
    files = {
        "events.csv": "account_id,happened_at,count\na1,2025-03-01,1\na1,2025-03-01,\n"
    }
    where = "TRY_CAST(count AS DOUBLE) > 0"
    log = load(company(files=files, events=events(where=where))).history.events[0]
    assert log.account.size == 1
