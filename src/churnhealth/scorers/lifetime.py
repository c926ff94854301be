"""Is it silent or gone? How an account's own rhythm and silence bear on its churn.

An account without a contract never says that it has left. With ``x`` further days of
activity after its first one, the last of them ``t`` after it, and ``T`` from the first
to today, the BG/NBD model (Fader, Hardie and Lee 2005) has it active at a rate of its
own (gamma, shape ``r``, scale ``alpha``) until it drops out after one of those days
(beta, ``a`` and ``b``). The odds that it shows up no more within a horizon ``h`` are

    (g + s) / (1 - s),
    g = a / (b + x - 1) * ((alpha + T) / (alpha + t)) ** (r + x)   (odds of being gone)
    s = ((alpha + T) / (alpha + T + h)) ** (r + x)                 (alive, but silent)

Days of activity come in bursts, so that a hundred of them are not a hundred pieces of
evidence: ``x`` is read as ``x ** c``. The five are fitted to the outcomes themselves,
each with a prior, and a level on top. What it says of accounts older than any in
training follows from their rhythm, where a curve or a tree can only repeat the oldest
it has seen.

``T - t`` is the silence until now, and that is what is read: a reason then is "the last
order was 50 days ago", where ``T`` and ``t`` apart would be two that cancel out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any, ClassVar

import numpy as np

from churnhealth.scorers.baselines import busiest
from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.scorers.matrix import refuse
from churnhealth.sources.contract import Floats

__all__ = ["LifetimeScorer"]

_NEEDED = ("total_days", "days_since", "days_since_first")
_PRIOR_MEAN = np.log([0.5, 1.0, 0.5, 2.0, 0.7])  # r, alpha in horizons, a, b, c
_PRIOR_SD = np.array([1.0, 1.5, 1.0, 1.0, 0.5])
_STEP = 1e-5  # of the numerical derivatives
_FARTHEST = 4.0  # a parameter's logarithm, from the middle of its prior
_ODDS = 12.0  # log-odds beyond which nothing is believed


class LifetimeScorer(Scorer):
    """Churn by BG/NBD: from days of activity, the silence since and the account's age.

    ``horizon_days`` is how long the question waits for the next event. Needs the
    features ``total_days``, ``days_since`` and ``days_since_first`` of one source:
    of several, the one that is heard from most.

    >>> import numpy as np
    >>> names = tuple(f"orders__all__{k}" for k in _NEEDED)
    >>> X = np.array([[9.0, 10.0, 360.0], [9.0, 270.0, 360.0]]).repeat(50, axis=0)
    >>> y = np.r_[np.arange(50) % 10 == 0, np.arange(50) % 10 != 0].astype(int)
    >>> scorer = LifetimeScorer(feature_names=names, horizon_days=90).fit(X, y)
    >>> p = scorer.predict_proba(X[[0, 99]])[:, 1]
    >>> bool(p[0] < 0.3 < p[1])
    True
    """

    name: ClassVar[str] = "lifetime"
    may_score_poorly: ClassVar[bool] = True

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        horizon_days: int = 90,
    ) -> None:
        self.feature_names = feature_names
        self.horizon_days = horizon_days

    @classmethod
    def applies(cls, feature_names: Sequence[str]) -> bool:
        """Say whether some source has the three features."""
        return bool(_rhythms(feature_names))

    def _learn(self, rows: Training) -> None:
        found = _rhythms(self.names_)
        if not found and (self.feature_names or hasattr(self, "feature_names_in_")):
            raise refuse(
                "CH322",
                f"the lifetime scorer needs the features {', '.join(_NEEDED)}",
                fix="leave `lifetime` out of [model] ladder, or include the features",
            )
        width = rows.X.shape[1]
        by_silence = {columns[1]: columns for columns in found}
        heard = busiest(rows.X, self.names_, list(by_silence))
        self.columns_ = (
            (0, min(1, width - 1), min(2, width - 1))
            if heard is None
            else by_silence[heard]
        )
        known = rows.X[:, self.columns_]
        measured = ~np.isnan(known).all(axis=0)
        self.usual_ = np.zeros(3)
        self.usual_[measured] = np.nanmedian(known[:, measured], axis=0)
        positives = float(rows.y.sum())
        # One account that leaves is one outcome, in however many rows it is seen.
        weight = rows.outcomes / positives if positives else 1.0
        self.shape_ = _fit(self._seen(rows.X), rows.y, weight)
        self.level_ = level_shift(_log_odds(self._seen(rows.X), self.shape_), rows.y)

    def _seen(self, X: Floats) -> Floats:
        """Give (n, 3): days of activity, the silence since and the age, in horizons."""
        seen = X[:, self.columns_]
        spans = np.array([1.0, self.horizon_days, self.horizon_days])
        return np.asarray(np.where(np.isnan(seen), self.usual_, seen) / spans)

    def _margin(self, X: Floats) -> Floats:
        return np.asarray(_log_odds(self._seen(X), self.shape_) + self.level_)

    def _parts(self, X: Floats) -> Floats:
        """Part the margin by Shapley's rule, from the account with usual values on."""
        seen = self._seen(X)
        usual = self._seen(np.full((1, X.shape[1]), np.nan))
        value: dict[frozenset[int], Floats] = {}
        for size in range(4):
            for known in combinations(range(3), size):
                mixed = np.repeat(usual, X.shape[0], axis=0)
                mixed[:, known] = seen[:, known]
                value[frozenset(known)] = _log_odds(mixed, self.shape_)
        parts = np.zeros((X.shape[0], X.shape[1] + 1))
        for j in range(3):
            for without in (s for s in value if j not in s):
                size = len(without)
                weight = factorial(size) * factorial(2 - size) / 6.0
                parts[:, self.columns_[j]] += weight * (
                    value[without | {j}] - value[without]
                )
        parts[:, -1] = value[frozenset()] + self.level_
        return parts

    def _state(self) -> dict[str, object]:
        return {
            "columns": list(self.columns_),
            "usual": self.usual_.tolist(),
            "shape": self.shape_.tolist(),
            "level": self.level_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        first, second, third = (int(c) for c in state["columns"])
        if self.names_[second].endswith("__days_lasted"):
            raise refuse(
                "CH322",
                "this lifetime scorer reads `days_lasted`, which none does any more",
                fix="train again",
            )
        self.columns_ = first, second, third
        self.usual_ = np.array(state["usual"], np.float64)
        self.shape_ = np.array(state["shape"], np.float64)
        self.level_ = float(state["level"])


def _rhythms(names: Sequence[str]) -> list[tuple[int, int, int]]:
    """List the columns (total days, days since the last, since the first) by source."""
    at = {name: i for i, name in enumerate(names)}
    found = []
    for name in names:
        source = name.removesuffix("__all__total_days")
        wanted = [f"{source}__all__{kind}" for kind in _NEEDED]
        if source != name and all(w in at for w in wanted):
            found.append((at[wanted[0]], at[wanted[1]], at[wanted[2]]))
    return found


def _log_odds(seen: Floats, shape: Floats) -> Floats:
    r, alpha, a, b, c = np.exp(shape)
    more = np.maximum(seen[:, 0] - 1.0, 0.0)
    silence = np.maximum(seen[:, 1], 0.0)
    age = np.maximum(seen[:, 2], silence)
    lasted = age - silence
    x = more**c
    rate = r + x
    silent = -rate * np.log1p(1.0 / (alpha + age))
    gone = np.where(
        more > 0.0,
        np.log(a)
        - np.log(b + np.maximum(x, 1.0) - 1.0)
        + rate * np.log((alpha + age) / (alpha + lasted)),
        -np.inf,
    )
    odds = np.logaddexp(gone, silent) - np.log(-np.expm1(silent))
    return np.asarray(np.clip(odds, -_ODDS, _ODDS))


def _fit(seen: Floats, y: Floats, weight: float) -> Floats:
    """Find the likeliest logarithms of the five under their priors (Fisher scoring)."""
    pull = _PRIOR_SD**-2.0
    low, high = _PRIOR_MEAN - _FARTHEST, _PRIOR_MEAN + _FARTHEST

    def loss(shape: Floats) -> float:
        z = _log_odds(seen, shape)
        data = float(np.sum(np.logaddexp(0.0, z) - y * z))
        return weight * data + 0.5 * float(pull @ (shape - _PRIOR_MEAN) ** 2)

    shape, now = _PRIOR_MEAN.copy(), loss(_PRIOR_MEAN)
    for _ in range(60):
        z = _log_odds(seen, shape)
        p = sigmoid(z)
        turned = np.column_stack(
            [(_log_odds(seen, shape + _STEP * e) - z) / _STEP for e in np.eye(5)]
        )
        gradient = weight * turned.T @ (p - y) + pull * (shape - _PRIOR_MEAN)
        curvature = weight * (turned.T * (p * (1.0 - p))) @ turned + np.diag(pull)
        step, scale = np.linalg.solve(curvature, gradient), 1.0
        while scale > 1e-6:
            tried = np.clip(shape - scale * step, low, high)
            then = loss(tried)
            if then <= now:
                break
            scale /= 2.0
        else:
            break
        gained, shape, now = now - then, tried, then
        if gained < 1e-7 * max(now, 1.0):
            break
    return shape
