"""Rows of the simulated company: the same bytes for a seed, odd as real ones are."""

from pathlib import Path

import numpy as np
import pytest

from churnhealth.simulated.company import simulate, write_company
from churnhealth.sources.engine import connect, write_table

UNTIL = np.datetime64("2026-01-01")


def test_one_seed_gives_the_same_company_and_another_seed_another():
    one, two = simulate(accounts=30, years=1), simulate(accounts=30, years=1)
    for stem, columns in one.tables.items():
        for name, column in columns.items():
            assert (
                column.tolist() == two.tables[stem][name].tolist()
                or (column.astype(str) == two.tables[stem][name].astype(str)).all()
            )
    other = simulate(accounts=30, years=1, seed=8)
    sizes = [len(c.tables["usage"]["count"]) for c in (one, other)]
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_hold_what_the_tables_hold(tmp_path, suffix):
    company = simulate(accounts=20, years=1)
    write_company(company, tmp_path, file_format=suffix)
    assert {f.stem for f in tmp_path.glob(f"*.{suffix}")} == set(company.tables)
    assert {f.stem for f in (tmp_path / "truth").iterdir()} == {"accounts", "effects"}
    with connect() as con:
        for stem, columns in company.tables.items():
            file = str(tmp_path / f"{stem}.{suffix}")
            names = [d[0] for d in con.execute(f"from '{file}'").description]
            assert names == list(columns)
            rows = con.execute(f"select count(*) from '{file}'").fetchone()[0]
            assert rows == len(next(iter(columns.values())))
        file = str(tmp_path / f"usage.{suffix}")
        total = con.execute(f"select sum(count) from '{file}'").fetchone()[0]
    assert total == company.tables["usage"]["count"].sum()


def test_two_writings_of_one_company_are_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        company = simulate(accounts=20, years=1)
        write_company(company, tmp_path / folder, file_format="csv")
    for file in (tmp_path / "a").rglob("*.csv"):
        twin = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == twin.read_bytes()


def test_the_sample_is_what_the_code_writes(tmp_path):
    sample = Path(__file__).parents[2] / "data" / "simulated"
    company = simulate(accounts=60, years=2, seed=7, activity=0.2)
    for stem, columns in company.tables.items():
        write_table(tmp_path / f"{stem}.csv", columns)
        fresh = (tmp_path / f"{stem}.csv").read_bytes()
        assert fresh == (sample / f"{stem}.csv").read_bytes(), stem
    assert sum(f.stat().st_size for f in sample.rglob("*.csv")) < 1_000_000


def test_a_few_rows_arrive_days_late_and_a_few_twice(small):
    usage = small.tables["usage"]
    lag = usage["received_at"] - usage["happened_at"]
    assert (lag > np.timedelta64(0, "s")).all()
    assert 0.02 < (lag > np.timedelta64(1, "D")).mean() < 0.06
    _, first, times = np.unique(
        usage["event_id"], return_index=True, return_counts=True
    )
    assert 0.0005 < (times > 1).mean() < 0.01
    twice = first[times == 2]
    for column in usage.values():
        assert (column[twice].astype(str) == column[twice + 1].astype(str)).all()


def test_nothing_is_dated_after_the_end_but_agreements_about_it(small):
    allowed = {("subscriptions", "start_date"), ("subscriptions", "end_date")}
    allowed |= {("goals", "due_on"), ("invoices", "due_on")}
    for stem, columns in small.tables.items():
        for name, column in columns.items():
            if column.dtype.kind == "M" and (stem, name) not in allowed:
                known = column[~np.isnat(column)]
                assert (known < UNTIL).all(), (stem, name)


def test_columns_that_know_better_are_filled_for_the_lost_alone(small):
    accounts = small.tables["accounts"]
    gone = ~accounts["is_active"]
    assert gone.sum() > 20
    assert (~np.isnat(accounts["churned_on"]) == gone).all()
    assert [note is not None for note in accounts["health_note_code"]] == gone.tolist()


def test_weekends_and_the_turn_of_the_year_are_quiet(small):
    day = small.tables["usage"]["happened_at"].astype("M8[D]")
    weekday = (day.astype(np.int64) + 3) % 7
    assert (weekday < 5).all()
    late = (day >= np.datetime64("2024-12-22")) & (day < np.datetime64("2025-01-01"))
    usual = (day >= np.datetime64("2024-11-20")) & (day < np.datetime64("2024-11-30"))
    assert late.sum() < 0.7 * usual.sum()
