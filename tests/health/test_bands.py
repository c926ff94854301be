import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.errors import TrainingError
from churnhealth.health.bands import (
    BandCuts,
    band_cuts,
    base_odds_cuts,
    capacity_cuts,
    cost_cuts,
    held_bands,
)
from churnhealth.scorers.curves import sigmoid

rates = st.floats(0.001, 0.9)
probabilities = st.floats(0.0, 1.0)


@given(rates, probabilities, probabilities)
def test_a_worse_probability_never_gives_a_greener_band_or_a_better_score(base, a, b):
    cuts = base_odds_cuts(base)
    p = np.sort([a, b])
    assert cuts.level(p)[0] <= cuts.level(p)[1]
    score = cuts.health_score(p)
    assert score[0] >= score[1]
    assert 0 <= score.min() <= score.max() <= 100


@given(rates)
def test_the_score_is_75_50_25_at_the_cuts(base):
    cuts = base_odds_cuts(base)
    at = cuts.health_score(np.array(cuts.cuts))
    assert at == pytest.approx([75, 50, 25], abs=1e-9)


@given(rates, probabilities)
def test_band_and_score_agree(base, p):
    cuts = base_odds_cuts(base)
    score = cuts.health_score(np.array([p]))[0]
    lowest = {"green": 75, "yellow": 50, "orange": 25, "red": 0}
    assert score >= lowest[cuts.band(np.array([p]))[0]] - 1e-9


def test_the_ends_are_reached_at_twenty_times_the_odds():
    cuts = BandCuts(cuts=(0.2, 0.3, 0.5))
    # odds 0.25 / 20 = 1/80 -> p = 1/81; odds 1 * 20 -> p = 20/21
    ends = cuts.health_score(np.array([1 / 81, 20 / 21, 0.0, 1.0]))
    assert ends == pytest.approx([100, 0, 100, 0])
    middle = sigmoid(np.log([0.25 / 20**0.5]))
    assert cuts.health_score(middle) == pytest.approx([87.5])


def test_base_odds_are_multiples_of_the_odds():
    cuts = base_odds_cuts(0.2)  # odds 1 : 4
    odds = [c / (1 - c) for c in cuts.cuts]
    assert odds == pytest.approx([0.125, 0.375, 0.75])


def test_capacity_fills_from_the_worst():
    p = np.linspace(0.01, 0.9, 100)
    band = capacity_cuts(p, capacity=(20, 10, 5)).band(p)
    names, counts = np.unique(band.astype(str), return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {
        "red": 5,
        "orange": 10,
        "yellow": 20,
        "green": 65,
    }


def test_capacity_is_given_from_the_mildest_colour_as_cuts_are():
    p = np.linspace(0.01, 0.9, 100)
    assert (capacity_cuts(p, capacity=(30, 4, 2)).band(p) == "yellow").sum() == 30


@pytest.mark.parametrize(
    ("p", "seen"),
    [
        (np.full(90, 0.1), {"green": 90}),  # a constant tells nobody apart
        (np.repeat([0.3, 0.1], (20, 70)), {"yellow": 20, "green": 70}),
        (
            np.repeat([0.3, 0.2, 0.1], (5, 20, 65)),
            {"red": 5, "yellow": 20, "green": 65},
        ),
    ],
)
def test_accounts_alike_share_the_milder_colour_where_not_all_of_them_fit(p, seen):
    band = capacity_cuts(p, capacity=(20, 10, 5)).band(p)
    names, counts = np.unique(band.astype(str), return_counts=True)
    assert dict(zip(names, counts, strict=True)) == seen


def test_each_policy_uses_its_own_key():
    p = np.linspace(0.01, 0.9, 100)
    given = {"base_rate": 0.1, "p": p}
    fixed = band_cuts("fixed", cuts=(0.1, 0.2, 0.3), **given)
    assert fixed.cuts == (0.1, 0.2, 0.3)
    odds = band_cuts("base-odds", cuts=(1.0, 2.0, 4.0), **given)
    assert odds.cuts[0] == pytest.approx(0.1)
    costs = {"loss": 100, "saved": 0.5, "yellow": 5, "orange": 10, "red": 20}
    assert band_cuts("cost", costs=costs, **given).cuts == (0.1, 0.2, 0.4)
    for policy in ("fixed", "capacity", "cost", "mood"):
        with pytest.raises(TrainingError, match="CH341"):
            band_cuts(policy, **given)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BandCuts(cuts=(0.2, 0.2, 0.3)),
        lambda: BandCuts(cuts=(0.0, 0.2, 0.3)),
        lambda: BandCuts(cuts=(0.1, 0.2, float("nan"))),
        lambda: capacity_cuts(np.array([0.1, 0.2]), capacity=(1, 1, 1)),
        lambda: cost_cuts({"loss": 1.0}),
        lambda: base_odds_cuts(0.1, multiples=(-1.0, 1.0, 2.0)),
    ],
)
def test_cuts_that_do_not_rise_are_refused(make):
    with pytest.raises(TrainingError, match="CH341"):
        make()


def test_saved_and_read_again_they_are_the_same():
    cuts = base_odds_cuts(0.0137)
    assert BandCuts.from_json(cuts.to_json()) == cuts


before = st.sampled_from(["green", "yellow", "orange", "red", "grey", None])


@given(rates, st.lists(st.tuples(probabilities, before), min_size=1), st.floats(0, 2))
def test_a_colour_is_held_only_near_a_cut(base, rows, hysteresis):
    cuts = base_odds_cuts(base)
    p = np.array([row[0] for row in rows])
    was = [row[1] for row in rows]
    held = held_bands(cuts, p, was, hysteresis=hysteresis)
    plain = cuts.band(p)
    z = np.log(np.clip(p, 1e-15, 1 - 1e-15) / (1 - np.clip(p, 1e-15, 1 - 1e-15)))
    edges = np.log(np.array(cuts.cuts) / (1 - np.array(cuts.cuts)))
    for i, colour in enumerate(held):
        if colour == plain[i]:
            continue
        assert colour == was[i] or was[i] in ("green", "yellow", "orange", "red")
        assert np.abs(edges - z[i]).min() <= hysteresis + 1e-9
    assert held_bands(cuts, p, was, hysteresis=0.0).tolist() == plain.tolist()


def test_an_account_at_a_cut_does_not_flap():
    cuts = base_odds_cuts(0.1)
    wobble = cuts.cuts[1] * np.array([0.99, 1.01, 0.99, 1.01])
    seen, colour = [], "orange"
    for p in wobble:
        colour = held_bands(cuts, np.array([p]), [colour], hysteresis=0.1)[0]
        seen.append(colour)
    assert set(seen) == {"orange"}
    assert len(set(cuts.band(wobble))) == 2


@pytest.mark.parametrize(
    "changed", [{"loss": 100}, {"yellow": 500}, {"red": 2000}, {"orange": 50}]
)
def test_costs_of_actions_that_never_pay_are_told_in_money(changed):
    costs = {"loss": 10_000, "saved": 0.2, "yellow": 50, "orange": 150, "red": 400}
    cost_cuts(costs)
    with pytest.raises(TrainingError, match="loss x saved = ") as caught:
        cost_cuts({**costs, **changed})
    assert caught.value.code == "CH341"
