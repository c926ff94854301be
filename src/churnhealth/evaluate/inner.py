"""Who is fitted and judged inside the training period: later dates by earlier ones.

Up to three inner origins, each with what was known on that day. Where the period is
too short for one, whole accounts are left out instead: that tells what usage says of
churn, though not whether it goes on to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.evaluate.choosing import FEW, Held
from churnhealth.evaluate.panel import distinct
from churnhealth.scorers.estimator import Scorer, rungs_kept
from churnhealth.scorers.splits import by_account
from churnhealth.scorers.standing import StandingScorer
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import Days, Flags, Floats, Ints

__all__ = ["TrainingRows", "fit_rungs", "inner_origins", "later_margins"]

_STANDING = ("hazard", "logistic", "gbm")  # each adds to the margin of the one before
_SHARES = (0.45, 0.65, 0.82)  # of the outcomes known at an inner origin
_LEAST_KNOWN = 8  # outcomes
_LEAST_LATER = 15  # positive rows; of fewer, accounts left out tell more
_CANDIDATES = 40
_HANDS = 3  # as many as there are inner origins
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


def later_margins(
    rows: TrainingRows,
    made: Mapping[str, Callable[[], Scorer]],
    names: Sequence[str],
    origins: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> Held:
    """Fit at each inner origin on what was known then; keep margins of what follows.

    ``names`` are the scorers in the order of the ladder, of those ``made``. Where the
    training period is too short for an origin, whole accounts are left out instead.
    """
    held = Held(margin={name: [] for name in names})
    splits = _by_day(rows, origins) if origins else _by_account(rows)
    for train, y, test in splits:
        if not test.size or y.min() == y.max():
            continue
        held.row.append(test)
        held.y.append(rows.y[test].astype(np.float64))
        fitted = fit_rungs(made, names, rows, y, train, advance)
        X = rows.X[test]
        with rungs_kept(X):
            for name, scorer in fitted.items():
                held.margin[name].append(scorer.decision_function(X))
    return held


def _by_day(
    rows: TrainingRows, origins: Sequence[int]
) -> Iterator[tuple[Flags, Ints, Ints]]:
    """Pair what was known at each origin, and its labels then, with what follows."""
    stops = [*origins[1:], int(rows.as_of.max()) + 1]
    for origin, stop in zip(origins, stops, strict=True):
        code = rows.codes_at(origin)
        train = (rows.as_of < origin) & ((code == YES) | (code == NO))
        test = np.flatnonzero((rows.as_of >= origin) & (rows.as_of < stop))
        yield train, (code[train] == YES).astype(np.int64), test


def _by_account(rows: TrainingRows) -> Iterator[tuple[Flags, Ints, Ints]]:
    """Leave out a third of the accounts at a time, if enough of them churned."""
    if rows.outcomes < FEW:
        return
    _, account = np.unique(rows.account, return_inverse=True)
    for train, test in by_account(account, rows.y, hands=_HANDS):
        yield train, rows.y[train], np.flatnonzero(test)


def fit_rungs(
    made: Mapping[str, Callable[[], Scorer]],
    names: Sequence[str],
    rows: TrainingRows,
    y: Ints,
    train: Flags | None,
    advance: Callable[[], None],
) -> dict[str, Scorer]:
    """Fit rung after rung on some rows or all, each standing on the one below it."""
    X, account, as_of = rows.X, rows.account, rows.as_of
    if train is not None:
        X, account, as_of = X[train], account[train], as_of[train]
    below: Scorer | None = None
    fitted = {}
    for name in names:
        scorer = made[name]()
        if isinstance(scorer, StandingScorer):
            scorer.stand_on(below)
        fitted[name] = scorer.fit(X, y, account, as_of)
        if name in _STANDING:
            below = scorer
        advance()
    return fitted
