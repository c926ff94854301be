"""Rules in words: units, shares and trends read as they do everywhere else."""

import ast

import numpy as np
import pytest

from churnhealth.scorers.condition_words import Words
from churnhealth.scorers.rules import RuleScorer


@pytest.mark.parametrize(
    ("when", "rule"),
    [
        ("tickets__all__days_since > 21", "more than 21 days since the last ticket"),
        ("tickets__all__mean_gap > 21", "usual gap between tickets above 21"),
        ("tickets__urgent__count__28d > 3", "more than 3 urgent tickets, last 4 weeks"),
    ],
)
def test_an_age_is_not_counted_but_days_and_events_are(when, rule):
    words = Words(nouns={}, phrases={})
    assert words.rule(ast.parse(when, mode="eval").body) == rule


@pytest.mark.parametrize(
    ("when", "row", "said"),
    [
        ("{share} < 0.365", {"share": 0.2049}, "below 36.5 % (20 %)"),
        ("{share} < 0.37", {"share": 0.369}, "below 37 % (36.9 %)"),
        ("0.3 < {share}", {"share": 0.3001}, "above 30 % (30.01 %)"),
        ("{trend} < -0.2", {"trend": -0.33}, "below \u221233 % (\u221250 %)"),
        ("{state} < 0.5", {"state": 0.25}, "share of goals met below 50 % (25 %)"),
    ],
)
def test_shares_and_trends_read_in_rules_as_they_do_in_reasons(when, row, said):
    names = {
        "share": "product__all__users_share__28d",
        "trend": "product__all__trend__28d",
        "state": "goals__share_of_goals_met__latest",
    }
    condition = ast.parse(when.format(**names), mode="eval").body
    told = Words(nouns={}, phrases={}).met(
        condition, {names[key]: value for key, value in row.items()}
    )
    assert told.endswith(said)


def test_a_line_tells_its_value_in_the_unit_of_its_feature_and_whole():
    share, value = "product__all__users_share__28d", "contracts__all__value"
    line = {"category": "usage", "red": 0}
    lines = [
        {**line, "label": "Seats in use", "feature": share, "green": 0.9},
        {**line, "label": "Value", "feature": value, "green": 20_000},
    ]
    card = {"categories": {"usage": 1}, "stages": [{"name": "all", "measures": lines}]}
    X = np.array([[0.5, 14_792.4], [0.95, 30_000]])
    scorer = RuleScorer(feature_names=(share, value), card=card).fit(X, [1, 0])
    told = scorer.reasons(X[0])
    assert told[0].startswith("yellow because: Seats in use 50 %; Value 14,792 ")
    assert [reason.partition(":")[0] for reason in told[1:]] == [
        "Seats in use 50 %",
        "Value 14,792",
    ]
