"""What every scorer would have said in the past, and what then happened.

A fold judged at ``t`` trains on exactly what ``labels(rows with known_at < t,
data_until = t)`` does not censor and is tested on later snapshots. Nothing is chosen,
fitted or calibrated on a test row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Calibration, Config
from churnhealth.errors import TrainingError
from churnhealth.evaluate.inner import TrainingRows
from churnhealth.evaluate.ladder import Ladder, climb, needs_both
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.scorers.curves import level_shift
from churnhealth.scorers.estimator import Scorer, one_thread, rungs_kept
from churnhealth.snapshots.calendar import Fold, fold_days, newest_quarter
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import FAR, Days, Floats, Ints, date_of, day_of

__all__ = ["Judged", "backtest", "can_learn", "fold_plan", "training_rows"]

_PARTS = 3  # of the groups, when they are kept apart
_YEAR = 365
_FOUR_WEEKS = 28  # no two dates of a monthly grid lie inside

_USUAL = Calibration()
Makers = Sequence[Callable[[], Scorer]]
Advance = Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FoldResult:
    """One fold: its ladder, its rows and what each scorer said of the test rows.

    ``newest_p`` is what the chosen scorer says of the newest cohort before the test:
    the portfolio that capacity is counted in, and whose mix the limits of the colours
    follow; ``year_before_p`` of the cohort a year before it, empty without one.
    ``disjoint`` is what it says of the test rows when fitted without their groups.
    """

    fold: Fold
    ladder: Ladder
    train: Ints
    train_codes: NDArray[np.int8]
    test: Ints
    p: Mapping[str, Floats]
    newest_p: Floats
    year_before_p: Floats
    disjoint: Floats | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judged:
    """All folds together: test rows in order, every scorer's probability beside them.

    ``rate`` is the training base rate that held for each row; ``p["chosen"]`` is the
    chosen scorer's probability, fold by fold.
    """

    folds: tuple[FoldResult, ...]
    row: Ints
    y: Ints
    account: Ints
    as_of: Days
    outcome: Days
    rate: Floats
    p: Mapping[str, Floats]
    chosen: str
    disjoint: Floats | None
    reasons: tuple[str, ...]


_SOONER = "an earlier [snapshots] from (else it waits until a window is full)"


def _no_outcome(panel: Panel) -> TrainingError:
    """Say why there is no outcome: without agreed ends nobody is up for renewal."""
    contracts = panel.history.contracts
    endless = (
        contracts is not None
        and not contracts.renews_months
        and bool((contracts.end >= FAR).all())
    )
    if panel.question.kind == "renewal" and endless:
        return TrainingError(
            "CH302",
            "no contract has an agreed end, so nobody is ever up for renewal",
            why="without known outcomes nothing can be learned or judged",
            fix='ask who will leave in the next days: [question] kind = "horizon"; map'
            " `end` to the agreed end of each term; or, if they renew by themselves,"
            " say how often: [sources.contracts] renews_months = 12",
        )
    return TrainingError(
        "CH302",
        "no snapshot has an outcome that is known yet",
        why="without known outcomes nothing can be learned or judged",
        fix=f"give a longer history, {_SOONER}, or a shorter lead, horizon, gap or"
        " [question] min_age_days",
    )


def fold_plan(panel: Panel, config: Config) -> list[Fold]:
    """Place the folds that the configuration asks for on the panel's test dates."""
    code = panel.labels().code
    dates = panel.cohort.as_of[panel.tests & ((code == YES) | (code == NO))]
    if not dates.size:
        raise _no_outcome(panel)
    pinned = config.backtest.test_from
    test_from = newest_quarter(dates) if pinned is None else day_of(pinned)
    folds = fold_days(
        np.unique(dates).tolist(),
        test_from=test_from,
        each=config.backtest.origins == "each",
        monthly=config.snapshots.anchor != "calendar",
    )
    if not folds:
        raise TrainingError(
            "CH303",
            f"no snapshot with a known outcome lies on or after {date_of(test_from)}",
            why="there is nothing to judge the scorers on",
            fix="set an earlier [backtest] test_from",
        )
    return folds


def training_rows(panel: Panel, judged_at: int) -> tuple[TrainingRows, Ints]:
    """Collect what a model judged at a day may train on, and where in the panel."""
    code, row = _closed(panel, judged_at)
    rows = TrainingRows(
        X=panel.X[row],
        y=(code[row] == YES).astype(np.int64),
        account=panel.cohort.account[row],
        as_of=panel.cohort.as_of[row],
        codes_at=lambda day: panel.training_codes(day)[row],
    )
    return rows, row


def can_learn(panel: Panel, config: Config) -> None:
    """Refuse, as training would, outcomes from which nothing can be learned.

    Raises
    ------
    TrainingError
        CH301 one class only in training, CH302 no outcome, CH303 no test date, CH304
        nothing to train on.
    """
    first, *_ = fold_plan(panel, config)  # later folds have more to learn from
    code, row = _closed(panel, first.judged_at)
    needs_both((code[row] == YES).astype(np.int64))


def _closed(panel: Panel, judged_at: int) -> tuple[Ints, Ints]:
    """Give the labels as they stood on a day, and the rows that had closed."""
    code = np.asarray(panel.training_codes(judged_at), dtype=np.int64)
    row = np.flatnonzero((code == YES) | (code == NO))
    if not row.size:
        raise TrainingError(
            "CH304",
            f"no label had closed before {date_of(judged_at)}; snapshots begin on"
            f" {date_of(int(panel.cohort.as_of.min(initial=judged_at)))}",
            why="a model judged then has nothing to learn from",
            fix=f"set a later [backtest] test_from, {_SOONER}, a shorter lead or"
            " horizon, or give more history",
        )
    return code, row


def backtest(
    panel: Panel,
    folds: Sequence[Fold],
    scorers: Makers,
    *,
    disjoint_groups: bool,
    calibration: Calibration = _USUAL,
    advance: Advance = lambda: None,
) -> Judged:
    """Fit and test fold by fold; every scorer on the same rows.

    Raises
    ------
    TrainingError
        CH301 one class only in training, CH304 nothing to train on, CH305 no test row.
    """
    labels = panel.labels()
    results = [
        _fold(
            panel,
            f,
            scorers,
            advance,
            disjoint_groups=disjoint_groups,
            calibration=calibration,
        )
        for f in folds
    ]
    row = np.concatenate([r.test for r in results])
    if not row.size:
        raise TrainingError(
            "CH305",
            "no test snapshot has a known outcome",
            why="the scorers cannot be judged",
            fix="set an earlier [backtest] test_from",
        )
    names = [n for n in results[-1].p if all(n in r.p for r in results)]
    chosen = Counter(r.ladder.chosen for r in results).most_common(1)[0][0]
    return Judged(
        folds=tuple(results),
        row=row,
        y=(labels.code[row] == YES).astype(np.int64),
        account=panel.cohort.account[row],
        as_of=panel.cohort.as_of[row],
        outcome=labels.outcome[row],
        rate=np.concatenate(
            [np.full(r.test.size, r.ladder.base_rate) for r in results]
        ),
        p={n: np.concatenate([r.p[n] for r in results]) for n in names},
        chosen=chosen,
        disjoint=None
        if panel.group is None
        else np.concatenate([r.disjoint for r in results if r.disjoint is not None]),
        reasons=next(
            r.ladder.reasons for r in reversed(results) if r.ladder.chosen == chosen
        ),
    )


def _fold(
    panel: Panel,
    fold: Fold,
    scorers: Makers,
    advance: Advance,
    *,
    disjoint_groups: bool,
    calibration: Calibration,
) -> FoldResult:
    code = panel.labels().code
    day = panel.cohort.as_of
    inside = (fold.test_from <= day) & (day < fold.test_to) & panel.tests
    test = np.flatnonzero(inside & ((code == YES) | (code == NO)))
    rows, train = training_rows(panel, fold.judged_at)
    ladder = climb(rows, scorers, calibration=calibration, advance=advance)
    if disjoint_groups and panel.group is not None:
        p = {n: _disjoint(panel, rows, train, test, n, ladder) for n in ladder.rungs}
    else:
        X = panel.X[test]
        with rungs_kept(X):
            p = {n: r.probability(X) for n, r in ladder.rungs.items()}
    p["chosen"] = p[ladder.chosen]
    apart = None
    if panel.group is not None:
        apart = (
            p["chosen"]
            if disjoint_groups
            else _disjoint(panel, rows, train, test, ladder.chosen, ladder)
        )
    newest = int(day[day < fold.judged_at].max())
    return FoldResult(
        fold=fold,
        ladder=ladder,
        train=train,
        train_codes=rows.y.astype(np.int8),
        test=test,
        p=p,
        newest_p=_said_around(ladder, panel, newest),
        year_before_p=_said_around(ladder, panel, newest - _YEAR),
        disjoint=apart,
    )


def _said_around(ladder: Ladder, panel: Panel, day: int) -> Floats:
    """Score the cohort of a day: each account's last row of the four weeks up to it.

    Dates that follow each account's own start or renewal hold few accounts each. Rows
    whose label is not closed count too: of the newest renewals those have closed that
    were due at once, and of a quarter's last cohort that may be one account.
    """
    as_of, account = panel.cohort.as_of, panel.cohort.account
    late = np.flatnonzero((as_of > day - _FOUR_WEEKS) & (as_of <= day))
    _, last = np.unique(account[late][::-1], return_index=True)
    row = np.sort(late[late.size - 1 - last])
    return ladder.best.probability(panel.X[row]) if row.size else np.zeros(0)


def _disjoint(
    panel: Panel,
    rows: TrainingRows,
    train: Ints,
    test: Ints,
    name: str,
    ladder: Ladder,
) -> Floats:
    """Score the test rows by fits that never saw a row of their groups.

    Groups are dealt into parts; the rows of each part are scored by a fit on the
    others, with the strengths that the ladder chose. Leaving out all groups of the
    test at once would leave mostly accounts that left before it, which is a choice by
    outcome.
    """
    if panel.group is None:
        raise ValueError("there are no groups to keep apart")
    part = panel.group % _PARTS
    rung = ladder.rungs[name]
    line = rung.calibrator.raised(-rung.corrected)
    p = np.full(test.size, np.nan)

    def score(k: int) -> None:
        mine, keep = part[test] == k, part[train] != k
        y = rows.y[keep]
        if not mine.any() or y.size == 0 or y.min() == y.max():
            return
        X = rows.X[keep]
        with rungs_kept(X):
            scorer = rung.scorer.settled().fit(
                X, y, rows.account[keep], rows.as_of[keep]
            )
            known = line.slope * scorer.decision_function(X)
        level = level_shift(known, y.astype(np.float64))
        margin = scorer.decision_function(panel.X[test[mine]])
        p[mine] = line.at_level(level).raised(rung.corrected).probability(margin)

    # side by side, each on one thread: trees are not grown faster by two
    with one_thread(), ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(score, range(_PARTS)):
            pass
    return np.where(np.isnan(p), ladder.base_rate, p)


def fold_rows(judged: Judged, panel: Panel) -> list[dict[str, Any]]:
    """Describe each fold: dates, rows, positives and distinct outcomes."""
    return [_fold_row(result, judged, panel) for result in judged.folds]


def _fold_row(result: FoldResult, judged: Judged, panel: Panel) -> dict[str, Any]:
    days, account = panel.cohort.as_of, panel.cohort.account
    positive = result.train[result.train_codes == YES]
    here = np.isin(judged.row, result.test)
    churned = here & (judged.y == 1)
    return {
        "train_from": str(date_of(days[result.train].min())),
        "train_to": str(date_of(days[result.train].max())),
        "test_from": str(date_of(result.fold.test_from)),
        "test_to": str(date_of(days[result.test].max())) if result.test.size else None,
        "n_train": int(result.train.size),
        "n_test": int(result.test.size),
        "positives_train": int(positive.size),
        "positives_test": int(churned.sum()),
        "outcomes_train": distinct(account[positive]),
        "outcomes_test": distinct(judged.account[churned]),
    }
