"""Values as other systems write them: read as they are meant, or refused with a way."""

import numpy as np
import pytest

from churnhealth.errors import ConfigError, SourceError
from churnhealth.sources.contract import FAR, parse_day
from churnhealth.sources.engine import connect, write_table
from churnhealth.sources.load import load
from churnhealth.sources.written import fitting


def refused(config):
    with pytest.raises(SourceError) as caught:
        load(config)
    return caught.value


def contracts(*rows, head="account_id;start;value"):
    return {"contracts.csv": "\n".join((head, *rows)) + "\n"}


def read(company, files, **formats):
    config = company(files=files, contracts={"path": "contracts.csv"} | formats)
    return load(config).history.contracts


@pytest.mark.parametrize(
    ("written", "pattern", "meant"),
    [
        ("1.234,50", "1.234,50", 1234.5),
        ("1.234", "1.234,50", 1234.0),
        ("12,5", "1.234,50", 12.5),
        ("-1.234.567,89 €", "1.234,50", -1234567.89),
        ("1,234.50", "1,234.50", 1234.5),
        ("$1,234", "1,234.50", 1234.0),
        ("EUR 1.234,50", "1.234,50", 1234.5),
        ("12,5SEK", "1.234,50", 12.5),
        ("1 234,50", "1.234,50", 1234.5),
        ("1'234.50", "1,234.50", 1234.5),
        ("(1,234.50)", "1,234.50", -1234.5),
        ("($ 150.00)", "1,234.50", -150.0),
        ("1.234,50-", "1.234,50", -1234.5),
        ("150,00- €", "1.234,50", -150.0),
        ("\N{MINUS SIGN}1.234,50", "1.234,50", -1234.5),
        ("4900", "cents", 49.0),
    ],
)
def test_a_number_is_read_as_its_format_says(company, written, pattern, meant):
    files = contracts(f"a1;2025-01-01;{written}", "a2;2025-01-01;")
    read_ = read(company, files, formats={"value": pattern}).value
    assert read_[0] == meant
    assert np.isnan(read_[1])


@pytest.mark.parametrize(
    "written",
    [
        "1.23",
        "1.2345",
        "1,2,3",
        "1.234.5",
        "ABC123",
        "12KGS3",
        "7PCS",
        "(-1)",
        "(1",
        "1--",
    ],
)
def test_what_is_no_number_is_refused(company, written):
    files = contracts(f"a1;2025-01-01;{written}")
    config = company(
        files=files,
        contracts={"path": "contracts.csv", "formats": {"value": "1.234,50"}},
    )
    assert refused(config).code == "CH104"


def test_a_price_in_cents_may_be_a_whole_number_of_a_parquet_file(company, tmp_path):
    table = {
        "account_id": np.array(["a1", "a2"], dtype=object),
        "start": np.array(["2025-01-01", "2025-02-01"], dtype="datetime64[D]"),
        "value": np.array([4900, 9950]),
    }
    write_table(tmp_path / "c.parquet", table)
    given = {"path": "c.parquet", "formats": {"value": "cents"}}
    value = load(company(contracts=given)).history.contracts.value
    assert value.tolist() == [49.0, 99.5]


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("1740873600", "unix seconds"),
        ("1740873600000", "unix milliseconds"),
        ("45718", "spreadsheet days"),
    ],
)
def test_counted_times_are_times(company, tmp_path, written, pattern):
    at = {"account_id": "account_id", "happened_at": "created"}
    as_text = {"events.csv": f"account_id,created\na1,{written}\n"}
    events = [{"name": "p", "path": "events.csv", "columns": at}]
    events[0]["formats"] = {"created": pattern}
    read_ = load(company(files=as_text, events=events)).history.events[0]
    assert read_.happened_at.tolist() == [parse_day("2025-03-02")]
    ids = np.array(["a1"], dtype=object)
    table = {"account_id": ids, "created": np.array([int(written)])}
    write_table(tmp_path / "e.parquet", table)
    events[0]["path"] = "e.parquet"
    read_ = load(company(events=events)).history.events[0]
    assert read_.happened_at.tolist() == [parse_day("2025-03-02")]


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (("1740873600", "1740873601"), ['start = "unix seconds"']),
        (("45717", "45718.5"), ['start = "spreadsheet days"']),
        (("1740873600123", "1740873600124"), ['start = "unix milliseconds"']),
        (("31.01.2025", "01.02.2025"), ['start = "%d.%m.%Y"']),
        (("02/01/2025", "01/31/2025"), ['start = "%m/%d/%Y"']),
        (("02/01/2025", "03/01/2025"), ['"%d/%m/%Y"', ', or start = "%m/%d/%Y"']),
        (("31.01.2025 10:15", "01.02.2025 9:00"), ['start = "%d.%m.%Y %H:%M"']),
        (("20250131", "20250201"), ['start = "%Y%m%d"']),
        (("Jan 5, 2025", "Feb 6, 2025"), ['start = "%b %d, %Y"']),
    ],
)
def test_dates_that_do_not_convert_are_told_with_the_formats_that_fit(
    company, written, named
):
    files = contracts(*(f'a{i};"{w}";1' for i, w in enumerate(written)))
    error = refused(company(files=files))
    assert error.code == "CH104"
    assert all(n in error.fix for n in named)


def test_a_column_whose_name_has_blanks_is_told_as_a_key_of_the_file(company):
    files = contracts("a1;2025-01-01;1,5", head="account_id;start;Betrag im Monat (€)")
    columns = {"account_id": "account_id", "start": "start"}
    columns["value"] = "Betrag im Monat (€)"
    error = refused(
        company(files=files, contracts={"path": "contracts.csv", "columns": columns})
    )
    assert '"Betrag im Monat (€)" = "1.234,50"' in error.fix


def test_points_that_part_thousands_are_not_read_as_decimals(company):
    rows = [f"a1;2025-01-01;{v}" for v in ("950", "1.200", "1.350", "12.400")]
    error = refused(company(files=contracts(*rows)))
    assert error.code == "CH104"
    assert "seem to part thousands" in error.what
    meant = read(company, contracts(*rows), formats={"value": "1.234,50"}).value
    assert sorted(meant) == [950.0, 1200.0, 1350.0, 12400.0]
    meant = read(company, contracts(*rows), formats={"value": "1,234.50"}).value
    assert sorted(meant) == [1.2, 1.35, 12.4, 950.0]


def test_years_of_two_digits_that_stand_first_are_known(company):
    rows = [f"a1;{year}-12-31;9" for year in (22, 23, 24)]
    with pytest.raises(SourceError) as caught:
        read(company, contracts(*rows, "a1;32-01-01;9"))
    assert caught.value.fix == 'add to `formats`: start = "%y-%m-%d"'


def test_commas_that_may_part_either_are_told_with_what_each_format_makes(company):
    rows = [f"a1;2025-01-01;{v}" for v in ("950", "1,200", "12,400")]
    fix = refused(company(files=contracts(*rows))).fix
    assert fix.endswith("the first reads 1,200 as 1.2, the second as 1200")
    meant = [
        sorted(read(company, contracts(*rows), formats={"value": f}).value)
        for f in ("1.234,50", "1,234.50")
    ]
    assert meant == [[1.2, 12.4, 950.0], [950.0, 1200.0, 12400.0]]


@pytest.mark.parametrize(
    "values",
    [("950", "1.2", "1.350", "12.400"), ("0.125", "1.350", "12.400", "1.100", "7")],
)
def test_numbers_with_decimals_are_left_alone(company, values):
    rows = [f"a1;2025-01-01;{v}" for v in values]
    assert sorted(read(company, contracts(*rows)).value) == sorted(map(float, values))


def test_ids_get_back_the_zeros_that_a_number_lost(company, tmp_path):
    days = np.array(["2025-03-01", "2025-03-02"], dtype="datetime64[D]")
    table = {"account_id": np.array([7, 12345]), "happened_at": days}
    write_table(tmp_path / "e.parquet", table)
    files = {"contracts.csv": "account_id,start\n0007,2025-01-01\n12345,2025-01-01\n"}
    events = [{"name": "p", "path": "e.parquet", "formats": {"account_id": "0000"}}]
    h = load(company(files=files, events=events)).history
    assert h.accounts.ids.tolist() == ["0007", "12345"]


def test_texts_of_a_parquet_file_are_filled_up_as_well(company, tmp_path):
    days = np.array(["2025-03-01"], dtype="datetime64[D]")
    table = {"account_id": np.array(["7"], dtype=object), "happened_at": days}
    write_table(tmp_path / "e.parquet", table)
    files = {"contracts.csv": "account_id,start\n0007,2025-01-01\n"}
    events = [{"name": "p", "path": "e.parquet", "formats": {"account_id": "0000"}}]
    h = load(company(files=files, events=events)).history
    assert h.accounts.ids.tolist() == ["0007"]


@pytest.mark.parametrize(("pattern", "one"), [("lower", "hl-ä1"), ("upper", "HL-Ä1")])
def test_ids_that_differ_in_capitals_are_made_one(company, pattern, one):
    files = {
        "contracts.csv": "account_id,start\nHL-ä1,2025-01-01\n",
        "events.csv": "account_id,happened_at\nhl-Ä1,2025-03-01\n",
    }
    assert 'account_id = "lower"' in refused(company(files=files)).fix
    formats = {"account_id": pattern}
    given = {"path": "contracts.csv", "formats": formats}
    events = [{"name": "p", "path": "events.csv", "formats": formats}]
    h = load(company(files=files, contracts=given, events=events)).history
    assert h.accounts.ids.tolist() == [one]
    assert h.events[0].account.size == 1


def test_sources_that_share_no_id_with_the_contracts_are_refused(company):
    # 50,000 subscribers as texts and their activity by number: two sets of accounts
    files = {
        "contracts.csv": "account_id,start\n0007,2025-01-01\n0008,2025-01-01\n",
        "events.csv": "account_id,happened_at\n7,2025-03-01\n8,2025-03-01\n",
    }
    error = refused(company(files=files))
    assert error.code == "CH112"
    assert "none of its 2 account ids is in the contracts; 2 of them" in error.what
    assert 'add to `formats`: account_id = "0000"' in error.fix


@pytest.mark.parametrize("pattern", ["german", "%Q", "0,0", "1.234,50"])
def test_a_format_that_cannot_read_its_column_is_refused(company, pattern):
    given = {"path": "contracts.csv", "formats": {"start": pattern}}
    error = refused(company(contracts=given))
    assert error.code == "CH114"
    assert "unix seconds" in error.fix


def test_days_in_json_are_not_guessed_at(company):
    text = '{"account_id": "a1", "happened_at": "01-02-2025"}\n'
    events = [{"name": "p", "path": "e.jsonl"}]
    error = refused(company(files={"e.jsonl": text}, events=events))
    assert error.code == "CH104"
    assert "%d-%m-%Y" in error.fix
    assert "%m-%d-%Y" in error.fix


def test_a_word_for_nothing_is_told_and_read_as_nothing_once_it_is_named(company):
    head = "account_id;start;end;value;plan"
    rows = ("a1;2025-01-01;NULL;5;NULL", "a2;2025-01-01;0000-00-00;\\N;gold")
    files = contracts(*rows, head=head)
    error = refused(company(files=files))
    assert error.what.count("CH104") == 2
    assert 'missing = ["0000-00-00", "NULL"]' in error.fix
    assert r'missing = ["\\N"]' in error.fix
    words = ("NULL", "0000-00-00", "\\N")
    read_ = read(company, files, missing=words)
    assert read_.end.tolist() == [FAR, FAR]
    assert np.isnan(read_.value[1])
    assert read_.plan.tolist() == [None, "gold"]


def test_a_number_that_no_format_reads_better_suggests_none(company):
    error = refused(company(files=contracts("a1;2025-01-01;5", "a2;2025-01-01;5 %")))
    assert "formats" not in error.fix


PULSE = (
    "account_id,known_at,value\n"
    "a1,2025-03-01,Red\na2,2025-03-02, GREEN \na1,2025-04-01,2\n"
)
LEVELS = {"red": 1, "Green": 3}


def test_words_of_a_state_stand_for_the_numbers_they_are_given(company):
    states = [{"name": "pulse", "path": "p.csv", "levels": LEVELS}]
    [pulse] = load(company(files={"p.csv": PULSE}, states=states)).history.states
    assert pulse.value.tolist() == [1.0, 2.0, 3.0]  # of a1, then, and of a2


def test_a_word_without_a_number_is_told_with_the_way_out(company):
    states = [{"name": "pulse", "path": "p.csv", "levels": {"red": 1}}]
    error = refused(company(files={"p.csv": PULSE}, states=states))
    assert error.code == "CH104"
    assert "1 value is not a number in 'value', the first in data row 2" in error.what
    assert "give every word of 'value' a number in `levels`" in error.fix
    assert "levels = { red = 1, green = 3 }" in error.fix
    assert "GREEN" not in str(error)


@pytest.mark.parametrize("levels", [{"red": 1, "RED": 2}, {" ": 1}])
def test_levels_that_cannot_be_told_apart_are_refused(company, levels):
    with pytest.raises(ConfigError, match="each stands once"):
        company(
            files={"p.csv": PULSE},
            states=[{"name": "pulse", "path": "p.csv", "levels": levels}],
        )


@pytest.mark.parametrize("blank", ["\t", "\r", " \t ", chr(0xA0), "\u2009", "\u200b"])
def test_no_kind_of_blank_around_a_cell_is_part_of_it(company, blank):
    cells = ("a1", "2025-01-01", "900", "pro")
    around = ";".join(f'"{blank}{cell}{blank}"' for cell in cells)
    files = contracts(";".join(cells), around, head="account_id;start;value;plan")
    files["usage.csv"] = (
        f'account_id,happened_at,event\n"{blank}a1","2025-01-05{blank}","run{blank}"\n'
        "a1,2025-01-06,run\n"
    )
    config = company(
        files=files,
        contracts={"path": "contracts.csv"},
        events=[{"name": "product", "path": "usage.csv"}],
    )
    history = load(config).history
    assert history.accounts.ids.tolist() == ["a1"]
    assert set(history.contracts.start.tolist()) == {parse_day("2025-01-01")}
    assert set(history.contracts.value.tolist()) == {900.0}
    assert set(history.contracts.plan.tolist()) == {"pro"}
    assert list(history.events[0].vocabulary) == ["run"]


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (("2025-W07", "2025-W52"), "%G-W%V"),
        (("03/2025", "12/2025"), "%m/%Y"),
        (("Mar 2025", "Dec 2025"), "%b %Y"),
    ],
)
def test_weeks_and_months_are_named_as_they_are_written(values, pattern):
    with connect() as con:
        rows = f"(SELECT unnest({list(values)}) AS x)"
        assert fitting(con, rows, "x", "VARCHAR", "dates") == [pattern]
