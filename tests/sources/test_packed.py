"""Events as sorted whole numbers hold what the rows said, and sort as rows do."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnhealth.sources.contract import EVENT_COLUMNS, FAR, Coverage, EventLog
from churnhealth.sources.engine import connect, write_table
from churnhealth.sources.joining import coverage_of
from churnhealth.sources.load import load
from churnhealth.sources.packed import Field, PackedLog, Words, placed
from churnhealth.sources.quantised import rounded

ABOUT = {
    "name": "product",
    "planned": False,
    "vocabulary": ("a", "b", "c"),
    "categories": ("usage",) * 3,
    "decimals": 2,
    "unrepeated": False,
    "coverage": Coverage(known=(3, 9), first=(1, 1), last=(3, 9)),
    "people": None,
}
WIDE = st.sampled_from([0, 1, 7, 10**6, 10**14])


@st.composite
def rows(draw):
    """Rows in the order of the key, as tuples; some columns far too wide for a word."""
    reach, days = draw(WIDE), draw(st.sampled_from([3, 4000]))
    row = st.tuples(
        st.integers(0, draw(st.sampled_from([2, 10**6]))),
        st.integers(-5, days),
        st.integers(draw(st.sampled_from([0, -3])), draw(st.sampled_from([0, 40]))),
        st.integers(0, 2),
        st.integers(-1, 5),
        st.integers(0, reach),
        st.one_of(st.just(-1), st.integers(0, reach)),  # amount in cents, -1 = missing
        st.integers(-5, days),
    )
    return sorted(draw(st.lists(row, max_size=12)))


def packed(table):
    """Write rows as words with Python's own whole numbers."""
    columns = list(zip(*table, strict=True)) or [()] * 8
    low = [min(c, default=0) for c in columns]
    high = [max(c, default=0) for c in columns]
    names = ("account", "happened_at", "late", "event", "user", "count")
    fields = [
        Field(name=n, low=a, high=b)
        for n, a, b in zip(names, low[:6], high[:6], strict=True)
    ]
    fields.append(
        Field(name="amount", low=0, high=max(high[6], 0), decimals=2, missing="first")
    )
    fields.append(
        Field(name="ended_at", low=low[7], high=high[7], missing="last", fill=FAR)
    )
    fields = placed(fields)
    words = [[0] * len(table) for _ in range(fields[-1].word + 1)]
    for f, column in zip(fields, columns, strict=True):
        for i, value in enumerate(column):
            code = value + 1 if f.name == "amount" else value - f.low
            words[f.word][i] |= code << f.shift
    assert list(zip(*words, strict=True)) == sorted(zip(*words, strict=True))
    arrays = tuple(np.array(w, dtype=np.int64) for w in words)
    return PackedLog(Words(arrays=arrays, fields=fields), ABOUT)


def plain(table):
    """The same rows as arrays."""
    c = [np.array(x, dtype=np.int64) for x in zip(*table, strict=True)]
    c = c or [np.zeros(0, dtype=np.int64)] * 8
    return EventLog(
        **ABOUT,
        account=c[0],
        happened_at=c[1],
        known_at=c[1] + c[2],
        event=c[3],
        user=c[4],
        count=c[5],
        amount=np.where(c[6] < 0, np.nan, c[6] / 100.0),
        ended_at=c[7],
    )


def same(ours, theirs):
    assert ours.size == theirs.size
    for name in (*EVENT_COLUMNS, "coverage", "decimals", "vocabulary"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype
            np.testing.assert_array_equal(mine, other, err_msg=name)
        else:
            assert mine == other, name


@given(rows(), st.integers(-6, 50), st.data())
def test_words_answer_as_arrays_do(table, day, data):
    ours, theirs = packed(table), plain(table)
    same(ours, theirs)
    same(ours.as_known(day), theirs.as_known(day))
    same(ours.as_known(day).as_known(day - 2), theirs.as_known(day).as_known(day - 2))
    same(ours.rescaled(1), theirs.rescaled(1))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=9, max_size=9)))
    keep = np.resize(keep, len(table))
    same(ours.rows(keep), theirs.rows(keep))
    edge = np.array(sorted({0, 1, 3, *(row[0] for row in table), 10**6 + 1}))
    np.testing.assert_array_equal(ours.rows_before(edge), theirs.rows_before(edge))
    for low, high in pairwise(edge.tolist()):
        mine, other = (x.of_accounts(low, high) for x in (ours, theirs))
        same(mine, other)
        same(mine, other)  # asked again, what was kept is the same
    happened, known = ours.words.days()
    assert coverage_of(known, happened) == coverage_of(
        theirs.known_at, theirs.happened_at
    )


@given(rows(), st.data())
def test_renumbered_accounts_keep_their_rows_and_the_unknown_lose_theirs(table, data):
    highest = max((row[0] for row in table), default=0)
    step = data.draw(st.sampled_from([1, 10**9]))
    gone = data.draw(st.sets(st.sampled_from([row[0] for row in table] or [0])))
    code = np.arange(highest + 1) * step + data.draw(st.integers(0, 2))
    code[list(gone)] = -1
    words, lost = packed(table).words.renumbered(code)
    left = [(int(code[row[0]]), *row[1:]) for row in table if row[0] not in gone]
    assert lost == len(table) - len(left)
    same(PackedLog(words, ABOUT), plain(left))


def test_equal_rows_have_equal_fingerprints_and_a_changed_bit_another():
    table = [(0, 3, 0, 1, 2, 5, 100, 7), (1, 4, 0, 1, 2, 5, 100, 7)]
    one = packed(table).words
    assert one.fingerprint() == packed(table).words.fingerprint()
    (word,) = one.arrays
    bent = replace(one, arrays=(word + 1,))
    assert bent.fingerprint() != one.fingerprint()


MONEY = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6).map(lambda n: n / 100),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.5e-6, 1.5e-6, -0.0, 1 / 3, 1e11]),
)
EVENT = st.tuples(
    st.sampled_from(["a", "b", "zz"]),
    st.integers(0, 500),
    st.sampled_from(["x", "y"]),
    st.one_of(st.none(), st.integers(0, 10**14)),
    MONEY,
    st.one_of(st.none(), st.floats(0, 1e6), st.integers(0, 50).map(float)),
)


def told(table, events):
    """Write the file; none of its columns is named otherwise than ours."""
    names = ("account_id", "happened_at", "event", "count", "amount", "users")
    column = dict(zip(names, zip(*table, strict=True), strict=True))
    days = np.array(column["happened_at"], dtype="datetime64[D]")
    numbers = {
        n: np.array([np.nan if v is None else v for v in column[n]], dtype=float)
        for n in ("count", "amount", "users")
    }
    words = {n: np.array(column[n], dtype=object) for n in ("account_id", "event")}
    write_table(events, {**words, "happened_at": days, **numbers})


def decimals_of(amounts):
    """Try one number of decimals after the other."""
    given_ = [x for x in amounts if x is not None]
    return next(
        (k for k in range(6) if all(rounded(np.float64(x), k) == x for x in given_)), 6
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, min_size=1, max_size=8))
def test_loaded_rows_are_the_rows_of_the_file_sorted(tmp_path_factory, company, table):
    folder = tmp_path_factory.mktemp("rows")
    told(table, folder / "events.parquet")
    sources = [{"name": "product", "path": str(folder / "events.parquet")}]
    contracts = "account_id,start\na,1970-01-01\nb,1970-01-01\nzz,1970-01-01\n"
    log = load(company(files={"contracts.csv": contracts}, events=sources)).history
    (log,) = log.events
    decimals = decimals_of([row[4] for row in table])
    assert log.decimals == decimals
    expected = sorted(
        (
            ("a", "b", "zz").index(account),
            day,
            sorted({row[2] for row in table}).index(event),
            1 if count is None else count,
            -np.inf if amount is None else float(rounded(np.float64(amount), decimals)),
            -np.inf if users is None else float(rounded(np.float64(users), 6)),
        )
        for account, day, event, count, amount, users in table
    )
    found = (log.account, log.happened_at, log.event, log.count, log.amount, log.users)
    for name, column, wanted in zip(
        ("account", "day", "event", "count", "amount", "users"),
        found,
        zip(*expected, strict=True),
        strict=True,
    ):
        wanted = np.array(wanted, dtype=column.dtype)
        wanted = np.where(np.isneginf(wanted), np.nan, wanted)
        np.testing.assert_array_equal(column, wanted, err_msg=name)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0, 1e6])
def test_duckdb_rounds_ties_as_numpy_does(scale):
    random = np.random.default_rng(3)
    ties = (np.arange(-2000, 2000) + 0.5) / scale
    x = np.concatenate([ties, random.normal(size=20_000), random.uniform(0, 1e9, 1000)])
    with connect() as con:
        con.register("t", {"x": x})
        got = con.execute(f"SELECT CAST(x * {scale:.0e} AS BIGINT) AS r FROM t")
        np.testing.assert_array_equal(got.fetchnumpy()["r"], np.rint(x * scale))


def test_a_last_row_with_more_decimals_is_held_as_exactly_as_the_first(
    tmp_path, company
):
    amount = np.full(9000, 0.5)
    amount[-1] = 0.125
    rows = {
        "account_id": np.array(["a"] * amount.size, dtype=object),
        "happened_at": np.full(amount.size, "2025-03-01", "datetime64[D]"),
        "amount": amount,
    }
    write_table(tmp_path / "e.parquet", rows)
    sources = [{"name": "product", "path": str(tmp_path / "e.parquet")}]
    contracts = {"contracts.csv": "account_id,start\na,2025-01-01\n"}
    (log,) = load(company(files=contracts, events=sources)).history.events
    assert log.decimals == 3
    assert sorted(log.amount) == sorted(amount)


@pytest.mark.parametrize("blank", ["", " ", "\u200b\t"], ids=["empty", "space", "wide"])
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_rows_without_a_user_are_counted_alike_in_every_kind_of_file(
    company, name, blank
):
    config = company(events=[{"name": "product", "path": name}])
    rows = [
        (" a1", "u1"),
        ("a2\t", blank),
        ("a2\t", None),
        ("a1", " u2 "),
        ("a3", blank),
    ]
    table = {
        "account_id": [account for account, _ in rows],
        "happened_at": ["2025-03-01"] * len(rows),
        "user_id": [user for _, user in rows],
    }
    write_table(
        config.root / name, {k: np.array(v, dtype=object) for k, v in table.items()}
    )
    [told] = [f for f in load(config).findings if f.code == "CH218"]
    assert (told.count, told.example) == (3, "a2")
