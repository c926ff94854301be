from dataclasses import replace

import numpy as np
import pytest
from feature_histories import Business, Event, State, Term, history_of

from churnhealth.features.library import MOST_FEATURES, default_specs
from churnhealth.sources.contract import FAR


def login(account, day, *, name="a", known=None):
    return Event(account, day, known or day, name, 1, 2.5, 1, None, FAR)


def business(**more):
    names = tuple(f"event {i}" for i in range(40))
    rows = [login(0, day, name=names[day % 40]) for day in range(200)]
    rows += [login(1, day, name=names[0]) for day in range(50)]
    return Business(
        accounts=3,
        profiles=((0, "SE"), (0, "DK"), (0, "SE")),
        events={"product": tuple(rows), "plans": (login(0, 10),)},
        states=(State(0, 3, "x", 1.0),),
        terms=(Term(0, 0, 365, FAR, FAR, 0, 10.0, 5.0),),
        names=(*names, "a"),
        **more,
    )


def names(history=None, **more):
    history = history_of(business()) if history is None else history
    specs = default_specs(history, **{"known_before": FAR, **more})
    return [spec.name for spec in specs]


def test_names_are_unique_and_their_number_is_bounded():
    found = names(top_events=200)
    assert len(set(found)) == len(found) <= MOST_FEATURES


@pytest.mark.parametrize("windows", [(1,), (90,), (28, 90), (1, 2), (7, 14, 28, 90)])
@pytest.mark.parametrize("also", [(), ("product__all__per_week__14d",)])
def test_no_choice_of_windows_makes_a_feature_twice(windows, also):
    often = business()
    seldom = tuple(login(0, 30 * i, name=f"event {i}") for i in range(9))
    rarely = replace(often, events={**often.events, "product": seldom})
    for made in (often, rarely):
        found = names(history_of(made), windows_days=windows, also=also, most=1000)
        assert len(set(found)) == len(found)


def crowded(**more):
    out = []
    kept = names(crowded_out=out.extend, **more)
    return kept, out


def test_what_there_is_no_room_for_is_told_and_nothing_is_lost():
    every, none = crowded(most=1000, top_events=40)
    kept, out = crowded(most=80, top_events=40)
    assert none == []
    assert len(kept) == 80
    assert kept == [name for name in every if name not in out]
    assert sorted(kept + out) == sorted(every)


def test_the_profile_and_every_source_stay_where_room_is_short():
    kept, _ = crowded(most=40, top_events=40)
    assert {n.split("__")[0] for n in kept} == {n.split("__")[0] for n in names()}
    assert {"accounts__country_se__is", "accounts__country_dk__is"} <= set(kept)


def test_trends_of_single_events_give_way_first_and_single_events_before_sources():
    every = names(most=1000)
    trends = {n for n in every if "__event_" in n and "__trend__" in n}
    for most in range(len(every) - len(trends), len(every)):
        assert set(crowded(most=most)[1]) <= trends
    whole = [n for n in every if "__event_" not in n]
    _, out = crowded(most=len(whole))
    assert "product__event_0__count__28d" not in out  # windows beside the middle first
    assert "product__all__count__28d" not in out


def test_the_rarest_events_go_before_the_most_frequent():
    kept, out = crowded(most=100)
    counts = [
        n for n in names() if n.startswith("product__event") and "count__28d" in n
    ]
    stays = [n in kept for n in counts]
    assert stays == sorted(stays, reverse=True)
    assert out


def test_every_table_gives_its_features():
    found = names()
    for name in (
        "contracts__all__days_to_renewal",
        "contracts__all__value",
        "product__all__active_users__28d",
        "product__all__users_share__28d",
        "product__all__sum__90d",
        "product__all__oldest_open",
        "product__event_0__count__28d",
        "plans__all__ahead__14d",
        "plans__all__days_to_next",
        "surveys__x__latest",
        "accounts__country_se__is",
    ):
        assert name in found


def test_the_most_frequent_events_come_first_and_no_more_than_asked():
    found = names(top_events=3)
    single = {n for n in found if n.startswith("product__event_")}
    assert {n.split("__")[1] for n in single} == {"event_0", "event_1", "event_10"}


def test_a_source_of_one_event_repeats_nothing():
    assert not [n for n in names() if n.startswith("plans__a__")]


def test_exclude_wins_over_include():
    found = names(include=("product__*",), exclude=("*__trend__*",))
    assert found
    assert all(n.startswith("product__") and "__trend__" not in n for n in found)


def test_columns_that_say_nothing_give_no_features():
    history = history_of(business())
    terms = replace(history.contracts, seats=np.full(1, np.nan))
    found = names(replace(history, contracts=terms))
    assert not [n for n in found if "seats" in n or "users_share" in n]


def test_nothing_is_chosen_before_anything_is_known():
    assert names(known_before=-100) == []


def test_a_level_shared_by_few_accounts_is_no_feature():
    found = chosen_from(["SE", "DK"] * 99 + ["FO", None])
    assert found == ["accounts__size_dk__is", "accounts__size_se__is"]


def chosen_from(texts):
    """Name the features of one attribute of as many accounts."""
    history = history_of(business())
    many = len(texts)
    blank = np.full(many, None, dtype=object)
    accounts = replace(
        history.accounts,
        ids=blank,
        name=blank,
        owner=blank,
        group=blank,
        segment=blank,
        known_at=np.zeros(many, dtype=np.int64),
        attributes={"size": np.array(texts, dtype=object)},
    )
    found = names(replace(history, accounts=accounts))
    return [name for name in found if name.startswith("accounts__")]


def test_an_attribute_of_many_numbers_is_one_feature_and_no_levels():
    sizes = [str(n % 20 * 5) for n in range(199)]
    assert chosen_from([*sizes, None]) == ["accounts__size__number"]


def test_few_numbers_may_be_codes_so_they_are_levels_too():
    found = chosen_from(["1", "2", "3"] * 60)
    assert found[0] == "accounts__size__number"
    assert found[1:] == [f"accounts__size_{n}__is" for n in (1, 2, 3)]


@pytest.mark.parametrize("odd", ["about 5", "007", "1_000", "nan"])
def test_an_attribute_with_a_word_or_a_code_among_its_numbers_is_levels(odd):
    found = chosen_from([*(["10", "20", "30"] * 60), *([odd] * 60)])
    assert found
    assert all(name.endswith("__is") for name in found)


def test_items_that_come_again_are_counted_and_those_met_once_are_ids():
    history = history_of(business())
    log = history.events[0]
    for item, there in ((0, True), (np.arange(log.size), False), (-1, False)):
        met = replace(log, item=np.zeros(log.size, dtype=np.int64) + item)
        found = names(replace(history, events=(met, *history.events[1:])))
        assert any("__items__" in name for name in found) == there


def test_two_numbers_are_yes_and_no():
    assert chosen_from(["0", "1"] * 60) == [
        "accounts__size_0__is",
        "accounts__size_1__is",
    ]


def test_plans_that_few_contracts_are_on_or_that_came_later_are_no_features():
    history = history_of(business())
    rows = [Term(0, day, day + 1, FAR, FAR, 0, 1.0, 1.0) for day in range(200)]
    plans = ["pro", "team"] * 99 + ["rare", None]
    terms = tuple(r._replace(plan=p) for r, p in zip(rows, plans, strict=True))
    late = Term(1, 0, 9, FAR, FAR, 50, 1.0, 1.0, "late")
    made = history_of(replace(business(), terms=(*terms, *[late] * 100)))

    def plans_of(**more):
        return [n for n in names(made, **more) if n.startswith("contracts__plan")]

    before = ["contracts__plan_pro__is", "contracts__plan_team__is"]
    assert plans_of(known_before=50) == before
    assert set(plans_of()) == {*before, "contracts__plan_late__is"}
    assert not [n for n in names(history) if n.startswith("contracts__plan")]
