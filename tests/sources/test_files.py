"""Files as other systems write them: encodings, titles above the table, workbooks."""

import gzip
import os
from datetime import date, datetime

import numpy as np
import pytest

from churnhealth.config import parse_config
from churnhealth.errors import ConfigError, InputError, SourceError
from churnhealth.sources.contract import FAR, parse_day
from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load

COLUMNS = {"account_id": "Kunden Nr", "start": "Beginn", "plan": "Gebühr"}
TABLE = "Kunden Nr;Beginn;Gebühr\na1;2025-01-01;50 €\na2;2025-02-01;Jörg\n"


def refused(config):
    with pytest.raises(SourceError) as caught:
        load(config)
    return caught.value


def given(company, name, content, **more):
    source = {"path": name, "columns": COLUMNS, **more}
    return company(files={name: content}, contracts=source)


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "cp850"])
def test_a_file_is_read_in_its_encoding(company, encoding):
    table = TABLE.replace("€", "ß") if encoding == "cp850" else TABLE
    content = table.encode(encoding)
    plans = load(given(company, "c.csv", content, encoding=encoding)).history.contracts
    assert plans.plan.tolist()[1] == "Jörg"
    packed = given(company, "c.csv.gz", gzip.compress(content), encoding=encoding)
    assert load(packed).history.contracts.plan.tolist() == plans.plan.tolist()


def test_a_file_that_is_not_utf_8_names_the_key_that_reads_it(company):
    error = refused(given(company, "c.csv", TABLE.encode("windows-1252")))
    assert error.code == "CH111"
    assert 'encoding = "windows-1252"' in error.fix


@pytest.mark.parametrize(
    ("one", "other", "encoding", "what", "fix"),
    [
        ("utf-16", "utf-16", None, "2 of 2 files are", 'encoding = "utf-16"'),
        ("utf-8", "utf-16", None, "1 of 2 files are", "again as UTF-8"),
        ("windows-1252", "utf-8", "windows-1252", "'2.csv' is not", "one encoding"),
        ("utf-16", "utf-8", "utf-16", "'2.csv' is not", "one encoding"),
    ],
)
def test_of_several_files_the_one_in_another_encoding_is_told(
    company, one, other, encoding, what, fix
):
    # decoded as it was told, UTF-8 would be read, and "Jörg" be two letters longer
    even = TABLE + " " * (len(TABLE.encode()) % 2)
    files = {"t/1.csv": TABLE.encode(one), "t/2.csv": even.encode(other)}
    source = {"path": "t/*.csv", "columns": COLUMNS, "encoding": encoding}
    error = refused(company(files=files, contracts=source))
    assert error.code == "CH111"
    assert what in error.what + str(error)
    assert fix in error.fix


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.parquet", b"PAR1 breaks off"),
        ("c.csv.gz", gzip.compress(TABLE.encode())[:60]),
        ("c.jsonl", b'{"Kunde": "1", "Beginn": "2025-01-01"}\n{"Kunde": "2'),
    ],
    ids=["parquet", "gzip", "json"],
)
def test_a_file_that_breaks_off_is_not_a_matter_of_its_encoding(company, name, content):
    error = refused(given(company, name, content))
    assert error.code == "CH111"
    assert "encoding" not in error.fix
    assert "export it again" in error.fix


def test_a_wrong_encoding_is_refused(company):
    content = TABLE.encode("windows-1252")
    assert refused(given(company, "c.csv", content, encoding="utf-8")).code == "CH111"
    with pytest.raises(ConfigError, match="no such encoding"):
        given(company, "c.csv", content, encoding="windows-1525")


@pytest.mark.parametrize("title", ["Contracts as of 31.10.2026\n\n", "One;Two\n\n"])
def test_lines_above_the_names_are_left_out_when_they_are_counted(company, title):
    error = refused(given(company, "c.csv", title + TABLE))
    assert error.code == "CH102"
    assert "the names of the columns stand in line 3 of 'c.csv'" in error.what
    assert "skip = 2" in error.fix
    read = load(given(company, "c.csv", title + TABLE, skip=2)).history.contracts
    assert read.plan.tolist() == ["50 €", "Jörg"]


def test_how_to_read_a_file_means_nothing_for_a_query(company):
    with pytest.raises(ConfigError, match="say how to read a `path`"):
        company(contracts={"sql": "select 1", "skip": 2})


@pytest.mark.parametrize("more", [{"sheet": "x"}, {"skip": 1}, {"encoding": "utf-16"}])
def test_a_key_that_would_be_ignored_is_refused(company, more):
    error = refused(given(company, "c.parquet", b"PAR1", **more))
    assert error.code == "CH108"
    assert f"`{next(iter(more))}` has no meaning" in error.what


@pytest.mark.parametrize(
    ("name", "how"), [("app.sqlite", "type sqlite"), ("b.duckdb", "read_only")]
)
def test_a_database_is_told_with_the_query_that_attaches_it(company, name, how):
    error = refused(given(company, name, b"a database"))
    assert error.code == "CH108"
    assert f"{name!r} is a database, not a table" in error.what
    assert f"attach '{{root}}/{name}' as db ({how}); select" in error.fix


@pytest.fixture
def workbook(tmp_path):
    """Write a workbook: a title, a blank row, the names, two contracts, a note."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Contracts")
    sheet.append(["Contracts as of today"])
    sheet.append([])
    sheet.append(["Kunden Nr", "Beginn", "Gebühr", None, "Preis"])
    sheet.append([7, date(2025, 1, 31), "ja", "a note", 1234.5])
    sheet.append([])
    sheet.append([8, datetime(2025, 2, 1, 9, 30), "nein", None, 70])  # noqa: DTZ001
    book.save(tmp_path / "c.xlsx")
    return tmp_path / "c.xlsx"


def test_a_sheet_of_a_workbook_is_read_as_a_table(company, workbook):
    columns = {**COLUMNS, "value": "Preis"}
    source = {"path": "c.xlsx", "sheet": "Contracts", "skip": 2, "columns": columns}
    events = "account_id,happened_at\n7,2025-03-01\n"
    config = company(files={"events.csv": events}, contracts=source)
    loaded = load(config).history
    assert loaded.accounts.ids.tolist() == ["7", "8"]
    days = [parse_day("2025-01-31"), parse_day("2025-02-01")]
    assert loaded.contracts.start.tolist() == days
    assert loaded.contracts.value.tolist() == [1234.5, 70.0]
    assert loaded.contracts.plan.tolist() == ["ja", "nein"]


def test_dates_and_numbers_of_a_workbook_may_stand_among_texts(company, tmp_path):
    # Somebody typed, somebody pasted: only some cells are what they look like.
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Kunde", "Beginn", "Betrag"])
    for row in (
        ["a1", date(2025, 1, 2), 0.125],
        ["a2", "02.01.2025", "1.234,50 €"],
        ["a3", date(2025, 2, 1), 1234],
    ):
        book.active.append(row)
    book.save(tmp_path / "typed.xlsx")
    source = {
        "path": "typed.xlsx",
        "columns": {"account_id": "Kunde", "start": "Beginn", "value": "Betrag"},
        "formats": {"beginn": "%d.%m.%Y", "Betrag": "1.234,50"},
    }
    without = {**source, "formats": {"Betrag": "1.234,50"}}
    assert 'Beginn = "%d.%m.%Y"' in refused(company(contracts=without)).fix
    without = {**source, "formats": {"beginn": "%d.%m.%Y"}}
    assert 'Betrag = "1.234,50"' in refused(company(contracts=without)).fix
    terms = load(company(contracts=source)).history.contracts
    days = [parse_day(d) for d in ("2025-01-02", "2025-01-02", "2025-02-01")]
    assert terms.start.tolist() == days
    assert terms.value.tolist() == [0.125, 1234.5, 1234.0]


def test_dates_that_are_written_in_two_ways_are_told_with_the_query_that_reads_both(
    company,
):
    text = "account_id,start\na1,2025-01-02\na2,2025-02-03\na3,01/31/2025\n"
    error = refused(company(files={"contracts.csv": text}))
    assert error.code == "CH104"
    assert "coalesce(try_strptime(\"start\", '%m/%d/%Y'), try_cast(" in error.fix


def test_the_row_of_a_workbook_that_names_the_columns_is_found(company, workbook):
    source = {"path": "c.xlsx", "sheet": "Contracts", "columns": COLUMNS}
    error = refused(company(contracts=source))
    assert error.code == "CH102"
    assert "skip = 2" in error.fix


def test_the_sheet_of_a_workbook_that_names_the_columns_is_found(company, workbook):
    error = refused(company(contracts={"path": "c.xlsx", "columns": COLUMNS}))
    assert error.code == "CH102"
    assert "stand in the sheet 'Contracts' of 'c.xlsx'" in error.what
    assert 'sheet = "Contracts" and skip = 2' in error.fix


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(company, workbook):
    error = refused(company(contracts={"path": "c.xlsx", "sheet": "Contract"}))
    assert error.code == "CH101"
    assert "it has 'Notes', 'Contracts'" in error.what


def test_a_workbook_without_openpyxl_names_what_to_install(company, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    error = refused(given(company, "c.xlsx", b"PK"))
    assert error.code == "CH115"
    assert 'pip install "churnhealth[excel]"' in error.fix


@pytest.mark.usefixtures("workbook")
def test_a_damaged_workbook_is_refused(company):
    assert refused(given(company, "broken.xlsx", b"PK and no more")).code == "CH111"


def test_a_name_is_found_however_its_umlaut_is_coded(company):
    # what a Mac writes: o and two dots, and a blank that does not break
    table = TABLE.replace("ü", "u\u0308").replace("Kunden Nr", "Kunden\u00a0Nr")
    assert load(given(company, "c.csv", table)).history.contracts.plan[0] == "50 €"


def test_a_date_of_a_workbook_that_means_nothing_is_missing_however_written(
    company, tmp_path
):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["account_id", "start", "end"])
    for end in (date(2099, 12, 31), "31.12.2099", date(2026, 1, 31), "28.02.2026"):
        book.active.append(["a1", date(2025, 1, 31), end])
    book.save(tmp_path / "c.xlsx")
    config = company(
        contracts={
            "path": "c.xlsx",
            "missing": ["2099-12-31"],
            "formats": {"start": "%d.%m.%Y", "end": "%d.%m.%Y"},
        }
    )
    ends = load(config).history.contracts.end.tolist()
    days = [parse_day("2026-01-31"), parse_day("2026-02-28")]
    assert ends == [*days, FAR, FAR]


NOT_UTF8 = os.fsdecode(b"Stra\xdfe")


@pytest.mark.parametrize("source", [{"path": "c.csv"}, {"sql": "from '{root}/c.csv'"}])
def test_a_folder_whose_name_is_not_utf_8_is_told(tmp_path, source):
    folder = tmp_path / NOT_UTF8
    folder.mkdir()
    (folder / "c.csv").write_text(TABLE, encoding="utf-8")
    contracts = {"columns": COLUMNS, **source}
    config = parse_config({"sources": {"contracts": contracts}}, folder=folder)
    with pytest.raises(InputError, match="CH119"):
        load(config)


def test_a_file_whose_name_is_not_utf_8_is_told(company):
    files = {f"{NOT_UTF8}.csv": TABLE.encode()}
    source = {"path": "S*.csv", "columns": COLUMNS}
    with pytest.raises(InputError, match="CH119"):
        load(company(files=files, contracts=source))


def test_scores_are_not_written_where_they_could_not_be_read(tmp_path):
    with pytest.raises(InputError, match="CH119"):
        write_table(tmp_path / NOT_UTF8 / "t.parquet", {"n": np.arange(3)})


def test_rows_whose_ids_begin_with_a_sign_are_no_remarks(company):
    rows = "".join(f"{'#' * (i % 3 == 0)}{i},2025-01-01\n" for i in range(9))
    text = "account_id,start\n" + rows
    source = {"path": "c.csv"}
    events = {"events.csv": "account_id,happened_at\n1,2025-03-01\n"}
    h = load(company(files={"c.csv": text, **events}, contracts=source)).history
    assert h.accounts.ids.size == 9
    remarked = {"c.csv": "# of today\n# by us\n" + text, **events}
    assert "skip = 2" in refused(company(files=remarked, contracts=source)).fix


@pytest.mark.parametrize("kind", ["varchar", "integer", "decimal(9, 2)", "double"])
def test_a_number_that_stands_for_nothing_is_missing_in_every_kind_of_column(
    company, kind
):
    sql = (
        "select id as account_id, date '2025-01-01' as start, n::{kind} as seats"
        " from (values ('a1', '-1'), ('a2', '8'), ('a3', null)) t(id, n)"
    ).replace("{kind}", kind)
    contracts = {"sql": sql, "missing": ["-1", "n/a"]}
    seats = load(company(contracts=contracts)).history.contracts.seats
    np.testing.assert_array_equal(seats, [np.nan, 8.0, np.nan])


def test_a_file_with_brackets_in_its_name_is_that_file(company):
    files = {
        "export [1].csv": "account_id,happened_at\na1,2025-03-01\n",
        "export 1.csv": "account_id,happened_at\na1,2025-03-02\na1,2025-03-03\n",
    }
    events = [{"name": "product", "path": "export [1].csv"}]
    assert load(company(files=files, events=events)).history.events[0].size == 1


def test_a_short_float_is_the_number_it_is_written_as(company):
    """An app says 99.99 of what a file holds in four bytes."""
    sql = "select 'a1' as account_id, date '2025-01-01' as start, 99.99::float as value"
    value = load(company(contracts={"sql": sql})).history.contracts.value
    assert value.tolist() == [99.99]


@pytest.mark.parametrize(
    "second",
    [
        "account_id,happened_at\na2,2025-03-02\n",
        "happened_at,account_id\n2025-03-02,a2\n",
        "account_id,happened_at,event\r\na2,2025-03-02,login\r\n",
    ],
    ids=["alike", "in another order", "with another column"],
)
def test_files_of_one_source_may_differ_in_order_columns_and_ends(company, second):
    files = {"use/1.csv": "account_id,happened_at\na1,2025-03-01\n"}
    config = company(
        files={**files, "use/2.csv": second},
        events=[{"name": "use", "path": "use/*.csv"}],
    )
    [log] = load(config).history.events
    assert log.size == 2
    assert np.ptp(log.happened_at) == 1
