"""Who is up for renewal, and how such terms end: a hazard per renewal decision.

Churn comes at renewals. A row with ``k`` renewal decisions inside the window stays
with probability ``(1 - h)**k``, and the hazard ``h`` of one decision follows a
complementary log-log line in the length of the term,

    log(-log(1 - h)) = a + g * log(months),

so that ``churn = 1 - exp(-k * exp(a + g * log(months)))`` (a grouped proportional
hazards model: Prentice & Gloeckler 1978). Longer terms are rarer decisions, each of
which carries more of the intent that has gathered meanwhile: ``g`` would be 1 if intent
grew evenly with time, 0 if every decision were alike. A few dozen outcomes cannot say
which, and terms that have not come up yet say nothing at all, so ``g`` has an
informative prior. Rows without a decision have a smoothed rate of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from churnhealth.scorers.curves import log_odds, smoothed_log_odds
from churnhealth.scorers.estimator import Scorer, Training
from churnhealth.scorers.matrix import refuse
from churnhealth.sources.contract import MONTH_DAYS, Floats

__all__ = ["HazardScorer"]

_GROWTH = (0.85, 0.3)  # prior mean and standard deviation of g
_LEVEL_SD = 2.0  # of a, around the hazard that all decisions together show
_LONGEST = 15.0  # a hazard's exponent is kept inside what exp can hold
_NEVER = 1e9  # days until a term of unknown length comes up again
_FEW = 4  # so many rows are faster one by one
_IMAGINED = 0.5  # outcomes at the general rate that smooth a rate of few rows


class HazardScorer(Scorer):
    """Churn by the renewal decisions inside the window and the length of the term.

    ``window`` = (first, past the last) day from as_of in which churn counts. With
    ``repeats`` a short term comes up again and again inside the window; without (a
    question about the next renewal alone) there is one decision. Needs the feature
    ``days_to_renewal``; ``term_months`` where it is known.

    >>> import numpy as np
    >>> days = np.tile([10.0, 200.0], 200)
    >>> y = np.zeros(400); y[:80:4] = 1
    >>> names = ("contracts__all__days_to_renewal",)
    >>> scorer = HazardScorer(feature_names=names, window=(0, 90), repeats=False)
    >>> scorer.fit(days[:, None], y).predict_proba([[10.0], [200.0]])[:, 1].round(3)
    array([0.1  , 0.002])
    """

    name: ClassVar[str] = "hazard"
    may_score_poorly: ClassVar[bool] = True

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        window: tuple[int, int] = (0, 90),
        repeats: bool = True,
    ) -> None:
        self.feature_names = feature_names
        self.window = window
        self.repeats = repeats

    @classmethod
    def applies(cls, feature_names: Sequence[str]) -> bool:
        """Say whether there are contracts with agreed ends."""
        return _column(feature_names, "days_to_renewal") is not None

    def _learn(self, rows: Training) -> None:
        ends = _column(self.names_, "days_to_renewal")
        if ends is None and (self.feature_names or hasattr(self, "feature_names_in_")):
            raise refuse(
                "CH322",
                "the hazard scorer needs a feature of the kind `days_to_renewal`",
                fix="leave `hazard` out of [model] ladder, or include the feature",
            )
        self.ends_ = 0 if ends is None else ends
        self.term_ = _column(self.names_, "term_months")
        months = self._log_months(rows.X)
        known = np.isfinite(months)
        self.usual_ = float(np.median(months[known])) if known.any() else 0.0
        decisions, term = self._read(rows.X)
        due = decisions > 0
        positives = float(rows.y.sum())
        # One account that leaves is one outcome, in however many rows it is seen.
        weight = rows.outcomes / positives if positives else 1.0
        self.idle_ = smoothed_log_odds(
            weight * float(rows.y[~due].sum()),
            weight * float((~due).sum()),
            rate=rows.rate,
            imagined=_IMAGINED,
        )
        self.level_, self.growth_ = _fit(
            decisions[due], term[due], rows.y[due], weight, rows.rate
        )
        calendar, added = self._split(rows.X)
        self.base_ = float(calendar.mean()), float(added.mean())

    def _log_months(self, X: Floats) -> Floats:
        if self.term_ is None:
            return np.full(X.shape[0], np.nan)
        months = X[:, self.term_]
        usable = months > 0
        return np.log(np.where(usable, months, 1.0)) + np.where(usable, 0.0, np.nan)

    def _read(self, X: Floats) -> tuple[Floats, Floats]:
        """Give decisions inside the window, and log(months) against the usual term.

        A missing term is taken as the usual one.
        """
        months = self._log_months(X)
        term = months - self.usual_
        return self._decisions(X, months), np.where(np.isnan(term), 0.0, term)

    def _decisions(self, X: Floats, months: Floats) -> Floats:
        """Count the renewal decisions inside the window, as known at as_of."""
        first, past = self.window
        days = X[:, self.ends_]
        if not self.repeats:
            return ((days >= first) & (days < past)).astype(np.float64)
        days = np.where(np.isfinite(days), days, past)  # no known end: no decision
        term = np.exp(months) * MONTH_DAYS
        every = np.where(np.isfinite(term), np.maximum(term, 1.0), _NEVER)
        earliest = days + np.ceil(np.maximum(first - days, 0.0) / every) * every
        left = past - earliest
        return np.where(left > 0, 1.0 + np.floor((left - 1e-9) / every), 0.0)

    def _split(self, X: Floats) -> tuple[Floats, Floats]:
        """Split the margin: what the calendar says at a usual term, and the term."""
        if X.shape[0] <= _FEW:
            columns = [self.ends_, self.ends_ if self.term_ is None else self.term_]
            pairs = X.take(columns, axis=1).tolist()
            split = np.array([self._split_row(days, months) for days, months in pairs])
            return split[:, 0], split[:, 1]
        decisions, term = self._read(X)
        due = decisions > 0
        calendar = np.full(X.shape[0], self.idle_)
        calendar[due] = _log_odds(decisions[due], self.level_)
        whole = calendar.copy()
        whole[due] = _log_odds(decisions[due], self.level_ + self.growth_ * term[due])
        return calendar, whole - calendar

    def _split_row(self, days: float, months: float) -> tuple[float, float]:
        """Split the margin of one row in its numbers: the bits are those of ``_split``.

        NumPy's own curves are asked, since those of ``math`` may differ in a bit.
        """
        known = self.term_ is not None and months > 0
        log_months = float(np.log(months)) if known else math.nan
        decisions = self._decisions_row(days, log_months)
        if decisions <= 0:
            return self.idle_, 0.0
        term = log_months - self.usual_ if known else 0.0
        calendar = _row_log_odds(decisions, self.level_)
        whole = _row_log_odds(decisions, self.level_ + self.growth_ * term)
        return calendar, whole - calendar

    def _decisions_row(self, days: float, log_months: float) -> float:
        first, past = self.window
        if not self.repeats:
            return float(first <= days < past)
        days = days if math.isfinite(days) else past
        term = float(np.exp(log_months)) * MONTH_DAYS
        every = max(term, 1.0) if math.isfinite(term) else _NEVER
        earliest = days + math.ceil(max(first - days, 0.0) / every) * every
        left = past - earliest
        return 1.0 + math.floor((left - 1e-9) / every) if left > 0 else 0.0

    def _margin(self, X: Floats) -> Floats:
        calendar, term = self._split(X)
        return calendar + term

    def _parts(self, X: Floats) -> Floats:
        calendar, term = self._split(X)
        parts = np.zeros((X.shape[0], X.shape[1] + 1))
        parts[:, self.ends_] = calendar - self.base_[0]
        parts[:, -1] = self.base_[0]
        if self.term_ is not None:
            parts[:, self.term_] = term - self.base_[1]
            parts[:, -1] += self.base_[1]
        return parts

    def _state(self) -> dict[str, object]:
        return {
            "ends": self.ends_,
            "term": self.term_,
            "usual": self.usual_,
            "idle": self.idle_,
            "level": self.level_,
            "growth": self.growth_,
            "base": list(self.base_),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.ends_ = int(state["ends"])
        self.term_ = None if state["term"] is None else int(state["term"])
        self.usual_, self.idle_ = float(state["usual"]), float(state["idle"])
        self.level_, self.growth_ = float(state["level"]), float(state["growth"])
        self.base_ = float(state["base"][0]), float(state["base"][1])


def _column(names: Sequence[str], kind: str) -> int | None:
    fitting = [
        (len(name), name, i)
        for i, name in enumerate(names)
        if name.endswith(f"__{kind}")
    ]
    return min(fitting)[-1] if fitting else None


def _log_odds(decisions: Floats, eta: Floats | float) -> Floats:
    """Give the log-odds of ``1 - exp(-decisions * exp(eta))``, exact at both ends."""
    risk = decisions * np.exp(np.minimum(np.maximum(eta, -_LONGEST), 3.0))
    return np.asarray(risk + np.log(-np.expm1(-risk)))


def _row_log_odds(decisions: float, eta: float) -> float:
    risk = decisions * float(np.exp(min(max(eta, -_LONGEST), 3.0)))
    return risk + float(np.log(-float(np.expm1(-risk))))


def _fit(
    decisions: Floats, term: Floats, y: Floats, weight: float, rate: float
) -> tuple[float, float]:
    """Find the likeliest (a, g) under their priors, by damped Newton steps."""
    mean, sd = _GROWTH
    if not decisions.size:
        return float(log_odds(np.array([rate]))[0]), mean
    at = np.exp(mean * term)
    usual = (weight * y.sum() + _IMAGINED) / (
        weight * float(decisions @ at) + _IMAGINED / max(rate, 1e-9)
    )
    centre = np.array([np.log(usual), mean])
    pull = np.array([_LEVEL_SD**-2, sd**-2])
    design = np.column_stack([np.ones_like(term), term])

    def loss(beta: Floats) -> float:
        z = _log_odds(decisions, design @ beta)
        data = float(np.sum(np.logaddexp(0.0, z) - y * z))
        return weight * data + 0.5 * float(pull @ (beta - centre) ** 2)

    beta = centre.copy()
    for _ in range(100):
        risk = decisions * np.exp(np.clip(design @ beta, -_LONGEST, 3.0))
        p = -np.expm1(-risk)
        # d log-likelihood / d eta, and the expected (Fisher) information
        slope = risk * (y / np.maximum(p, 1e-12) - 1.0)
        information = risk**2 * (1.0 - p) / np.maximum(p, 1e-12)
        gradient = -weight * design.T @ slope + pull * (beta - centre)
        curvature = weight * (design.T * information) @ design + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        now, scale = loss(beta), 1.0
        while loss(beta - scale * step) > now and scale > 1e-6:
            scale /= 2.0
        beta = beta - scale * step
        if float(np.abs(scale * step).max()) < 1e-9:
            break
    return float(beta[0]), float(beta[1])
