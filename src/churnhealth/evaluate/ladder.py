"""Which scorer to trust: each is judged on later dates inside the training period.

From the simplest rung up: constant, recency, calendar, rules, renewal hazard, logistic
on the hazard's margin, gbm on the logistic's, and the blend of the last two. A rung
must beat the constant by more than one standard error of the paired gain, clustered by
account; of those that do, the one with the least loss is chosen, or the blend if it is
within one standard error of it. Where none does, the constant is left; with few
outcomes the rules are all there is, and it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from churnhealth.errors import TrainingError
from churnhealth.evaluate.panel import distinct
from churnhealth.health.calibrate import Calibrator, fit_calibrator
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.curves import level_shift
from churnhealth.scorers.estimator import Scorer
from churnhealth.scorers.standing import StandingScorer
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import Days, Floats, Ints

__all__ = [
    "FEW",
    "Ladder",
    "Rung",
    "TrainingRows",
    "climb",
    "inner_origins",
]

FEW = 20  # distinct accounts that churned: below it, rules only
ORDER = (
    "constant",
    "recency",
    "calendar",
    "rules",
    "hazard",
    "logistic",
    "gbm",
    "blend",
)
SELF_CALIBRATED = ("constant", "recency", "calendar", "hazard")  # margins are rates
_STANDING = ("hazard", "logistic", "gbm")  # each adds to the margin of the one before
_LEARNED = ("logistic", "gbm")  # not with few outcomes; the blend is made of them
_SHARES = (0.45, 0.65, 0.82)  # of the outcomes known at an inner origin
_LEAST_KNOWN, _LEAST_LATER = 8, 5
_CANDIDATES = 40
_MANY = 500  # outcomes at which half of a steepening is believed

Codes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingRows:
    """Labelled rows, sorted by (as_of, account), and their labels on earlier days.

    ``codes_at(t)`` labels the same rows as they could be labelled at ``t``.
    """

    X: Floats
    y: Ints
    account: Ints
    as_of: Days
    codes_at: Callable[[int], Codes]

    @property
    def outcomes(self) -> int:
        """Count the distinct accounts that churned."""
        return distinct(self.account[self.y == 1])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rung:
    """A fitted scorer, its calibrator, and its log loss on later inner dates."""

    scorer: Scorer
    calibrator: Calibrator
    inner_log_loss: float | None = None

    def probability(self, X: Floats) -> Floats:
        """Give the calibrated churn probability of each row."""
        return self.calibrator.probability(self.scorer.decision_function(X))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ladder:
    """All rungs fitted on one training period, and the one to trust."""

    rungs: Mapping[str, Rung]
    chosen: str
    base_rate: float
    reasons: tuple[str, ...]
    origins: tuple[int, ...] = ()

    @property
    def best(self) -> Rung:
        """Give the chosen rung."""
        return self.rungs[self.chosen]


@dataclass(slots=True)
class _Held:
    """Margins on later dates, collected over the inner folds."""

    row: list[Ints] = field(default_factory=list)
    margin: dict[str, list[Floats]] = field(default_factory=dict)


def climb(
    rows: TrainingRows,
    scorers: Sequence[Callable[[], Scorer]],
    *,
    advance: Callable[[], None] = lambda: None,
) -> Ladder:
    """Fit every scorer, calibrate on later dates, and choose.

    Slopes are fitted on margins of rows later than those the scorer was fitted on;
    then every scorer is fitted again on all rows, whose churn rate sets the level. The
    level of the later rows is left out on purpose: it is the drift between two parts
    of the training period, and the scorer that is kept has seen both.

    Raises
    ------
    TrainingError
        CH301 without both outcomes among the rows.
    """
    _needs_both(rows)
    few = rows.outcomes < FEW
    made = {s().name: s for s in scorers}
    names = [n for n in ORDER if n in made and not (few and n in _LEARNED)]
    origins = inner_origins(rows)
    held = _later_margins(rows, made, names, origins, advance)
    later = np.concatenate(held.row) if held.row else np.zeros(0, np.int64)
    rungs, losses = {}, {}
    everything = np.ones(rows.y.size, bool)
    fitted = dict(_fitted(made, names, rows, rows.y, everything, advance))
    if set(_LEARNED) <= set(names):
        fitted["blend"] = BlendScorer.of([fitted[name] for name in _LEARNED])
        pairs = zip(*(held.margin[name] for name in _LEARNED), strict=True)
        held.margin["blend"] = [(one + other) / 2.0 for one, other in pairs]
    for name, scorer in fitted.items():
        calibrator = _calibrator(name, scorer, rows, held)
        loss = _losses_at_own_level(rows, held, name, calibrator.slope)
        losses[name] = loss
        mean = float(loss.mean()) if loss.size else None
        rungs[name] = Rung(scorer=scorer, calibrator=calibrator, inner_log_loss=mean)
    chosen, reasons = _choose(rows, later, losses, few=few)
    return Ladder(
        rungs=rungs,
        chosen=chosen,
        base_rate=float(rows.y.mean()),
        reasons=reasons,
        origins=tuple(origins),
    )


def _needs_both(rows: TrainingRows) -> None:
    positives = int(rows.y.sum())
    if 0 < positives < rows.y.size:
        return
    what = "no churn at all" if positives == 0 else "nothing but churn"
    raise TrainingError(
        "CH301",
        f"the {rows.y.size} training rows hold {what}",
        why="there is nothing to tell apart, so any score would be invented",
        fix="give a longer history, a longer horizon, or check the contracts source",
    )


def inner_origins(rows: TrainingRows) -> list[int]:
    """Place up to three days inside the training period to be judged at.

    At each, enough outcomes must have been known already, and enough must follow.
    """
    days = np.unique(rows.as_of)
    if days.size > _CANDIDATES:
        at = np.linspace(0, days.size - 1, _CANDIDATES).astype(int)
        days = days[at]
    total = max(rows.outcomes, 1)
    known: dict[int, int] = {}
    for day in days.tolist():
        code = rows.codes_at(day)
        before = (rows.as_of < day) & (code == YES)
        later = rows.y[rows.as_of >= day].sum()
        outcomes = distinct(rows.account[before])
        if outcomes >= _LEAST_KNOWN and later >= _LEAST_LATER:
            known[day] = outcomes
    if not known:
        return []
    wanted = [share * total for share in _SHARES]
    return sorted({min(known, key=lambda d: abs(known[d] - w)) for w in wanted})


def _later_margins(
    rows: TrainingRows,
    made: Mapping[str, Callable[[], Scorer]],
    names: Sequence[str],
    origins: Sequence[int],
    advance: Callable[[], None],
) -> _Held:
    """Fit at each inner origin on what was known then; keep margins of what follows."""
    held = _Held(margin={name: [] for name in names})
    stops = [*origins[1:], int(rows.as_of.max()) + 1] if origins else []
    for origin, stop in zip(origins, stops, strict=True):
        code = rows.codes_at(origin)
        train = (rows.as_of < origin) & ((code == YES) | (code == NO))
        test = np.flatnonzero((rows.as_of >= origin) & (rows.as_of < stop))
        y = (code[train] == YES).astype(np.int64)
        if not test.size or y.min() == y.max():
            continue
        held.row.append(test)
        for name, scorer in _fitted(made, names, rows, y, train, advance):
            held.margin[name].append(scorer.decision_function(rows.X[test]))
    return held


def _fitted(
    made: Mapping[str, Callable[[], Scorer]],
    names: Sequence[str],
    rows: TrainingRows,
    y: Ints,
    train: NDArray[np.bool_],
    advance: Callable[[], None],
) -> Iterator[tuple[str, Scorer]]:
    """Fit rung after rung on some rows, each standing on the one below it."""
    below: Scorer | None = None
    for name in names:
        scorer = made[name]()
        if isinstance(scorer, StandingScorer):
            scorer.base = below
        scorer.fit(rows.X[train], y, rows.account[train], rows.as_of[train])
        if name in _STANDING:
            below = scorer
        advance()
        yield name, scorer


def _calibrator(
    name: str, scorer: Scorer, rows: TrainingRows, held: _Held
) -> Calibrator:
    if name in SELF_CALIBRATED or not held.row:
        return Calibrator(slope=1.0, intercept=0.0)
    levelled = [
        margin + level_shift(margin, rows.y[row].astype(np.float64))
        for margin, row in zip(held.margin[name], held.row, strict=True)
    ]
    later = np.concatenate(held.row)
    found = fit_calibrator(
        np.concatenate(levelled), rows.y[later], groups=rows.account[later]
    ).slope
    slope = _steepened(found, distinct(rows.account[later][rows.y[later] == 1]))
    known = slope * scorer.decision_function(rows.X)
    return Calibrator(
        slope=slope, intercept=level_shift(known, rows.y.astype(np.float64))
    )


def _steepened(slope: float, outcomes: int) -> float:
    """Trust a slope above 1 only as far as many outcomes carry it.

    The inner fits saw fewer outcomes and were held back more than the one that is
    kept, so their margins are flatter: steepening the kept one as much doubles up.

    >>> _steepened(0.8, 50), round(_steepened(1.5, 50), 3), _steepened(1.5, 500)
    (0.8, 1.045, 1.25)
    """
    if slope <= 1.0:
        return slope
    return 1.0 + (slope - 1.0) * outcomes / (outcomes + _MANY)


def _losses_at_own_level(
    rows: TrainingRows, held: _Held, name: str, slope: float
) -> Floats:
    """Give each later row's log loss, every block at its own churn rate."""
    parts = [np.zeros(0)]
    for margin, row in zip(held.margin[name], held.row, strict=True):
        y = rows.y[row].astype(np.float64)
        z = slope * margin
        z = z + level_shift(z, y)
        parts.append(np.logaddexp(0.0, z) - y * z)
    return np.concatenate(parts)


def _choose(
    rows: TrainingRows, later: Ints, losses: Mapping[str, Floats], *, few: bool
) -> tuple[str, tuple[str, ...]]:
    """Take the rung that gains most over the constant, if beyond its noise.

    The blend is taken when it is within one standard error of the best: an average
    is hurt less by having been chosen by chance.
    """
    rules = "rules" if "rules" in losses else next(iter(losses))
    nothing = "constant" if "constant" in losses else rules
    if few:
        return rules, (
            f"only {rows.outcomes} accounts churned in training (fewer than {FEW}):"
            " rules only",
        )
    if not later.size:
        return rules, ("too few outcomes on later dates to compare scorers: rules",)
    account = rows.account[later]
    base = losses[nothing]
    gains = {name: base - loss for name, loss in losses.items() if name != "constant"}
    proven = {
        name: float(gain.mean())
        for name, gain in gains.items()
        if gain.mean() > _clustered_error(gain, account)
    }
    if not proven:
        return nothing, (
            "no scorer gains more than its noise over the constant on later dates"
            " inside the training period",
        )
    best = max(proven, key=lambda name: proven[name])
    if "blend" in proven:
        behind = gains[best] - gains["blend"]
        if behind.mean() <= _clustered_error(behind, account):
            best = "blend"
    noise = _clustered_error(gains[best], account)
    return best, (
        f"{best} gains {proven[best]:.4f} in log loss (standard error {noise:.4f}) over"
        " the constant on later dates inside the training period, and no scorer gains"
        " more beyond noise",
    )


def _clustered_error(values: Floats, account: Ints) -> float:
    """Give the standard error of a mean whose rows cluster by account."""
    _, whose = np.unique(account, return_inverse=True)
    sums = np.bincount(whose, weights=values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / values.size)
