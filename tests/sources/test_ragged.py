"""Of a line that does not fit, its number and what is odd about it are told."""

import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.load import load
from churnhealth.sources.ragged import line_ends

HEAD = "account_id,start,note\n"
ROWS = [f"a{n},2025-01-01,x" for n in range(40_000)]  # DuckDB guesses from half


def refused(config):
    with pytest.raises(SourceError) as caught:
        load(config)
    assert caught.value.code == "CH111"
    return caught.value


def told(company, at, line, *, above="", **source):
    rows = [*ROWS[:at], line, *ROWS[at:]]
    text = above + HEAD + "\n".join(rows) + "\n"
    contracts = {"path": "contracts.csv", **source}
    return refused(company(files={"contracts.csv": text}, contracts=contracts)).what


@pytest.mark.parametrize(
    ("line", "how"),
    [
        (
            "a1,2025-01-01,x,y",
            "which has more than 3 cells; the first line has 3 names",
        ),
        ("a1,2025-01-01,x,y,z,z", "which has more than 3 cells; the first line has 3"),
        ("a1,2025-01-01", "which has 2 cells; the first line has 3 names"),
        ('a1,2025-01-01,"x', "where a quote does not close"),
        ('a1,2025-01-01,"x"y', "where a quote does not close"),
    ],
)
def test_a_line_that_does_not_fit_is_told_with_what_is_odd(company, line, how):
    assert (
        f"'contracts.csv' is damaged or of another kind at line 30002, {how}"
        in told(company, 30_000, line)
    )


def test_lines_above_the_names_are_counted(company):
    what = told(company, 30_000, "a1,2025-01-01,x,y", above="title\n\n", skip=2)
    assert "at line 30004, which has more than 3 cells;" in what


def test_where_many_lines_do_not_fit_the_first_is_told(company):
    rows = "".join(f"a{n},2025-01-01{',x' if n % 3 == 2 else ''}\n" for n in range(50))
    files = {"contracts.csv": "account_id,start\n" + rows}
    what = refused(company(files=files)).what
    assert what.endswith("names, the first in line 4: 3 cells, 2 names")


def test_a_file_is_named_as_its_path_names_it(company, tmp_path):
    """A folder above it may begin as the file does."""
    text = HEAD + "\n".join([*ROWS[:30_000], "a1,2025-01-01,x,y", *ROWS[30_000:]])
    files = {"test_1.csv": HEAD + "\n".join(ROWS), "test_2.csv": text}
    assert "test_" in str(tmp_path)
    error = refused(company(files=files, contracts={"path": "test_*.csv"}))
    assert "'test_2.csv' is damaged" in error.what
    assert error.fix.startswith("write the file again with every cell that holds a sep")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("{}/*/t*.csv", "'{}/of/test_2.csv'"),
        ("**/t*.csv", "'of/test_2.csv'"),
        ("*/t*.csv", "'of/test_2.csv'"),
    ],
    ids=["whole", "any folders", "one folder"],
)
def test_so_it_is_below_folders(company, tmp_path, path, named):
    text = HEAD + "\n".join([*ROWS[:30_000], "a1,2025-01-01,x,y", *ROWS[30_000:]])
    files = {"at/test_1.csv": HEAD + "\n".join(ROWS), "of/test_2.csv": text}
    config = company(files=files, contracts={"path": path.format(tmp_path)})
    assert f"{named.format(tmp_path)} is damaged" in refused(config).what


@pytest.mark.parametrize(
    ("above", "head"),
    [("a title;;\n", "account_id;start;note"), ("", 'account_id;start;"a\nnote"')],
    ids=["a title", "a name of two lines"],
)
def test_lines_that_end_in_two_ways_are_told(company, above, head):
    text = f"{above}{head}\r\n" + "a1;2025-01-01;x\r\n" * 9
    contracts = {"path": "contracts.csv", "skip": len(above) and 1}
    error = refused(company(files={"contracts.csv": text}, contracts=contracts))
    assert "lines end in CR LF, others in LF alone" in error.what
    assert "with one end for all lines" in error.fix


def test_breaks_within_a_cell_are_no_ends_of_lines(tmp_path):
    file = tmp_path / "notes.csv"
    file.write_bytes(b'a;b\r\na1;"one\ntwo, ""three""\n"\r\na2;x\r\n')
    assert line_ends(str(file)) == ""


def test_of_a_title_with_separators_the_line_of_the_names_is_told(company):
    text = "a title;;\naccount_id;start;note\n" + "a1;2025-01-01;x\n" * 9
    config = company(files={"contracts.csv": text.replace(";;", ";;;", 1)})
    with pytest.raises(SourceError) as caught:
        load(config)
    assert (caught.value.code, caught.value.fix[-8:]) == ("CH102", "skip = 1")


def test_an_encoding_that_was_named_is_not_advised_again(company):
    rows = [*ROWS[:30_000], 'a1,2025-01-01,"x', *ROWS[30_000:]]
    contracts = {"path": "contracts.csv", "encoding": "windows-1252"}
    files = {"contracts.csv": HEAD + "\n".join(rows)}
    error = refused(company(files=files, contracts=contracts))
    assert error.fix.endswith("than its name says; or correct `encoding`")


def test_a_first_line_that_is_no_line_of_names_is_told(company):
    text = '{"a":"' + "x" * 200_000 + '","b":1}\n{"a":"","b":1}\n'
    files = {"contracts.csv": text}
    contracts = {"path": "contracts.csv"}
    with pytest.raises(SourceError):
        load(company(files=files, contracts=contracts))
