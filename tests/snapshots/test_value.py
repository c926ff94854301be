"""What an account pays: all its terms in force, added up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import FAR, Contracts

DAYS = st.integers(0, 12)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),  # account
        DAYS,  # start
        st.one_of(DAYS, st.just(FAR)),  # agreed end
        st.one_of(DAYS, st.just(FAR)),  # cancelled_at, noticed a day before
        DAYS,  # known_at
        st.sampled_from([-5.0, 0.0, 20.0, 100.0, np.nan]),
        st.integers(0, 1),  # which contract id
    ),
    max_size=6,
)


def contracts(rows):
    rows = sorted([(*row, 0)[:7] for row in rows], key=repr_of)
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    account, start, end, cancelled, known, value, contract = columns
    nothing = np.full(account.size, np.nan)
    return Contracts(account=account, start=start, end=end, cancelled_at=cancelled,
                     notice_at=np.where(cancelled < FAR, cancelled - 1, FAR),
                     replaced_at=np.full(account.size, FAR),
                     known_at=known, value=value.astype(float), seats=nothing,
                     term_months=nothing, discount=nothing,
                     plan=np.full(account.size, None), contract=contract)  # fmt: skip


def repr_of(row):
    return (*row[:3], row[4], str(row[5]), row[6], row[3])


def paid(rows, account, day):
    """Add up by hand; a row that as yet stands there twice is one."""
    total, any_known = 0.0, False
    seen = {(*r[:3], FAR if r[3] - 1 >= day else r[3], r[4], str(r[5]), r[6])
            for r in rows}  # fmt: skip
    for whose, start, end, cancelled, known, value, _ in seen:
        until = min(end, cancelled)
        if whose == account and known < day and start < day <= until:
            any_known |= value != "nan"
            total += 0.0 if value == "nan" else float(value)
    return total if any_known else np.nan


@given(ROWS.filter(bool), DAYS)
def test_the_value_is_that_of_all_known_terms_in_force(rows, day):
    account = np.arange(3)
    found = cover_at(contracts(rows), account=account, as_of=np.full(3, day),
                     gap_days=2).value  # fmt: skip
    np.testing.assert_array_equal(found, [paid(rows, a, day) for a in range(3)])


def test_an_add_on_adds_its_value_and_a_repeated_row_does_not():
    rows = [(0, 0, 365, FAR, 0, 1000.0)] * 2 + [(0, 100, 365, FAR, 100, 20.0)]
    seen = cover_at(contracts(rows), account=np.zeros(2, int),
                    as_of=np.array([50, 200]), gap_days=30)  # fmt: skip
    assert seen.value.tolist() == [1000.0, 1020.0]


def test_two_contracts_that_are_alike_but_for_their_ids_add_up():
    alike = (0, 0, 365, FAR, 0, 1000.0)
    rows = [(*alike, 0), (*alike, 1), (*alike, 1)]  # the last stands there twice
    seen = cover_at(contracts(rows), account=np.zeros(1, int),
                    as_of=np.array([50]), gap_days=30)  # fmt: skip
    assert seen.value.tolist() == [2000.0]


def test_a_repeated_row_that_will_be_cancelled_is_one_row_until_that_is_known():
    rows = [(0, 0, 365, FAR, 0, 1000.0), (0, 0, 365, 100, 0, 1000.0)]
    seen = cover_at(contracts(rows), account=np.zeros(3, int),
                    as_of=np.array([50, 100, 101]), gap_days=30)  # fmt: skip
    assert seen.value.tolist() == [1000.0, 2000.0, 1000.0]


def test_what_was_paid_before_is_all_that_ran_when_the_newest_term_began():
    rows = [(0, 0, 100, FAR, 0, 1000.0), (0, 50, 365, FAR, 50, 20.0),
            (0, 100, 365, FAR, 100, 1100.0), (1, 0, 100, FAR, 0, 5.0),
            (1, 110, 365, FAR, 110, 7.0)]  # fmt: skip
    seen = cover_at(contracts(rows), account=np.array([0, 0, 0, 1]),
                    as_of=np.array([20, 60, 200, 200]), gap_days=30)  # fmt: skip
    assert seen.value.tolist() == [1000.0, 1020.0, 1120.0, 7.0]
    np.testing.assert_array_equal(seen.value_before, [np.nan, 1000.0, 1020.0, 5.0])
