"""Groups: kept apart where that is asked for, and what it costs stands beside it."""

import json
from dataclasses import replace

import numpy as np
from tests.evaluate.judged import SIMPLE, configured, judged_by
from tests.made import loaded, panel, panel_of, with_groups

from churnhealth.config import Model
from churnhealth.evaluate.report import backtest_report
from churnhealth.pipeline import judge
from churnhealth.progress import Progress


def grouped(group_of, **sections):
    history = with_groups(loaded().history, group_of)
    config = configured(**sections)
    return config, panel(config, history)


def fours(i):
    return f"g{i // 4}" if i < 200 else None


def test_what_a_group_did_before_never_reaches_its_own_scores():
    """Kept apart, a group's rows are scored by a fit that saw none of them."""
    config, seen = grouped(fours, backtest={"disjoint_groups": True})
    ladder = Model(ladder=("constant", "calendar"))
    config = config.model_copy(update={"model": ladder})
    result = judged_by(config, seen).folds[0]
    group = seen.group[result.test][0]
    before = (seen.group == group) & (seen.cohort.as_of < result.fold.judged_at)
    assert before.any()
    changed = seen.X.copy()
    changed[before] = 1.0
    again = judged_by(config, replace(seen, X=changed)).folds[0]
    mixing = config.backtest.model_copy(update={"disjoint_groups": False})
    together = config.model_copy(update={"backtest": mixing})
    mixed = [judged_by(together, p).folds[0] for p in (seen, replace(seen, X=changed))]
    mine = seen.group[result.test] == group
    assert np.array_equal(result.p["calendar"][mine], again.p["calendar"][mine])
    assert not np.array_equal(
        mixed[0].p["calendar"][mine], mixed[1].p["calendar"][mine]
    )


def test_by_default_a_group_may_stand_on_both_sides_in_time():
    config, seen = grouped(fours)
    result = judged_by(config.model_copy(update={"model": SIMPLE}), seen).folds[0]
    assert np.intersect1d(seen.group[result.train], seen.group[result.test]).size


def test_an_account_without_a_group_is_a_group_of_its_own():
    _, seen = grouped(fours)
    alone = seen.cohort.account >= 200
    pairs = np.unique(np.stack([seen.cohort.account[alone], seen.group[alone]]), axis=1)
    assert np.unique(pairs[1]).size == np.unique(pairs[0]).size == pairs.shape[1]
    assert not np.intersect1d(seen.group[alone], seen.group[~alone]).size


def test_a_parent_that_others_name_as_their_group_is_of_it():
    ids = loaded().history.accounts.ids
    _, seen = grouped(lambda i: ids[0] if 0 < i < 5 else None)
    account, group = seen.cohort.account, seen.group
    family = {i for i in range(5) if (account == i).any()}
    assert 0 in family
    assert len(family) > 1
    assert np.unique(group[account < 5]).size == 1
    assert not np.isin(group[account >= 5], group[account < 5]).any()


def test_the_group_disjoint_figure_is_there_with_groups_and_absent_without():
    config, seen = grouped(fours)
    with Progress() as progress:
        simple = config.model_copy(update={"model": SIMPLE})
        _, report = judge(simple, seen, progress=progress, leaky=False)
        _, without = judge(simple, panel_of(), progress=progress, leaky=False)
    assert set(report["group_disjoint"]) == {"auc", "log_loss"}
    assert report["group_disjoint"]["log_loss"] > 0
    assert without["group_disjoint"] == {"auc": None, "log_loss": None}


def test_training_without_the_groups_of_the_test_keeps_the_churn_rate():
    config, seen = grouped(fours, backtest={"disjoint_groups": True})
    config = config.model_copy(update={"model": SIMPLE})
    apart = judged_by(config, seen).folds[0].ladder.base_rate
    together = judged_by(configured(), panel_of()).folds[0].ladder.base_rate
    assert apart < 1.5 * together


def test_the_group_disjoint_figure_is_there_with_many_folds_too():
    config, seen = grouped(fours, backtest={"origins": "each"})
    judged = judged_by(config.model_copy(update={"model": SIMPLE}), seen)
    assert judged.disjoint is not None


def test_without_a_churner_in_the_test_no_figure_is_given_for_groups():
    """A figure that is none would end the bundle, and be no JSON."""
    config, seen = grouped(fours)
    config = config.model_copy(update={"model": SIMPLE})
    judged = judged_by(config, seen)
    nobody = replace(judged, y=np.zeros_like(judged.y))
    report = backtest_report(
        nobody, seen, config, leaky=None, shuffled={"auc": None, "gap": None}
    )
    assert report["group_disjoint"]["auc"] is None
    json.dumps(report, allow_nan=False)
