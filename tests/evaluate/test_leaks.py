"""The cheat's figure: high where honest ones are not, and the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import panel_of, settings

from churnhealth.config import Check, Model
from churnhealth.evaluate.leaks import (
    doubts,
    leaky_claim,
    shuffled_dates,
    timeless,
    within_strata,
)
from churnhealth.pipeline import judge
from churnhealth.progress import Progress


def test_cheating_claims_more_than_honest_folds_show():
    config = settings().model_copy(
        update={"model": Model(ladder=("constant", "rules", "logistic"))}
    )
    with Progress() as progress:
        _, report = judge(config, panel_of(), progress=progress)
    honest = max(row["auc"] for row in report["scorers"].values())
    assert report["leaky"]["auc"] > max(honest + 0.1, 0.9)


def test_the_claim_says_how_it_cheats():
    how = leaky_claim(panel_of(), seed=7)["how"]
    assert "random split" in how
    assert "one global cut-off" in how


def test_the_claim_is_the_same_every_time():
    assert leaky_claim(panel_of(), seed=7) == leaky_claim(panel_of(), seed=7)


@pytest.mark.parametrize("kind", ["renewal", "silence"])
def test_every_question_can_be_cheated_at(kind):
    assert leaky_claim(panel_of(kind), seed=7)["auc"] > 0.5


def test_nothing_is_claimed_where_nearly_nobody_churned():
    seen = panel_of()
    churner = seen.cohort.account[seen.labels().code == 1][0]
    stayed = ~np.isin(seen.cohort.account, seen.cohort.account[seen.labels().code == 1])
    keep = stayed | (seen.cohort.account == churner)
    few = replace(
        seen,
        cohort=seen.cohort.rows(keep),
        X=seen.X[keep],
        trains=seen.trains[keep],
        tests=seen.tests[keep],
    )
    assert leaky_claim(few, seed=7)["auc"] is None


def judged_on(column_of):
    """Judge a logistic model whose one telling feature is made from the outcomes."""
    seen = panel_of()
    left = seen.labels().code == 1
    random = np.random.default_rng(4)
    X = random.normal(size=seen.X.shape)
    X[:, 0] = column_of(seen, left, random)
    config = settings().model_copy(
        update={
            "model": Model(ladder=("constant", "logistic")),
            "check": Check(allow=("CH225",)),
        }
    )
    panel = replace(seen, X=X)
    with Progress() as progress:
        judged, report = judge(config, panel, progress=progress)
    assert all(
        any(f"({found.code})" in reason for reason in report["verdict"]["reasons"])
        for found in doubts(panel, judged, report["shuffled_dates"])
    )
    return panel, judged, report["shuffled_dates"]


def what_became_of_them(seen, left, random):
    """A column that was written when it was over."""
    return 8.0 * left + random.normal(size=left.size)


def who_leaves(seen, left, random):
    """A column written over for all dates when the account had left."""
    account = seen.cohort.account
    ever = np.isin(np.arange(account.max() + 1), account[left])
    return (2.0 * ever + random.normal(size=ever.size))[account]


def when_they_leave(seen, left, random):
    """A column that moves when the end is near, and only then."""
    return 2.0 * left + random.normal(size=left.size)


def test_a_ranking_that_stays_on_shuffled_dates_is_found():
    panel, judged, told = judged_on(who_leaves)
    assert abs(told["auc"] - told["auc_shuffled"]) < 0.02
    assert [f.code for f in doubts(panel, judged, told)] == ["CH232"]
    terms = {"hazard": judged.p["chosen"] / 2.0}  # terms may be written over too
    alike = replace(judged, p={**judged.p, **terms})
    assert [f.code for f in doubts(panel, alike, told)] == ["CH232"]


def test_a_ranking_without_an_error_is_too_good_to_be_true():
    found = [f.code for f in doubts(*judged_on(what_became_of_them))]
    assert found == ["CH250"]


def test_an_honest_ranking_is_believed():
    panel, judged, told = judged_on(when_they_leave)
    assert 0.8 < told["auc"] < 0.95
    assert list(doubts(panel, judged, told)) == []


def test_rows_are_ranked_among_those_of_equal_calendar():
    random = np.random.default_rng(2)
    p, y = random.random(60).round(1), random.integers(0, 2, 60)
    like = random.integers(0, 5, 60).astype(float)
    y[like == 4] = 1  # nobody to compare with
    won = [
        (p[i] > p[j]) + 0.5 * (p[i] == p[j])
        for i in np.flatnonzero(y == 1)
        for j in np.flatnonzero(y == 0)
        if like[i] == like[j]
    ]
    found, compared = within_strata(p, y, like)
    assert found == pytest.approx(np.mean(won))
    assert set(like[~compared]) == {4.0}


def test_a_ranking_that_rests_on_the_date_is_let_off():
    _, _, told = judged_on(when_they_leave)
    assert told["auc"] > told["auc_shuffled"] + 0.1
    assert timeless(told) is None


def test_shuffled_dates_are_other_dates_of_the_same_account():
    panel, judged, told = judged_on(when_they_leave)
    again = shuffled_dates(panel, judged, seed=settings().model.seed)
    assert again == told
    several = np.bincount(panel.cohort.account)[judged.account] > 1
    assert told["accounts"] == np.unique(judged.account[several]).size


def test_weak_rankings_and_lone_snapshots_are_not_asked():
    told = {"auc": 0.6, "auc_shuffled": 0.6, "gap": [-0.01, 0.02], "accounts": 90}
    assert timeless(told) is None
    assert timeless({**told, "auc": 0.7}).code == "CH232"
    assert timeless({**told, "auc": 0.7, "gap": [-0.2, 0.2]}) is None
    assert timeless({"auc": None, "auc_shuffled": None, "gap": None}) is None
