"""Whole columns of events give the arrays that reading row by row gives, or refuse."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnhealth.errors import RequestError
from churnhealth.sources import rows as by_row
from churnhealth.sources.contract import EVENT_COLUMNS, Coverage
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.rows_events import whole_columns
from churnhealth.sources.schema import EventsShape, Schema

FULL = ("user_id", "amount", "users", "ended_at", "item")


def shape(name, *, columns=FULL, planned=False):
    return EventsShape(
        name=name,
        planned=planned,
        vocabulary=("export", "login"),
        categories=("value", "usage"),
        columns=columns,
        decimals=2,
        unrepeated=name == "product",
        coverage=Coverage(known=(20000,), first=(19000,), last=(20000,)),
    )


SCHEMA = Schema(
    contracts=False,
    events=(shape("product"), shape("plain", columns=()), shape("due", planned=True)),
    known_at_lag_days=2,
)
DAYS = st.dates(date(2023, 1, 1), date(2026, 1, 1)).map(str)
ODD_TIMES = [
    "1899-12-31", "2200-01-01", "2023-02-30", "2023-01-01\n2023-01-02", "", "today",
    "2023-01-01T25:00", "2023-01-01T23:30-02", 20230101, "2023-01-01T08:00-24:00",
    True, "٢٠٢٣-٠١-٠١", "2023-01-01T08:61", "2023-01-01 ", "1900-01-01T00:30+01:00",
    "2199-12-31T23:30-01:00", "2023-01-01T08:00:60", "2023-13-01", "2023-00-10",
    "2023-01-00", "0000-01-01", "9999-12-31", "2300-02-29", "2400-02-29", "2023x01-01",
    "1900-02-29", "2023-01-01T08:00+02:60", "2023-01-01T08:00+0200", "2023-1-01T",
    "2023-01-01T22:15-02:00", "2023-01-01 10:00Z",
]  # fmt: skip
CLOCKS = [
    "", "T08:15", " 23:59:59", "T00:00:00.123456789Z", "T10:00Z", "T01:15+02:00",
    "T00:15:00+00:00", "T23:15:00.5-05:30",
]  # fmt: skip
TIMES = st.builds("{}{}".format, DAYS, st.sampled_from(CLOCKS))
WORDS = st.sampled_from(["login", "export", " login ", "new", "", 7, "Ümlaut"])
ODD_WORDS = [True, 1.5, "x" * 1001, ["a"], {"a": 1}]
NUMBERS = st.sampled_from([0, 1, 2.5, -3, 0.125, 1e9, -0.0, 1 / 3])
ODD_NUMBERS = [math.nan, math.inf, 1e14, 10**14, 1e15, -(10**15), True, "3", "x"]
COUNTS = st.sampled_from([0, 1, 5, 10**14])
ODD_COUNTS = [2.0, 2.5, -1, 10**15, True, "1"]
ODD = {
    "source": ["else", "", None, *ODD_WORDS],
    "happened_at": [None, *ODD_TIMES],
    "known_at": ODD_TIMES,
    "ended_at": ODD_TIMES,
    "event": ODD_WORDS,
    "item": ODD_WORDS,
    "user_id": ODD_WORDS,
    "count": ODD_COUNTS,
    "amount": ODD_NUMBERS,
    "users": ODD_NUMBERS,
    "event_id": ["e1", 7, *ODD_WORDS],
    "colour": ["red", None],
}


def rows(odd):
    """Rows as apps send them; with ``odd`` anything may be wrong in any of them."""

    def of(usual, strange):
        rare = st.sampled_from(strange)
        return st.one_of(usual, usual, usual, rare) if odd else usual

    fields = {
        "known_at": of(TIMES, ODD_TIMES),
        "ended_at": of(st.one_of(TIMES, st.just("2345-01-01")), ODD_TIMES),
        "event": of(WORDS, ODD_WORDS),
        "item": of(WORDS, ODD_WORDS),
        "user_id": of(WORDS, ODD_WORDS),
        "count": of(COUNTS, ODD_COUNTS),
        "amount": of(NUMBERS, ODD_NUMBERS),
        "users": of(NUMBERS, ODD_NUMBERS),
    }
    if odd:
        ids = st.sampled_from(["e1", "e2", " e2 ", "", 1, "1"])
        fields |= {"event_id": ids, "colour": st.just("red")}
    fields = {k: st.one_of(st.none(), v) for k, v in fields.items()}
    always = {
        "source": of(st.sampled_from(["product", "plain", "due"]), ["else"]),
        "happened_at": of(TIMES, ODD_TIMES),
    }
    return st.lists(
        st.fixed_dictionaries(always, optional=fields), min_size=1, max_size=8
    )


def told(events, *, row_by_row, monkeypatch):
    """Give the arrays, or how the request was refused."""
    with monkeypatch.context() as patch:
        if row_by_row:
            patch.setattr(by_row, "whole_columns", lambda *_, **__: None)
        try:
            history = history_from_rows(
                SCHEMA,
                [
                    {"account_id": "b", "events": events},
                    {"account_id": "a", "events": events[:2]},
                ],
            )
        except RequestError as error:
            return str(error)
    return history.events


def same(ours, theirs):
    assert isinstance(ours, str) == isinstance(theirs, str), (ours, theirs)
    if isinstance(ours, str):
        assert ours == theirs
        return
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.vocabulary == other.vocabulary
        assert mine.categories == other.categories
        for name in EVENT_COLUMNS:
            x, y = getattr(mine, name), getattr(other, name)
            assert (x is None) == (y is None), name
            if x is not None:
                assert x.dtype == y.dtype
                assert x.tobytes() == y.tobytes(), (mine.name, name, x, y)


@pytest.mark.parametrize("odd", [False, True])
def test_whole_columns_and_single_rows_say_the_same(odd):
    with pytest.MonkeyPatch.context() as patch:

        @settings(max_examples=150)
        @given(rows(odd))
        def property_(events):
            quick = told(events, row_by_row=False, monkeypatch=patch)
            slow = told(events, row_by_row=True, monkeypatch=patch)
            same(quick, slow)

        property_()


@pytest.mark.parametrize("name", ODD)
def test_one_odd_value_among_plain_rows_is_judged_as_it_is_alone(name, monkeypatch):
    plain = [
        {"source": source, "happened_at": "2025-01-02", "event": "login", "count": 2}
        for source in ("product", "due", "plain", "product")
    ]
    for value in ODD[name]:
        for place in range(3):
            events = [dict(row) for row in plain]
            events[place][name] = value
            quick = told(events, row_by_row=False, monkeypatch=monkeypatch)
            slow = told(events, row_by_row=True, monkeypatch=monkeypatch)
            same(quick, slow)


@given(rows(odd=False))
def test_what_apps_usually_send_is_taken_at_once(events):
    shapes = {s.name: s for s in SCHEMA.events}
    found = whole_columns(events, 0, shapes, lag=2)
    assert found is not None
    assert sum(len(part.happened_at) for part in found.values()) == len(events)


def test_rows_are_sorted_by_all_that_is_kept_of_them():
    events = [
        {"source": "product", "happened_at": "2025-01-02", "event": "login"},
        {"source": "product", "happened_at": "2025-01-01", "amount": 2.0},
        {"source": "product", "happened_at": "2025-01-01", "amount": None},
    ]
    (log, *_) = history_from_rows(
        SCHEMA, [{"account_id": "a", "events": events}]
    ).events
    assert np.diff(log.happened_at).tolist() == [0, 1]
    assert np.isnan(log.amount).tolist() == [True, False, True]
