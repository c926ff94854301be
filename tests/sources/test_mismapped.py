"""Columns that hold something else than they are mapped to are told, others not."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

DAY = date(2025, 1, 1)


def used(company, code, row, *, accounts=12, rows=20, **ours):
    """Give each account some rows: ``row(account, number of the row)``."""
    lines = [
        f"a{a},{DAY + timedelta(days=n)},{row(a, n)}\n"
        for a in range(accounts)
        for n in range(rows)
    ]
    contracts = "".join(f"a{a},2025-01-01\n" for a in range(accounts))
    columns = {"account_id": "account_id", "happened_at": "happened_at", **ours}
    files = {
        "events.csv": "account_id,happened_at,x\n" + "".join(lines),
        "contracts.csv": "account_id,start\n" + contracts,
    }
    events = [{"name": "product", "path": "events.csv", "columns": columns}]
    return found(company(files=files, events=events), code)


@pytest.mark.parametrize(
    ("row", "how"),
    [
        (lambda a, _: f"a{a}", "is the account in nearly every row"),
        (lambda _a, _n: "system", "is one and the same in all rows of 12 accounts"),
        (lambda a, n: f"e{a}-{n}", "is another in nearly every one of 240 rows"),
    ],
    ids=["the account", "a constant", "the id of the row"],
)
def test_a_user_that_is_no_person_is_told(company, row, how):
    (one,) = used(company, "CH270", row, user_id="x")
    assert f"'x' (our `user_id`) {how}" in one.what
    assert (one.severity, one.stops) == ("warning", False)


@pytest.mark.parametrize(
    "row",
    [
        lambda a, n: f"u{a}-{n % 3}",
        lambda _, n: n % 3,
        lambda a, _: f"u{a}",
        lambda a, n: "" if n % 2 else f"u{a}-{n % 4}",
        lambda a, n: "" if a or n else "u1",
    ],
    ids=["people", "numbered in each account", "one of each", "some missing", "one"],
)
def test_people_are_not(company, row):
    assert used(company, "CH270", row, user_id="x") == []


def test_nor_is_who_answers_once(company):
    told = used(company, "CH270", lambda a, n: f"u{a}-{n}", rows=5, user_id="x")
    assert told == []


@pytest.mark.parametrize(
    ("row", "how"),
    [
        (lambda a, n: f"note {a} {n}", "has 240 different names in 240 rows"),
        (lambda a, n: f"u{a}-{n % 10}", "has 120 names, nearly each of them of one"),
        (lambda _, n: DAY + timedelta(days=n), "holds days or times, 20 different"),
    ],
    ids=["sentences", "people", "days"],
)
def test_names_that_name_nothing_are_told(company, row, how):
    (one,) = used(company, "CH271", row, event="x")
    assert f"'x' (our `event`) {how}" in one.what


@pytest.mark.parametrize(
    "row",
    [lambda _, n: f"e{n % 7}", lambda a, n: f"page {(3 * a + n) % 110}"],
    ids=["few", "many that accounts share"],
)
def test_names_of_events_are_not(company, row):
    assert used(company, "CH271", row, event="x") == []


def test_so_are_states(company):
    rows = "".join(f"a1,{DAY + timedelta(days=n)},said {n},5\n" for n in range(120))
    files = {"notes.csv": "account_id,known_at,state,value\n" + rows}
    states = [{"name": "notes", "path": "notes.csv"}]
    (one,) = found(company(files=files, states=states), "CH271")
    assert "'state' (our `state`) has 120 different names in 120 rows" in one.what


def signed(company, ours, number, *, months=12, accounts=120):
    """Give each account a contract of some months whose column says a number."""
    end = DAY + timedelta(days=round(months * 30.44))
    rows = "".join(
        f"a{a},{DAY},{end},{100 + a % 7},{number(a)}\n" for a in range(accounts)
    )
    columns = {c: c for c in ("account_id", "start", "end", "value")} | {ours: "x"}
    contracts = {"path": "contracts.csv", "columns": columns}
    files = {
        "contracts.csv": "account_id,start,end,value,x\n" + rows,
        "events.csv": f"account_id,happened_at\na1,{DAY}\n",
    }
    return found(company(files=files, contracts=contracts), "CH272")


@pytest.mark.parametrize(
    ("ours", "number", "how"),
    [
        ("seats", lambda a: 99.5 + a % 9, "is no whole number in 120 of 120 rows"),
        ("seats", lambda a: 100 + a % 7, "is the same number as `value`"),
        ("seats", lambda a: 70_000 + a, "is another number for every account"),
        ("term_months", lambda _: 365, "is far from the months between start and end"),
        ("term_months", lambda _: 1, "120 rows: 0.083 times as many"),
        ("term_months", lambda a: 70_000 + a, "is another number for every account"),
    ],
    ids=["money", "the value", "an id", "days", "years", "an id for months"],
)
def test_seats_and_terms_that_are_something_else_are_told(company, ours, number, how):
    (one,) = signed(company, ours, number)
    assert f"'x' (our `{ours}`) " in one.what
    assert how in one.what


def test_seats_and_terms_are_not(company):
    assert signed(company, "seats", lambda a: 5 + a % 40) == []
    assert signed(company, "term_months", lambda _: 12) == []
    assert signed(company, "term_months", lambda _: 12, months=1) == []
    assert signed(company, "term_months", lambda _: 60, months=6) == []


@pytest.mark.parametrize(
    ("seats", "price"),
    [(lambda a: 5 + a * a, lambda a: 3 + a % 50), (lambda a: 5 + a, lambda _: 12)],
    ids=["most are small", "of one price"],
)
def test_exact_numbers_of_heads_are_not_ids(company, seats, price):
    rows = "".join(f"a{a},{DAY},{seats(a) * price(a)},{seats(a)}\n" for a in range(120))
    files = {
        "contracts.csv": "account_id,start,value,seats\n" + rows,
        "events.csv": f"account_id,happened_at\na1,{DAY}\n",
    }
    contracts = {"path": "contracts.csv"}
    assert found(company(files=files, contracts=contracts), "CH272") == []


@pytest.mark.parametrize("ours", ["count", "amount", "users"])
def test_a_number_that_each_row_has_of_its_own_is_told(company, ours):
    (one,) = used(company, "CH272", lambda a, n: 500 + a * 20 + n, **{ours: "x"})
    assert f"'x' (our `{ours}`) is another number in nearly every row" in one.what


@pytest.mark.parametrize(
    "row",
    [
        lambda a, n: 1 + (a + n) % 9,
        lambda a, n: 7919 * (a * 20 + n) ** 2,
        lambda a, n: (a * 20 + n) / 4,
    ],
    ids=["few", "large and far apart", "decimals"],
)
def test_counts_and_sums_are_not(company, row):
    assert used(company, "CH272", row, amount="x") == []


@pytest.mark.parametrize(
    ("column", "some"),
    [("unit_amount", 1), ("Einzelpreis", 1), ("amount", 0), ("unit price total", 0)],
)
def test_the_price_of_one_seat_is_told_by_its_name(company, column, some):
    rows = "".join(f"a{a},{DAY},{10 + a},{3 + a}\n" for a in range(4))
    columns = {"account_id": "a", "start": "s", "value": column, "seats": "n"}
    contracts = {"path": "contracts.csv", "columns": columns}
    files = {"contracts.csv": f"a,s,{column},n\n{rows}"}
    told = found(company(files=files, contracts=contracts), "CH272")
    assert ["the price of one seat" in f.what for f in told] == [True] * some


@pytest.mark.parametrize(
    ("values", "levels", "told"),
    [
        (["3.8", "3.9", "3.10"], {}, True),
        (["3.8", "3.9", "3.10"], {"3.8": 8, "3.9": 9, "3.10": 10}, False),
        (["3.90", "3.95", "3.10"], {}, False),
        (["3.9", "3.1", "4.5"], {}, False),
    ],
)
def test_versions_that_a_number_puts_out_of_order_are_told(
    company, values, levels, told
):
    rows = "".join(f"a1,2025-0{i + 3}-01,{v}\n" for i, v in enumerate(values))
    files = {"app.csv": "account_id,known_at,value\n" + rows}
    states = [{"name": "app", "path": "app.csv", "levels": levels}]
    assert bool(found(company(files=files, states=states), "CH272")) is told
