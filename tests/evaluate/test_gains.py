"""What a list finds is what counting down that list by hand finds."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.judged import SIMPLE, configured, judged_by
from tests.made import panel_of

from churnhealth.evaluate.gains import _tenth, found_by, gains_of
from churnhealth.evaluate.slices import yearly_value
from churnhealth.health.draws import account_draws

SEEN = [0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
        1.0]  # fmt: skip


@cache
def judged():
    config = configured().model_copy(update={"model": SIMPLE})
    done = judged_by(config, panel_of())
    return replace(done, p={**done.p, "chosen": done.p["rules"]})


def told(done=None, seen=None):
    done, seen = done or judged(), seen or panel_of()
    draws = account_draws(done.account, seed=7)
    return gains_of(done, seen, yearly_value(done, seen), draws)


rows = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60)


@settings(deadline=None)
@given(rows.filter(lambda rows: any(left for _, left in rows)))
def test_ties_of_a_list_share_what_they_hold_evenly(rows):
    order = np.array([float(rank) for rank, _ in rows])
    left = np.array([float(one) for _, one in rows])
    for share, found in zip(SEEN, found_by(order, left), strict=True):
        room, taken = share * len(rows), 0.0
        for rank in sorted(set(order), reverse=True):
            here = order == rank
            part = min(max(room, 0.0), here.sum()) / here.sum()
            taken += part * left[here].sum()
            room -= here.sum()
        assert found == pytest.approx(taken / left.sum(), abs=1e-4)


def test_each_account_that_left_counts_once_and_pays_its_value():
    done, seen = judged(), panel_of()
    frame = pd.DataFrame({"account": done.account, "p": done.p["chosen"], "y": done.y,
                          "value": yearly_value(done, seen)})  # fmt: skip
    left = frame[frame["y"] == 1]
    assert left["account"].value_counts().max() > 1  # some are scored again and again
    frame["once"] = frame["y"] / frame["account"].map(left["account"].value_counts())
    frame["once"] = frame["once"].fillna(0.0)
    cut = frame["p"].nlargest(len(frame) // 2).min()
    top = frame[frame["p"] >= cut]
    looked = len(top) / len(frame)
    gains = told()
    assert gains["outcomes"] == left["account"].nunique()
    way = gains["ways"]["chosen"]
    near = np.interp(looked, gains["seen"], way["churners"])
    assert near == pytest.approx(top["once"].sum() / frame["once"].sum(), abs=0.02)
    near = np.interp(looked, gains["seen"], way["value"])
    paid = frame["once"] * frame["value"]
    expected = (top["once"] * top["value"]).sum() / paid.sum()
    assert near == pytest.approx(expected, abs=0.03)


def test_all_lists_begin_at_nothing_end_at_everything_and_never_fall():
    gains = told()
    assert gains["seen"] == SEEN
    assert list(gains["ways"]) == ["chosen", "rules", "renewal_date"]
    for way in gains["ways"].values():
        for line in (way["churners"], way["value"]):
            assert (line[0], line[-1], len(line)) == (0.0, 1.0, len(SEEN))
            assert line == sorted(line)


def test_the_share_of_the_first_tenth_has_an_interval_that_shrinks_with_accounts():
    gains, tenth = told(), SEEN.index(0.1)
    for way in gains["ways"].values():
        low, high = way["interval"]
        assert 0 <= low <= way["churners"][tenth] <= high <= 1
    rng = np.random.default_rng(2)

    def width(n):
        order, left = rng.random(n), (rng.random(n) < 0.2).astype(float)
        draws = account_draws(np.arange(n), seed=1)
        low, high = _tenth(order, left, draws, outcomes=int(left.sum()))
        return high - low

    assert width(3200) == pytest.approx(width(200) / 4, rel=0.35)


def test_few_who_left_make_no_first_tenth_certain():
    left = np.zeros(100)
    left[:3] = 1.0
    draws = account_draws(np.arange(100), seed=1)
    far = 1 - 0.05 ** (1 / 3)  # three without an exception
    all_of_them = _tenth(left, left, draws, outcomes=3)
    none_of_them = _tenth(-left, left, draws, outcomes=3)
    assert all_of_them == pytest.approx([1 - far, 1.0], abs=1e-4)
    assert none_of_them == pytest.approx([0.0, far], abs=1e-4)


def test_the_calendar_looks_at_the_next_renewal_first():
    done, seen = judged(), panel_of()
    end = seen.cohort.as_of + 100
    end[::3] = 10_000_000  # open-ended
    left = np.flatnonzero(done.y == 1)
    end[done.row[left]] = done.as_of[left] + 5
    there = replace(seen, cohort=replace(seen.cohort, end=end))
    line = told(seen=there)["ways"]["renewal_date"]["churners"]
    share = done.y.mean()
    assert line == pytest.approx(
        [np.interp(s, [0, share, 1], [0, 1, 1]) for s in SEEN], abs=1e-4
    )


def test_a_list_that_tells_nobody_apart_is_a_diagonal():
    done = judged()
    flat = replace(done, p={"chosen": np.full(done.y.size, 0.1)})
    gains = told(flat)
    assert gains["ways"]["chosen"]["churners"] == pytest.approx(SEEN, abs=1e-4)
    assert "rules" not in gains["ways"]


def test_where_nobody_left_there_is_nothing_to_find():
    done = judged()
    assert told(replace(done, y=np.zeros_like(done.y))) is None


def test_without_contracts_there_is_neither_value_nor_calendar():
    done, seen = judged(), panel_of()
    cohort = replace(seen.cohort, end=np.full_like(seen.cohort.end, 10_000_000))
    history = replace(seen.history, contracts=None)
    ways = told(seen=replace(seen, cohort=cohort, history=history))["ways"]
    assert list(ways) == ["chosen", "rules"]
    assert {way["value"] for way in ways.values()} == {None}
    assert done.y.any()
