"""Times without an offset are read from the clock of the zone that is named."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churnhealth.checks.check import check
from churnhealth.errors import SourceError
from churnhealth.sources.contract import FAR, day_of
from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load

TOKYO = {"name": "product", "path": "events.csv", "timezone": "Asia/Tokyo"}


def happened(config):
    return load(config).history.events[0].happened_at.tolist()


def day(text):
    return day_of(date.fromisoformat(text))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-03-01 08:59:59", "2025-02-28"),
        ("2025-03-01T09:00", "2025-03-01"),
        ("2025-03-01 08:59:59.5", "2025-02-28"),
        ("2025-03-01 08:00:00+00:00", "2025-03-01"),  # says its own
        ("2025-03-01 00:30:00+0200", "2025-02-28"),
        ("2025-03-01T08:00:00Z", "2025-03-01"),
        ("2025-03-01", "2025-03-01"),  # a day is a day
        ("2025-03-01 00:00:00", "2025-03-01"),
    ],
)
def test_a_local_time_is_its_utc_day(company, written, expected):
    text = f"account_id,happened_at\na1,{written}\n"
    assert happened(company(files={"events.csv": text}, events=[TOKYO])) == [
        day(expected)
    ]


def test_summer_time_is_kept(company):
    text = "account_id,happened_at\na1,2025-01-10 00:59:00\na1,2025-07-10 01:59:00\n"
    events = [{**TOKYO, "timezone": "Europe/Berlin"}]
    config = company(files={"events.csv": text}, events=events)
    assert happened(config) == [day("2025-01-09"), day("2025-07-09")]


def test_formats_and_columns_that_are_times_are_local_too(company, tmp_path):
    columns = {"account_id": "account_id", "happened_at": "at"}
    text = "account_id,at\na1,01.03.2025 08:00\n"
    events = [{**TOKYO, "columns": columns, "formats": {"at": "%d.%m.%Y %H:%M"}}]
    written = company(files={"events.csv": text}, events=events)
    assert happened(written) == [day("2025-02-28")]
    at = np.array(["2025-03-01T08:00:00"], "datetime64[s]")
    rows = {"account_id": np.array(["a1"], object), "happened_at": at}
    write_table(tmp_path / "events.parquet", rows)
    events = [{**TOKYO, "path": "events.parquet"}]
    assert happened(company(events=events)) == [day("2025-02-28")]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_moment_with_its_zone_is_read_whatever_its_unit(company, tmp_path, unit):
    moment = datetime(2025, 6, 30, 23, 30, tzinfo=UTC)
    times = pa.array([moment, None], pa.timestamp(unit, tz="UTC"))
    rows = pa.table({"id": ["a1", "a1"], "seen": times})
    pq.write_table(rows, tmp_path / "usage.parquet")
    source = {
        "name": "product",
        "path": "usage.parquet",
        "columns": {"account_id": "id", "happened_at": "seen"},
        "where": "seen is not null",
        "timezone": "Asia/Tokyo",
    }
    assert happened(company(events=[source])) == [day("2025-06-30")]


def test_seconds_since_1970_are_utc_in_every_zone(company):
    text = "account_id,at\na1,1740787200\n"  # 2025-03-01 00:00 in UTC
    columns = {"account_id": "account_id", "happened_at": "at"}
    events = [{**TOKYO, "columns": columns, "formats": {"at": "unix seconds"}}]
    assert happened(company(files={"events.csv": text}, events=events)) == [
        day("2025-03-01")
    ]


def test_a_column_of_times_is_local_whatever_pattern_stands_beside_it(
    company, tmp_path
):
    at = np.array(["2025-03-01T08:00:00"], "datetime64[s]")
    rows = {"account_id": np.array(["a1"], object), "happened_at": at}
    write_table(tmp_path / "events.parquet", rows)
    source = {**TOKYO, "path": "events.parquet"}
    source["formats"] = {"happened_at": "unix seconds"}
    assert happened(company(events=[source])) == [day("2025-02-28")]


def test_a_zone_that_there_is_not_is_refused_with_the_nearest(company):
    with pytest.raises(SourceError) as caught:
        load(company(events=[{**TOKYO, "timezone": "Asia/Tokio"}]))
    assert caught.value.code == "CH117"
    assert "the nearest is `Asia/Tokyo`" in str(caught.value)


MIXED = (
    "account_id,happened_at\na1,2025-03-01 08:00:00\na1,2025-03-01 08:00:00+09:00\n"
    "a2,2025-03-02\n"
)


@pytest.mark.parametrize(
    ("text", "zone", "count"),
    [
        (MIXED, None, 1),
        (MIXED, "Asia/Tokyo", 0),
        (MIXED.replace("+09:00", ""), None, 0),
        (MIXED.replace(" 08:00:00\n", "\n"), None, 0),
    ],
)
def test_offsets_that_some_times_say_and_some_do_not_are_told(
    company, text, zone, count
):
    events = [{**TOKYO, "timezone": zone}]
    config = company(files={"events.csv": text}, events=events)
    found = check(config, load(config), today=date(2026, 1, 1))
    assert [f.count for f in found if f.code == "CH239"] == [count] * (count > 0)


def test_rows_known_hours_before_they_happened_hint_at_local_times(company):
    text = (
        "account_id,happened_at,known_at\n"
        "a1,2025-03-01 08:00:00,2025-03-01 00:00:05\na1,2025-03-02,2025-03-02\n"
    )
    config = company(files={"events.csv": text})
    told = {f.code: f for f in check(config, load(config), today=date(2026, 1, 1))}
    assert "none by more than 15 hours" in told["CH207"].what
    far = text.replace("2025-03-01 00:00:05", "2025-02-01")
    config = company(files={"events.csv": far})
    told = {f.code: f for f in check(config, load(config), today=date(2026, 1, 1))}
    assert "15 hours" not in told["CH207"].what


def test_an_empty_end_is_no_time_without_an_offset(company):
    text = (
        "account_id,happened_at,ended_at\n"
        "a1,2025-03-01T08:00:00Z,2025-03-01T09:00:00Z\na1,2025-03-02T08:00:00Z,\n"
    )
    columns = {n: n for n in ("account_id", "happened_at", "ended_at")}
    source = {"name": "product", "path": "events.csv", "columns": columns}
    config = company(files={"events.csv": text}, events=[source])
    found = check(config, load(config), today=date(2026, 1, 1))
    assert "CH239" not in {f.code for f in found}


@pytest.mark.parametrize("milliseconds", [1, 2, 3])
@pytest.mark.parametrize("formats", [{}, {"happened_at": "unix milliseconds"}])
def test_counted_times_among_texts_are_told_with_the_query_that_reads_both(
    company, milliseconds, formats
):
    ts = ["1740787200000"] * milliseconds + ["2025-03-01T01:00:00+02:00"] * 2
    text = "account_id,happened_at\n" + "".join(f"a1,{t}\n" for t in ts)
    product = {"name": "product", "path": "events.csv", "formats": formats}
    with pytest.raises(SourceError) as caught:
        load(company(files={"events.csv": text}, events=[product]))
    told = caught.value.fix
    assert "'happened_at' holds unix milliseconds and texts" in told
    read = told[told.index("coalesce(") :].splitlines()[0]
    sql = f"select account_id, {read} as happened_at from read_csv('{{root}}/"
    made = {"name": "product", "sql": sql + "events.csv', all_varchar = true)"}
    first, second = day("2025-03-01"), day("2025-02-28")
    assert sorted(happened(company(files={"events.csv": text}, events=[made]))) == [
        *[second] * 2,
        *[first] * milliseconds,
    ]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_last_moment_of_a_day_is_of_that_day(company, tmp_path, zone):
    """What SQL Server writes for the end of a day has seven digits of a second."""
    last = np.array(["2025-12-31T23:59:59.999999900"], "datetime64[ns]")
    rows = {
        "account_id": ["a1"],
        "happened_at": pa.array(last, pa.timestamp("ns", zone)),
    }
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    assert happened(company(events=[{"name": "product", "path": "p.parquet"}])) == [
        day("2025-12-31")
    ]
    text = "account_id,at\na1,31.12.2025 23:59:59.9999999\n"
    source = {
        "name": "product",
        "path": "e.csv",
        "formats": {"at": "%d.%m.%Y %H:%M:%S.%n"},
    }
    source["columns"] = {"account_id": "account_id", "happened_at": "at"}
    assert happened(company(files={"e.csv": text}, events=[source])) == [
        day("2025-12-31")
    ]


def test_the_last_moment_of_a_day_that_stands_for_nothing_is_missing(company):
    sql = (
        "select 'a1' as account_id, date '2025-01-01' as start,"
        " timestamp_ns '2099-12-31 23:59:59.9999999' as \"end\""
    )
    contracts = {"sql": sql, "missing": ["2099-12-31"]}
    assert load(company(contracts=contracts)).history.contracts.end.tolist() == [FAR]
