"""What more outcomes would be worth: the same fold, learned from fewer accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from churnhealth.config import Calibration
from churnhealth.errors import TrainingError
from churnhealth.evaluate.backtest import training_rows
from churnhealth.evaluate.inner import TrainingRows
from churnhealth.evaluate.ladder import climb
from churnhealth.evaluate.metrics import figures
from churnhealth.evaluate.panel import Panel
from churnhealth.health.draws import account_draws
from churnhealth.scorers.baselines import ConstantScorer
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.estimator import Scorer
from churnhealth.snapshots.calendar import Fold
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import Flags, date_of

__all__ = ["learning_curve"]

_SHARES = (0.25, 0.5, 0.75, 1.0)


def learning_curve(
    panel: Panel,
    folds: Sequence[Fold],
    scorers: Sequence[Callable[[], Scorer]],
    *,
    calibration: Calibration,
    shares: Sequence[float] = _SHARES,
    seed: int,
) -> list[dict[str, Any]]:
    """Judge the chosen scorer on the whole test period, learned from part of accounts.

    Of several folds the first says what was known: the newest alone may be tested on
    few rows, and on none of who left.

    One row per share of the training accounts (drawn once, nested): ``share``,
    ``outcomes`` learned from, ``chosen``, ``log_loss``, ``gain`` over the constant with
    its 95 % ``interval`` by account; and of the test, the same in every row,
    ``test_from``, ``n_test`` and ``outcomes_test``. A share too small to learn from is
    left out.
    """
    first, last = folds[0], folds[-1]
    rows, _ = training_rows(panel, first.judged_at)
    code, day = panel.labels().code, panel.cohort.as_of
    inside = (first.test_from <= day) & (day < last.test_to) & panel.tests
    test = np.flatnonzero(inside & ((code == YES) | (code == NO)))
    y = (code[test] == YES).astype(np.float64)
    draws = account_draws(panel.cohort.account[test], seed=seed)
    plain = ConstantScorer().fit(rows.X, rows.y, rows.account, rows.as_of)
    constant = sigmoid(plain.decision_function(panel.X[test]))
    place = np.random.default_rng(seed).permutation(int(rows.account.max()) + 1)
    rank = place[rows.account] / place.size
    tested = {
        "test_from": str(date_of(first.test_from)),
        "n_test": int(test.size),
        "outcomes_test": int(np.unique(panel.cohort.account[test[y > 0]]).size),
    }
    points = []
    for share in shares:
        part = _part(rows, rank < share)
        try:
            ladder = climb(part, scorers, calibration=calibration)
        except TrainingError:
            continue
        told = figures(
            ladder.best.probability(panel.X[test]), y, draws, constant=constant
        )
        points.append(
            {
                "share": share,
                "outcomes": part.outcomes,
                "chosen": ladder.chosen,
                "log_loss": told["log_loss"],
                "gain": told["log_loss_gain_over_constant"],
                "interval": told["gain_interval"],
                **tested,
            }
        )
    return points


def _part(rows: TrainingRows, keep: Flags) -> TrainingRows:
    return TrainingRows(
        X=rows.X[keep],
        y=rows.y[keep],
        account=rows.account[keep],
        as_of=rows.as_of[keep],
        codes_at=lambda day: rows.codes_at(day)[keep],
    )
