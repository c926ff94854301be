"""What moves many scores together, which way, and whether other folds agree."""

import numpy as np
import pytest

from churnhealth.explain.overall import against_expectation, overall_drivers
from churnhealth.features.spec import feature

SPECS = tuple(
    feature("count", source="app", item=name, days=28) for name in ("login", "export")
)


@pytest.fixture
def told():
    random = np.random.default_rng(4)
    values = random.poisson(9, size=(200, 2)).astype(float)
    effects = np.column_stack([-0.3 * (values[:, 0] - 9), 0.1 * (values[:, 1] - 9)])
    values[:20, 0] = np.nan
    segment = np.array(["small"] * 150 + ["large"] * 40 + ["odd"] * 10, dtype=object)
    return overall_drivers(
        effects,
        SPECS,
        values=values,
        segment=segment,
        others=[effects * [0.5, 1.0]],
    )


def test_shares_are_of_all_movement_and_come_strongest_first(told):
    assert [d["feature"] for d in told] == [s.name for s in SPECS]
    assert sum(d["share"] for d in told) == pytest.approx(1.0)
    assert 0.7 < told[0]["share"] < 0.8


def test_a_direction_against_the_spec_is_marked(told):
    assert (told[0]["direction"], told[0]["contradicts"]) == (-1.0, False)
    assert (told[1]["direction"], told[1]["contradicts"]) == (1.0, True)
    assert against_expectation(told) == [
        "Export, last 4 weeks: more goes with more risk here, against what is expected"
    ]


def test_the_range_spans_the_models_of_other_folds(told):
    low, high = told[0]["share_range"]
    assert low < told[0]["share"] == high
    assert told[1]["share_range"][0] == told[1]["share"]


def test_segments_with_enough_accounts_have_shares_of_their_own(told):
    assert set(told[0]["segments"]) == {"small", "large"}
    for name in ("small", "large"):
        assert sum(d["segments"][name] for d in told) == pytest.approx(1.0)


def test_features_that_move_nothing_are_not_listed():
    assert overall_drivers(np.zeros((30, 2)), SPECS, values=np.ones((30, 2))) == []
    none = overall_drivers(np.zeros((0, 2)), SPECS, values=np.ones((0, 2)))
    assert none == []
