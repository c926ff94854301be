"""A base rate that moved: found where it did, and seldom where it did not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.health.drift import Drift, drifted, rate_drift, rate_of_today
from churnhealth.scorers.curves import sigmoid

EMPTY = {"since": 0, "rows": 10, "expected": 0.1, "observed": 0.2}


def drawn(shift, seed, accounts=150, looks=6, own=0.0):
    """Accounts looked at several times; each has an own part no model knows."""
    random = np.random.default_rng(seed)
    account = np.repeat(np.arange(accounts), looks)
    as_of = np.tile(np.arange(looks), accounts)
    z = random.normal(-1.5, 0.8, account.size)
    hidden = own * random.normal(size=accounts)[account]
    y = random.random(account.size) < sigmoid(z + hidden + shift * (as_of >= 2))
    return z, y.astype(np.int64), account, as_of


def test_the_shift_that_was_put_in_is_found():
    found = rate_drift(*drawn(0.7, 1, accounts=5000), since=2)
    assert found.shift == pytest.approx(0.7, abs=0.05)
    assert found.beyond_noise
    assert found.believed == pytest.approx(found.shift, rel=0.02)


def test_rows_before_the_day_do_not_count():
    z, y, account, as_of = drawn(0.7, 1)
    other = np.where(as_of < 2, 1 - y, y)
    assert rate_drift(z, y, account, as_of, since=2) == rate_drift(
        z, other, account, as_of, since=2
    )


def test_where_nothing_moved_about_one_in_twenty_is_told_although_rows_repeat():
    """An account's rows share what no model knows: counted as rows, more would be."""

    # What is hidden is spread around the mean, so the level is found first.
    level = rate_drift(*drawn(0.0, 999, accounts=20_000, own=2.0), since=2).shift

    def alarms(share_rows):
        told = []
        for seed in range(300):
            z, y, account, as_of = drawn(0.0, seed, own=2.0)
            whose = account if share_rows else np.arange(account.size)
            found = rate_drift(z + level, y, whose, as_of, since=2)
            told.append(found.beyond_noise)
        return np.mean(told)

    assert 0.02 < alarms(share_rows=True) < 0.09
    assert alarms(share_rows=False) > 0.12


@given(st.floats(-5, 5), st.floats(0.01, 5))
def test_what_is_believed_lies_between_nothing_and_the_shift(shift, error):
    found = Drift(shift=shift, error=error, **EMPTY)
    assert 0.0 <= found.believed * np.sign(shift) <= abs(shift)
    if not abs(shift) > error:
        assert found.believed == 0.0


def test_one_kind_of_outcome_tells_no_rate():
    z, y, account, as_of = drawn(0.0, 1)
    assert rate_drift(z, np.zeros_like(y), account, as_of, since=2) is None
    assert drifted(None, 0.0) is None


def test_only_what_is_beyond_noise_is_a_finding_and_it_says_what_was_done():
    assert drifted(Drift(shift=0.1, error=0.2, **EMPTY), 0.0) is None
    found = drifted(Drift(shift=0.9, error=0.2, **EMPTY), 0.86)
    assert found.code == "CH240"
    assert not found.stops
    assert "+0.86" in found.what


@given(st.floats(0.01, 0.9), st.floats(-3.0, 3.0))
def test_colours_follow_the_newest_cohort_only_where_it_is_clearly_another(base, shift):
    usual = np.log(base / (1.0 - base))
    found = rate_of_today(base, sigmoid(np.full(40, usual + shift)))
    moved = np.log(found / (1.0 - found)) - usual
    assert abs(moved) <= abs(shift) + 1e-9
    assert moved * shift >= -1e-9
    if abs(shift) <= 0.3:
        assert moved == pytest.approx(0.0, abs=1e-9)
    if abs(shift) >= 1.0:
        assert abs(moved) >= 0.9 * abs(shift)


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_of_a_cohort_only_what_a_year_before_did_not_share_is_followed(shift, season):
    newest, before = (sigmoid(np.full(40, -2.0 + s)) for s in (shift, season))
    base = float(sigmoid(np.array([-2.0]))[0])

    def moved(*cohorts):
        found = rate_of_today(base, *cohorts)
        return np.log(found / (1.0 - found)) + 2.0

    assert abs(moved(newest, before)) <= abs(moved(newest)) + 1e-9
    assert moved(newest, newest) == pytest.approx(0.0, abs=1e-9)
    if shift * (shift - season) <= 0.0:
        assert moved(newest, before) == pytest.approx(0.0, abs=1e-9)
    assert moved(newest, np.zeros(0)) == moved(newest)
