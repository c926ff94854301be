"""What moved since the run before is kept beside the run, and adds up."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from tests.made import AS_OF, bundle_of, loaded

from churnhealth.archive.moves import MOVE_COLUMNS, move_tables
from churnhealth.health.calibrate import Calibrator
from churnhealth.scoring import score_history
from churnhealth.sources.contract import date_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SINCE = AS_OF - 31


def book(bundle, as_of):
    return score_history(bundle, loaded().history, as_of=as_of, scored_at=NOW)


def moves(bundle, *, by=None):
    earlier = book(by or bundle, SINCE).scores
    tables = move_tables(
        bundle,
        loaded().history,
        book(bundle, AS_OF),
        earlier=earlier,
        since=date_of(SINCE),
    )
    return tables["moves"], tables["changes"], earlier


def test_who_was_scored_twice_has_a_move_that_adds_up():
    bundle = bundle_of("blend")
    table, changes, earlier = moves(bundle)
    assert tuple(table) == MOVE_COLUMNS
    now = book(bundle, AS_OF).scores
    twice = set(now["account_id"][now["status"] == "scored"]) & set(
        earlier["account_id"][earlier["status"] == "scored"]
    )
    assert set(table["account_id"]) == twice
    whole = 100 * (table["churn_probability"] - table["previous_probability"])
    parts = table["drivers_points"] + table["other_points"]
    np.testing.assert_allclose(parts, whole, atol=1e-9)
    # one model, and rows that were all known in time: drivers tell all of it
    np.testing.assert_allclose(table["other_points"], 0.0, atol=1e-9)
    assert not table["model_moved"].any()
    assert set(changes["account_id"]) <= twice
    assert all(line for line in table["line"])


def test_another_model_is_a_part_of_its_own():
    bundle = bundle_of("logistic")
    shifted = replace(bundle, calibrator=Calibrator(slope=0.9, intercept=0.4))
    table, _, _ = moves(shifted, by=bundle)
    assert table["model_moved"].all()
    drivers, _, _ = moves(shifted)
    step = 0.5  # the two intercepts differ by so much, in log-odds
    odds = {k: np.log(p / (1 - p)) for k, p in _probabilities(table, drivers).items()}
    np.testing.assert_allclose(odds["same model"] - odds["other"], step, atol=1e-9)


def _probabilities(other, same):
    return {
        "other": other["previous_probability"],
        "same model": same["previous_probability"],
    }


def test_new_limits_are_marked():
    bundle = bundle_of("logistic")
    cuts = type(bundle.cuts)(cuts=(0.02, 0.05, 0.2))
    table, _, _ = moves(replace(bundle, cuts=cuts), by=bundle)
    assert table["bands_moved"].all()
