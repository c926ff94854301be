"""An add-on beside the main contract: what it adds, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import FAR, Contracts

NAN = np.nan


def contracts(*rows):
    """Rows of (start, end, value, seats) of one account, in order of start."""
    start, end, value, seats = (np.array(c) for c in zip(*rows, strict=True))
    far, nothing = np.full(start.size, FAR), np.full(start.size, NAN)
    return Contracts(account=np.zeros(start.size, np.int64), start=start, end=end,
                     cancelled_at=far, notice_at=far, known_at=start,
                     replaced_at=far, value=value.astype(float),
                     seats=seats.astype(float), term_months=nothing,
                     discount=nothing, plan=np.full(start.size, None),
                     contract=np.zeros(start.size, int))  # fmt: skip


def seen(terms, *days):
    as_of = np.array(days)
    return cover_at(terms, account=np.zeros(as_of.size, int), as_of=as_of, gap_days=30)


BASE, NEXT = (0, 365, 1000.0, 100.0), (365, 730, 1100.0, 110.0)


def test_an_add_on_leaves_the_main_contract_and_its_renewals_as_they_were():
    alone = seen(contracts(BASE, NEXT), 50, 200, 400, 600)
    beside = seen(
        contracts(BASE, (100, 365, 20.0, NAN), NEXT, (500, 730, 20.0, NAN)),
        50, 200, 400, 600,
    )  # fmt: skip
    assert alone.renewals.tolist() == beside.renewals.tolist() == [0, 0, 1, 1]
    assert beside.row.tolist() == [0, 0, 2, 2]
    assert beside.seats.tolist() == [100.0, 100.0, 110.0, 110.0]


def test_seats_bought_on_top_add_up_and_are_compared_with_those_before():
    found = seen(contracts(BASE, (100, 365, 200.0, 20.0), NEXT), 50, 200, 400)
    assert found.seats.tolist() == [100.0, 120.0, 110.0]
    np.testing.assert_array_equal(found.seats_before, [NAN, 100.0, 120.0])


def test_the_newest_of_contracts_worth_the_same_is_the_main_one():
    found = seen(contracts((0, 365, 5.0, 1.0), (10, 365, 5.0, 1.0)), 50)
    assert found.row.tolist() == [1]
    unknown = seen(contracts((0, 365, 5.0, 1.0), (10, 365, NAN, 1.0)), 50)
    assert unknown.row.tolist() == [0]


def test_what_was_before_a_gap_of_a_day_is_all_that_ended_there():
    one_day = (0, 364, 1000.0, 100.0), (100, 364, 20.0, 20.0), (365, 729, 1000.0, 100.0)
    found = seen(contracts(*one_day), 400)
    assert (found.value_before[0], found.seats_before[0]) == (1020.0, 120.0)
    # of two that begin on one day neither was there before the other
    both = (0, 364, 9.0, 1.0), (365, 400, 1.0, 1.0), (365, 729, 9.0, 1.0)
    assert seen(contracts(*both), 380).value_before.tolist() == [9.0]


@pytest.mark.parametrize(
    "add_on", [(100, 365, 300.0, NAN), (100, 365, NAN, 50.0)], ids=["seats", "value"]
)
def test_the_price_of_a_seat_is_that_of_contracts_that_have_both(add_on):
    found = seen(contracts(BASE, add_on), 200)
    assert found.price.tolist() == found.price_before.tolist() == [10.0]


def test_of_contracts_without_a_value_the_one_with_most_seats_is_the_main_one():
    found = seen(contracts((0, 365, NAN, 100.0), (100, 365, NAN, 5.0)), 200)
    assert found.row.tolist() == [0]


MAIN = [(365 * i, 365 * (i + 1), 1000.0, 100.0) for i in range(4)]


@pytest.mark.parametrize(
    "add_ons",
    [
        [(100, FAR, 20.0, NAN)],
        [(100, 1195, 20.0, NAN)],
        [(100, 465, 20.0, NAN), (465, 830, 20.0, NAN)],
        [(0, 90, 20.0, NAN), (365, 400, 20.0, NAN)],
    ],
    ids=["open-ended", "three years", "its own anniversary", "on the same day"],
)
def test_renewals_are_those_of_the_main_contract_whatever_runs_beside(add_ons):
    rows = sorted([*MAIN, *add_ons])
    assert seen(contracts(*rows), 50, 400, 800, 1200).renewals.tolist() == [0, 1, 2, 3]


def test_a_contract_renewed_early_was_renewed():
    rows = (0, 365, 1000.0, 100.0), (300, 365, 20.0, 5.0), (300, 665, 1000.0, 100.0)
    assert seen(contracts(*rows), 310).renewals.tolist() == [1]


def test_an_upgrade_that_keeps_the_end_of_the_contract_it_replaces_is_no_renewal():
    rows = contracts(BASE, (100, 365, 1500.0, 120.0), NEXT)
    stopped = np.array([100, FAR, FAR])
    upgraded = replace(rows, cancelled_at=stopped, notice_at=stopped)
    assert seen(upgraded, 50, 200, 400).renewals.tolist() == [0, 0, 1]
    # with a new term of its own, signed before the old one ended, it is one
    longer = replace(upgraded, end=np.array([365, 465, 730]))
    assert seen(longer, 200).renewals.tolist() == [1]


def followed(rows, day):
    """Walk the rows by hand: which is the next main one, which begins beside it?"""
    times, reach, main, told = 0, None, None, 0
    for start, end, value, _ in (row for row in rows if row[0] < day):
        if reach is None or start > reach + 30:
            times, main = 0, (start, end, value)
        elif not (start < main[1] and value < main[2]):
            times += start > main[0] and (start >= main[1] or end > main[1])
            main = (start, end, value)
        reach = end if reach is None else max(reach, end)
        told = times if day <= end else told  # of the newest that still runs
    return told


VALUE = st.sampled_from([1.0, 1.0, 5.0])
TERM = st.tuples(st.integers(0, 200), st.integers(1, 90), VALUE)


@given(
    st.lists(TERM, min_size=1, max_size=7), st.lists(st.integers(1, 300), min_size=1)
)
def test_renewals_count_the_main_terms_before(drawn, days):
    rows = sorted((s, s + n, v, 1.0) for s, n, v in drawn)
    found = seen(contracts(*rows), *days).renewals.tolist()
    for day, times in zip(days, found, strict=True):
        assert times == followed(rows, day)
