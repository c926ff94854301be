"""Small boosted trees: LightGBM, strongly held back, bagged over accounts.

The only scorer that knows LightGBM, and it asks for it late.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np

from churnhealth.explain.trees import TreeTables, tree_tables
from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.scorers.estimator import Scorer, Training, one_thread
from churnhealth.scorers.lens import learn_lens
from churnhealth.scorers.matrix import refuse
from churnhealth.scorers.splits import Mask, inner_folds
from churnhealth.scorers.standing import StandingScorer
from churnhealth.sources.contract import Floats, Ints

__all__ = ["GbmScorer"]

_PATIENCE = 60  # rounds without gain on later days before a fold stops
_BAGGED = 0.7  # share of the accounts each tree sees


class GbmScorer(StandingScorer):
    """Gradient boosted trees; how many is chosen on later days, then refitted on all.

    ``monotone`` holds +1, -1 or 0 per feature; ``embargo_days`` is kept free between
    the rows fitted on and the rows judged (lead + horizon + gap); ``rounds`` fixes the
    number of trees. Without ``num_leaves`` trees have 4 leaves where outcomes are few
    and up to 15 where they are many. ``num_threads`` changes the time, not the model.
    Rows must come sorted by a total key: another row order is another model.
    """

    name: ClassVar[str] = "gbm"
    model_text_: str

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        seed: int = 7,
        num_threads: int = 2,
        num_leaves: int | None = None,
        learning_rate: float = 0.04,
        lambda_l2: float = 20.0,
        max_rounds: int = 600,
        rounds: int | None = None,
        monotone: tuple[int, ...] | None = None,
        embargo_days: int = 0,
        base: Scorer | None = None,
    ) -> None:
        self.feature_names = feature_names
        self.seed = seed
        self.num_threads = num_threads
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.lambda_l2 = lambda_l2
        self.max_rounds = max_rounds
        self.rounds = rounds
        self.monotone = monotone
        self.embargo_days = embargo_days
        self.base = base

    def _learn(self, rows: Training) -> None:
        below = self._stand(rows)
        # Features without evidence only give trees noise to split on.
        with one_thread():
            lens = learn_lens(rows.X, rows.y, rows.groups, below=below)
        self.used_ = np.unique(lens.source) if lens.source.size else np.array([0])
        self.median_ = _medians(rows.X[:, self.used_])
        few = int(np.clip(rows.outcomes // 50, 4, 15))
        self.leaves_ = few if self.num_leaves is None else self.num_leaves
        self.rounds_ = self.rounds or self._choose(rows)
        everyone = np.ones(rows.y.size, bool)
        self.start_ = level_shift(below, rows.y)
        booster = self._boost(rows, everyone, below + self.start_, self.rounds_)
        self.model_text_ = booster.model_to_string()
        self._booster()

    def _choose(self, rows: Training) -> int:
        """Find the number of trees with the least loss summed over later blocks."""
        folds = inner_folds(rows, embargo_days=self.embargo_days)
        if not folds:
            return 20  # too few outcomes to choose by: stay close to the rung below
        weights = [float(judge.sum()) for _, judge in folds]
        shares = [float(fit.mean()) for fit, _ in folds]
        # Folds side by side on one thread each: two threads inside one small tree
        # took three times as long on a busy machine with two cores.
        with ThreadPoolExecutor(max_workers=max(1, self.num_threads)) as pool:
            curves = list(pool.map(lambda fold: self._curve(rows, *fold), folds))
        longest = max(c.size for c in curves)
        padded = [np.pad(c, (0, longest - c.size), mode="edge") for c in curves]
        best = int(np.average(padded, axis=0, weights=weights).argmin()) + 1
        # All rows carry more trees than the part that chose; by how much is modest.
        more = min(1.25, 1.0 / float(np.average(shares, weights=weights)))
        return max(1, round(best * more)) if best > 1 else 1

    def _curve(self, rows: Training, fit: Mask, judge: Mask) -> Floats:
        """Give the log loss on the judged rows after each tree."""
        import lightgbm as lgb

        losses: dict[str, dict[str, list[float]]] = {}
        known, judged = self._below_on(rows, fit, rows.X[fit], rows.X[judge])
        level = level_shift(known, rows.y[fit])
        later = lgb.Dataset(
            rows.X[np.ix_(judge, self.used_)],
            rows.y[judge],
            init_score=judged + level,
        )
        self._boost(
            rows,
            fit,
            known + level,
            int(np.clip(2 * rows.outcomes, 20, max(self.max_rounds, 20))),
            valid_sets=[later],
            feval=_log_loss,
            callbacks=[
                lgb.record_evaluation(losses),
                lgb.early_stopping(_PATIENCE, verbose=False),
            ],
        )
        if not losses:  # nothing to split: no tree changes anything
            return np.array([_levelled_loss(judged + level, rows.y[judge])])
        return np.array(losses["valid_0"]["log_loss"])

    def _boost(
        self, rows: Training, fit: Mask, start: Floats, rounds: int, **more: Any
    ) -> Any:
        import lightgbm as lgb

        y = rows.y[fit]
        settings = self._settings(y)
        known = lgb.Dataset(
            rows.X[np.ix_(fit, self.used_)],
            y,
            init_score=start,
            feature_name=[f"f{j}" for j in self.used_],
            params=settings,
        ).construct()
        if not any(map(known.feature_num_bin, range(self.used_.size))):
            return self._one_leaf(y, start)  # LightGBM would end with a fault
        for later in more.get("valid_sets", ()):
            later.set_reference(known)
        bag = _AccountBag(rows.groups[fit], seed=self.seed)
        settings["objective"] = bag.slopes
        return lgb.train(settings, known, num_boost_round=rounds, **more)

    def _one_leaf(self, y: Floats, start: Floats) -> Any:
        """Give a tree that splits nothing, where no column has two sides to split."""
        import lightgbm as lgb

        sides = np.arange(y.size)[:, None] % 2 * np.ones(self.used_.size)
        names = [f"f{j}" for j in self.used_]
        known = lgb.Dataset(sides, y, init_score=start, feature_name=names)
        bag = _AccountBag(np.arange(y.size), seed=self.seed)
        never = {"min_gain_to_split": 1e300, "min_data_in_leaf": 1}
        settings = {**self._settings(y), **never, "objective": bag.slopes}
        return lgb.train(settings, known, num_boost_round=1)

    def _settings(self, y: Floats) -> dict[str, Any]:
        # A leaf should expect five positives (or stayers, where these are fewer).
        rarer = min(y.mean(), 1.0 - y.mean())
        leaf = int(np.clip(5.0 / max(rarer, 1e-6), 10, max(y.size / 20, 2)))
        settings: dict[str, Any] = {
            "metric": "none",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves_,
            "max_depth": 6,
            "lambda_l2": self.lambda_l2,
            "min_data_in_leaf": leaf,
            "feature_fraction": 0.5,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed,
            "num_threads": 1,
            "verbosity": -1,
        }
        if self.monotone is not None:
            settings["monotone_constraints"] = [self.monotone[j] for j in self.used_]
            settings["monotone_constraints_method"] = "intermediate"
        return settings

    def settled(self) -> Self:
        """Make an unfitted copy that keeps the number of trees chosen here."""
        copy = super().settled()
        if hasattr(self, "rounds_"):
            copy.rounds = self.rounds_
        return copy

    def _filled(self, X: Floats) -> Floats:
        X = X.take(self.used_, axis=1)
        # Trees that never met a missing value in a column would read it as zero.
        # Where others were missing too, the median is NaN: nothing is filled in.
        missing = np.isnan(X)
        np.copyto(X, self.median_, where=missing)
        return X

    def _margin(self, X: Floats) -> Floats:
        raised = self._booster().predict(
            self._filled(X), raw_score=True, num_threads=self.num_threads
        )
        return self._below(X) + self.start_ + np.asarray(raised, np.float64)

    def _parts(self, X: Floats) -> Floats:
        filled, tables = self._filled(X), self._tables()
        found = tables.contributions(filled, threads=self.num_threads)
        for first, many in tables.left_out:
            found += self._booster().predict(
                filled,
                pred_contrib=True,
                start_iteration=first,
                num_iteration=many,
                num_threads=self.num_threads,
            )
        parts = np.zeros((X.shape[0], X.shape[1] + 1))
        parts[:, self.used_] = found[:, :-1]
        parts[:, -1] = found[:, -1] + self.start_
        return parts + self._base_parts(X)

    def _tables(self) -> TreeTables:
        """Work out the trees' tables when they are first asked for."""
        kept = self.__dict__.get("_kept_tables")
        if kept is None or kept[0] is not self.model_text_:
            made = tree_tables(self.model_text_, width=self.used_.size)
            kept = self.__dict__["_kept_tables"] = (self.model_text_, made)
        tables: TreeTables = kept[1]
        return tables

    def _booster(self) -> Any:
        """Read the trees with LightGBM when it is first asked for a margin.

        It takes seconds to import (with pandas and scikit-learn behind it), and who
        only explains, as the service does, needs the tables alone.
        """
        kept = self.__dict__.get("_kept_booster")
        if kept is None or kept[0] is not self.model_text_:
            import lightgbm as lgb

            made = lgb.Booster(model_str=self.model_text_)
            kept = self.__dict__["_kept_booster"] = (self.model_text_, made)
        return kept[1]

    @property
    def model_text(self) -> str:
        """The trees as LightGBM's text; kept beside ``to_json``, not in it."""
        self._must_be_fitted()
        return self.model_text_

    @classmethod
    def from_json(
        cls, saved: Mapping[str, Any], *, model_text: str | None = None
    ) -> Self:
        """Rebuild from ``to_json`` and ``model_text``, whose hash the caller checked.

        A damaged text can end the process: never give one that was not verified.
        """
        if model_text is None:
            raise refuse(
                "CH325",
                "a gbm scorer needs its model text",
                fix="give `model_text` beside the JSON",
            )
        scorer = super().from_json(saved)
        scorer.model_text_ = model_text
        return scorer

    def _state(self) -> dict[str, object]:
        median = [None if np.isnan(m) else m for m in self.median_.tolist()]
        return {
            "rounds": self.rounds_,
            "leaves": self.leaves_,
            "start": self.start_,
            "used": self.used_.tolist(),
            "median": median,
            **self._base_state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.rounds_, self.leaves_ = int(state["rounds"]), int(state["leaves"])
        self.start_ = float(state["start"])
        self.used_ = np.array(state["used"], np.int64)
        self.median_ = np.array(
            [np.nan if m is None else m for m in state["median"]], np.float64
        )
        self._restore_base(state)


class _AccountBag:
    """The log loss's slopes, each tree seeing whole accounts or nothing of them.

    LightGBM's own ``bagging_by_query`` raised the mean prediction by a tenth when
    tried (4.7), so rows left out get slope and curvature zero here instead.
    """

    def __init__(self, groups: Ints, *, seed: int) -> None:
        self._groups = np.unique(groups, return_inverse=True)[1]
        self._count = int(self._groups.max()) + 1
        self._draw = np.random.default_rng(seed)

    def slopes(self, margin: Floats, known: Any) -> tuple[Floats, Floats]:
        """Give first and second derivative of the log loss for each row."""
        drawn = (self._draw.random(self._count) < _BAGGED)[self._groups]
        p = sigmoid(margin)
        return (p - known.get_label()) * drawn, p * (1.0 - p) * drawn


def _log_loss(margin: Floats, judged: Any) -> tuple[str, float, bool]:
    """Judge the margins at the level of the judged rows.

    The base rate drifts from block to block; that is the calibrator's affair, and
    stopping because of it would leave nearly no trees (12 instead of 300 on OULAD).
    """
    return "log_loss", _levelled_loss(margin, judged.get_label()), False


def _levelled_loss(margin: Floats, y: Floats) -> float:
    level = margin + level_shift(margin, y)
    return float(np.mean(np.logaddexp(0.0, level) - y * level))


def _medians(X: Floats) -> Floats:
    """Give the median of columns that are never missing; NaN for the others."""
    complete = ~np.isnan(X).any(axis=0)
    median = np.full(X.shape[1], np.nan)
    median[complete] = np.median(X[:, complete], axis=0)
    return median
