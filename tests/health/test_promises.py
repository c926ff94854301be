import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.health.bands import BandCuts, base_odds_cuts
from churnhealth.health.draws import account_draws, rate_interval
from churnhealth.health.promises import (
    LEVEL_DOUBT,
    Promise,
    broken,
    promised_ranges,
    promises,
    still_promised,
    turned_round,
)
from churnhealth.scorers.curves import sigmoid

CUTS = BandCuts(cuts=(0.1, 0.2, 0.4))


def truthful(rows=20_000, seed=0):
    random = np.random.default_rng(seed)
    p = sigmoid(random.normal(-2, 1, rows))
    return p, (random.random(rows) < p).astype(float), np.arange(rows) % (rows // 5)


def test_true_probabilities_keep_every_promise():
    p, y, account = truthful()
    told = promises(base_odds_cuts(y.mean()), p, y, account, seed=1)
    assert [t.kept for t in told] == [True] * 4
    assert broken(told, skill=True) == ()
    assert sum(t.n for t in told) == p.size


def test_probabilities_half_as_high_as_they_should_be_break_them():
    p, y, account = truthful()
    told = promises(base_odds_cuts(y.mean() / 2), p / 2.5, y, account, seed=1)
    assert not all(t.kept for t in told)
    assert "promises" in broken(told, skill=True)[0]


def test_an_empty_band_is_null_and_broken_only_where_the_data_have_skill():
    p, y = np.full(100, 0.15), (np.arange(100) % 7 == 0).astype(float)
    told = promises(CUTS, p, y, np.arange(100), seed=1)
    assert told[0] == Promise(band="green", low=0.0, high=0.1, n=0)
    assert told[0].kept is None
    assert broken(told, skill=False) == ()
    assert len(broken(told, skill=True)) == 3


def test_kept_needs_an_interval_narrower_than_the_range_when_outside():
    # 3 of 10 accounts in a band that promises 10 to 20 %: too few to tell, not kept
    p, y = np.full(10, 0.15), np.r_[np.ones(3), np.zeros(7)]
    assert promises(CUTS, p, y, np.arange(10), seed=1)[1].kept is False
    # 21 % of 4,000: just outside, but the narrow interval reaches in
    p, y = np.full(4000, 0.15), np.arange(4000) % 100 < 20.4
    y[:25] = True
    yellow = promises(CUTS, p, y, np.arange(4000), seed=1)[1]
    assert yellow.observed > 0.2
    assert yellow.kept is True


def test_a_greener_band_that_churns_more_breaks_the_order():
    p = np.r_[np.full(1000, 0.15), np.full(1000, 0.3)]
    y = np.r_[np.arange(1000) % 4 == 0, np.arange(1000) % 5 == 0]
    told = promises(CUTS, p, y, np.arange(2000), seed=1)
    assert "yellow churned more (25.0%) than orange (20.0%)" in broken(
        told, skill=False
    )


def test_an_order_turned_round_by_chance_is_no_broken_promise():
    # 3 of 20 yellow and 2 of 20 orange accounts: another draw would turn it round
    p = np.r_[np.full(20, 0.15), np.full(20, 0.3)]
    y = np.r_[np.arange(20) < 3, np.arange(20) < 2]
    told = promises(CUTS, p, y, np.arange(40), seed=1, ranges=[(0.0, 1.0)] * 4)
    assert told[1].observed > told[2].observed
    assert broken(told, skill=False) == ()


def cohorts(size, times, seed=3):
    """Cohorts of true probabilities whose level moves a little, and what came."""
    random = np.random.default_rng(seed)
    z = random.normal(-3.5, 1, size)
    for _ in range(times):
        moved = sigmoid(z + LEVEL_DOUBT * random.normal())
        yield sigmoid(z), (random.random(size) < moved).astype(float)


@pytest.mark.parametrize("size", [150, 500, 5000])
def test_nine_in_ten_promises_of_true_probabilities_are_kept_however_few(size):
    kept = []
    for p, y in cohorts(size, times=40):
        cuts = base_odds_cuts(float(p.mean()))
        ranges = promised_ranges(cuts, p, np.arange(size), doubt=LEVEL_DOUBT, seed=1)
        told = promises(cuts, p, y, np.arange(size), seed=1, ranges=ranges, samples=200)
        kept += [t.kept for t in told]
    assert np.mean(kept) >= 0.9


def test_many_accounts_promise_the_range_of_the_cuts_and_few_a_wider_one():
    p, _ = next(cohorts(200_000, times=1))
    cuts = base_odds_cuts(float(p.mean()))
    plain = [cuts.range_of(band) for band in ("green", "yellow", "orange", "red")]
    everyone = np.arange(p.size)
    assert list(promised_ranges(cuts, p, everyone, doubt=0.0, seed=1)) == plain
    few = promised_ranges(cuts, p[:100], everyone[:100], doubt=0.0, seed=1)
    for (a, b), (low, high) in zip(few, plain, strict=True):
        assert a <= low < high <= b
    assert few[2][0] < plain[2][0] < plain[2][1] < few[2][1]


@given(st.floats(0.01, 0.6), st.integers(0, 60), st.floats(0.0, 2.0), st.integers(0, 9))
def test_a_promise_holds_its_cuts_and_reaches_over_one_neighbour_at_most(
    base, size, doubt, seed
):
    cuts = base_odds_cuts(base)
    p = np.random.default_rng(seed).random(size)
    told = promised_ranges(cuts, p, np.arange(size), doubt=doubt, seed=seed)
    edges = (0.0, *cuts.cuts, 1.0)
    for at, (low, high) in enumerate(told):
        nobody = low == 0.0 and (cuts.level(p) == at).any()
        assert edges[max(at - 1, 0)] <= low <= edges[at] or nobody
        assert edges[at + 1] <= high <= edges[min(at + 2, 4)]


def test_nobody_leaving_breaks_no_promise_where_that_is_likelier_than_anybody():
    few, cuts = np.arange(15), BandCuts(cuts=(0.004, 0.01, 0.03))
    orange = np.full(15, 0.02)  # nobody leaves in three cohorts of four
    ranges = promised_ranges(cuts, orange, few, doubt=0.0, seed=1)
    told = promises(cuts, orange, np.zeros(15), few, seed=1, ranges=ranges)
    assert told[2].kept
    many = np.full(15, 0.2)  # nobody leaves in one of thirty
    assert promised_ranges(CUTS, many, few, doubt=0.0, seed=1)[2][0] == 0.1


def test_what_was_said_is_widened_for_few_accounts_and_never_narrowed():
    said = [(0.0, 0.1), (0.05, 0.2), (0.2, 0.4), (0.4, 1.0)]
    p, many, few = np.full(9000, 0.15), np.arange(9000), np.arange(9)
    assert still_promised(said, CUTS, p, many, seed=1)[1] == said[1]
    wider = still_promised(said, CUTS, p[:9], few, seed=1)
    assert wider[1] == (0.0, 1 / 3)
    one_left = promises(CUTS, p[:9], few == 0, few, seed=1, ranges=wider)
    assert one_left[1].kept


def test_an_account_seen_ten_times_promises_no_more_than_one_seen_once():
    p = np.linspace(0.01, 0.6, 80)
    once = promised_ranges(CUTS, p, np.arange(80), doubt=0.1, seed=1)
    tenfold = promised_ranges(
        CUTS, np.repeat(p, 10), np.repeat(np.arange(80), 10), doubt=0.1, seed=1
    )
    for a, b in zip(once, tenfold, strict=True):
        assert a == pytest.approx(b)


def test_rows_of_one_account_do_not_make_us_surer():
    y = (np.arange(400) % 10 == 0).astype(float)
    alone = rate_interval(y, np.arange(400), seed=1)
    tenfold = rate_interval(np.repeat(y, 10), np.repeat(np.arange(400), 10), seed=1)
    assert tenfold == pytest.approx(alone)


def test_no_churn_among_few_accounts_is_no_certainty():
    # rule of three on accounts: 1 - 0.05 ** (1 / 30)
    rows, account = np.zeros(300), np.arange(300) % 30
    low, high = rate_interval(rows, account, seed=1)
    assert (low, high) == (0.0, pytest.approx(0.095034, abs=1e-6))
    assert rate_interval(rows + 1, account, seed=1) == pytest.approx((1 - high, 1.0))


def test_the_interval_is_the_one_of_the_textbook_when_rows_are_accounts():
    y = (np.arange(2000) % 5 == 0).astype(float)
    low, high = rate_interval(y, np.arange(2000), seed=1, samples=4000)
    error = 1.96 * np.sqrt(0.2 * 0.8 / 2000)
    assert (low, high) == pytest.approx((0.2 - error, 0.2 + error), abs=0.002)


def test_every_sample_draws_as_many_accounts_as_there_are():
    draws = account_draws(np.array([5, 5, 8, 9]), seed=3, samples=50)
    assert (draws.weight.sum(axis=1) == 3).all()
    again = account_draws(np.array([5, 5, 8, 9]), seed=3, samples=50)
    assert np.array_equal(draws.weight, again.weight)


def test_saved_and_read_again_they_are_the_same():
    p, y, account = truthful(500)
    for promise in promises(CUTS, p, y, account, seed=1, samples=50):
        text = json.dumps(promise.to_json())
        assert Promise.from_json(json.loads(text)) == promise


def test_an_order_turned_round_by_many_accounts_is_told():
    said = {"low": 0.0, "high": 1.0, "n": 900}
    green = Promise(band="green", observed=0.15, interval=(0.13, 0.17), **said)
    yellow = Promise(band="yellow", observed=0.1, interval=(0.08, 0.12), **said)
    assert turned_round(green, yellow)
    assert not turned_round(yellow, green)
