"""Feeding the kernel: a table of snapshots here, one account in a request there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from churnhealth.features.kernel import compute
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import Days, Floats, History, Ints

__all__ = ["FeatureTable", "feature_table", "features_of_one"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureTable:
    """One row per snapshot, one column per feature, NaN where missing.

    ``account`` are positions in the history's accounts, ``values`` is
    ``(len(account), len(names))``.
    """

    account: Ints
    as_of: Days
    names: tuple[str, ...]
    values: Floats


def feature_table(
    history: History,
    specs: Sequence[FeatureSpec],
    *,
    account: Ints,
    as_of: Days,
    gap_days: int,
    batch_rows: int = 1 << 16,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """Compute the features of snapshots on this machine, rows in the order given."""
    values = compute(
        history,
        specs,
        account=account,
        as_of=as_of,
        gap_days=gap_days,
        batch_rows=batch_rows,
        progress=progress,
    )
    names = tuple(spec.name for spec in specs)
    return FeatureTable(account=account, as_of=as_of, names=names, values=values)


def features_of_one(
    history: History, specs: Sequence[FeatureSpec], *, as_of: int, gap_days: int
) -> Floats:
    """Compute the features of the first account of a history at one day, ``(F,)``."""
    values = compute(
        history,
        specs,
        account=np.zeros(1, dtype=np.int64),
        as_of=np.array([as_of], dtype=np.int64),
        gap_days=gap_days,
    )
    return values.reshape(-1)
