"""The snapshots in question with their features, and their labels as known on any day.

This is what a data scientist calls the training set, kept whole: which rows may train
a model is decided fold by fold, from what was known on the day the fold is judged at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Config, Question
from churnhealth.features.spec import FeatureSpec
from churnhealth.snapshots.cohort import STATUSES, Cohort, cohort, snapshot_grid
from churnhealth.snapshots.labels import (
    CENSORED,
    LEFT_EARLY,
    NO,
    YES,
    Labels,
    data_until,
    labels,
)
from churnhealth.sources.contract import FAR, Flags, Floats, History, Ints

__all__ = ["Panel", "distinct", "snapshot_panel"]


_LEFT_OUT = ("grace", "announced", "too_new", "open_ended")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """Scored snapshots (sorted by as_of, account), one row of ``X`` each.

    ``tests`` and ``trains`` mark the rows of the test grid and the training grid;
    ``not_drawn`` counts those that a large training grid leaves out. ``group`` is an
    integer per row, ``None`` when accounts have no groups. ``crowded_out`` names the
    features that there was no room for, ``idle`` the patterns that fit none.
    """

    history: History
    question: Question
    cohort: Cohort
    specs: tuple[FeatureSpec, ...]
    X: Floats
    trains: Flags
    tests: Flags
    data_until: int
    group: Ints | None
    left_out: Mapping[str, int]
    not_drawn: int = 0
    crowded_out: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the columns of ``X``."""
        return tuple(spec.name for spec in self.specs)

    def labels(
        self, *, known_before: int = FAR, data_until: int | None = None
    ) -> Labels:
        """Label every snapshot from rows known before a day."""
        return labels(
            self.history,
            self.question,
            account=self.cohort.account,
            as_of=self.cohort.as_of,
            end=self.cohort.end,
            known_before=known_before,
            data_until=self.data_until if data_until is None else data_until,
        )

    def training_codes(self, judged_at: int) -> NDArray[np.int8]:
        """Label what a model judged at a day may train on; the rest is ``CENSORED``.

        Exactly ``labels(rows with known_at < t, data_until = t)`` for snapshots taken
        before ``t``.
        """
        until = min(judged_at, self.data_until)  # no later: the files end there
        code = self.labels(known_before=judged_at, data_until=until).code
        usable = self.trains & (self.cohort.as_of < judged_at)
        return np.where(usable, code, np.int8(CENSORED))

    def counts(self) -> dict[str, int]:
        """Count, on the test grid, snapshots, positives, outcomes and the censored."""
        code = np.where(self.tests, self.labels().code, -1)
        positive = code == YES
        return {
            "snapshots": int(np.sum((code == YES) | (code == NO))),
            "positives": int(positive.sum()),
            "outcomes": distinct(self.cohort.account[positive]),
            "censored": int(np.sum(code == CENSORED)),
            "in_lead": int(np.sum(code == LEFT_EARLY)),
        }


def distinct(account: Ints) -> int:
    """Count distinct accounts: an account seen churning twice is one outcome.

    >>> distinct(np.array([3, 3, 5]))
    2
    """
    return int(np.unique(account).size)


def snapshot_panel(config: Config, history: History) -> Panel:
    """Place the snapshots of the test grid and the training grid, without features."""
    until = data_until(history, config.question)
    account, as_of = snapshot_grid(history, config, data_until=until)
    tests = cohort(history, config.question, account=account, as_of=as_of)
    every = np.ones(tests.account.size, bool)
    both, in_tests, in_trains = tests, every, every
    if config.snapshots.train_every is not None:
        denser = snapshot_grid(
            history, config, data_until=until, every=config.snapshots.train_every
        )
        trains = cohort(history, config.question, account=denser[0], as_of=denser[1])
        both, in_tests, in_trains = _union(history, config, tests, trains)
    counts = np.bincount(tests.status, minlength=len(STATUSES))
    could = in_trains & both.scored
    learns = _drawn(
        could,
        both.account,
        most=config.model.max_rows,
        seed=config.model.seed,
    )
    kept = both.scored & (in_tests | learns)
    return Panel(
        history=history,
        question=config.question,
        cohort=both.rows(kept),
        specs=(),
        X=np.empty((int(kept.sum()), 0)),
        trains=learns[kept],
        tests=in_tests[kept],
        data_until=until,
        group=_groups(history, both.rows(kept).account),
        left_out={name: int(counts[STATUSES.index(name)]) for name in _LEFT_OUT},
        not_drawn=int(could.sum() - learns.sum()),
    )


def _drawn(trains: Flags, account: Ints, *, most: int, seed: int) -> Flags:
    """Keep the training rows of whole accounts, drawn until ``most`` are reached.

    >>> rows, account = np.ones(6, bool), np.array([0, 1, 2, 0, 1, 2])
    >>> int(_drawn(rows, account, most=4, seed=1).sum())
    4
    >>> bool(_drawn(rows, account, most=6, seed=1).all())
    True
    """
    if trains.sum() <= most:
        return trains
    size = np.bincount(account[trains])
    order = np.random.default_rng(seed).permutation(size.size)
    drawn = order[np.cumsum(size[order]) <= most]
    return trains & np.isin(account, drawn)


def _union(
    history: History, config: Config, tests: Cohort, trains: Cohort
) -> tuple[Cohort, Any, Any]:
    """Join two grids; say of each snapshot which grids it is on."""
    span = history.accounts.ids.size + 1
    key_tests = tests.as_of * span + tests.account
    key_trains = trains.as_of * span + trains.account
    keys = np.union1d(key_tests, key_trains)
    both = cohort(history, config.question, account=keys % span, as_of=keys // span)
    return both, np.isin(keys, key_tests), np.isin(keys, key_trains)


def _groups(history: History, account: Ints) -> Ints | None:
    """Give each row its group as a number; an account without one is its own.

    Its id may be what others name as theirs, as a parent's is.
    """
    names = history.accounts.group
    if all(name is None for name in names):
        return None
    ids = history.accounts.ids
    own = [str(i if name is None else name) for i, name in zip(ids, names, strict=True)]
    return np.unique(own, return_inverse=True)[1].astype(np.int64)[account]
