"""The foot of an exported report is told, with a query that leaves it out."""

import pytest
from tests.sources.test_reading import refused

from churnhealth.sources.load import load

COLUMNS = {"account_id": "Account ID", "start": "Start", "end": "End"}
FOOT = ("", "My renewals", "Copyright (c) 2000-2026 salesforce.com, inc.", "Acme")


def report(*, rows=40, below=FOOT, parting=","):
    lines = [["Account ID", "Account Name", "Start", "End"]]
    lines += [[f"a{i}", f"Co {i}", "2024-01-01", "2025-01-01"] for i in range(rows)]
    text = [parting.join(f'"{cell}"' for cell in row) for row in lines]
    return "\n".join([*text, *(f'"{line}"' if line else "" for line in below)]) + "\n"


def given(company, text, **how):
    contracts = {"columns": COLUMNS, **(how or {"path": "report.csv"})}
    return company(files={"report.csv": text}, contracts=contracts, events=[])


@pytest.mark.parametrize("parting", [",", ";", "\t"])
@pytest.mark.parametrize("rows", [40, 4000])
def test_the_foot_of_a_report_is_told_with_a_query_that_runs(company, rows, parting):
    text = report(rows=rows, parting=parting)
    error = refused(given(company, text))
    assert error.code == "CH111"
    assert "the last 3 lines of 'report.csv' are no rows" in error.what
    query = error.fix.split("'''")[1]
    history = load(given(company, text, sql=query)).history
    assert history.contracts.start.size == rows


def test_the_foot_is_told_where_no_cell_is_quoted_and_some_rows_hold_nothing(company):
    text = report(below=("", "Total records: 40")).replace('"', "")
    text = text.replace("a7,", ",,,\na7,")
    error = refused(given(company, text))
    assert "the last line of 'report.csv' is no row" in error.what
    query = error.fix.split("'''")[1]
    assert load(given(company, text, sql=query)).history.contracts.start.size == 40


def test_the_query_keeps_rows_whose_second_cell_is_empty(company):
    text = report().replace('"Co 7"', "")
    query = refused(given(company, text)).fix.split("'''")[1]
    assert load(given(company, text, sql=query)).history.contracts.start.size == 40


def test_the_query_runs_where_the_name_of_the_file_has_a_quote(company):
    text = report()
    files = {"Bob's report.csv": text}
    contracts = {"path": "Bob's report.csv", "columns": COLUMNS}
    error = refused(company(files=files, contracts=contracts, events=[]))
    mended = {"sql": error.fix.split("'''")[1], "columns": COLUMNS}
    config = company(files=files, contracts=mended, events=[])
    assert load(config).history.contracts.start.size == 40


def test_a_last_line_that_breaks_off_may_be_of_a_file_that_does(company):
    for below, cut in ((("Acme",), False), ((), True)):
        text = report(below=below)
        error = refused(given(company, text[:-30] if cut else text))
        assert ("export it again if it breaks off" in error.fix) is cut
        assert "foot of a report" in error.what


def test_a_file_that_breaks_in_the_middle_is_not_taken_for_a_report(company):
    text = report().replace('"a7","Co 7"', '"a7"')
    error = refused(given(company, text))
    assert "foot of a report" not in error.what
