"""Which scorer to trust: each is judged inside the training period (see `inner`).

From the simplest rung up: constant, recency, calendar, rules, renewal hazard, logistic
on the hazard's margin, gbm on both of these, and the blend of rules, logistic and gbm;
where churn is silence the lifetime joins it if it holds its own. A rung must beat the
constant by more than one standard error of the paired gain, clustered by account; of
those that do, the one with the least loss is chosen, or the blend unless it is clearly
behind. Where none does, the constant is left; with few outcomes rules and hazard, held
back, are all there is, and it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from churnhealth.config import Calibration, ScorerName
from churnhealth.errors import TrainingError
from churnhealth.evaluate.choosing import (
    ALONE,
    FEW,
    Held,
    cautious_weights,
    choose,
    holds_its_own,
    rules_share,
    sharpened,
    trust_in_prior,
    weights_of,
)
from churnhealth.evaluate.inner import (
    TrainingRows,
    fit_rungs,
    inner_origins,
    later_margins,
)
from churnhealth.evaluate.panel import distinct
from churnhealth.health.calibrate import Calibrator, fit_calibrator, stepped
from churnhealth.health.drift import Drift, rate_drift
from churnhealth.said import many
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.curves import level_shift
from churnhealth.scorers.estimator import Scorer, one_thread, rungs_kept
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Ladder", "Rung", "climb", "needs_both"]

ORDER: tuple[str, ...] = get_args(ScorerName)
SELF_CALIBRATED = ("constant", "recency", "calendar", "hazard")  # margins are rates
_LEARNED = ("logistic", "gbm")  # not with few outcomes; the blend is made of them
_MANY = 500  # outcomes at which half of a steepening is believed

Method = Literal["affine", "temperature", "isotonic"]
_USUAL = Calibration()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rung:
    """A fitted scorer, its calibrator, and its log loss on inner rows it had not seen.

    ``drift`` compares the newest outcomes with its probabilities; ``corrected`` is what
    was added to its log-odds because of that.
    """

    scorer: Scorer
    calibrator: Calibrator
    inner_log_loss: float | None = None
    drift: Drift | None = None
    corrected: float = 0.0

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


def climb(
    rows: TrainingRows,
    scorers: Sequence[Callable[[], Scorer]],
    *,
    calibration: Calibration = _USUAL,
    advance: Callable[[], None] = lambda: None,
) -> Ladder:
    """Fit every scorer, calibrate on rows it had not seen, and choose.

    Slopes are fitted on margins of rows later than those the scorer was fitted on, or
    of other accounts where the training period is too short for later dates;
    then every scorer is fitted again on all rows, whose churn rate sets the level. The
    level of the later rows is left out on purpose: it is the drift between two parts
    of the training period, and the scorer that is kept has seen both. Where the
    ``calibration`` asks for it, the level then follows the newest outcomes, as far as
    they are more than noise; the constant stays what it is, to be compared with.

    Raises
    ------
    TrainingError
        CH301 without both outcomes among the rows, CH308 where too few of them leave
        no scorer, CH342 for isotonic steps with few.
    """
    needs_both(rows.y)
    few = rows.outcomes < FEW
    made = {s().name: s for s in scorers}
    names = [n for n in ORDER[:-1] if n in made and not (few and n in _LEARNED)]
    if not names:
        raise _nothing_but_learned(rows.outcomes)
    origins = inner_origins(rows)
    # calibration, blend and drift ask for the margins of the fit on all rows again
    with rungs_kept(rows.X):
        with one_thread(), ThreadPoolExecutor(max_workers=1) as beside:
            whole = beside.submit(
                copy_context().run, fit_rungs, made, names, rows, rows.y, None, advance
            )
            held = later_margins(rows, made, names, origins, advance)
        rungs, losses = _judged(
            whole.result(),
            rows,
            held,
            calibration.method,
            blend="blend" in made,
        )
        rungs = {
            name: _followed(name, rung, rows, origins, correct=calibration.corrects)
            for name, rung in rungs.items()
        }
    account = rows.account[np.concatenate([np.zeros(0, np.int64), *held.row])]
    chosen, reasons = choose(
        losses, account, outcomes=rows.outcomes, later=bool(origins)
    )
    return Ladder(
        rungs=rungs,
        chosen=chosen,
        base_rate=float(rows.y.mean()),
        reasons=reasons,
        origins=tuple(origins),
    )


def _nothing_but_learned(outcomes: int) -> TrainingError:
    return TrainingError(
        "CH308",
        f"only {many(outcomes, 'account')} churned in training (fewer than {FEW}), and"
        " [model] ladder allows nothing but what learns from usage",
        why="of so few outcomes it would learn their chance",
        fix="allow `constant`, `rules` or `hazard` too; leave the key out for all",
    )


def needs_both(y: Ints) -> None:
    """Refuse (CH301) outcomes that are all the same."""
    positives = int(y.sum())
    if 0 < positives < y.size:
        return
    what = "no churn at all" if positives == 0 else "nothing but churn"
    raise TrainingError(
        "CH301",
        f"the {y.size} training rows hold {what}",
        why="there is nothing to tell apart, so any score would be invented",
        fix="give a longer history, or check the contracts source; where leavers give"
        " notice long before, let [question] look further ahead than that"
        " (horizon_days, lead_max_days): who has given it is not asked about; where"
        " churn is silence, leave out what happens without anybody doing a thing"
        " (invoices, pushes), or let active_days be longer",
    )


def _judged(
    fitted: Mapping[str, Scorer],
    rows: TrainingRows,
    held: Held,
    method: Method,
    *,
    blend: bool,
) -> tuple[dict[str, Rung], dict[str, Floats]]:
    """Calibrate fitted scorers and their blend; give rungs and losses on later rows."""
    rungs, losses = {}, {}

    def judge(name: str, scorer: Scorer) -> None:
        calibrator = _calibrator(name, scorer, rows, held, method)
        loss = held.losses([calibrator.slope * z for z in held.margin[name]])
        mean = float(loss.mean()) if loss.size else None
        rungs[name] = Rung(scorer=scorer, calibrator=calibrator, inner_log_loss=mean)
        losses[name] = loss

    for name, scorer in fitted.items():
        judge(name, scorer)
    if blend and (weights := _weights(rungs, rows, held)):
        held.margin["blend"] = held.weighed(weights)
        members = [fitted[name] for name in weights]
        judge("blend", BlendScorer.of(members, weights=tuple(weights.values())))
    elif "rules" in rungs and rows.outcomes < FEW and not _written(rungs):
        rungs["rules"] = _held_back(rungs["rules"], rows)
    return rungs, losses


def _held_back(rung: Rung, rows: TrainingRows) -> Rung:
    """Believe a card that few outcomes made as little alone as beside a hazard."""
    slope = ALONE * rung.calibrator.slope
    margin = slope * rung.scorer.decision_function(rows.X)
    level = level_shift(margin, rows.y.astype(np.float64))
    return replace(rung, calibrator=Calibrator(slope=slope, intercept=level))


def _written(rungs: Mapping[str, Rung]) -> bool:
    """Say whether somebody wrote the rules' card; else the rows did."""
    return getattr(rungs["rules"].scorer, "card", None) is not None


def _followed(
    name: str, rung: Rung, rows: TrainingRows, origins: Sequence[int], *, correct: bool
) -> Rung:
    """Watch the rate since the last inner origin, and follow it if that is wanted."""
    if not origins:
        return rung
    z = rung.calibrator.log_odds(rung.scorer.decision_function(rows.X))
    drift = rate_drift(z, rows.y, rows.account, rows.as_of, since=origins[-1])
    if drift is None or not correct or name == "constant":
        return replace(rung, drift=drift)
    raised = rung.calibrator.raised(drift.believed)
    return replace(rung, drift=drift, corrected=drift.believed, calibrator=raised)


def _weights(
    rungs: Mapping[str, Rung], rows: TrainingRows, held: Held
) -> dict[str, float]:
    """Say what the blend is made of; empty where there is nothing to blend."""
    slope = {name: rung.calibrator.slope for name, rung in rungs.items()}
    if not set(_LEARNED) & set(rungs) or not held.row:
        return cautious_weights(slope)
    account, outcomes = rows.account[np.concatenate(held.row)], rows.outcomes
    if "lifetime" in slope and not holds_its_own("lifetime", held, slope, account):
        del slope["lifetime"]
    share, trust = 0.0, trust_in_prior(held)
    if "rules" in rungs:
        share = rules_share(
            held,
            slope,
            account,
            written=_written(rungs),
            outcomes=outcomes,
            trust=trust,
        )
    weights = weights_of(share, slope, outcomes=outcomes, trust=trust)
    known = {name: rungs[name].scorer.decision_function(rows.X) for name in weights}
    return sharpened(weights, slope, known)


def _calibrator(
    name: str, scorer: Scorer, rows: TrainingRows, held: Held, method: Method
) -> Calibrator:
    """Fit a line; steps are laid upon it, or its level left out, as configured."""
    if name in SELF_CALIBRATED:
        return Calibrator(slope=1.0, intercept=0.0)
    later = np.concatenate([np.zeros(0, np.int64), *held.row])
    y, account = rows.y[later], rows.account[later]
    if method == "temperature" and held.row:
        margin = np.concatenate(held.margin[name])
        return fit_calibrator(margin, y, groups=account, level=False)
    line = _line(name, scorer, rows, held)
    if method != "isotonic":
        return line
    seen = held.levelled([line.slope * z for z in held.margin[name]])
    return stepped(line, seen, y, account)


def _line(name: str, scorer: Scorer, rows: TrainingRows, held: Held) -> Calibrator:
    slope = _slope(name, rows, held, last=len(held.row)) if held.row else 1.0
    if name in _LEARNED and held.row:
        # The scorer that is kept has seen more outcomes than any of these, so the
        # newest of them, which has seen most, counts twice.
        slope = (slope + _slope(name, rows, held, last=1)) / 2.0
    known = slope * scorer.decision_function(rows.X)
    return Calibrator(
        slope=slope, intercept=level_shift(known, rows.y.astype(np.float64))
    )


def _slope(name: str, rows: TrainingRows, held: Held, *, last: int) -> float:
    """Fit a scorer's slope on the later rows of its last inner origins."""
    later = np.concatenate(held.row[-last:])
    found = fit_calibrator(
        held.levelled(held.margin[name], last=last),
        rows.y[later],
        groups=rows.account[later],
    ).slope
    if name == "blend":  # steepened by what its members say: twice would be too much
        return min(found, 1.0)
    return _steepened(found, distinct(rows.account[later][rows.y[later] == 1]))


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
