"""A line in every feature: ridge logistic regression whose parts add up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.estimator import Scorer, Training, one_thread, ridge
from churnhealth.scorers.splits import Mask, inner_folds
from churnhealth.sources.contract import Floats, Ints

__all__ = ["LogisticScorer"]

_PENALTIES = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
_RARE = 0.01  # an indicator of fewer rows than this (or of all but them) is noise


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lens:
    """How raw features are seen: all of it learned from training rows only.

    ``t(x) = (clip(signed log1p(x), low, high) - centre) / scale``; a missing value
    takes ``middle``. ``scale`` 0 marks a constant column, which is not used.
    ``flagged`` lists the columns whose absence is a column of its own.
    """

    low: Floats
    high: Floats
    middle: Floats
    centre: Floats
    scale: Floats
    flagged: Ints
    flag_rate: Floats

    def seen(self, X: Floats) -> Floats:
        """Give the transformed columns (n, F + flagged), each with mean 0."""
        missing = np.isnan(X)
        t = np.clip(_stretch(np.where(missing, 0.0, X)), self.low, self.high)
        t = np.where(missing, self.middle, t) - self.centre
        t *= np.divide(1.0, self.scale, out=np.zeros_like(t[0]), where=self.scale > 0)
        flags = missing[:, self.flagged] - self.flag_rate
        return np.hstack([t, flags])


class LogisticScorer(Scorer):
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
    ) -> None:
        self.feature_names = feature_names
        self.penalties = penalties
        self.embargo_days = embargo_days

    def _learn(self, rows: Training) -> None:
        with one_thread():
            self.penalty_ = self._choose(rows)
            self.lens_ = learn_lens(rows.X, rows.y, rows.groups)
            self.coef_, self.intercept_ = ridge(
                self.lens_.seen(rows.X), rows.y, penalty=self.penalty_
            )

    def _choose(self, rows: Training) -> float:
        grid = sorted(self.penalties, reverse=True)
        folds = inner_folds(rows, embargo_days=self.embargo_days)
        if len(grid) == 1 or not folds:
            return grid[0]
        views = [_view(rows, fit, judge) for fit, judge in folds]
        columns: list[Floats] = []
        for penalty in grid:
            columns.append(np.concatenate([view.losses(penalty) for view in views]))
            means = [float(column.mean()) for column in columns]
            if len(means) > 2 and min(means) < min(means[-2:]) * (1.0 - 1e-9):
                break  # weaker penalties have got worse twice: they stay worse
        owner = np.concatenate([rows.groups[judge] for _, judge in folds])
        return grid[_simplest(np.column_stack(columns), owner)]

    def _margin(self, X: Floats) -> Floats:
        # A plain row sum, not a matrix product: one row alone gives the same bits.
        return np.asarray(self._parts(X).sum(axis=1), np.float64)

    def _parts(self, X: Floats) -> Floats:
        each = self.lens_.seen(X) * self.coef_
        width = X.shape[1]
        parts = np.empty((X.shape[0], width + 1))
        parts[:, :width] = each[:, :width]
        parts[:, self.lens_.flagged] += each[:, width:]
        parts[:, -1] = self.intercept_  # every column has mean 0: margin at the mean
        return parts

    def _state(self) -> dict[str, object]:
        lens = {n: getattr(self.lens_, n).tolist() for n in Lens.__slots__}
        return {
            "penalty": self.penalty_,
            "coef": self.coef_.tolist(),
            "intercept": self.intercept_,
            "lens": lens,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.penalty_ = float(state["penalty"])
        self.coef_ = np.array(state["coef"])
        self.intercept_ = float(state["intercept"])
        parts: dict[str, Any] = {
            n: np.array(v, np.int64 if n == "flagged" else np.float64)
            for n, v in state["lens"].items()
        }
        self.lens_ = Lens(**parts)


@dataclass(slots=True, eq=False)
class _View:
    """One fold seen through its own lens; each fit starts where the last one ended."""

    known: Floats
    known_y: Floats
    judged: Floats
    judged_y: Floats
    start: Floats | None = None

    def losses(self, penalty: float) -> Floats:
        """Give the log loss of each judged row."""
        coef, level = ridge(self.known, self.known_y, penalty=penalty, start=self.start)
        self.start = np.append(coef, level)
        z = self.judged @ coef + level
        return np.logaddexp(0.0, z) - self.judged_y * z


def _view(rows: Training, fit: Mask, judge: Mask) -> _View:
    lens = learn_lens(rows.X[fit], rows.y[fit], rows.groups[fit])
    return _View(
        lens.seen(rows.X[fit]), rows.y[fit], lens.seen(rows.X[judge]), rows.y[judge]
    )


def learn_lens(X: Floats, y: Floats, groups: Ints) -> Lens:
    """Learn clipping, centre, scale and informative absences from training rows."""
    with np.errstate(all="ignore"):
        low, middle, high = _quantiles(_stretch(X))
    missing = np.isnan(X)
    t = np.where(missing, middle, np.clip(_stretch(X), low, high))
    centre, scale = t.mean(axis=0), t.std(axis=0)
    scale = np.where(scale > 1e-9 * np.maximum(1.0, np.abs(centre)), scale, 0.0)
    flagged = _telling_absences(missing, y, groups)
    return Lens(
        low=low,
        high=high,
        middle=middle,
        centre=centre,
        scale=scale,
        flagged=flagged,
        flag_rate=missing[:, flagged].mean(axis=0),
    )


def _quantiles(t: Floats) -> tuple[Floats, Floats, Floats]:
    """Give per column the 0.2 %, 50 % and 99.8 % quantile; 0 where all is missing."""
    edges = np.zeros((3, t.shape[1]))
    for j in range(t.shape[1]):
        known = t[~np.isnan(t[:, j]), j]
        if known.size:
            edges[:, j] = np.quantile(known, [0.002, 0.5, 0.998])
    return edges[0], edges[1], edges[2]


def _telling_absences(missing: NDArray[np.bool_], y: Floats, groups: Ints) -> Ints:
    """Find columns whose absence differs in churn by over two standard errors.

    Errors count accounts, not rows; of columns that are always absent together
    only the first is kept.
    """
    kept: list[int] = []
    seen: set[bytes] = set()
    total = np.unique(groups).size
    rate = float(y.mean())
    for j in np.flatnonzero(missing.any(axis=0)):
        absent = missing[:, j]
        share = float(absent.mean())
        pattern = np.packbits(absent).tobytes()
        if not _RARE < share < 1.0 - _RARE or pattern in seen:
            continue
        seen.add(pattern)
        error = np.sqrt(rate * (1.0 - rate) / (total * share * (1.0 - share)))
        if abs(y[absent].mean() - y[~absent].mean()) > 2.0 * error:
            kept.append(int(j))
    return np.array(kept, np.int64)


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


def _stretch(x: Floats) -> Floats:
    return np.sign(x) * np.log1p(np.abs(x))
