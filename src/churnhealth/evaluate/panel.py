"""The snapshots in question with their features, and their labels as known on any day.

This is what a data scientist calls the training set, kept whole: which rows may train
a model is decided fold by fold, from what was known on the day the fold is judged at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Question
from churnhealth.features.spec import FeatureSpec
from churnhealth.snapshots.cohort import Cohort
from churnhealth.snapshots.labels import CENSORED, LEFT_EARLY, NO, YES, Labels, labels
from churnhealth.sources.contract import FAR, Floats, History, Ints

__all__ = ["Flags", "Panel", "distinct"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """Scored snapshots (sorted by as_of, account), one row of ``X`` each.

    ``tests`` and ``trains`` mark the rows of the test grid and the training grid;
    ``group`` is an integer per row, ``None`` when accounts have no groups.
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
