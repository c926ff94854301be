"""What nobody has who leaves: the sign of a renewal, written before it was made.

The mirror of what only leavers have, but asked date by date: who has it today may leave
some years later. How many should have left is told by others whose agreed end is as
near and whose term is as long, or a term that cannot be left yet would look like such a
sign.

Worked example: a discount of 15 % is granted at the renewal, and written over that of
the old term. Of 253 accounts that had it on some date none left thereafter, where 19
like them would have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import FAR, Flags, Floats, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = ["only_stayers"]

_FEWEST, _MUCH = 12, 0.25  # leavers that are to be expected; of all leavers
_HARDLY = 0.05  # of these; what honestly keeps customers loses some of them
_NEAR_DAYS, _FAR_OFF = 30, 24  # ends are as near in the same span; how many are told


def only_stayers(panel: Panel, *, told: Collection[str] = ()) -> Iterator[Finding]:
    """Find states, discounts and events of late that none has who leaves.

    ``told`` are features that have been named already. Where churn is silence, events
    are left out: whoever is heard of stays.
    """
    code = panel.labels().code
    known = _newest_looks(panel, np.flatnonzero((code == YES) | (code == NO)))
    left, account = code[known] == YES, panel.cohort.account[known]
    if not left.any():
        return
    like = _alike(panel, known)
    rate = np.bincount(like, left) / np.bincount(like)
    # where no end is agreed an account is seen leaving on several dates
    usual = rate[like] * distinct(account[left]) / left.sum()
    fewest = max(_FEWEST, _MUCH * distinct(account[left]))
    for spec, name, has in _had(panel, known, told):
        expected, found = float(usual[has].sum()), distinct(account[has & left])
        if expected >= fewest and found <= _HARDLY * expected:
            many = distinct(account[has])
            what = (
                f"{found} of {many:,} accounts with {name} left thereafter;"
                f" {expected:.0f} would have, as others of as near an end and as long a"
                " term did"
            )
            yield finding("CH291", what, count=many, example=spec.name)


def _newest_looks(panel: Panel, rows: Ints) -> Ints:
    """Keep of several looks at one agreed end the one that is nearest to it.

    What is written when it is renewed has its say then at last.
    """
    account, end = panel.cohort.account[rows], panel.cohort.end[rows]
    order = np.lexsort((panel.cohort.as_of[rows], end, account))
    account, end = account[order], end[order]
    newest = np.append((account[1:] != account[:-1]) | (end[1:] != end[:-1]), True)
    return np.sort(rows[order[newest[: rows.size] | (end >= FAR)]])


def _alike(panel: Panel, rows: Ints) -> Ints:
    """Tell which ``rows`` are alike: how near the end is, and how long the term."""
    ahead = panel.cohort.end[rows] - panel.cohort.as_of[rows]
    span = np.minimum(ahead // _NEAR_DAYS, _FAR_OFF)
    months = np.zeros(rows.size)
    for j, spec in enumerate(panel.specs):
        if spec.kind == "term_months":
            months += np.nan_to_num(panel.X[rows, j], nan=-1.0)
    _, term = np.unique(months, return_inverse=True)
    _, like = np.unique(term * (_FAR_OFF + 1) + span, return_inverse=True)
    return like.astype(np.int64)


def _had(
    panel: Panel, rows: Ints, told: Collection[str]
) -> Iterator[tuple[FeatureSpec, str, Flags]]:
    """Give what there is to have, and on which of the ``rows`` somebody had it."""
    silence = panel.question.kind == "inactivity"
    widest = max((s.days or 0 for s in panel.specs if s.kind == "count"), default=0)
    for j, spec in enumerate(panel.specs):
        if spec.name in told:
            continue
        item = spec.item or spec.source
        if spec.kind == "count" and spec.days == widest and not silence:
            family = KINDS[spec.kind].family
            name = spec.source if spec.item is None else f"{spec.source}: {item}"
            if family == "events":
                yield spec, f"{name} in the last {widest} days", panel.X[rows, j] > 0
        elif spec.kind in ("latest", "discount"):
            x = panel.X[rows, j]
            name = "a discount of" if spec.kind == "discount" else f"{item} at"
            for value in _frequent(x):
                yield spec, f"{name} {value:g}", x == value


def _frequent(x: Floats) -> list[float]:
    """Give the values that enough rows have for a dozen of them to leave."""
    values, many = np.unique(x[~np.isnan(x)], return_counts=True)
    return [float(v) for v in values[many >= _FEWEST]]
