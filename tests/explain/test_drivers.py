"""Effects add up, keep their sign, and are listed strongest first."""

from datetime import date

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churnhealth.explain.drivers import (
    Explained,
    category_log_odds,
    driver_table,
    explain_margin,
)
from churnhealth.features.spec import FeatureSpec, feature

COLUMNS = [
    "account_id",
    "as_of",
    "rank",
    "feature",
    "label",
    "category",
    "value",
    "own_past",
    "peers_median",
    "effect_log_odds",
    "effect_points",
    "sentence",
]

effect = st.floats(-15, 15, allow_subnormal=False)
matrices = st.tuples(st.integers(1, 5), st.integers(0, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=effect)
)


def explained(effects, *, base: float = -2.0, slope=1.0, intercept=0.0) -> Explained:
    effects = np.asarray(effects, dtype=np.float64)
    column = np.full((len(effects), 1), base)
    parts = np.concatenate([effects, column], axis=1)
    return explain_margin(parts, slope=slope, intercept=intercept)


def specs(*names: str) -> list[FeatureSpec]:
    return [feature("count", source="app", item=name, days=28) for name in names]


def ids(n: int):
    return np.array([f"a{i}" for i in range(n)], dtype=object)


def table(why: Explained, given_specs, **more):
    n, f = why.effects.shape
    whole = {
        "account_ids": ids(n),
        "as_of": np.full(n, 20454),
        "values": np.arange(n * f, dtype=float).reshape(n, f),
    }
    return driver_table(why, given_specs, **{**whole, **more})


class TestAddingUp:
    @given(matrices, st.floats(-40, 40), st.floats(0.05, 3), st.floats(-2, 2))
    @example(np.array([[40.0], [-40.0], [0.0]]), 40.0, 1.0, 0.0)
    @example(np.array([[40.0, 40.0]]), -40.0, 1.0, 0.0)
    @example(np.array([[1e-12], [-1e-12]]), -40.0, 1.0, 0.0)
    def test_effects_and_points_sum_to_the_move(self, parts, base, slope, intercept):
        why = explained(parts, base=base, slope=slope, intercept=intercept)

        # the probability by its definition, not by our own function
        p = 1 / (1 + np.exp(-(slope * (parts.sum(axis=1) + base) + intercept)))
        p_base = 1 / (1 + np.exp(-(slope * base + intercept)))

        np.testing.assert_allclose(why.probability, p, atol=1e-9)
        assert why.base_probability == pytest.approx(p_base, abs=1e-9)
        np.testing.assert_allclose(
            why.base_log_odds + why.effects.sum(axis=1), why.log_odds, atol=1e-9
        )
        np.testing.assert_allclose(why.points.sum(axis=1), p - p_base, atol=1e-9)

    @given(matrices, st.floats(-40, 40))
    @example(np.array([[np.finfo(float).tiny]]), 37.0)
    def test_points_have_the_sign_of_their_effect(self, parts, base):
        why = explained(parts, base=base)
        told = np.abs(why.effects) > 1e-290  # below it a float may hold no point of it
        assert (why.points * np.sign(why.effects) >= 0).all()
        assert (why.points != 0)[told].all()

    def test_the_designs_own_example(self):
        # From 0.07 to 0.18: z moves by 1.0702; an effect of 0.61 is 57 % of it,
        # and 57 % of the 11 points is 6.27.
        start, end = (np.log(p / (1 - p)) for p in (0.07, 0.18))
        why = explained([[0.61, end - start - 0.61]], base=start)
        assert 100 * why.points[0, 0] == pytest.approx(6.27, abs=0.01)
        assert 100 * why.points[0].sum() == pytest.approx(11.0, abs=1e-9)

    def test_effects_that_cancel_are_worth_the_slope_of_the_curve(self):
        # z does not move, so the rate is p (1 - p) = 0.2 * 0.8.
        why = explained([[0.5, -0.5]], base=np.log(0.2 / 0.8))
        np.testing.assert_allclose(why.points, [[0.08, -0.08]], atol=1e-12)

    @pytest.mark.parametrize("base", [-40.0, -3.0, 0.0, 3.0, 40.0])
    def test_the_limit_is_approached_without_a_jump(self, base):
        sizes = np.array([1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
        rate = explained(sizes[:, None], base=base).points[:, 0] / sizes
        p = 1 / (1 + np.exp(-base))
        q = 1 / (1 + np.exp(base))
        np.testing.assert_allclose(rate, p * q, rtol=1e-3)
        np.testing.assert_allclose(rate[2:], p * q, rtol=1e-8)

    def test_nothing_overflows_far_out(self):
        why = explained([[900.0], [-900.0], [0.0]], base=0.0)
        np.testing.assert_allclose(why.points[:, 0], [0.5, -0.5, 0.0])

    def test_equal_rows_get_equal_bits_whoever_stands_beside_them(self):
        rng = np.random.default_rng(3)
        parts = rng.normal(size=(200, 9))
        many = explained(parts)
        alone = explained(parts[17:18])
        np.testing.assert_array_equal(many.points[17], alone.points[0])
        np.testing.assert_array_equal(many.log_odds[17], alone.log_odds[0])


class TestToldOnce:
    def told(self, effects, **more):
        names = "abcd"[: len(effects)]
        found = table(explained([effects]), specs(*names), **more)
        return {
            f.split("__")[1]: s
            for f, s in zip(found["feature"], found["sentence"], strict=True)
            if s is not None
        }

    def test_of_features_that_tell_one_story_the_strongest_is_told(self):
        stories = np.array([0, 0, 2, 2])
        assert set(self.told([0.5, 0.9, -0.3, 0.2], related=stories)) == {"b", "c", "d"}
        assert set(self.told([0.5, 0.9, -0.3, 0.2])) == {"a", "b", "c", "d"}

    def test_few_words_leave_room_for_the_next_story(self):
        stories = np.array([0, 0, 0, 3])
        kept = self.told([0.9, 0.8, 0.7, 0.1], related=stories, worded=2)
        assert set(kept) == {"a", "d"}

    def test_a_value_beyond_nine_tenths_of_the_peers_is_said(self):
        levels = np.array([[[5.0, 0.0, 0.0], [9.0, 2.0, 9.0]]])
        said = self.told(
            [0.9, 0.8, 0.7],
            values=np.array([[4.0, 3.0, 3.0]]),
            peers=np.array([7.0, 1.0, 3.0]),
            tenths=(levels, np.array([0])),
        )
        assert said["a"].endswith("have 7, nine in ten of them more.")
        assert said["b"].endswith("have 1, nine in ten of them less.")
        assert "nine in ten" not in said["c"]


class TestRefusals:
    def test_a_base_that_differs_between_rows(self):
        with pytest.raises(ValueError, match="base differs"):
            explain_margin(np.array([[1.0, 0.0], [1.0, 1e-6]]), slope=1, intercept=0)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_contribution_that_is_not_finite(self, bad):
        with pytest.raises(ValueError, match="not finite"):
            explain_margin(np.array([[bad, 0.0]]), slope=1, intercept=0)

    def test_a_vector(self):
        with pytest.raises(ValueError, match=r"\(n, F \+ 1\)"):
            explain_margin(np.array([1.0]), slope=1, intercept=0)

    def test_other_specs_than_effects(self):
        with pytest.raises(ValueError, match="effects for 1 accounts"):
            table(explained([[1.0, 2.0]]), specs("a"))

    def test_no_accounts_are_no_error(self):
        why = explained(np.empty((0, 2)))
        found = table(why, specs("a", "b"))
        assert [len(column) for column in found.values()] == [0] * len(COLUMNS)


class TestCategories:
    def test_each_category_moves_the_base_alone(self):
        why = explained([[1.0, 0.5, -0.25]], base=-2.0)
        found = category_log_odds(why, ["usage", "contract", "usage"])
        assert {k: v.tolist() for k, v in found.items()} == {
            "usage": [-1.25],
            "contract": [-1.5],
        }

    @given(matrices)
    def test_categories_together_are_the_whole_move(self, parts):
        why = explained(parts)
        names = [("usage", "value", "contract")[i % 3] for i in range(parts.shape[1])]
        found = category_log_odds(why, names)
        moved = sum(z - why.base_log_odds for z in found.values())
        np.testing.assert_allclose(moved, why.log_odds - why.base_log_odds, atol=1e-9)


class TestTable:
    def test_it_has_the_columns_of_the_design_in_their_order(self):
        assert list(table(explained([[1.0]]), specs("a"))) == COLUMNS

    def test_ranks_follow_the_size_of_the_effect_and_ties_the_name(self):
        why = explained([[0.1, -0.5, 0.0, 0.5], [0.0, 0.0, 0.0, -0.2]])
        found = table(why, specs("zulu", "mike", "none", "alpha"))
        told = list(
            zip(found["account_id"], found["rank"], found["feature"], strict=True)
        )
        # alpha and mike tie at 0.5; effects of zero are left out
        assert told == [
            ("a0", 1, "app__alpha__count__28d"),
            ("a0", 2, "app__mike__count__28d"),
            ("a0", 3, "app__zulu__count__28d"),
            ("a1", 1, "app__alpha__count__28d"),
        ]

    def test_each_row_carries_its_own_numbers(self):
        why = explained([[0.0, 0.3], [-0.4, 0.0]])
        found = table(
            why,
            specs("a", "b"),
            values=np.array([[1.0, 2.0], [3.0, np.nan]]),
            past=np.array([[5.0, 6.0], [7.0, 8.0]]),
            peers=np.array([9.0, 10.0]),
        )
        assert found["value"].tolist() == [2.0, 3.0]
        assert found["own_past"].tolist() == [6.0, 7.0]
        assert found["peers_median"].tolist() == [10.0, 9.0]
        assert found["effect_log_odds"].tolist() == [0.3, -0.4]
        assert found["as_of"].tolist() == [np.datetime64("2026-01-01").item()] * 2

    @given(matrices)
    def test_points_of_an_account_sum_to_its_move_in_percent(self, parts):
        why = explained(parts)
        found = table(why, specs(*"abcdefg"[: parts.shape[1]]))
        row = np.array([int(a[1:]) for a in found["account_id"]], dtype=int)
        total = np.bincount(row, found["effect_points"], minlength=len(parts))
        move = 100 * (why.probability - why.base_probability)
        np.testing.assert_allclose(total, move, atol=1e-9)

    def test_an_unknown_past_and_unknown_peers_are_missing(self):
        found = table(explained([[1.0]]), specs("a"))
        assert np.isnan(found["own_past"]).all()
        assert np.isnan(found["peers_median"]).all()

    def test_the_strongest_in_each_direction_are_worded(self):
        why = explained([[0.9, 0.8, 0.7, 0.6, -0.1, -0.2]] * 2)
        found = table(why, specs(*"abcdef"), worded=1)
        told = [
            f[5] for f, s in zip(found["feature"], found["sentence"], strict=True) if s
        ]
        assert told == ["a", "f", "a", "f"]

    def test_one_date_stands_for_all_accounts(self):
        found = table(explained([[0.3], [0.2]]), specs("a"), as_of=date(2026, 1, 1))
        assert found["as_of"].tolist() == [date(2026, 1, 1)] * 2

    def test_top_keeps_so_many_ranks(self):
        found = table(explained([[0.3, 0.2, 0.1]] * 2), specs(*"abc"), top=2)
        assert found["rank"].tolist() == [1, 2, 1, 2]

    def test_accounts_with_other_data_get_other_sentences(self):
        why = explained([[0.5], [0.5]])
        found = table(
            why,
            specs("logins"),
            values=np.array([[8.0], [3.0]]),
            past=np.array([[14.0], [14.0]]),
        )
        assert found["sentence"].tolist() == [
            "Logins fell from 14 to 8 in the last 4 weeks.",
            "Logins fell from 14 to 3 in the last 4 weeks.",
        ]

    def test_an_account_is_told_the_same_alone_and_in_company(self):
        rng = np.random.default_rng(5)
        parts, values = rng.normal(size=(50, 6)), rng.poisson(5, (50, 6)) * 1.0
        whole = table(explained(parts), specs(*"abcdef"), values=values)
        one = table(explained(parts[7:8]), specs(*"abcdef"), values=values[7:8])
        mine = whole["account_id"] == "a7"
        for name in COLUMNS[2:]:
            np.testing.assert_array_equal(whole[name][mine], one[name])
