"""Small boosted trees: LightGBM, strongly held back, bagged over accounts.

The only scorer that knows LightGBM, and it asks for it late. Its margin is the mean of
two: of trees that stand on the rung below, and of trees that stand on what that rung
itself stands on. The first cannot forget what the rung below got wrong, the second has
to find by splits what a line says at once; they err in different places. The first may
cut at random thresholds (extremely randomised trees, Geurts, Ernst and Wehenkel 2006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from churnhealth.explain.trees import TreeTables, tree_tables
from churnhealth.scorers.account_bag import (
    AccountBag,
    levelled_loss,
    log_loss_told,
    mean_curve,
)
from churnhealth.scorers.curves import level_shift
from churnhealth.scorers.estimator import Scorer, Training, one_thread
from churnhealth.scorers.lens import learn_lens
from churnhealth.scorers.matrix import refuse
from churnhealth.scorers.splits import inner_folds
from churnhealth.scorers.standing import StandingScorer, start_parts, starts_of
from churnhealth.sources.contract import Flags, Floats

__all__ = ["GbmScorer"]

_PATIENCE = 60  # rounds without gain on later days before a fold stops
_WIDE = 100  # columns
_LEAST = 40  # trees from each start; what folds say against so few is mostly noise


class GbmScorer(StandingScorer):
    """Gradient boosted trees; how many is chosen on later days, then refitted on all.

    Where ``base`` stands on a rung itself (or on nothing), half of the margin comes
    from trees that start there. ``monotone`` holds +1, -1 or 0 per feature, which trees
    keep to unless there are ``free_from`` outcomes (``None``: always); ``embargo_days``
    is kept free between the rows fitted on and the rows judged (lead + horizon + gap);
    ``rounds`` fixes the number of trees, for each start or for all.
    ``random_cuts`` says how the trees on the rung below cut: where it lowers the loss
    most, or at the best of one random threshold per column; left out, the same later
    days that choose ``rounds`` choose it.
    Without ``num_leaves`` trees have 4 leaves where outcomes are few and up to 15 where
    they are many. ``num_threads`` changes the time, not the model. Rows must come
    sorted by a total key: another row order is another model.
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
        rounds: int | Sequence[int] | None = None,
        random_cuts: bool | None = None,
        monotone: tuple[int, ...] | None = None,
        free_from: int | None = None,
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
        self.random_cuts = random_cuts
        self.monotone = monotone
        self.free_from = free_from
        self.embargo_days = embargo_days
        self.base = base

    def _learn(self, rows: Training) -> None:
        self._stand(rows)
        starts = starts_of(self.base_, rows.X)
        # Features without evidence only give trees noise to split on.
        with one_thread():
            lenses = [
                learn_lens(rows.X, rows.y, rows.groups, below=start) for start in starts
            ]
        source = np.concatenate([lens.source for lens in lenses])
        self.used_ = np.unique(source) if source.size else np.array([0])
        self.median_ = _medians(rows.X[:, self.used_])
        few = int(np.clip(rows.outcomes // 50, 4, 15))
        self.leaves_ = few if self.num_leaves is None else self.num_leaves
        free = self.free_from is not None and rows.outcomes >= self.free_from
        self.monotone_ = None if free else self.monotone
        self.random_cuts_ = bool(self.random_cuts)
        self.rounds_ = self._fixed(len(starts)) or self._choose(rows, len(starts))
        everyone = np.ones(rows.y.size, bool)
        levels = [level_shift(start, rows.y) for start in starts]
        self.start_ = float(np.mean(levels))
        levelled = [a + b for a, b in zip(starts, levels, strict=True)]
        known = self._known(rows, everyone)
        booster = self._boost(
            rows, everyone, known, levelled, self.rounds_, random_cuts=self.random_cuts_
        )
        self.model_text_ = booster.model_to_string()
        self._booster()

    def _fixed(self, starts: int) -> tuple[int, ...]:
        if self.rounds is None or isinstance(self.rounds, int):
            return (self.rounds,) * starts if self.rounds else ()
        if len(self.rounds) != starts:
            raise refuse(
                "CH324",
                f"`rounds` holds {len(self.rounds)} numbers for {starts} starts",
                fix="give one number, or one for each start",
            )
        return tuple(self.rounds)

    def _choose(self, rows: Training, starts: int) -> tuple[int, ...]:
        """Find which trees, and how many per start, lose least over later blocks."""
        folds = inner_folds(rows, embargo_days=self.embargo_days)
        if not folds:
            return (_LEAST,) * starts  # close to where they start
        weights = [float(judge.sum()) for _, judge in folds]
        shares = [float(fit.mean()) for fit, _ in folds]
        # All rows carry more trees than the part that chose; by how much is modest.
        more = min(1.25, 1.0 / float(np.average(shares, weights=weights)))
        # Folds side by side on one thread each: two threads inside one small tree
        # took three times as long on a busy machine with two cores.
        with ThreadPoolExecutor(max_workers=max(1, self.num_threads)) as pool:
            curves = list(pool.map(lambda fold: self._curves(rows, *fold), folds))
        told = [mean_curve(each, weights) for each in zip(*curves, strict=True)]
        ways = self._cuts()
        best = min(range(len(ways)), key=lambda way: told[way].min())
        self.random_cuts_ = ways[best]
        kept = [told[best], *told[len(ways) :]]
        return tuple(max(_LEAST, round((int(c.argmin()) + 1) * more)) for c in kept)

    def _cuts(self) -> tuple[bool, ...]:
        """Say which cuts trees on the rung below may have: the best, or random too."""
        return (False, True) if self.random_cuts is None else (self.random_cuts,)

    def _curves(self, rows: Training, fit: Flags, judge: Flags) -> list[Floats]:
        """Give the log loss on the judged rows after each tree, start by start."""
        import lightgbm as lgb

        below = self._base_on(rows, fit)
        starts = [starts_of(below, rows.X[at]) for at in (fit, judge)]
        first, *others = zip(*starts, strict=True)
        tried = [(first, cuts) for cuts in self._cuts()]
        tried += [(start, False) for start in others]
        known = self._known(rows, fit)
        later = lgb.Dataset(
            rows.X[np.ix_(judge, self.used_)], rows.y[judge], reference=known
        )
        curve = partial(self._curve, rows, fit, known, later)
        return [curve(start, random_cuts=cuts) for start, cuts in tried]

    def _curve(
        self,
        rows: Training,
        fit: Flags,
        known: Any,
        later: Any,
        start: tuple[Floats, Floats],
        *,
        random_cuts: bool,
    ) -> Floats:
        import lightgbm as lgb

        losses: dict[str, dict[str, list[float]]] = {}
        level = level_shift(start[0], rows.y[fit])
        judged = start[1] + level
        later.set_init_score(judged)
        self._boost(
            rows,
            fit,
            known,
            [start[0] + level],
            [int(np.clip(2 * rows.outcomes, 20, max(self.max_rounds, 20)))],
            random_cuts=random_cuts,
            valid_sets=[later],
            feval=log_loss_told,
            callbacks=[
                lgb.record_evaluation(losses),
                lgb.early_stopping(_PATIENCE, verbose=False),
            ],
        )
        if not losses:  # nothing to split: no tree changes anything
            return np.array([levelled_loss(judged, later.get_label())])
        return np.array(losses["valid_0"]["log_loss"])

    def _known(self, rows: Training, fit: Flags) -> Any:
        """Bin the rows that trees are grown on, once for all that grow on them."""
        import lightgbm as lgb

        y = rows.y[fit]
        return lgb.Dataset(
            rows.X[np.ix_(fit, self.used_)],
            y,
            feature_name=[f"f{j}" for j in self.used_],
            params=self._settings(y),
        ).construct()

    def _boost(
        self,
        rows: Training,
        fit: Flags,
        known: Any,
        starts: Sequence[Floats],
        rounds: Sequence[int],
        *,
        random_cuts: bool,
        **more: Any,
    ) -> Any:
        """Grow so many trees from each start, each start's share of the margin."""
        import lightgbm as lgb

        y = rows.y[fit]
        if not any(map(known.feature_num_bin, range(self.used_.size))):
            return self._one_leaf(y)  # LightGBM would end with a fault
        settings = self._settings(y)
        bag = AccountBag(rows.groups[fit], starts, rounds, seed=self.seed)
        settings["objective"] = bag.slopes
        settings["learning_rate"] = self.learning_rate / len(starts)
        settings["extra_trees"] = random_cuts
        if random_cuts and len(starts) > 1:
            best_cuts_later = lgb.reset_parameter(extra_trees=lambda k: k < rounds[0])
            more["callbacks"] = [*more.get("callbacks", ()), best_cuts_later]
        return lgb.train(settings, known, num_boost_round=sum(rounds), **more)

    def _one_leaf(self, y: Floats) -> Any:
        """Give a tree that splits nothing, where no column has two sides to split."""
        import lightgbm as lgb

        sides = np.arange(y.size)[:, None] % 2 * np.ones(self.used_.size)
        names = [f"f{j}" for j in self.used_]
        known = lgb.Dataset(sides, y, feature_name=names)
        bag = AccountBag(np.arange(y.size), [np.zeros(y.size)], [1], seed=self.seed)
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
            # the same trees either way; with many columns one after the other is faster
            "force_col_wise": self.used_.size > _WIDE,
            "force_row_wise": self.used_.size <= _WIDE,
            "seed": self.seed,
            "num_threads": 1,
            "verbosity": -1,
        }
        if self.monotone_ is not None:
            settings["monotone_constraints"] = [self.monotone_[j] for j in self.used_]
            settings["monotone_constraints_method"] = "intermediate"
        return settings

    def settled(self) -> Self:
        """Make an unfitted copy that keeps the number and kind of trees chosen here."""
        copy = super().settled()
        if hasattr(self, "rounds_"):
            copy.rounds = self.rounds_
            copy.random_cuts = self.random_cuts_
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
        starts = starts_of(self.base_, X)[: len(self.rounds_)]
        below = sum(starts[1:], starts[0]) / len(starts)
        return below + self.start_ + np.asarray(raised, np.float64)

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
        below = start_parts(self.base_, X)[: len(self.rounds_)]
        return parts + sum(below[1:], below[0]) / len(below)

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
            "rounds": list(self.rounds_),
            "random_cuts": self.random_cuts_,
            "leaves": self.leaves_,
            "start": self.start_,
            "used": self.used_.tolist(),
            "median": median,
            **self._base_state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        rounds = state["rounds"]
        # bundles of before had trees on the rung below alone
        self.rounds_ = (rounds,) if isinstance(rounds, int) else tuple(rounds)
        self.random_cuts_ = bool(state.get("random_cuts", False))
        self.leaves_ = int(state["leaves"])
        self.start_ = float(state["start"])
        self.used_ = np.array(state["used"], np.int64)
        self.median_ = np.array(
            [np.nan if m is None else m for m in state["median"]], np.float64
        )
        self._restore_base(state)


def _medians(X: Floats) -> Floats:
    """Give the median of columns that are never missing; NaN for the others."""
    complete = ~np.isnan(X).any(axis=0)
    median = np.full(X.shape[1], np.nan)
    median[complete] = np.median(X[:, complete], axis=0)
    return median
