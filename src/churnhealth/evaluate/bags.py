"""The same scorer learned again from other draws of the same accounts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from churnhealth.evaluate.inner import TrainingRows
from churnhealth.evaluate.ladder import Rung
from churnhealth.health.intervals import LikelyRange, likely_range
from churnhealth.scorers.curves import level_shift
from churnhealth.scorers.estimator import one_thread, rungs_kept
from churnhealth.sources.contract import Floats, Ints

__all__ = ["bagged_log_odds", "likely_around"]

_BAGS = 8  # spreads are pooled over neighbours, so a few draws are enough
_MOST_ROWS = 3_000  # of one draw; fewer accounts are drawn where there are more rows


def likely_around(
    rung: Rung, rows: TrainingRows, X: Floats, *, seed: int
) -> LikelyRange:
    """Learn how far from a rung's probabilities the true ones may lie.

    ``X`` are rows like those that will be scored, best the newest cohort, whose
    outcomes no fit has seen.
    """
    own = rung.calibrator.log_odds(rung.scorer.decision_function(X))
    return likely_range(own, bagged_log_odds(rung, rows, X, seed=seed))


def bagged_log_odds(
    rung: Rung,
    rows: TrainingRows,
    X: Floats,
    *,
    seed: int,
    bags: int = _BAGS,
    most_rows: int = _MOST_ROWS,
) -> Floats:
    """Score rows ``X`` (n, F) by fits on bootstrap draws of accounts: (bags, n).

    Each draw is fitted with the strengths and the slope that were chosen before, at
    its own churn rate. Large sets draw m of N accounts; distances from the rung's own
    log-odds are then shortened by sqrt(m / N), as the m-out-of-n bootstrap does
    (Bickel, Goetze & van Zwet 1997). Same seed, same bits.
    """
    account, size = np.unique(rows.account, return_counts=True)
    order = np.argsort(rows.account, kind="stable")  # each account's rows together
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    mean_size = rows.y.size / account.size
    drawn = int(np.clip(most_rows / mean_size, min(account.size, 30), account.size))
    own = rung.calibrator.log_odds(rung.scorer.decision_function(X))
    random = np.random.default_rng(seed)
    draws = random.integers(account.size, size=(bags, drawn))

    def scored(whom: Ints) -> Floats | None:
        at = np.concatenate([order[start[a] : start[a] + size[a]] for a in whom])
        twin = np.repeat(np.arange(drawn), size[whom])  # drawn twice: two accounts
        sort = np.lexsort((twin, rows.as_of[at]))
        return _refitted(rung, rows, at[sort], twin[sort], X)

    with one_thread(), ThreadPoolExecutor(max_workers=2) as pool:
        scores = [z for z in pool.map(scored, draws) if z is not None]
    # A draw follows no drift: it is compared with the level before that.
    offs = [z - (own - rung.corrected) for z in scores]
    found = [own + off * np.sqrt(drawn / account.size) for off in offs]
    return np.array(found).reshape(len(found), X.shape[0])


def _refitted(
    rung: Rung, rows: TrainingRows, at: Ints, twin: Ints, X: Floats
) -> Floats | None:
    """Fit on a draw and score ``X``; ``None`` where it holds one outcome only."""
    y = rows.y[at]
    if y.min() == y.max():
        return None
    drawn = rows.X[at]
    with rungs_kept(drawn):
        scorer = rung.scorer.settled().fit(drawn, y, twin, rows.as_of[at])
        known = rung.calibrator.slope * scorer.decision_function(drawn)
    level = level_shift(known, y.astype(np.float64))
    before_drift = rung.calibrator.raised(-rung.corrected).at_level(level)
    return before_drift.log_odds(scorer.decision_function(X))
