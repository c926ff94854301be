"""A card is read aloud: points, colours and reasons as by hand; nonsense is refused."""

import copy
import pickle
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnhealth.errors import TrainingError
from churnhealth.scorers.card import parse_card, read_card
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.rules import RuleScorer

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "rules-simulated.toml"
NAMES = ("tenure", "logins", "goals", "nps", "tickets")
CARD = tomllib.loads(
    """
name = "Hand made"
[categories]
usage = 50
value = 30
experience = 20

[[stages]]
name = "onboarding"
when = "tenure < 90"
[[stages.measures]]
label = "Logins"
category = "usage"
feature = "logins"
points = [[0, 0], [10, 100]]

[[stages]]
name = "everyone"
[[stages.measures]]
label = "Logins"
category = "usage"
feature = "logins"
green = 20
red = 5
[[stages.measures]]
label = "Goals"
category = "value"
feature = "goals"
green = 0.8
red = 0.2
graded = true
[[stages.measures]]
label = "Support"
category = "experience"
green_when = "nps >= 9 and tickets <= 1"
red_when = "nps <= 5 or tickets >= 6"
[[stages.flags]]
label = "Nobody logs in"
when = "logins == 0"
ceiling = 20
"""
)
N = np.nan


def by_hand(card=CARD):
    """Fit on rows in which more of everything good means less churn."""
    random = np.random.default_rng(0)
    X = np.column_stack(
        [
            random.uniform(0, 700, 800),
            random.poisson(12, 800),
            random.uniform(0, 1, 800),
            random.integers(0, 11, 800),
            random.poisson(2, 800),
        ]
    ).astype(float)
    z = -1.5 - 0.1 * (X[:, 1] - 12) - 2 * (X[:, 2] - 0.5)
    y = (random.random(800) < sigmoid(z)).astype(int)
    return RuleScorer(feature_names=NAMES, card=card).fit(X, y), X, y


def points_of(*rows):
    return by_hand()[0].points(np.array(rows, float)).round(6).tolist()


def test_green_is_all_red_is_nothing_and_neither_is_half():
    # usage 50 + value 30 + experience 20
    assert points_of([400, 20, 0.8, 9, 1]) == [100.0]
    assert points_of([400, 5, 0.2, 5, 6]) == [0.0]
    assert points_of([400, 10, 0.5, 7, 3]) == [50.0]


def test_a_graded_line_runs_from_red_to_green():
    # 50 * 1 + 30 * (0.35 - 0.2) / 0.6 + 20 * 1
    assert points_of([400, 30, 0.35, 10, 0]) == [77.5]


def test_a_young_account_has_a_card_of_its_own():
    scorer, _, _ = by_hand()
    rows = np.array([[89, 4, 0.0, 0, 9], [90, 4, 0.0, 0, 9], [N, 30, 1, 10, 0]])
    assert scorer.stages(rows) == ["onboarding", "everyone", "everyone"]
    assert scorer.points(rows)[0] == pytest.approx(40.0)


def test_a_missing_line_gives_its_weight_to_the_others():
    # goals missing: 50 : 20 -> logins green 100, support yellow 50
    assert points_of([400, 30, N, 7, 3]) == [round(100 * (50 + 10) / 70, 6)]


def test_a_line_of_two_features_is_missing_when_both_are():
    scorer, _, _ = by_hand()
    rows = np.array([[400, 30, 0.5, N, 7.0], [400, 30, 0.5, N, N]])
    assert scorer.coverage(rows) == pytest.approx([1.0, 0.8])


def test_too_much_missing_is_grey():
    scorer, _, _ = by_hand()
    rows = np.array([[400, 30, N, N, N], [400, N, 1.0, N, N], [400, N, N, N, N]])
    assert scorer.coverage(rows) == pytest.approx([0.5, 0.3, 0.0])
    assert scorer.bands(rows).tolist() == ["green", "grey", "grey"]
    assert np.isnan(scorer.points(rows)).tolist() == [False, False, True]
    assert np.isfinite(scorer.decision_function(rows)).all()


def test_a_red_flag_caps_the_points_and_is_told_first():
    scorer, _, _ = by_hand()
    row = np.array([400, 0, 1.0, 10, 0.0])
    # without the flag: value 30 + experience 20 = 50
    assert scorer.points(row[None])[0] == pytest.approx(20.0)
    assert scorer.reasons(row)[:2] == [
        "red because: logins equal to 0 (0)",
        "Red flag: Nobody logs in (at most 20 points)",
    ]


def test_reasons_are_sentences_with_the_most_points_lost_first():
    scorer, _, _ = by_hand()
    assert scorer.reasons(np.array([400, 3, N, 10, 0])) == [
        "orange because: Logins 3 (29 of 100 points)",
        "Logins 3: red (0 of 71 points)",
        "Support: green (29 of 29 points)",
        "Goals: not measured, its weight goes to others",
    ]


WORST = CARD | {"mode": "worst"}


def test_where_the_worst_signal_wins_the_points_are_the_lowest_lines():
    scorer, X, _ = by_hand(WORST)
    rows = np.array([[400, 30, 0.38, 10, 0], [400, 30, 1, 5, 0], [400, 30, 1, 9, 1]])
    assert scorer.points(rows).round(6).tolist() == [30.0, 0.0, 100.0]
    assert scorer.bands(rows).tolist() == ["orange", "red", "green"]
    assert scorer.reasons(rows[1])[0] == "red because: nps at most 5 (5)"
    # a red flag still caps, and missing lines have no say
    assert scorer.points(np.array([[400, 0, 1, 10, 0]]))[0] == 0.0
    assert scorer.points(np.array([[400, N, 1, N, N]]))[0] == 100.0
    assert scorer.bands(np.array([[400, N, 1, N, N]])).tolist() == ["grey"]
    # only the worst line moves the margin, and the parts still add up
    parts = scorer.contributions(rows)
    assert parts[0, [0, 1, 3, 4]].tolist() == [0.0] * 4
    known = X[~np.isnan(scorer.points(X))]
    np.testing.assert_allclose(
        scorer.contributions(known).sum(axis=1),
        scorer.decision_function(known),
        atol=1e-9,
    )


def test_a_stage_may_have_a_mode_of_its_own():
    card = copy.deepcopy(CARD)
    card["stages"][1]["mode"] = "worst"
    scorer, _, _ = by_hand(card)
    assert scorer.points(np.array([[400, 30, 0.35, 10, 0]])) == pytest.approx([25.0])
    assert scorer.points(np.array([[30, 4, 0, 0, 9]])) == pytest.approx([40.0])


def test_segment_and_stage_of_life_may_choose_the_card_together():
    names = ("contracts__all__tenure", "accounts__segment_small__is", "logins")
    line = {"label": "Logins", "category": "usage", "feature": "logins", "red": 0}
    card = {
        "categories": {"usage": 1},
        "stages": [
            {
                "name": "small and young",
                "when": f"{names[1]} == 1 and {names[0]} < 90",
                "measures": [{**line, "green": 2}],
            },
            {
                "name": "small",
                "when": f"{names[1]} == 1",
                "measures": [{**line, "green": 5}],
            },
            {"name": "others", "measures": [{**line, "green": 20}]},
        ],
    }
    X = np.array([[30, 1, 4], [300, 1, 4], [30, 0, 4], [N, N, 40]], float)
    scorer = RuleScorer(feature_names=names, card=card).fit(X, [0, 1, 0, 1])
    assert scorer.stages(X) == ["small and young", "small", "others", "others"]
    assert scorer.bands(X).tolist() == ["green", "yellow", "yellow", "green"]
    assert "small and young: segment small AND tenure below 90" in scorer.table()


def test_too_little_measured_says_what_is_missing():
    scorer, _, _ = by_hand()
    told = scorer.reasons(np.array([400, N, 1.0, N, N]))[0]
    assert told == "grey because: too little is measured, without Logins; Support"


def test_several_lines_are_told_with_the_most_points_lost_first():
    scorer, _, _ = by_hand()
    assert scorer.reasons(np.array([400, 10, 0.2, 7, 3]))[0] == (
        "orange because: Goals 0.2; Logins 10; Support is not red (it would take nps at"
        " most 5 (7) OR tickets at least 6 (3)) and not green (it would take nps at"
        " least 9 (7) AND tickets at most 1 (3)) (35 of 100 points)"
    )


def test_the_card_is_a_table_anyone_can_read_aloud():
    scorer, _, _ = by_hand()
    rows = {(row["stage"], row["line"]): row for row in scorer.rows()}
    assert rows["everyone", "Logins"]["weight"] == "50%"
    assert rows["everyone", "Logins"]["green"] == "at least 20"
    assert rows["everyone", "Support"]["red"] == "nps at most 5 OR tickets at least 6"
    assert rows["onboarding", "Logins"]["weight"] == "100%"
    assert rows["everyone", "Red flag: Nobody logs in"]["weight"] == "at most 20 points"
    lines = scorer.table().splitlines()
    assert lines[0] == "Hand made"
    assert "onboarding: tenure below 90 (points)" in lines
    assert max(map(len, lines)) < 200


def test_each_share_of_the_points_is_a_contribution():
    scorer, _, _ = by_hand()
    row = np.array([[400, 30, 0.35, 7, 3]])
    parts = scorer.contributions(row)[0]
    worth = 0.3 * (25.0 - scorer.middle_)  # goals: 25 points of 100, weight 0.3
    assert parts[2] == pytest.approx(scorer.slope_ * worth)
    assert parts[3] == parts[4]  # one line of two features: in equal parts
    assert parts[0] == 0.0


@settings(max_examples=60)
@given(st.integers(0, 9999))
def test_more_points_never_mean_more_risk(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(60, 5)) * [200, 8, 1, 5, 3] + [300, 10, 0.5, 5, 2]
    X[random.random(X.shape) < 0.2] = np.nan
    y = random.random(60) < 0.5  # noise may point either way
    if y.all() or not y.any():
        return
    scorer = RuleScorer(feature_names=NAMES, card=CARD).fit(X, y.astype(int))
    points, p = scorer.points(X), scorer.predict_proba(X)[:, 1]
    known = ~np.isnan(points)
    order = np.argsort(points[known])
    assert (np.diff(p[known][order]) <= 1e-12).all()
    assert ((points[known] >= 0) & (points[known] <= 100)).all()


def test_a_feature_that_does_not_exist_is_refused_with_the_nearest():
    card = copy.deepcopy(CARD)
    card["stages"][1]["flags"][0]["when"] = "login == 0"
    with pytest.raises(
        TrainingError, match=r"CH332.*\n.*login; the nearest is `logins`"
    ):
        by_hand(card)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["categories"].pop("usage"), "measures of .'usage'. without"),
        (lambda c: c["stages"][1].update(when="tenure > 3"), "last stage must have no"),
        (lambda c: c["stages"][0].pop("when"), "hides those below"),
        (lambda c: c["stages"][1]["measures"][0].pop("red"), "`green` and `red`"),
        (lambda c: c["stages"][1]["measures"][0].update(red=20), "must differ"),
        (
            lambda c: c["stages"][0]["measures"][0].update(points=[[1, 2]]),
            "two or more",
        ),
        (lambda c: c["stages"][1]["flags"][0].update(when="logins"), "not a condition"),
        (lambda c: c["stages"][1]["flags"][0].update(limit=3), "flags.0.limit"),
        (lambda c: c.update(stages=[]), "stages"),
        (lambda c: c.update(words={"logons": "x"}), "speaks of .'logons'."),
        (lambda c: c.update(words={"nps >= 8": "x"}), "no comparison of this card"),
        (lambda c: c.update(mode="best"), "mode"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(change, told):
    card = copy.deepcopy(CARD)
    change(card)
    with pytest.raises(TrainingError, match=rf"(?s)CH331.*{told}"):
        parse_card(card)


def test_a_key_that_does_not_exist_is_told_alone():
    card = copy.deepcopy(CARD)
    card["stages"][0]["measures"][0]["gren"] = 3
    with pytest.raises(TrainingError) as caught:
        parse_card(card)
    [line] = caught.value.what.splitlines()[1:]
    assert line.endswith("stages.0.measures.0.gren: there is no such key")


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"CH330.*none.toml: no such file"):
        read_card(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(TrainingError, match="CH330"):
        read_card(tmp_path / "bad.toml")


def test_the_example_card_has_the_stages_of_a_customers_life():
    card = read_card(EXAMPLE)
    names = {stage.name for stage in card.stages}
    assert names == {"onboarding", "renewal", "adoption", "maturity"}
    for stage in card.stages:
        worth = card.worth(stage)
        share = (worth["usage"] + worth["value"]) / sum(worth.values())
        assert share == pytest.approx(0.8)


MANY_LINES = {
    "categories": {"usage": 70, "experience": 30},
    "stages": [
        {
            "name": "all",
            "measures": [
                *(
                    {
                        "label": f"Line {i}",
                        "category": "usage",
                        "weight": 0.1 + i / 3,
                        "feature": NAMES[i % 4],
                        "graded": i % 2 == 0,
                        "green": 11 + i,
                        "red": 1 + i / 7,
                    }
                    for i in range(11)
                ),
                {
                    "label": "Silence",
                    "category": "experience",
                    "red_when": "missing(nps) or not 2 <= tickets < 7",
                },
            ],
            "flags": [{"label": "Flag", "when": "tickets != 3", "ceiling": 40}],
        }
    ],
}
CELLS = st.one_of(st.just(N), st.integers(0, 12), st.floats(0, 700))


@pytest.mark.parametrize("card", [CARD, MANY_LINES], ids=["stages", "many lines"])
@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), min_size=2, max_size=6))
@settings(max_examples=150, deadline=None)
def test_one_row_gives_the_points_of_the_portfolio_to_the_last_bit(card, rows):
    scorer = FITTED[len(card["stages"])]
    X = np.array(rows, dtype=float)
    told = scorer.opinions(X)
    together = scorer.points(X)
    np.testing.assert_array_equal([o.points for o in told], together)
    np.testing.assert_array_equal([o.coverage for o in told], scorer.coverage(X))
    alone = [scorer.points(row[None])[0] for row in X]
    np.testing.assert_array_equal(alone, together)


FITTED = {len(card["stages"]): by_hand(card)[0] for card in (CARD, MANY_LINES)}


def test_a_scorer_that_has_spoken_can_be_pickled_and_says_the_same():
    scorer = by_hand(CARD)[0]
    X = np.full((2, 5), 3.0)
    told = scorer.opinions(X)
    assert pickle.loads(pickle.dumps(scorer)).opinions(X) == told
