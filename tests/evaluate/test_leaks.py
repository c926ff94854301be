"""The cheat's figure: high where honest ones are not, and the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import panel_of, settings

from churnhealth.config import Model
from churnhealth.evaluate.leaks import leaky_claim
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
