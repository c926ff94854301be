"""An add-on beside the main contract: what it adds, and what it leaves alone."""

import numpy as np
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
                     discount=nothing, plan=np.full(start.size, None))  # fmt: skip


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


def prolonged(rows, day):
    """Walk the rows by hand: how often did one reach further than all before it?"""
    times, reach, last = 0, None, None
    for start, end, *_ in rows:
        if not start < day:
            continue
        if reach is None or start > reach + 30:
            times = 0
        elif end > reach and start > last:
            times += 1
        reach = end if reach is None else max(reach, end)
        last = start
    return times


TERM = st.tuples(st.integers(0, 200), st.integers(1, 90), st.just(1.0), st.just(1.0))


@given(st.lists(TERM, min_size=1, max_size=7), st.integers(1, 300))
def test_renewals_count_the_terms_that_cover_went_on_from(drawn, day):
    rows = sorted((s, s + n, v, k) for s, n, v, k in drawn)
    found = seen(contracts(*rows), day)
    if any(start < day <= end for start, end, *_ in rows):
        assert found.renewals.tolist() == [prolonged(rows, day)]
