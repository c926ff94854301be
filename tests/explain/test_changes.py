"""A move between two dates is split without a rest, and said in one line."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churnhealth.explain.changes import change_table, move_lines, what_changed
from churnhealth.explain.drivers import explain_margin
from churnhealth.features.spec import feature

USERS = feature("active_users", source="app", days=28)
TICKETS = feature("oldest_open", source="tickets", category="experience")
SPECS = (USERS, TICKETS)
FINITE = st.floats(-6, 6, allow_subnormal=False)


def read(*rows, base=-3.0):
    parts = np.column_stack([np.array(rows, float), np.full(len(rows), base)])
    return explain_margin(parts, slope=1.0, intercept=0.0)


@given(
    now=arrays(float, (5, 2), elements=FINITE),
    then=arrays(float, (5, 2), elements=FINITE),
    said=arrays(float, 5, elements=st.floats(1e-6, 1 - 1e-6)),
)
def test_the_parts_of_a_move_sum_to_the_whole(now, then, said):
    moved = what_changed(read(*now), read(*then), said=said)
    odds = np.log(said / (1 - said))
    whole = read(*now).log_odds - odds
    np.testing.assert_allclose(
        moved.effects.sum(axis=1) + moved.other, whole, atol=1e-9
    )
    points = moved.points.sum(axis=1) + moved.other_points
    np.testing.assert_allclose(points, 100 * (moved.now - said), atol=1e-9)


def test_the_same_model_on_the_same_data_moves_nothing():
    same = read([0.5, 1.0], [0.0, -2.0])
    moved = what_changed(same, same, said=same.probability)
    assert not moved.effects.any()
    np.testing.assert_allclose(moved.other, 0.0, atol=1e-12)


def test_two_models_cannot_be_compared_by_their_drivers():
    one, other = read([0.5, 1.0]), read([0.5, 1.0], base=-2.0)
    with pytest.raises(ValueError, match="one model"):
        what_changed(one, other, said=np.array([0.1]))


def lines(now, then, *, before, values, bands, said=None, model=True, cuts=True):
    one, other = read(now), read(then)
    said = other.probability if said is None else np.array([said])
    return move_lines(
        what_changed(one, other, said=said),
        SPECS,
        before=np.array([before]),
        values=np.array([values]),
        bands=([bands[0]], [bands[1]]),
        same_model=[model],
        same_cuts=[cuts],
    )[0]


NAN = float("nan")


def test_a_line_says_the_colours_and_what_pulled_that_way():
    said = lines(
        [1.5, 1.0],
        [0.1, 0.0],
        before=(14, NAN),
        values=(8, 21),
        bands=("yellow", "red"),
    )
    assert said == (
        "Critical, was Watch: active users of app, last 4 weeks, fell from 14 to 8;"
        " the oldest open ticket is 21 days old"
    )


def test_a_driver_that_pulled_the_other_way_is_not_told():
    said = lines(
        [1.5, -1.0], [0.0, 0.0], before=(14, 3), values=(8, 1), bands=("green", "green")
    )
    assert said == (
        "Still Healthy, 8 % after 5 %:"
        " active users of app, last 4 weeks, fell from 14 to 8"
    )


def test_another_model_corrected_data_and_new_limits_are_told():
    still = {"before": (8, 2), "values": (8, 2), "bands": ("green", "yellow")}
    now = ([0.0, 0.0], [0.0, 0.0])
    assert "model is another one" in lines(*now, said=0.2, model=False, **still)
    assert "were corrected since" in lines(*now, said=0.2, **still)
    assert "limits of the colours moved" in lines(*now, cuts=False, **still)
    assert lines(*now, **still) == "Watch, was Healthy"


def test_the_table_lists_what_moved_by_size():
    moved = what_changed(read([1.5, -0.2]), read([0.1, 0.3]), said=np.array([0.06]))
    table = change_table(
        moved,
        SPECS,
        account_ids=np.array(["a1"], dtype=object),
        since=date(2025, 12, 1),
        before=np.array([[14.0, 3.0]]),
        values=np.array([[8.0, 1.0]]),
    )
    assert table["feature"].tolist() == [USERS.name, TICKETS.name]
    assert table["rank"].tolist() == [1, 2]
    np.testing.assert_allclose(table["effect_log_odds"], [1.4, -0.5])
    assert (
        table["sentence"][0] == "active users of app, last 4 weeks, fell from 14 to 8"
    )
    assert str(table["since"][0]) == "2025-12-01"
