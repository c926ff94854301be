"""Parts of a tree model are those of ``pred_contrib``, whatever the trees look like."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.explain.grown import grown_model, odd_rows

from churnhealth.errors import BundleError
from churnhealth.explain import tree_cells
from churnhealth.explain.trees import tree_tables
from churnhealth.scorers.gbm import GbmScorer

QUIET = {"verbosity": -1, "num_threads": 1, "seed": 1, "deterministic": True}


def slowly(text, X, **which):
    """LightGBM's own answer: what shap.TreeExplainer returns too."""
    return lgb.Booster(model_str=text).predict(
        X, pred_contrib=True, num_threads=1, **which
    )


def trained(X, y, rounds=10, **params):
    known = lgb.Dataset(X, y, categorical_feature=params.pop("categories", "auto"))
    return lgb.train({**QUIET, **params}, known, rounds).model_to_string()


@st.composite
def learned(draw):
    """Train on random rows, with every way to treat what is missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, width = draw(st.integers(30, 120)), draw(st.integers(1, 6))
    X = rng.normal(size=(n, width)).round(draw(st.integers(0, 3)))
    X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    categories = []
    if draw(st.booleans()):
        X[:, 0] = rng.integers(-1, draw(st.sampled_from([3, 40])), n)
        categories = [0]
    y = rng.random(n) < 0.4
    text = trained(
        X,
        y,
        rounds=draw(st.integers(1, 4)),
        categories=categories,
        objective="binary",
        num_leaves=draw(st.integers(2, 12)),
        min_data_in_leaf=draw(st.sampled_from([1, 5, 60])),
        min_data_in_bin=1,
        cat_smooth=1,
        min_data_per_group=1,
        max_cat_to_onehot=draw(st.sampled_from([1, 4])),
        use_missing=draw(st.booleans()),
        zero_as_missing=draw(st.booleans()),
    )
    return text, np.concatenate([X, odd_rows(rng, X)])


class TestAsLightGbm:
    @settings(max_examples=200, deadline=None)
    @given(learned())
    def test_any_model_that_lightgbm_learns(self, model):
        text, X = model
        found = tree_tables(text, width=X.shape[1]).contributions(X)
        np.testing.assert_allclose(found, slowly(text, X), rtol=0, atol=1e-9)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 2**32))
    def test_any_model_that_its_format_can_say(self, seed):
        rng = np.random.default_rng(seed)
        text, width = grown_model(rng)
        X = odd_rows(rng, rng.normal(size=(90, width)).round(1))
        found = tree_tables(text, width=width).contributions(X)
        np.testing.assert_allclose(found, slowly(text, X), rtol=0, atol=1e-9)

    @pytest.mark.parametrize("leaves", [4, 15])
    def test_the_models_we_train(self, leaves):
        rng = np.random.default_rng(leaves)
        X = rng.normal(size=(1500, 12)).round(1)
        X[rng.random(X.shape) < 0.1] = np.nan
        y = (rng.random(1500) < 1 / (1 + np.exp(-np.nan_to_num(X[:, 0])))).astype(int)
        gbm = GbmScorer(rounds=60, num_leaves=leaves).fit(X, y)
        parts = gbm.contributions(X)
        np.testing.assert_allclose(
            parts[:, gbm.used_],
            slowly(gbm.model_text, gbm._filled(X))[:, :-1],
            rtol=0,
            atol=1e-9,
        )
        np.testing.assert_allclose(
            parts.sum(axis=1), gbm.decision_function(X), rtol=0, atol=1e-9
        )

    def test_a_model_without_a_single_split(self):
        X, y = np.zeros((40, 2)), np.arange(40) % 4 == 0
        text = trained(X, y, objective="binary")
        found = tree_tables(text, width=2).contributions(np.ones((100, 2)))
        np.testing.assert_allclose(found, slowly(text, np.ones((100, 2))), atol=1e-12)


class TestOneOrMany:
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        rng = np.random.default_rng(5)
        X = rng.normal(size=(20_000, 9)).round(2)
        X[:, 3] = rng.integers(0, 9, len(X))
        X[rng.random(X.shape) < 0.05] = np.nan
        y = rng.random(len(X)) < 0.3
        text = trained(
            X, y, 30, objective="binary", num_leaves=8, zero_as_missing=True,
            categories=[3],
        )  # fmt: skip
        return tree_tables(text, width=9), X

    def test_a_row_has_the_same_bits_alone_and_among_many(self, model):
        tables, X = model
        many = tables.contributions(X)
        for row in (0, 17, 9000):
            np.testing.assert_array_equal(tables.contributions(X[[row]])[0], many[row])
        for few in (63, 64, 65, 200, 256, 257):
            some = tables.contributions(X[:few])
            np.testing.assert_array_equal(some, many[:few])

    def test_threads_change_no_bit(self, model):
        tables, X = model
        np.testing.assert_array_equal(
            tables.contributions(X, threads=1), tables.contributions(X, threads=3)
        )


class TestBoundedMemory:
    @pytest.fixture
    def model(self):
        rng = np.random.default_rng(2)
        X = rng.normal(size=(4000, 14))
        y = rng.random(4000) < 0.3
        return trained(X, y, 20, objective="binary", num_leaves=15, max_depth=6), X

    def test_a_large_table_is_cut_into_branches(self, model, monkeypatch):
        text, X = model
        whole = tree_tables(text, width=14)
        monkeypatch.setattr(tree_cells, "_TABLE_BYTES", 2**13)
        cut = tree_tables(text, width=14)
        assert len(cut.tables) > len(whole.tables)
        assert cut.bytes < whole.bytes
        assert cut.left_out == ()
        np.testing.assert_allclose(
            cut.contributions(X), whole.contributions(X), rtol=0, atol=1e-12
        )

    def test_trees_that_do_not_fit_are_named_and_the_rest_is_exact(self, model):
        text, X = model
        whole = tree_tables(text, width=14)
        some = tree_tables(text, width=14, most_bytes=whole.bytes // 2)
        assert some.bytes <= whole.bytes // 2
        assert some.left_out
        found = some.contributions(X)
        for first, many in some.left_out:
            found += slowly(text, X, start_iteration=first, num_iteration=many)
        np.testing.assert_allclose(found, slowly(text, X), rtol=0, atol=1e-9)

    def test_deep_trees_fall_back_to_lightgbm_one_by_one(self):
        rng = np.random.default_rng(3)
        X = rng.normal(size=(900, 20))
        y = (rng.random(900) < 0.3).astype(int)
        gbm = GbmScorer(rounds=12).fit(X, y)
        gbm.model_text_ = trained(
            X, y, 6, objective="binary", num_leaves=120, min_data_in_leaf=1
        )
        gbm.used_, gbm.median_ = np.arange(20), np.full(20, np.nan)
        left = gbm._tables().left_out
        assert left
        np.testing.assert_allclose(
            gbm.contributions(X).sum(axis=1), gbm.decision_function(X), atol=1e-9
        )


class TestRefusals:
    X = np.linspace(0, 1, 200)[:, None] * [1.0, -1.0]
    y = (X[:, 0] > 0.5).astype(int)

    @pytest.mark.parametrize(
        "params",
        [
            {"objective": "multiclass", "num_class": 3},
            {"objective": "regression", "linear_tree": True},
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1,
             "bagging_fraction": 0.5},
        ],
        ids=["several outputs", "lines in the leaves", "an average of trees"],
    )  # fmt: skip
    def test_another_kind_of_model(self, params):
        with pytest.raises(BundleError, match="CH410"):
            tree_tables(trained(self.X, self.y, **params), width=2)

    def test_half_a_text(self):
        text = trained(self.X, self.y, objective="binary")
        with pytest.raises(BundleError, match="CH410"):
            tree_tables(text[: len(text) // 4], width=2)

    def test_fewer_features_than_the_trees_ask_for(self):
        text = trained(self.X[:, [1, 0]] * [0, 1], self.y, objective="binary")
        with pytest.raises(BundleError, match="CH411"):
            tree_tables(text, width=1)
