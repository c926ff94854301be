"""Accounts in a request become the arrays that loading makes, or are refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnhealth.config import parse_config
from churnhealth.errors import RequestError
from churnhealth.sources.contract import CONTRACT_COLUMNS, FAR
from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.schema import Schema, schema_of

SOURCES = {
    "known_at_lag_days": 1,
    "accounts": {"path": "accounts.parquet", "attributes": ["country", "size"]},
    "contracts": {"path": "contracts.parquet"},
    "events": [
        {"name": "product", "path": "product.parquet"},
        {"name": "plain", "path": "plain.csv", "planned": True},
    ],
    "states": [{"name": "surveys", "path": "surveys.parquet"}],
}

ACCOUNTS = ["a1", "a2", "é9"]
seconds = st.integers(0, 40).map(
    lambda n: n * 21_600 + 1_735_689_600
)  # from 2025-01-01
maybe_seconds = st.none() | seconds
maybe_number = st.none() | st.sampled_from([0.0, 1.5, 2.25, -3.0, 1 / 3])
words = st.sampled_from(["login", "export", "Zoom", "\u00a0Zoom\u3000"])

event = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from(ACCOUNTS),
        "happened_at": seconds,
        "known_at": maybe_seconds,
        "event": st.none() | words,
        "count": st.none() | st.integers(0, 3),
        "amount": maybe_number,
        "user_id": st.none() | st.sampled_from(["u1", "u10", "u2"]),
        "users": st.none() | st.sampled_from([1.0, 2.0]),
        "item": st.none() | st.sampled_from(["home", "a/b", "Home"]),
        "ended_at": maybe_seconds,
        "event_id": st.none() | st.sampled_from(["e1", "e2", "e3"]),
    }
)
plain = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from(ACCOUNTS),
        "happened_at": seconds,
        "known_at": maybe_seconds,
    }
)
contract = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from(ACCOUNTS),
        "start": seconds,
        "end": maybe_seconds,
        "cancelled_at": maybe_seconds,
        "notice_at": maybe_seconds,
        "known_at": maybe_seconds,
        "value": maybe_number,
        "seats": maybe_number,
        "term_months": maybe_number,
        "discount": maybe_number,
        "plan": st.none() | st.sampled_from(["pro", "basic"]),
    }
)
state = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from(ACCOUNTS),
        "known_at": seconds,
        "state": st.sampled_from(["nps", "pulse"]),
        "value": st.sampled_from([1.0, 7.5, -2.0]),
    }
)
TEXTS = ("account_id", "event", "item", "user_id", "event_id", "plan", "state")
TIMES = ("happened_at", "known_at", "ended_at", "start", "end", "cancelled_at")


def table(rows):
    """Turn rows into columns as a business would write them."""
    columns = {}
    for name in rows[0]:
        values = [r[name] for r in rows]
        if name in (*TIMES, "notice_at"):
            given = ["NaT" if v is None else v for v in values]
            columns[name] = np.array(given, dtype="datetime64[s]")
        elif name in TEXTS:
            columns[name] = np.array(values, dtype=object)
        else:
            given = [np.nan if v is None else v for v in values]
            columns[name] = np.array(given, dtype=np.float64)
    return columns


def spoken(row, source=None):
    """Turn a row into what an app would send."""
    said = {k: v for k, v in row.items() if v is not None and k != "account_id"}
    for name in set(said) & {*TIMES, "notice_at"}:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=said[name])
        said[name] = moment.isoformat()
    return {"source": source, **said} if source else said


def request(account, profiles, tables):
    rows = {k: [r for r in v if r["account_id"] == account] for k, v in tables.items()}
    return {
        "account_id": account,
        "profile": profiles[account],
        "contracts": [spoken(r) for r in rows["contracts"]],
        "events": [
            *(spoken(r, "product") for r in rows["product"]),
            *(spoken(r, "plain") for r in rows["plain"]),
        ],
        "states": [spoken(r, "surveys") for r in rows["surveys"]],
    }


PROFILES = {
    "a1": {"name": "One", "segment": "mid", "country": "SE", "size": 3.0},
    "a2": {"segment": "TRUE", "country": True},
    "é9": {},
}
WRITTEN = {
    "account_id": np.array(ACCOUNTS, dtype=object),
    "name": np.array(["One", None, None], dtype=object),
    "segment": np.array(["mid", "TRUE", None], dtype=object),
    "country": np.array(["SE", "True", None], dtype=object),
    "size": np.array([3.0, np.nan, np.nan]),
}


def same(ours, theirs, name):
    if theirs is None:
        assert ours is None, name
    else:
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


ACCOUNT_COLUMNS = ("ids", "name", "segment", "owner", "group", "known_at")
EVENT_COLUMNS = ("account", "happened_at", "known_at", "event", "count", "amount",
                 "users", "ended_at")  # fmt: skip


def same_columns(mine, theirs, names):
    for name in names:
        same(getattr(mine, name), getattr(theirs, name), name)


def same_people_and_items(mine, log):
    """Codes may differ, but stand for the same texts in the same order."""
    for ours, theirs in ((mine.user, log.user), (mine.item, log.item)):
        if theirs is None:
            assert ours is None
            continue
        known = sorted(set(theirs.tolist()) - {-1})
        place = {u: n for n, u in enumerate(known)} | {-1: -1}
        assert ours.tolist() == [place[u] for u in theirs.tolist()]


@settings(max_examples=15)
@given(
    product=st.lists(event, min_size=1, max_size=40),
    plainly=st.lists(plain, min_size=1, max_size=12),
    contracts=st.lists(contract, min_size=1, max_size=12),
    surveys=st.lists(state, min_size=1, max_size=20),
)
def test_one_account_sent_equals_its_slice_of_the_loaded_history(
    tmp_path_factory, product, plainly, contracts, surveys
):
    root = tmp_path_factory.mktemp("company")
    tables = {
        "product": product,
        "plain": plainly,
        "contracts": contracts,
        "surveys": surveys,
    }
    write_table(root / "accounts.parquet", WRITTEN)
    for name, rows in tables.items():
        suffix = "csv" if name == "plain" else "parquet"
        write_table(root / f"{name}.{suffix}", table(rows))
    config = parse_config({"sources": SOURCES}, folder=root)
    history = load(config).history
    schema = Schema.from_json(schema_of(history, config).to_json())
    for i, account in enumerate(history.accounts.ids):
        batch = history.batch(i, i + 1)
        ours = history_from_rows(schema, [request(account, PROFILES, tables)])
        same_columns(ours.accounts, batch.accounts, ACCOUNT_COLUMNS)
        for name in ("country", "size"):
            mine, theirs = (x.accounts.attributes[name] for x in (ours, batch))
            same(mine, theirs, name)
        columns = CONTRACT_COLUMNS
        same_columns(ours.contracts, batch.contracts, columns)
        for mine, log in zip(ours.events, batch.events, strict=True):
            same_columns(mine, log, EVENT_COLUMNS)
            same_people_and_items(mine, log)
            assert (mine.vocabulary, mine.decimals) == (log.vocabulary, log.decimals)
            assert mine.coverage == log.coverage
        for mine, log in zip(ours.states, batch.states, strict=True):
            same_columns(mine, log, ("account", "known_at", "state", "value"))


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    root = tmp_path_factory.mktemp("schema")
    moment = 1_735_689_600
    blank = dict.fromkeys(
        ("known_at", "user_id", "users", "item", "ended_at", "event_id", "notice_at")
    )
    one = {"account_id": "a1", "happened_at": moment, **blank, "amount": 1.25}
    write_table(root / "accounts.parquet", WRITTEN)
    write_table(root / "product.parquet", table([{**one, "event": "login"}]))
    write_table(
        root / "plain.csv", table([{"account_id": "a1", "happened_at": moment}])
    )
    term = {"account_id": "a1", "start": moment, "end": None, "value": 1.0}
    write_table(root / "contracts.parquet", table([term]))
    survey = {"account_id": "a1", "known_at": moment, "state": "nps", "value": 8.0}
    write_table(root / "surveys.parquet", table([survey]))
    config = parse_config({"sources": SOURCES}, folder=root)
    return schema_of(load(config).history, config)


def one_event(**fields):
    row = {"source": "product", "happened_at": "2025-03-01", **fields}
    return [{"account_id": "a1", "events": [row]}]


def test_accounts_come_back_sorted_whatever_order_they_were_sent_in(schema):
    rows = [
        {
            "account_id": "b",
            "events": [{"source": "plain", "happened_at": "2025-03-01"}],
        },
        {"account_id": "a"},
    ]
    h = history_from_rows(schema, rows)
    assert h.accounts.ids.tolist() == ["a", "b"]
    assert h.events[1].account.tolist() == [1]


def test_a_word_the_model_never_saw_gets_an_entry_of_its_own(schema):
    log = history_from_rows(schema, one_event(event="brand new")).events[0]
    assert log.vocabulary == ("login", "brand new")
    assert log.categories == ("usage", "usage")
    assert log.event.tolist() == [1]


def test_of_repeats_that_only_rounding_makes_alike_the_one_stays_that_loading_keeps(
    schema,
):
    known = {"event_id": "e1", "happened_at": "2025-03-01", "source": "product"}
    rows = [
        {**known, "amount": 1.253, "users": 1},
        {**known, "amount": 1.251, "users": 2},
    ]
    log = history_from_rows(schema, [{"account_id": "a1", "events": rows}]).events[0]
    assert (log.amount.tolist(), log.users.tolist()) == ([1.25], [2.0])


def test_an_account_without_rows_is_a_history_too(schema):
    h = history_from_rows(schema, [{"account_id": "a1"}])
    assert h.contracts.account.size == 0
    assert h.events[0].amount.dtype == np.float64
    assert h.accounts.known_at.tolist() == [-FAR]


def test_missing_fields_mean_what_they_mean_in_a_table(schema):
    log = history_from_rows(schema, one_event()).events[0]
    assert log.vocabulary[log.event[0]] == "product"
    assert log.count.tolist() == [1]
    assert log.user.tolist() == [-1]
    assert log.ended_at.tolist() == [FAR]
    assert (log.known_at - log.happened_at).tolist() == [1]  # the schema's lag
    assert np.isnan(log.amount).all()


BAD_EVENTS = {
    "count": [True, "3", -1, 1.5, float("nan"), float("inf"), 10**400, [1], {}],
    "amount": [True, "3.5", float("nan"), float("-inf"), 1e300],
    "happened_at": [
        None,
        "soon",
        "2025-02-30",
        "01-03-2025",
        "2025-W01-1",
        "20250301",
        20250301,
        True,
        "1066-10-14",
        "2525-01-01",
        "2025-03-01T25:00:00",
        "2025-03-01T10:00:00+99:99",
    ],
    "event": [["login"], 1.5, True, "x" * 2000],
    "source": [None, "nowhere", 3.5],
    "user_id": [{}, False, 1.5],
}


@pytest.mark.parametrize(
    ("field", "value"), [(f, v) for f, vs in BAD_EVENTS.items() for v in vs]
)
def test_a_bad_value_is_refused_with_its_place_and_never_repeated(schema, field, value):
    rows = [{"account_id": "a0"}, *one_event(**{field: value})]
    with pytest.raises(RequestError) as caught:
        history_from_rows(schema, rows)
    error = caught.value
    assert error.where == f"accounts[1].events[0].{field}"
    assert error.code in ("CH521", "CH523", "CH524")
    assert error.where in error.what
    if isinstance(value, str) and len(value) > 4:
        assert value not in str(error)


@pytest.mark.parametrize(
    ("row", "code", "where"),
    [
        (7, "CH521", "accounts[0]"),
        ({}, "CH524", "accounts[0].account_id"),
        ({"account_id": " "}, "CH524", "accounts[0].account_id"),
        ({"account_id": True}, "CH521", "accounts[0].account_id"),
        ({"account_id": "a", "secret": 1}, "CH522", "accounts[0]"),
        ({"account_id": "a", "profile": []}, "CH521", "accounts[0].profile"),
        ({"account_id": "a", "profile": {"ceo": "x"}}, "CH522", "accounts[0].profile"),
        ({"account_id": "a", "events": {}}, "CH521", "accounts[0].events"),
        ({"account_id": "a", "events": "abc"}, "CH521", "accounts[0].events"),
        ({"account_id": "a", "events": [None]}, "CH521", "accounts[0].events[0]"),
        (
            {"account_id": "a", "contracts": [{}]},
            "CH524",
            "accounts[0].contracts[0].start",
        ),
        (
            {"account_id": "a", "contracts": [{"start": "2025-01-01", "mrr": 1}]},
            "CH522",
            "accounts[0].contracts[0]",
        ),
        (
            {
                "account_id": "a",
                "states": [{"source": "surveys", "state": "nps", "value": None}],
            },
            "CH524",
            "accounts[0].states[0].known_at",
        ),
    ],
)
def test_a_row_of_the_wrong_shape_is_refused(schema, row, code, where):
    with pytest.raises(RequestError) as caught:
        history_from_rows(schema, [row])
    assert (caught.value.code, caught.value.where) == (code, where)


def test_an_account_sent_twice_is_refused(schema):
    with pytest.raises(RequestError) as caught:
        history_from_rows(schema, [{"account_id": "a"}, {"account_id": "a"}])
    assert (caught.value.code, caught.value.where) == (
        "CH525",
        "accounts[1].account_id",
    )


def test_contracts_are_refused_by_a_model_that_has_none():
    rows = [{"account_id": "a", "contracts": [{"start": "2025-01-01"}]}]
    with pytest.raises(RequestError) as caught:
        history_from_rows(Schema(contracts=False), rows)
    assert caught.value.where == "accounts[0].contracts[0]"


def test_amounts_too_large_to_add_exactly_are_refused(schema):
    row = {"source": "product", "happened_at": "2025-03-01", "amount": 9e14}
    with pytest.raises(RequestError) as caught:
        history_from_rows(schema, [{"account_id": "a", "events": [row] * 60}])
    assert caught.value.code == "CH526"
