"""What a model must beat: the base rate, one clock of silence, one calendar bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.curves import (
    fit_line,
    log_odds,
    monotone,
    rank_separation,
    smoothed_log_odds,
)
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.scorers.matrix import refuse
from churnhealth.sources.contract import Floats

__all__ = ["CalendarScorer", "ConstantScorer", "RecencyScorer", "busiest"]


class ConstantScorer(Scorer):
    """Everyone gets the training base rate, lightly smoothed.

    >>> import numpy as np
    >>> X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    >>> ConstantScorer().fit(X, y).predict_proba(X)[0].round(2)
    array([0.7, 0.3])
    """

    name: ClassVar[str] = "constant"
    may_score_poorly: ClassVar[bool] = True
    needs_both_classes: ClassVar[bool] = False

    def __init__(self, *, feature_names: tuple[str, ...] | None = None) -> None:
        self.feature_names = feature_names

    def _learn(self, rows: Training) -> None:
        self.level_ = float(log_odds(np.array([rows.rate]))[0])

    def _margin(self, X: Floats) -> Floats:
        return np.full(X.shape[0], self.level_)

    def _parts(self, X: Floats) -> Floats:
        parts = np.zeros((X.shape[0], X.shape[1] + 1))
        parts[:, -1] = self.level_
        return parts

    def _state(self) -> dict[str, object]:
        return {"level": self.level_}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.level_ = float(state["level"])


class _OneFeatureScorer(Scorer):
    """A curve over one feature: the whole of the margin above its mean is its part."""

    may_score_poorly: ClassVar[bool] = True
    column_: int
    base_: float

    def _curve(self, x: Floats) -> Floats:
        raise NotImplementedError

    def _settle(self, x: Floats) -> None:
        self.base_ = float(self._curve(x).mean())

    def _margin(self, X: Floats) -> Floats:
        return self._curve(X[:, self.column_])

    def _parts(self, X: Floats) -> Floats:
        parts = np.zeros((X.shape[0], X.shape[1] + 1))
        parts[:, self.column_] = self._margin(X) - self.base_
        parts[:, -1] = self.base_
        return parts

    def _find(self, found: int | None, *, wanted: str) -> int:
        """Pick the column; a matrix without names is taken to start with it."""
        if found is not None:
            return found
        if not (self.feature_names or hasattr(self, "feature_names_in_")):
            return 0
        raise refuse(
            "CH322",
            f"the {self.name} scorer needs a feature of the kind `{wanted}`",
            fix=f"leave `{self.name}` out of [model] ladder, or include the feature",
        )


def silences(names: Sequence[str]) -> list[int]:
    """List the columns that say how long nothing has happened, best kind only.

    Silence over all events of a source says more than silence of one event.

    >>> silences(["crm__call__days_since", "product__all__days_since"])
    [1]
    """
    ending = [i for i, name in enumerate(names) if name.endswith("__days_since")]
    general = [i for i in ending if names[i].endswith("__all__days_since")]
    return general or ending


def busiest(X: Floats, names: Sequence[str], columns: Sequence[int]) -> int | None:
    """Pick the source that is heard from most: the least silent of half of all rows.

    One that began a month after the others is not missed for that.
    """

    def order(column: int) -> tuple[float, float, str]:
        missing = np.isnan(X[:, column])
        silent = np.where(missing, np.inf, X[:, column])
        middle = float(np.median(silent)) if silent.size else np.inf
        return middle, float(missing.mean()), names[column]

    return min(columns, key=order) if columns else None


class RecencyScorer(_OneFeatureScorer):
    """Churn by the days since the account's last event: one monotone curve.

    Ten bins of equally many rows at most (a value that fills one has it to itself),
    pooled until monotone, joined by straight lines in log1p(days); an account without
    any event has a level of its own. ``feature`` names another column
    than ``days_since`` of the busiest source.
    """

    name: ClassVar[str] = "recency"

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        feature: str | None = None,
    ) -> None:
        self.feature_names = feature_names
        self.feature = feature

    @classmethod
    def applies(cls, feature_names: Sequence[str]) -> bool:
        """Say whether there is a ``days_since`` feature."""
        return bool(silences(feature_names))

    def _learn(self, rows: Training) -> None:
        named = self.names_.index(self.feature) if self.feature in self.names_ else None
        columns = silences(self.names_) if named is None else [named]
        found = busiest(rows.X, self.names_, columns)
        self.column_ = self._find(found, wanted="days_since")
        x = rows.X[:, self.column_]
        known = ~np.isnan(x)
        self.missing_ = smoothed_log_odds(
            float(rows.y[~known].sum()), int((~known).sum()), rate=rows.rate
        )
        self.at_, self.level_ = np.zeros(1), np.array([self.missing_])
        if known.any():
            bins = int(np.clip(rows.outcomes // 10, 2, 10))
            self._bend(_stretch(x[known]), rows.y[known], rate=rows.rate, bins=bins)
            self._level_up(x[known], rows.y[known])
        self._settle(x)

    def _bend(self, u: Floats, y: Floats, *, rate: float, bins: int) -> None:
        edges = _edges(u, bins)
        which = np.searchsorted(edges, u, side="right")
        size = np.bincount(which, minlength=edges.size + 1)
        filled = size > 0
        at = np.bincount(which, weights=u, minlength=size.size)[filled] / size[filled]
        positives = np.bincount(which, weights=y, minlength=size.size)[filled]
        level = np.array(
            [
                smoothed_log_odds(p, n, rate=rate)
                for p, n in zip(positives, size[filled], strict=True)
            ]
        )
        sign = 1.0 if rank_separation(u, y > 0) >= 0.5 else -1.0
        self.at_ = at
        self.level_ = sign * monotone(sign * level, size[filled].astype(np.float64))

    def _level_up(self, x: Floats, y: Floats) -> None:
        """Shift the curve so that its mean probability is the rate that was seen."""
        hold = (1e12, 1e-9)  # the slope stays 1
        _, shift = fit_line(self._curve(x), y, start=(1.0, 0.0), precision=hold)
        # Bins without any churn must not be driven to minus infinity with the rest.
        self.level_ = self.level_ + float(np.clip(shift, -1.0, 1.0))

    def _curve(self, x: Floats) -> Floats:
        line = np.interp(_stretch(np.nan_to_num(x)), self.at_, self.level_)
        return np.where(np.isnan(x), self.missing_, line)

    def _state(self) -> dict[str, object]:
        return {
            "column": self.column_,
            "at": self.at_.tolist(),
            "level": self.level_.tolist(),
            "missing": self.missing_,
            "base": self.base_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.column_ = int(state["column"])
        self.at_, self.level_ = np.array(state["at"]), np.array(state["level"])
        self.missing_, self.base_ = float(state["missing"]), float(state["base"])


class CalendarScorer(_OneFeatureScorer):
    """Churn by whether a known end of cover lies in the question's window.

    ``window`` = (first, past the last) day from as_of: lead and lead + horizon. An
    open end, or one that is not known, lies outside. No usage is looked at: on
    contract data this one bit can beat a model.
    """

    name: ClassVar[str] = "calendar"

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        window: tuple[int, int] = (0, 90),
    ) -> None:
        self.feature_names = feature_names
        self.window = window

    @classmethod
    def applies(cls, feature_names: Sequence[str]) -> bool:
        """Say whether there are contracts with agreed ends."""
        return cls._end(feature_names) is not None

    @staticmethod
    def _end(names: Sequence[str]) -> int | None:
        fitting = [
            (len(name), name, i)
            for i, name in enumerate(names)
            if name.endswith("__days_to_renewal")
        ]
        return min(fitting)[-1] if fitting else None

    def _learn(self, rows: Training) -> None:
        self.column_ = self._find(self._end(self.names_), wanted="days_to_renewal")
        x = rows.X[:, self.column_]
        inside = self._inside(x)
        self.level_ = np.array(
            [
                smoothed_log_odds(
                    rows.y[side].sum(), side.sum(), rate=rows.rate, imagined=0.5
                )
                for side in (~inside, inside)
            ]
        )
        self._settle(x)

    def _inside(self, x: Floats) -> NDArray[np.bool_]:
        low, high = self.window
        return (x >= low) & (x < high)  # comparisons with NaN are false: outside

    def _curve(self, x: Floats) -> Floats:
        return self.level_[self._inside(x).astype(np.intp)]

    def _state(self) -> dict[str, object]:
        return {
            "column": self.column_,
            "level": self.level_.tolist(),
            "base": self.base_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.column_ = int(state["column"])
        self.level_, self.base_ = np.array(state["level"]), float(state["base"])


def _stretch(x: Floats) -> Floats:
    """Compress long silences; the sign stays for columns that are not days."""
    return np.sign(x) * np.log1p(np.abs(x))


def _edges(u: Floats, bins: int) -> Floats:
    """Cut into bins of equally many; a value that fills one stands alone.

    Where most were there yesterday all quantiles are that one day, and whoever has been
    silent for longer would share its bin.
    """
    edges = np.unique(np.quantile(u, np.arange(1, bins) / bins))
    full = (u[:, None] == edges).mean(axis=0) >= 1 / bins
    return np.union1d(edges, np.nextafter(edges[full], np.inf))
