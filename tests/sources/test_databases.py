"""Queries over database files: the same history as of CSV, and what keeps one shut."""

import subprocess
import sys

import duckdb
import numpy as np
import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.engine import QueryError
from churnhealth.sources.load import load
from churnhealth.sources.refused import reading_problem

ATTACH = "attach '{root}/b.duckdb' as b (read_only);"
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"


def asked(company):
    return company(events=[{"name": "p", "sql": f"{ATTACH} select * from b.events"}])


def refused(company):
    with pytest.raises(SourceError) as caught:
        load(asked(company))
    return caught.value


def test_tables_and_views_of_a_database_are_the_history_of_the_same_csv(
    company, tmp_path
):
    contracts = (
        "account_id,start,end,value\n7,2025-01-01,2026-01-01,9.50\n8,2025-02-01,,\n"
    )
    events = (
        "account_id,happened_at,count\n"
        "7,2025-03-01 10:00:00,3\n8,2025-03-02 11:30:00,1\n"
    )
    files = {"contracts.csv": contracts, "events.csv": events}
    counted = [{"name": "product", "path": "events.csv"}]
    plain = load(company(files=files, events=counted)).history
    with duckdb.connect(tmp_path / "b.duckdb") as con:
        con.execute(
            'create table c (account_id smallint, start integer, "end" date,'
            " value decimal(9, 2))"
        )
        con.execute(
            "insert into c values (7, 20250101, '2026-01-01', 9.5),"
            " (8, 20250201, null, null)"
        )
        con.execute("create table e (account_id hugeint, s bigint, count float)")
        con.execute("insert into e values (7, 1740823200, 3), (8, 1740915000, 1)")
        con.execute(
            "create view events as select account_id, count,"
            " to_timestamp(s) as happened_at from e"
        )
    made = load(
        company(
            contracts={"sql": f"{ATTACH} from b.c", "formats": {"start": "%Y%m%d"}},
            events=[{"name": "product", "sql": f"{ATTACH} from b.events"}],
        )
    ).history
    assert made.accounts.ids.tolist() == plain.accounts.ids.tolist()
    for name in ("start", "end", "known_at", "value"):
        one, two = (getattr(h.contracts, name) for h in (plain, made))
        np.testing.assert_array_equal(one, two)
    for name in ("account", "happened_at", "known_at", "count"):
        one, two = (getattr(h.events[0], name) for h in (plain, made))
        np.testing.assert_array_equal(one, two)


def test_a_database_that_another_program_has_open_is_told(company, tmp_path):
    held = str(tmp_path / "b.duckdb")
    command = [sys.executable, "-c", HOLD, held]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        error = refused(company)
        other.communicate(b"\n")
    assert error.code == "CH105"
    assert "b.duckdb', which another program has open to write" in error.what
    assert "attach a copy" in error.fix


def test_a_database_that_is_none_or_not_there_is_told(company, tmp_path):
    error = refused(company)
    assert "b.duckdb', and no such file is there" in error.what
    (tmp_path / "b.duckdb").write_bytes(b"SQLite format 3" * 500)
    error = refused(company)
    assert "b.duckdb', which is no database of DuckDB" in error.what
    assert "type sqlite" in error.fix


def test_a_database_of_a_newer_duckdb_is_told(company):
    told = QueryError("IO Error: Trying to read a database file with version number 9")
    problem = reading_problem("p", asked(company).sources.events[0], told)
    assert (problem.code, "newer DuckDB" in problem.what) == ("CH105", True)
