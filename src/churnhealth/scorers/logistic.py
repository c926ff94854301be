"""A line in every feature: ridge logistic regression whose parts add up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from churnhealth.scorers.estimator import Scorer, Training, one_thread
from churnhealth.scorers.lens import Lens, learn_lens
from churnhealth.scorers.ridge import ridge
from churnhealth.scorers.splits import inner_folds
from churnhealth.scorers.standing import StandingScorer
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["LogisticScorer"]

_PENALTIES = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
_OUTCOMES_TIMES_PENALTY = 8000.0  # 27 outcomes: 300 and stronger; 270: 30 and stronger


class LogisticScorer(StandingScorer):
    """Regularised logistic regression; its strength is chosen on later days.

    ``penalties`` are tried from the strongest; the strongest one whose loss on later
    blocks is within noise of the best is kept. ``embargo_days`` is kept free
    between the rows fitted on and the rows judged (lead + horizon + gap).
    """

    name: ClassVar[str] = "logistic"

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        penalties: tuple[float, ...] = _PENALTIES,
        embargo_days: int = 0,
        base: Scorer | None = None,
    ) -> None:
        self.feature_names = feature_names
        self.penalties = penalties
        self.embargo_days = embargo_days
        self.base = base

    def _learn(self, rows: Training) -> None:
        with one_thread():
            below = self._stand(rows)
            self.penalty_ = self._choose(rows)
            self.lens_ = learn_lens(rows.X, rows.y, rows.groups, below=below)
            self.coef_, self.intercept_ = ridge(
                self.lens_.seen(rows.X), rows.y, penalty=self.penalty_, offset=below
            )

    def _choose(self, rows: Training) -> float:
        # Few outcomes cannot tell weak penalties apart, only overfit them.
        least = _OUTCOMES_TIMES_PENALTY / max(rows.outcomes, 1)
        grid = sorted(self.penalties, reverse=True)
        grid = [penalty for penalty in grid if penalty >= least] or grid[:1]
        folds = inner_folds(rows, embargo_days=self.embargo_days)
        if len(grid) == 1 or not folds:
            return grid[0]
        views = [self._view(rows, fit, judge) for fit, judge in folds]
        columns: list[Floats] = []
        for penalty in grid:
            columns.append(np.concatenate([view.losses(penalty) for view in views]))
            means = [float(column.mean()) for column in columns]
            if len(means) > 2 and min(means) < min(means[-2:]) * (1.0 - 1e-9):
                break  # weaker penalties have got worse twice: they stay worse
        owner = np.concatenate([rows.groups[judge] for _, judge in folds])
        return grid[_simplest(np.column_stack(columns), owner)]

    def _view(self, rows: Training, fit: Flags, judge: Flags) -> _View:
        known, judged = rows.X[fit], rows.X[judge]
        below, judged_below = self._below_on(rows, fit, known, judged)
        lens = learn_lens(known, rows.y[fit], rows.groups[fit], below=below)
        return _View(
            known=lens.seen(known),
            known_y=rows.y[fit],
            known_below=below,
            judged=lens.seen(judged),
            judged_y=rows.y[judge],
            judged_below=judged_below,
        )

    def settled(self) -> Self:
        """Make an unfitted copy that keeps the penalty chosen here."""
        copy = super().settled()
        if hasattr(self, "penalty_"):
            copy.penalties = (self.penalty_,)
        return copy

    def _margin(self, X: Floats) -> Floats:
        # A plain row sum, not a matrix product: one row alone gives the same bits.
        return self._summed_parts(X)

    def _parts(self, X: Floats) -> Floats:
        each = self.lens_.seen(X)
        each *= self.coef_
        parts = self.lens_.by_feature(each, X.shape[1] + 1)
        parts[:, -1] = self.intercept_  # every column has mean 0: margin at the mean
        return parts if self.base_ is None else parts + self._base_parts(X)

    def _state(self) -> dict[str, object]:
        return {
            "penalty": self.penalty_,
            "coef": self.coef_.tolist(),
            "intercept": self.intercept_,
            "lens": self.lens_.to_json(),
            **self._base_state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.penalty_ = float(state["penalty"])
        self.coef_ = np.array(state["coef"])
        self.intercept_ = float(state["intercept"])
        self.lens_ = Lens.from_json(state["lens"])
        self._restore_base(state)


@dataclass(slots=True, eq=False)
class _View:
    """One fold seen through its own lens; each fit starts where the last one ended."""

    known: Floats
    known_y: Floats
    known_below: Floats
    judged: Floats
    judged_y: Floats
    judged_below: Floats
    start: Floats | None = None

    def losses(self, penalty: float) -> Floats:
        """Give the log loss of each judged row."""
        coef, level = ridge(
            self.known,
            self.known_y,
            penalty=penalty,
            offset=self.known_below,
            start=self.start,
        )
        self.start = np.append(coef, level)
        z = self.judged_below + self.judged @ coef + level
        return np.logaddexp(0.0, z) - self.judged_y * z


def _simplest(losses: Floats, owner: Ints) -> int:
    """Pick the first column (strongest penalty) within noise of the best.

    Noise is half a standard error of the paired difference, summed by account.
    """
    best = int(losses.mean(axis=0).argmin())
    for j in range(best):
        gap = np.bincount(owner, weights=losses[:, j] - losses[:, best])
        if gap.sum() <= 0.5 * np.sqrt((gap**2).sum()):
            return j
    return best
