"""Frames of any library that narwhals reads become the tables we know."""

from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from churnhealth.errors import SourceError
from churnhealth.frames import columns_of_frame, to_frame, written_frames
from churnhealth.sources.engine import read_table
from churnhealth.workbench.data import company_data


def frame():
    return pd.DataFrame(
        {
            "account_id": ["a", None, "c"],
            "when": pd.to_datetime(
                ["2024-01-01 23:30-02:00", None, "2024-03-01 10:00+00:00"], utc=True
            ),
            "n": [1, 2, 3],
            "x": [0.5, np.nan, 2.0],
            "flag": [True, False, True],
            "mixed": [1, None, 2],
        }
    )


def arrow():
    moments = [datetime(2024, 1, 2, 1, 30, tzinfo=UTC), None]
    moments.append(datetime(2024, 3, 1, 10, tzinfo=UTC))
    return pa.table(
        {
            "account_id": ["a", None, "c"],
            "when": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "n": [1, 2, 3],
            "x": [0.5, None, 2.0],
            "flag": [True, False, True],
            "mixed": [1, None, 2],
        }
    )


def polars():
    return pl.from_arrow(arrow())


@pytest.mark.parametrize("made", [frame, arrow, polars])
def test_dates_numbers_and_texts_keep_what_is_missing(made):
    given = made()
    columns = columns_of_frame(given, table="t")
    assert columns["account_id"].tolist() == ["a", None, "c"]
    assert columns["when"][0] == np.datetime64("2024-01-02T01:30")
    assert np.isnat(columns["when"][1])
    assert columns["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(columns["x"], [0.5, np.nan, 2.0])
    np.testing.assert_array_equal(columns["mixed"], [1.0, np.nan, 2.0])


def test_what_was_written_is_what_was_given(tmp_path):
    accounts = pd.DataFrame(
        {"account_id": [1, 2], "segment": ["x", "y"], "size": [3, 4]}
    )
    events = pd.DataFrame(
        {
            "account_id": [1, 2],
            "happened_at": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "category": ["usage", "value"],
            "unknown": ["left", "out"],
        }
    )
    sources = written_frames(
        tmp_path, accounts=accounts, contracts=None, events={"e": events}, states={}
    )
    assert sources["accounts"]["attributes"] == ["size"]
    [source] = sources["events"]
    assert source["category"] == {"column": "category"}
    assert "unknown" not in read_table(tmp_path / source["path"])
    assert set(source["columns"]) == {"account_id", "happened_at"}


def test_a_frame_without_a_required_column_is_told_what_it_has(tmp_path):
    with pytest.raises(SourceError, match="CH102") as caught:
        written_frames(
            tmp_path,
            accounts=None,
            contracts=pd.DataFrame({"id": ["a"], "start": ["2024-01-01"]}),
            events={},
            states={},
        )
    assert "no column account_id; it has id, start" in str(caught.value)


LONG = [9007199254740993, None, 9007199254740995]
WITH_LONG = {
    "pandas": pd.DataFrame({"account_id": pd.array(LONG, dtype="Int64")}),
    "pandas, objects": pd.DataFrame({"account_id": LONG}, dtype=object),
    "Polars": pl.DataFrame({"account_id": LONG}),
    "pyarrow": pa.table({"account_id": LONG}),
}


@pytest.mark.parametrize("frame", WITH_LONG.values(), ids=WITH_LONG)
def test_long_ids_beside_missing_ones_are_not_rounded(frame):
    found = columns_of_frame(frame, table="t")["account_id"]
    assert found.tolist() == ["9007199254740993", None, "9007199254740995"]


def test_lazy_frames_are_collected():
    for lazy in (polars().lazy(), duckdb.sql("SELECT 'a' AS account_id, 1 AS n")):
        columns = columns_of_frame(lazy, table="t")
        assert columns["account_id"][0] == "a"
        assert columns["n"][0] == 1


@pytest.mark.parametrize(
    ("names", "code"),
    [([0, 1], "CH801"), ([("x", "a"), ("x", "b")], "CH801"), (["a", "a"], "CH102")],
    ids=["numbers", "levels", "twice"],
)
def test_columns_without_a_name_of_their_own_are_refused(names, code):
    frame = pd.DataFrame([[1, 2]], columns=pd.Index(names, tupleize_cols=True))
    with pytest.raises(SourceError, match=code):
        columns_of_frame(frame, table="product")


def test_what_is_no_frame_is_refused():
    with pytest.raises(SourceError, match="CH801"):
        columns_of_frame([{"account_id": "a"}], table="contracts")


@pytest.mark.parametrize("kind", ["events", "states"])
def test_frames_without_names_are_refused_with_how_to_name_them(kind):
    frame = pd.DataFrame({"account_id": ["a"]})
    with pytest.raises(SourceError, match="CH801") as caught:
        company_data(**{kind: frame})
    assert f'{kind}={{"product": frame}}' in str(caught.value)


@pytest.mark.parametrize("made", [pd.DataFrame, pl.DataFrame, pa.table])
def test_truths_beside_missing_ones_are_the_levels_that_they_are_without(made):
    told = {"account_id": ["a", "b", "c"], "trial": [True, None, False]}
    contracts = pd.DataFrame({"account_id": ["a"], "start": pd.to_datetime(["2025"])})
    data = company_data(contracts=contracts, accounts=made(told), question="horizon")
    levels = data.history.accounts.attributes["trial"]
    assert levels.tolist() == ["true", None, "false"]


def test_of_two_answers_in_one_second_the_later_one_holds():
    when = [f"2025-01-01 09:00:00.{part}" for part in ("25", "75")]
    answers = pd.DataFrame(
        {
            "account_id": "a",
            "state": "nps",
            "known_at": pd.to_datetime(when),
            "value": [9.0, 2.0],
        }
    )
    contracts = pd.DataFrame({"account_id": ["a"], "start": pd.to_datetime(when[:1])})
    data = company_data(
        contracts=contracts, states={"surveys": answers}, question="horizon"
    )
    assert data.history.states[0].value.tolist() == [9.0, 2.0]


def test_tables_come_back_as_frames():
    table = {
        "as_of": np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
        "band": np.array(["red", None], dtype=object),
    }
    back = to_frame(table)
    assert back["as_of"].dt.year.iloc[0] == 2024
    assert back.isna().sum().tolist() == [1, 1]


def test_a_frame_of_states_without_a_column_for_it_holds_one_of_its_own_name():
    contracts = pd.DataFrame({"account_id": ["a"], "start": ["2025-01-01"]})
    answers = {"account_id": ["a"], "known_at": ["2025-02-01"], "value": [9]}
    data = company_data(contracts=contracts, states={"nps": pd.DataFrame(answers)})
    assert data.history.states[0].vocabulary == ("nps",)


@pytest.mark.parametrize("made", [frame, arrow, polars])
def test_times_that_say_their_zone_are_no_local_ones(made):
    """`timezone` is the clock of those that say none."""
    contracts = pd.DataFrame({"account_id": ["a"], "start": pd.to_datetime(["2024"])})
    rows = nw.from_native(made()).drop_nulls("when").rename({"when": "happened_at"})
    told = {"name": "product", "timezone": "Asia/Tokyo"}
    data = company_data(
        contracts=contracts,
        events={"product": rows.with_columns(account_id=nw.lit("a")).to_native()},
        sources={"events": [told]},
    )
    days = data.history.events[0].happened_at.astype("datetime64[D]").astype(str)
    assert days.tolist() == ["2024-01-02", "2024-03-01"]


def test_decimals_are_written_as_any_other_number():
    told = pd.DataFrame({"account_id": [Decimal("7.00")], "size": [Decimal("2.50")]})
    contracts = pd.DataFrame({"account_id": [7], "start": pd.to_datetime(["2025"])})
    data = company_data(contracts=contracts, accounts=told, question="horizon")
    assert data.history.accounts.attributes["size"].tolist() == ["2.5"]
