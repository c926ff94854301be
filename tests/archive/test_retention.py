"""Retention by hand: who stays, who shrinks, who comes back late, who is new."""

import numpy as np
import pytest

from churnhealth.archive.retention import retention, retention_history
from churnhealth.sources.contract import FAR, Contracts

NOW = 1_000


def terms(*rows):
    """Rows of (account, start, end, value[, cancelled_at, notice_at])."""
    full = [(*r, FAR, FAR)[:6] if len(r) == 4 else r for r in rows]
    a, start, end, value, cancelled, notice = (np.array(c) for c in zip(*full,
                                               strict=True))  # fmt: skip
    nan = np.full(a.size, np.nan)
    return Contracts(account=a, start=start, end=end, cancelled_at=cancelled,
                     notice_at=notice, known_at=start, value=value.astype(float),
                     seats=nan, term_months=nan, discount=nan,
                     replaced_at=np.full(a.size, FAR),
                     plan=np.full(a.size, None),
                     contract=np.zeros(a.size, int))  # fmt: skip


def told(*rows, accounts=5):
    return retention(terms(*rows), accounts=accounts, as_of=NOW, gap_days=30)


def test_growth_counts_in_net_and_never_in_gross():
    line = told((0, 0, 700, 100), (0, 700, FAR, 150), (1, 0, FAR, 100))
    assert (line["customers_before"], line["customers_kept"]) == (2, 2)
    assert (line["grr"], line["nrr"]) == (1.0, 1.25)


def test_an_add_on_is_growth_and_not_the_loss_of_what_it_was_added_to():
    line = told((0, 0, FAR, 1000), (0, 800, FAR, 20))
    assert (line["grr"], line["nrr"]) == (1.0, 1.02)


def test_the_lost_count_with_nothing_and_the_new_do_not_count():
    line = told((0, 0, 800, 100), (1, 0, FAR, 300), (2, 900, FAR, 999))
    assert line["customer_retention"] == 0.5
    assert line["grr"] == line["nrr"] == pytest.approx(0.75)


def test_whoever_may_still_renew_is_not_lost_yet():
    assert told((0, 0, NOW - 10, 100))["customer_retention"] == 1.0
    assert told((0, 0, NOW - 10, 100))["nrr"] == 1.0
    assert told((0, 0, NOW - 40, 100))["customer_retention"] == 0.0


def test_a_stop_counts_once_it_is_known():
    assert told((0, 0, FAR, 100, 900, 890))["customers_kept"] == 0
    assert told((0, 0, FAR, 100, 900, NOW + 5))["customers_kept"] == 1


def test_without_values_customers_are_still_counted():
    line = told((0, 0, FAR, np.nan))
    assert (line["customer_retention"], line["grr"], line["nrr"]) == (1.0, None, None)


def test_years_before_the_first_customer_are_left_out():
    rows = terms((0, 500, FAR, 10))
    lines = retention_history(rows, accounts=1, as_of=NOW, gap_days=30)
    assert [line["customers_before"] for line in lines] == [1, 1]
