"""Activity against an account's own past: the last half year, or all of it."""

import numpy as np
import pytest
from feature_histories import Business, Event, history_of

from churnhealth.features.kinds import KINDS
from churnhealth.features.runtime import feature_table
from churnhealth.features.spec import feature
from churnhealth.sources.contract import FAR


def seen(kind, days, as_of):
    """Measure one account that acted twice on each of these days, over four weeks."""
    rows = tuple(Event(0, day, day, "a", 2, 2.5, 1, None, FAR) for day in days)
    business = Business(
        accounts=1,
        profiles=((0, "SE"),),
        events={"product": rows, "plans": ()},
        states=(),
        terms=(),
        names=("a",),
    )
    window = 28 if KINDS[kind].windowed else None
    spec = feature(kind, source="product", days=window)
    table = feature_table(
        history_of(business),
        (spec,),
        account=np.zeros(1, int),
        as_of=np.array([as_of]),
        gap_days=0,
    )
    return float(table.values[0, 0])


def test_a_decline_that_lasts_longer_than_half_a_year_is_no_new_habit():
    daily, weekly = [*range(400)], [*range(400, 720, 7)]
    assert seen("own_norm", daily + weekly, 720) == pytest.approx(0.0, abs=0.1)
    assert seen("own_life", daily + weekly, 720) < -0.5


def test_an_account_as_old_as_the_window_has_no_past_to_compare_with():
    assert np.isnan(seen("own_life", range(10, 60), 60))
    assert seen("own_life", range(10, 67), 67) == 0.0


def test_a_pause_like_earlier_ones_is_nothing_new_and_one_beyond_them_all_is():
    bursts = [start + day for start in range(0, 400, 40) for day in range(4)]
    assert seen("longer_gaps", bursts, 363 + 37) == 19 / 80
    assert seen("longer_gaps", bursts, 363 + 38) == 1 / 80
    assert seen("silence", bursts, 363 + 37) > 3


def test_gaps_from_before_the_newest_sixty_are_forgotten():
    slow_then_daily = [*range(0, 700, 70), *range(700, 760)]
    assert seen("longer_gaps", slow_then_daily, 770) == 3 / 122
    assert seen("longer_gaps", [*slow_then_daily, 760], 770) == 1 / 122
