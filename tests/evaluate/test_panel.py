"""Which snapshots a panel holds, and which of them are learned from."""

import numpy as np
from tests.made import loaded, panel, panel_of, settings

from churnhealth.evaluate.panel import snapshot_panel
from churnhealth.evaluate.screen import screen


def test_of_too_many_training_rows_all_of_some_accounts_are_learned_from():
    config = settings(model={"max_rows": 2_000})
    all_rows, drawn = panel_of(), panel(config, loaded().history)
    assert 1_900 < drawn.trains.sum() <= 2_000 < all_rows.trains.sum()
    assert drawn.trains.sum() + drawn.not_drawn == all_rows.trains.sum()
    learned, left = (drawn.cohort.account[m] for m in (drawn.trains, ~drawn.trains))
    assert not set(learned) & set(left)
    np.testing.assert_array_equal(drawn.tests, all_rows.tests)
    np.testing.assert_array_equal(drawn.X, all_rows.X)
    assert [f.code for f in screen(drawn)].count("CH235") == 1
    assert "CH235" not in [f.code for f in screen(all_rows)]


def test_the_seed_alone_draws_the_accounts_that_are_learned_from():
    def learned(seed):
        config = settings(model={"max_rows": 2_000, "seed": seed})
        return snapshot_panel(config, loaded().history).trains

    np.testing.assert_array_equal(learned(7), learned(7))
    assert (learned(7) != learned(8)).any()


def test_a_denser_training_grid_holds_only_what_is_judged_or_learned_from():
    dense = {"every": "month", "train_every": "week"}
    config = settings(model={"max_rows": 2_000}, snapshots=dense)
    seen = snapshot_panel(config, loaded().history)
    assert (seen.tests | seen.trains).all()
    assert 1_500 < seen.trains.sum() <= 2_000


def test_a_pattern_that_fits_no_feature_is_told():
    own = {"source": "product", "kind": "count", "item": "login", "days": 91}
    features = {
        "include": ["product__*", "surveyz__*", "*__91d"],
        "exclude": ["product__login__*", "Product__*"],
        "own": [own],
    }
    seen = panel(settings(features=features), loaded().history)
    told = [f for f in screen(seen) if f.code == "CH287"]
    assert [f.example for f in told] == ["surveyz__*", "Product__*"]
    assert told[1].what == "[features]: 'Product__*' fits no feature"
