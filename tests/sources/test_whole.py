"""Queries that read text files: kinds of columns come from all rows, not the first."""

import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.engine import read_whole
from churnhealth.sources.load import load

COLUMNS = {"account_id": "account", "happened_at": "ts", "amount": "hours"}


def rows_of(hours, write):
    return "".join(write.format(h) for h in hours)


def amounts(config):
    return load(config).history.events[0].amount.sum()


JSON = '{{"account": "a1", "ts": "2025-03-01", "hours": {}}}\n'
CSV = "a1,2025-03-01,{}\n"
CONTRACTS = "account_id,start\n1,2025-01-01\n"
LATE = [1] * 25_000 + [2.5] * 4  # whole numbers for longer than DuckDB looks


@pytest.mark.parametrize(
    ("name", "head", "write", "query"),
    [
        ("h.jsonl", "", JSON, "from read_json('{root}/h.jsonl')"),
        ("h.jsonl", "", JSON, "select * from '{root}/h.jsonl' where hours > 0"),
        ("h.csv", "account,ts,hours\n", CSV, "from read_csv('{root}/h.csv')"),
        ("h.csv", "account,ts,hours\n", CSV, "select h.* from '{root}/h.csv' h"),
        (
            "h.csv",
            "account,ts,hours\n",
            CSV,
            "select h.* from '{root}/h.csv' where true",
        ),
        (
            "x.csv",
            "account,ts,hours\n",
            CSV,
            "select h.* from '{root}/x.csv' /* */ AS h",
        ),
    ],
)
def test_amounts_that_are_whole_at_first_are_not_rounded_later(
    company, name, head, write, query
):
    files = {name: head + rows_of(LATE, write)}
    events = [{"name": "hours", "sql": query, "columns": COLUMNS}]
    assert amounts(company(files=files, events=events)) == 25_010.0


def test_amounts_that_are_whole_in_the_first_files_are_not_rounded_in_later_ones(
    company,
):
    files = {f"d{i:02}.jsonl": JSON.format(1 if i < 45 else 2.5) for i in range(50)}
    query = "select account, ts, hours from read_json('{root}/d*.jsonl')"
    events = [{"name": "hours", "sql": query, "columns": COLUMNS}]
    assert amounts(company(files=files, events=events)) == 45 + 12.5


@pytest.mark.parametrize(
    "query",
    [
        "from read_csv('a.csv', all_varchar = true, comment = '')",
        "from read_csv('a.csv', comment = '#', SAMPLE_SIZE = 50)",
        "from read_json('a.json', columns = {a: 'int'})",
        "select 'read_csv(x)' from t where (a in ('from', 'b.csv'))",
        "from 'a.parquet'",
        "select 'a.csv', 'b.csv' from t where x in (1, 'c.csv') order by 1, 'd.csv'",
        "copy t from 'a.csv'",
    ],
)
def test_a_query_that_guesses_nothing_is_left_as_it_is(query):
    assert read_whole(query) == query


def test_a_remark_in_a_query_hides_no_parenthesis():
    query = "from read_csv('é.csv' -- :)\n) join t on (true)"
    whole = read_whole(query)
    assert whole.endswith(", sample_size = -1, files_to_sniff = -1) join t on (true)")


def test_a_query_reads_rows_whose_ids_begin_with_a_sign(company):
    rows = "".join(f"{'#' * (i % 3 == 0)}{i},2025-03-01\n" for i in range(9))
    for more in ("", ", all_varchar = true"):
        config = company(
            files={"calls.csv": "id,at\n" + rows, "contracts.csv": CONTRACTS},
            events=[
                {
                    "name": "calls",
                    "sql": f"from read_csv('{{root}}/calls.csv'{more})",
                    "columns": {"account_id": "id", "happened_at": "at"},
                }
            ],
        )
        assert load(config).history.events[0].account.size == 9


def test_a_query_does_not_guess_which_of_two_numbers_is_the_day(company):
    events = {"name": "calls", "sql": "from read_csv('{root}/calls.csv')"}
    files = {
        "calls.csv": "account_id,happened_at\na1,03/02/2025\na2,04/02/2025\n",
        "contracts.csv": "account_id,start\na1,2025-01-01\na2,2025-01-01\n",
    }
    with pytest.raises(SourceError, match="CH104"):
        load(company(files=files, events=[events]))
    for told in (
        {"formats": {"happened_at": "%m/%d/%Y"}},
        {"sql": "from read_csv('{root}/calls.csv', dateformat = '%m/%d/%Y')"},
    ):
        log = load(company(files=files, events=[{**events, **told}])).history.events[0]
        assert log.happened_at.tolist() == [20149, 20180]  # 2 March, 2 April


def test_nor_does_a_query_of_json_lines(company):
    """The fields inside of others are taken out by such a query."""
    rows = "".join(
        f'{{"account_id": "a{n}", "p": {{"at": "0{n}-03-2025"}}}}\n' for n in (1, 2)
    )
    query = "select account_id, p.at as happened_at from read_json('{root}/t.jsonl')"
    contracts = "account_id,start\na1,2025-01-01\na2,2025-01-01\n"
    files = {"t.jsonl": rows, "contracts.csv": contracts}
    calls = {"name": "calls", "sql": query}
    with pytest.raises(SourceError, match="CH104"):
        load(company(files=files, events=[calls]))
    calls["formats"] = {"happened_at": "%m-%d-%Y"}
    log = load(company(files=files, events=[calls])).history.events[0]
    assert log.happened_at.tolist() == [20091, 20122]  # 3 January, 3 February


def test_ids_that_became_numbers_with_a_point_are_refused(company):
    """Of the branches 1042.1 and 1042.10 one account would be made."""
    days = "2025-03-01 08:00:00"
    files = {
        "contracts.csv": "account_id,start\n1042.1,2025-01-01\n1042.10,2025-01-01\n",
        "e.csv": f"account,ts,hours\n1042.1,{days},1\n1042.10,{days},2\n",
    }
    read = "from read_csv('{root}/e.csv'"
    events = {"name": "product", "columns": COLUMNS}
    with pytest.raises(SourceError) as caught:
        load(company(files=files, events=[{**events, "sql": f"{read})"}]))
    assert caught.value.code == "CH104"
    assert "all_varchar = true" in caught.value.fix
    told = [{**events, "sql": f"{read}, all_varchar = true)"}]
    history = load(company(files=files, events=told)).history
    assert history.events[0].account.tolist() == [0, 1]
