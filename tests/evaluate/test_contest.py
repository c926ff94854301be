"""A challenger passes when it is better beyond noise, and for everybody."""

import numpy as np
import pytest

from churnhealth.evaluate.contest import LEAST_SHOWN, contest
from churnhealth.scorers.curves import sigmoid

ACCOUNTS, LOOKS = 600, 3


def rivals(*, seed=0, accounts=ACCOUNTS):
    """One true risk, and what three scorers know of it."""
    random = np.random.default_rng(seed)
    account = np.repeat(np.arange(accounts), LOOKS)
    true = -2.0 + 1.2 * random.normal(size=accounts)[account]
    y = (random.random(account.size) < sigmoid(true)).astype(int)
    p = {
        "challenger": sigmoid(true),
        "rules": sigmoid(-2.0 + 0.4 * (true + 2.0)),
        "constant": np.full(account.size, y.mean()),
    }
    segment = np.array(["small", "large"], dtype=object)[account % 2]
    return p, y, account, segment


def judged(p, y, account, segment, **more):
    asked = {"incumbent": "rules", "broken": (), "tolerance": 0.05, "seed": 1}
    return contest(p, y, account, segment, **{**asked, **more})


def test_one_that_knows_more_than_every_rival_has_nothing_against_it():
    told = judged(*rivals())
    assert told["reasons"] == []
    assert {n for n, row in told["against"].items() if row["beaten"]} == {
        "rules",
        "constant",
    }


def test_a_refresh_may_equal_the_champion_and_must_not_be_worse():
    p, y, *rest = rivals()
    equal = {**p, "champion": p["challenger"]}
    assert len(judged(equal, y, *rest, incumbent="champion")["reasons"]) == 1
    assert not judged(equal, y, *rest, incumbent="champion", refresh=True)["reasons"]
    better = {**p, "challenger": p["rules"], "champion": p["challenger"]}
    del better["rules"]
    told = judged(better, y, *rest, incumbent="champion", refresh=True, tolerance=1.0)
    assert any(
        "is worse than the champion beyond noise" in why for why in told["reasons"]
    )
    # the other rivals must be beaten all the same
    same = {**equal, "rules": p["challenger"]}
    told = judged(same, y, *rest, incumbent="champion", refresh=True)
    assert ["does not beat the rules" in why for why in told["reasons"]] == [True]


def test_the_intervals_hold_the_plain_mean_of_paired_gains():
    p, y, *rest = rivals()
    told = judged(p, y, *rest)

    def loss(name):
        return -np.log(np.where(y == 1, p[name], 1.0 - p[name]))

    for name, row in told["against"].items():
        gain = float((loss(name) - loss("challenger")).mean())
        assert row["gain"] == pytest.approx(gain)
        assert row["interval"][0] < gain < row["interval"][1]


def test_one_that_is_as_good_as_the_champion_is_not_better():
    p, *rest = rivals()
    told = judged({**p, "champion": p["challenger"]}, *rest, incumbent="champion")
    assert len(told["reasons"]) == 1
    assert "does not beat the champion beyond noise" in told["reasons"][0]


def test_the_rule_must_be_beaten_beside_the_champion():
    p, *rest = rivals()
    p = {**p, "rules": p["challenger"], "champion": p["constant"]}
    told = judged(p, *rest, incumbent="champion")
    assert ["rules" in reason for reason in told["reasons"]] == [True]


def test_a_segment_that_gets_worse_stops_a_better_whole():
    p, y, account, segment = rivals()
    few = account % 10 == 0  # a tenth of the accounts is told nonsense
    segment = np.where(few, "loser", segment).astype(object)
    wrong = np.where(few, 1.0 - p["challenger"], p["challenger"])
    told = judged(
        {**p, "challenger": wrong, "rules": p["constant"]}, y, account, segment
    )
    worse = [row["segment"] for row in told["segments"] if row["worse"]]
    assert worse == ["loser"]
    assert any("segment loser gets worse" in reason for reason in told["reasons"])


def test_accounts_without_a_segment_are_judged_in_the_whole_only():
    p, y, account, _ = rivals()
    told = judged(p, y, account, np.full(y.size, None, dtype=object))
    assert told["segments"] == []
    assert told["reasons"] == []


def test_a_broken_promise_is_a_reason():
    told = judged(*rivals(), broken=("red holds 2 % and promised 20 %",))
    assert told["reasons"] == ["a promise is not kept: red holds 2 % and promised 20 %"]


def test_few_churned_accounts_show_nothing():
    p, y, account, segment = rivals(accounts=40)
    y = np.where(np.isin(account, np.unique(account[y == 1])[: LEAST_SHOWN - 1]), y, 0)
    told = judged(p, y, account, segment)
    assert "cannot show that anything is better" in told["reasons"][0]
