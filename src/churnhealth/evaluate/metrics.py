"""How good probabilities are: ranking, truthfulness, and how sure we are of either.

Pure functions of arrays: ``p`` probabilities, ``y`` outcomes 0/1, ``groups`` accounts.
Intervals are 95 %, by drawing whole accounts (``health/draws.py``); the AUC's, which
needs a pass over all rows per sample, uses the first 500 samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.health.draws import Draws, Range, percentiles
from churnhealth.scorers.curves import fit_line, log_odds, sigmoid
from churnhealth.sources.contract import Floats, Ints

__all__ = [
    "LeadTime",
    "auc",
    "auc_gap",
    "auc_interval",
    "average_precision",
    "brier",
    "calibration_slope",
    "defined",
    "ece",
    "figures",
    "lead_time",
    "lift_top_decile",
    "log_loss",
    "log_losses",
    "predicted_over_observed",
    "slope_interval",
]

_TINY = 1e-12
_BINS = 15
_Z = 1.959964
_AUC_SAMPLES = 500
_NONE = float("nan")
_SHOWN = ("red", "orange", "yellow", "green", "grey")

Outcomes = Floats | Ints | NDArray[np.bool_]


def auc(p: Floats, y: Outcomes) -> float:
    """Say how often a churner ranks above a stayer; ties count half, NaN = one class.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    ranking = _Ranking.of(p, np.asarray(y, np.float64))
    return ranking.auc(np.ones(p.size))


def auc_interval(p: Floats, y: Outcomes, draws: Draws) -> Range:
    """Give the account-clustered 95 % interval of the AUC (at most 500 samples)."""
    ranking = _Ranking.of(p, np.asarray(y, np.float64), account=draws.account)
    samples = draws.weight[:_AUC_SAMPLES]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [ranking.auc(weight.astype(np.float64)) for weight in samples]
    return percentiles(np.array(found))


def auc_gap(p: Floats, other: Floats, y: Outcomes, draws: Draws) -> Range:
    """Give the 95 % interval of the AUC less another's, on the same drawn accounts."""
    truth = np.asarray(y, np.float64)
    one, two = (_Ranking.of(x, truth, account=draws.account) for x in (p, other))
    samples = draws.weight[:_AUC_SAMPLES].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [one.auc(weight) - two.auc(weight) for weight in samples]
    return percentiles(np.array(found))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Ranking:
    """Rows sorted once, so that each weighted AUC is one running sum.

    ``below``/``through`` say for each positive how many negatives rank lower, and
    lower or equal.
    """

    negative: Ints
    positive: Ints
    below: Ints
    through: Ints

    @classmethod
    def of(cls, p: Floats, y: Floats, account: Ints | None = None) -> _Ranking:
        whose = np.arange(p.size) if account is None else account
        churned = y > 0.0
        order = np.argsort(p[~churned], kind="stable")
        ranked = p[~churned][order]
        return cls(
            negative=whose[~churned][order],
            positive=whose[churned],
            below=np.searchsorted(ranked, p[churned], side="left"),
            through=np.searchsorted(ranked, p[churned], side="right"),
        )

    def auc(self, weight: Floats) -> float:
        positive = weight[self.positive]
        passed = np.concatenate([[0.0], np.cumsum(weight[self.negative])])
        total = 2.0 * passed[-1] * positive.sum()
        if total == 0.0:
            return _NONE
        return float(positive @ (passed[self.below] + passed[self.through]) / total)


def average_precision(p: Floats, y: Outcomes) -> float:
    """Average the precision over the churners found, from the riskiest down.

    Equal probabilities are one step. NaN without a churner.

    >>> round(average_precision(np.array([0.9, 0.8, 0.1]), np.array([1, 0, 1])), 4)
    0.8333
    """
    outcome = np.asarray(y, np.float64)
    if not outcome.any():
        return _NONE
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    found = np.cumsum(outcome[order])[ends]
    precision = found / (ends + 1.0)
    return float(np.sum(np.diff(np.r_[0.0, found]) * precision) / found[-1])


def log_losses(p: Floats, y: Outcomes) -> Floats:
    """Give each row's log loss; probabilities are kept 1e-12 inside 0 and 1."""
    inside = np.clip(p, _TINY, 1.0 - _TINY)
    return -np.where(np.asarray(y, np.float64) > 0, np.log(inside), np.log1p(-inside))


def log_loss(p: Floats, y: Outcomes) -> float:
    """Give the mean log loss.

    >>> round(log_loss(np.array([0.5, 0.5]), np.array([0, 1])), 4)
    0.6931
    """
    return float(log_losses(p, y).mean())


def brier(p: Floats, y: Outcomes) -> float:
    """Give the mean squared distance between probability and outcome."""
    return float(np.mean((p - np.asarray(y, np.float64)) ** 2))


def calibration_slope(p: Floats, y: Outcomes) -> float:
    """Give the slope of a logistic regression of the outcome on log-odds of ``p``.

    1 = right, below = too extreme, above = too timid. NaN for a constant ``p``, for
    one class, and where the two share no more than one value: no slope is steep enough.
    """
    outcome = np.asarray(y, np.float64)
    if not _has_slope(log_odds(p), outcome):
        return _NONE
    slope, _, _ = _sloped(log_odds(p), outcome)
    return slope


def slope_interval(p: Floats, y: Outcomes, groups: Ints) -> Range:
    """Give the account-clustered 95 % interval of the calibration slope; NaN as it.

    >>> p = np.tile([0.1, 0.2, 0.3, 0.4], 250)
    >>> y = (np.arange(1000) * 0.618034 % 1.0 < 1.5 * p - 0.125).astype(float)
    >>> low, high = slope_interval(p, y, np.arange(1000))
    >>> round(low, 1), round(calibration_slope(p, y), 1), round(high, 1)
    (1.4, 1.7, 2.0)
    """
    z, outcome = log_odds(p), np.asarray(y, np.float64)
    if not _has_slope(z, outcome):
        return _NONE, _NONE
    slope, design, fitted = _sloped(z, outcome)
    curvature = (design.T * (fitted * (1.0 - fitted))) @ design
    _, whose = np.unique(groups, return_inverse=True)
    pull = [np.bincount(whose, weights=x * (outcome - fitted)) for x in design.T]
    inverse = np.linalg.pinv(curvature)
    error = float(np.sqrt((inverse @ np.cov(pull, bias=True) @ inverse)[0, 0]))
    half = _Z * float(np.sqrt(len(pull[0]))) * error
    return slope - half, slope + half


def _has_slope(z: Floats, outcome: Floats) -> bool:
    if float(np.std(z)) < 1e-3 or outcome.min() == outcome.max():
        return False
    churned, stayed = z[outcome > 0], z[outcome == 0]
    return bool(churned.min() < stayed.max() and churned.max() > stayed.min())


def _sloped(z: Floats, outcome: Floats) -> tuple[float, Floats, Floats]:
    """Fit the line; give its slope, the design it was fitted on and its chances."""
    x = z - float(z.mean())
    spread = float(np.std(z))
    slope, level = fit_line(x / spread, outcome)
    slope /= spread
    return slope, np.column_stack([x, np.ones_like(x)]), sigmoid(slope * x + level)


def predicted_over_observed(p: Floats, y: Outcomes) -> float:
    """Divide the mean probability by the churn rate; NaN without a churner."""
    seen = float(np.mean(np.asarray(y, np.float64)))
    return float(np.mean(p)) / seen if seen else _NONE


def ece(p: Floats, y: Outcomes) -> float:
    """Average |predicted - observed| over 15 bins of about equally many rows.

    Equal probabilities share a bin, so a constant has one.
    """
    outcome = np.asarray(y, np.float64)
    edges = np.unique(np.quantile(p, np.arange(1, _BINS) / _BINS, method="lower"))
    which = np.searchsorted(edges, p, side="left")
    gap = np.bincount(which, weights=p - outcome, minlength=edges.size + 1)
    return float(np.abs(gap).sum() / p.size)


def lift_top_decile(p: Floats, y: Outcomes) -> float:
    """Divide the churn rate of the riskiest tenth by that of all rows.

    Rows tied at the edge count in parts, as if drawn among themselves.

    >>> y = np.r_[np.zeros(90), np.ones(10)]
    >>> lift_top_decile(y, y)
    10.0
    """
    outcome = np.asarray(y, np.float64)
    if not outcome.any():
        return _NONE
    wanted = p.size / 10.0
    edge = np.sort(p)[::-1][int(np.ceil(wanted)) - 1]
    above, tied = p > edge, p == edge
    room = wanted - above.sum()
    found = outcome[above].sum() + room * outcome[tied].mean()
    return float(found / wanted / outcome.mean())


def figures(
    p: Floats, y: Outcomes, draws: Draws, *, constant: Floats
) -> dict[str, float | list[float] | None]:
    """Give all figures of one scorer, named as in ``backtest --json``.

    ``constant`` is the constant scorer's probability of the same rows: the gain is
    paired with it. A figure that does not exist is ``None``.
    """
    outcome = np.asarray(y, np.float64)
    gain = log_losses(constant, outcome) - log_losses(p, outcome)
    both = np.column_stack([gain, np.ones_like(gain)])
    gained = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
    return {
        "auc": defined(auc(p, outcome)),
        "auc_interval": _pair(auc_interval(p, outcome, draws)),
        "average_precision": defined(average_precision(p, outcome)),
        "log_loss": log_loss(p, outcome),
        "log_loss_gain_over_constant": float(gain.mean()),
        "gain_interval": _pair(gained),
        "brier": brier(p, outcome),
        "calibration_slope": defined(calibration_slope(p, outcome)),
        "predicted_over_observed": defined(predicted_over_observed(p, outcome)),
        "ece": ece(p, outcome),
        "lift_top_decile": defined(lift_top_decile(p, outcome)),
    }


def defined(figure: float) -> float | None:
    """Give a figure as JSON may say it: none where there is no such number."""
    return figure if np.isfinite(figure) else None


def _pair(interval: Range) -> list[float] | None:
    return list(interval) if np.isfinite(interval).all() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadTime:
    """What colour later churners already had so many days before.

    ``red_or_orange``, ``yellow``, ``green`` and ``grey`` add up to ``churners``. Beside
    them their yearly value, as far as it is known; ``None`` where none is.
    """

    days_before: int
    churners: int
    red_or_orange: int
    red: int
    orange: int
    yellow: int
    green: int
    grey: int
    false_alarm_rate: float | None
    value: float | None = None
    value_red_or_orange: float | None = None
    value_green: float | None = None

    def to_json(self) -> Mapping[str, float | int | None]:
        """Say it as a row of ``backtest --json``."""
        return {name: getattr(self, name) for name in LeadTime.__slots__}


def lead_time(
    band: NDArray[np.object_],
    y: Outcomes,
    groups: Ints,
    days_until: Floats | Ints,
    *,
    days_before: Sequence[int],
    value: Floats | None = None,
    tolerance_days: int = 31,
) -> list[LeadTime]:
    """Say what colour each later churner had, so many days before.

    ``days_until`` are the days from a row's as_of to the account's churn; negative or
    NaN where it did not churn. For each of ``days_before`` an account counts with the
    row nearest to that day, at most ``tolerance_days`` further back; accounts
    without such a row are left out. ``value`` is what each row's account pays in a
    year, NaN where it is not known. ``false_alarm_rate`` is the share of red or
    orange among rows whose outcome was staying (``y`` = 0).
    """
    level = np.isin(band, ("red", "orange"))
    stayed = np.asarray(y) == 0
    alarms = float(level[stayed].mean()) if stayed.any() else None
    told = []
    for days in days_before:
        row = _rows_before(groups, days_until, days=days, tolerance=tolerance_days)
        paid = np.full(row.size, np.nan) if value is None else value[row]
        green, known = band[row] == "green", np.isfinite(paid).any()
        told.append(
            LeadTime(
                days_before=days,
                churners=int(row.size),
                red_or_orange=int(level[row].sum()),
                **{name: int((band[row] == name).sum()) for name in _SHOWN},
                false_alarm_rate=alarms,
                value=float(np.nansum(paid)) if known else None,
                value_red_or_orange=float(np.nansum(paid[level[row]]))
                if known
                else None,
                value_green=float(np.nansum(paid[green])) if known else None,
            )
        )
    return told


def _rows_before(
    groups: Ints, days_until: Floats | Ints, *, days: int, tolerance: int
) -> Ints:
    """Find each account's row that lies nearest beyond ``days`` before its churn."""
    with np.errstate(invalid="ignore"):
        near = np.flatnonzero((days_until >= days) & (days_until < days + tolerance))
    order = near[np.lexsort((days_until[near], groups[near]))]
    first = np.r_[True, np.diff(groups[order]) != 0][: order.size]
    return np.asarray(order[first], np.int64)
