"""A scorer that stands on another: it adds to the margin of the rung below.

Parts of both add up, so drivers stay exact; where evidence is thin the addition
shrinks to nothing and what is left is the rung below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from churnhealth.scorers import scorer_from_json
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.sources.contract import Flags, Floats

__all__ = ["StandingScorer", "start_parts", "starts_of"]


class StandingScorer(Scorer):
    """The margin of ``base`` (or nothing) plus what this scorer has learned itself."""

    base: Scorer | None
    base_: Scorer | None
    _ready: Scorer | None = None

    def stand_on(self, fitted: Scorer | None) -> None:
        """Stand on a rung that is fitted already: on the rows ``fit`` gets next."""
        self.base = self._ready = fitted

    def _stand(self, rows: Training) -> Floats:
        """Fit the rung below on the same rows, if it is not yet; give its margins."""
        self.base_, self._ready = self._ready, None
        if self.base_ is None and self.base is not None:
            self.base_ = _fitted(self.base.settled(), rows)
        return self._below(rows.X)

    def _below(self, X: Floats) -> Floats:
        if self.base_ is None:
            return np.zeros(X.shape[0])
        return self.base_.decision_function(X)

    def _below_on(self, rows: Training, fit: Flags, *asked: Floats) -> list[Floats]:
        """Give margins of each matrix by the rung below, fitted on some rows only."""
        below = self._base_on(rows, fit)
        if below is None:
            return [np.zeros(X.shape[0]) for X in asked]
        return [below.decision_function(X) for X in asked]

    def _base_on(self, rows: Training, fit: Flags) -> Scorer | None:
        """Fit the rung below again, on some rows only."""
        if self.base_ is None:
            return None
        return _fitted(self.base_.settled(), rows, fit)

    def _base_parts(self, X: Floats) -> Floats:
        if self.base_ is None:
            return np.zeros((X.shape[0], X.shape[1] + 1))
        return self.base_.rung_parts(X)

    def _json_params(self) -> dict[str, Any]:
        return {k: v for k, v in super()._json_params().items() if k != "base"}

    def _base_state(self) -> dict[str, object]:
        return {"base": None if self.base_ is None else self.base_.to_json()}

    def _restore_base(self, state: Mapping[str, Any]) -> None:
        saved = state["base"]
        self.base_ = None if saved is None else scorer_from_json(saved)


def _fitted(scorer: Scorer, rows: Training, keep: Flags | None = None) -> Scorer:
    at = slice(None) if keep is None else keep
    order = None if rows.order is None else rows.order[at]
    return scorer.fit(rows.X[at], rows.y[at].astype(np.int64), rows.groups[at], order)


def starts_of(below: Scorer | None, X: Floats) -> list[Floats]:
    """Give the margins (n,) to start from: of the rung ``below``, and of its own."""
    if below is None:
        return [np.zeros(X.shape[0])]
    starts = [below.decision_function(X)]
    if isinstance(below, StandingScorer):
        starts += starts_of(below.base_, X)[:1]
    return starts


def start_parts(below: Scorer | None, X: Floats) -> list[Floats]:
    """Part the margins to start from: (n, F + 1) each, in the order of the starts."""
    if below is None:
        return [np.zeros((X.shape[0], X.shape[1] + 1))]
    parts = [below.rung_parts(X)]
    if isinstance(below, StandingScorer):
        parts += start_parts(below.base_, X)[:1]
    return parts
