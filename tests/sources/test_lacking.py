"""Files of one source are told when they lack a column that others have, or an id."""

import gzip
import tomllib

import numpy as np
import pytest
from tests.sources.checked import found
from tests.sources.test_reading import refused

from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load

DAYS = ("2025-03-01", "2025-03-02", "2025-03-03")
COLUMNS = {"account_id": "account_id", "happened_at": "happened_at"}
EVENTS = [{"name": "bills", "path": "bills/*.csv"}]


def bills(*heads, cells="a1,2025-03-01,5\n"):
    return {f"bills/{i}.csv": f"{head}\n{cells}" for i, head in enumerate(heads)}


def test_a_column_that_was_renamed_is_told_with_its_first_file(company):
    whole = "account_id,happened_at,amount"
    files = bills(whole, "account_id,happened_at,total", whole)
    [told] = found(company(files=files, events=EVENTS), "CH282")
    assert told.what == (
        "[[sources.events]] bills: 1 of 3 files lack a column that others have:"
        " 'amount'"
    )
    assert (told.count, told.example, told.stops) == (1, "1.csv", False)


def test_columns_in_another_order_or_written_otherwise_are_there(company):
    files = bills(
        "account_id,happened_at,amount", '\ufeff"Account_ID","happened_at",amount '
    )
    files |= {"bills/3.csv": "amount;note;happened_at;account_id\n5;x;2025-03-01;a1\n"}
    assert found(company(files=files, events=EVENTS), "CH282") == []


def test_letters_that_files_do_not_meet_in_are_told(company):
    """DuckDB makes two columns of an umlaut in capitals or of two signs."""
    events = [{**EVENTS[0], "columns": {"event": "grö\u00dfe", **COLUMNS}}]
    head, cells = "account_id,happened_at,", "a1,2025-03-01,x\n"
    for other in ("GRÖSSE", "gro\u0308\u00dfe"):
        files = bills(f"{head}grö\u00dfe", head + other, cells=cells)
        assert len(found(company(files=files, events=events), "CH282")) == 1


def test_what_nobody_asked_for_may_be_lacking(company):
    files = bills("account_id,happened_at,note", "account_id,happened_at,remark")
    assert found(company(files=files, events=EVENTS), "CH282") == []


@pytest.mark.parametrize("lacks", [0, 1])
def test_parquet_files_are_looked_at_too(company, tmp_path, lacks):
    ids = np.array(["a1"] * 3, object)
    table = {"account_id": ids, "happened_at": np.array(DAYS, "datetime64[D]")}
    for i in range(2):
        more = {} if lacks and i else {"amount": np.ones(3)}
        write_table(tmp_path / f"bills-{i}.parquet", table | more)
    config = company(events=[{"name": "bills", "path": "bills-*.parquet"}])
    assert [f.count for f in found(config, "CH282")] == [1] * lacks


def test_rows_of_json_lines_may_say_less(company):
    row = '{"account_id": "a1", "happened_at": "2025-03-01"'
    files = {"bills/1.jsonl": row + ', "amount": 5}\n', "bills/2.jsonl": row + "}\n"}
    events = [{"name": "bills", "path": "bills/*.jsonl"}]
    assert found(company(files=files, events=events), "CH282") == []


def test_of_files_without_names_it_is_told_which_and_not_to_leave_their_rows_out(
    company,
):
    files = bills(*["account_id,happened_at,amount"] * 3)
    files["bills/1.csv"] = "a1,2025-03-01,5\na1,2025-03-02,5\n"
    error = refused(company(files=files, events=EVENTS))
    assert error.code == "CH106"
    assert "'1.csv' names no column that we read, as of 1 of 3 files" in error.what
    assert "where" not in error.fix


def test_names_below_a_line_that_breaks_the_files_are_found(company):
    head = "sep=;\naccount_id;happened_at;amount"
    files = bills(head, head, cells="a1;2025-03-01;5,5\n")
    error = refused(company(files=files, events=EVENTS))
    assert (error.code, error.fix[-8:]) == ("CH102", "skip = 1")


@pytest.mark.parametrize(
    ("ending", "data"),
    [
        (".csv", b"PAR1\naccount_id;happened_at;amount\n\xff\x00\x00PAR1"),
        (".csv.gz", gzip.compress(b"account_id,happened_at,amount\n" * 99)[:-30]),
        (".csv.gz", b"account_id,happened_at,amount\na1,2025-03-01,5\n"),
    ],
    ids=["no text", "broken off", "not packed"],
)
def test_files_that_are_no_text_are_damaged_and_have_no_names_below(
    company, ending, data
):
    files = {f"bills/{i}{ending}": data for i in range(2)}
    events = [{**EVENTS[0], "path": f"bills/*{ending}"}]
    assert refused(company(files=files, events=events)).code == "CH111"


@pytest.mark.parametrize("word", ["", "  ", "NULL"])
def test_the_condition_that_is_advised_leaves_out_what_is_no_id(company, word):
    """In JSON lines of a web log who is not signed in has an id of no letter."""
    row = '{"account_id": "%s", "happened_at": "2025-03-01"}\n'
    files = {"e.jsonl": row % "a1" + row % "a2" + row % word}
    source = {"name": "web", "path": "e.jsonl", "missing": ["NULL"]}
    error = refused(company(files=files, events=[source]))
    assert error.code == "CH106"
    advised = tomllib.loads(error.fix.partition("rows out: ")[2])
    history = load(company(files=files, events=[source | advised])).history
    assert history.events[0].account.size == 2


def test_numbers_too_large_to_count_are_told_as_that_and_left_out_as_advised(company):
    text = "account_id,happened_at,secs\na1,2025-03-01,-9.2e+15\na1,2025-03-02,\n"
    columns = {**COLUMNS, "amount": "secs"}
    source = {"name": "web", "path": "e.csv", "columns": columns}
    error = refused(company(files={"e.csv": text}, events=[source]))
    assert "1 value is not within 1e15 of zero in 'secs'" in error.what
    advised = tomllib.loads(error.fix.partition("rows out: ")[2])
    history = load(company(files={"e.csv": text}, events=[source | advised])).history
    assert history.events[0].account.size == 1
