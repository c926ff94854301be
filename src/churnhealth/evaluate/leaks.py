"""What cheating would have claimed, and what is left when the dates are shuffled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.metrics import auc, auc_gap, defined
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.features.runtime import feature_table
from churnhealth.health.draws import account_draws
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.snapshots.labels import YES
from churnhealth.sources.contract import Flags, Floats, Ints
from churnhealth.sources.findings import Finding, finding

__all__ = [
    "doubts",
    "first_of_each",
    "leaky_claim",
    "shuffled_dates",
    "timeless",
    "within_strata",
]

_RANKS = 0.65  # from here on a ranking is worth asking what it rests on
_SAME = 1 / 8  # of its lead over chance: a ranking that surely loses less stays
_FEWEST = 10  # accounts that left, with snapshots on several dates
_TOO_GOOD = 0.95  # no honest forecast ranks so well those whose renewals are alike
_SURELY = 2.0  # standard errors that it must lie above what an honest one reaches
_HONEST = 0.9

HOW = (
    "one row per account, features at one global cut-off after the outcomes, label ="
    " ever churned, random split of accounts"
)


def leaky_claim(panel: Panel, *, seed: int) -> dict[str, Any]:
    """Do what most published churn models do, and give the AUC it would claim.

    Every account that was ever in the panel is measured once, at the end of the data;
    the label is whether it was ever seen churning. Features then know the outcome
    (days since the last event grow after leaving), and the split is random.
    """
    account = np.unique(panel.cohort.account)
    churned = np.unique(panel.cohort.account[panel.labels().code == YES])
    y = np.isin(account, churned).astype(np.int64)
    draw = np.random.default_rng(seed).random(account.size)
    train, test = draw < 0.7, draw >= 0.7
    if min(y[train].sum(), y[test].sum()) < 2 or min(y[train].mean(), 0.99) > 0.98:
        return {"auc": None, "how": HOW}
    X = feature_table(
        panel.history,
        panel.specs,
        account=account,
        as_of=np.full(account.size, panel.data_until + 1, np.int64),
        gap_days=panel.question.gap_days,
    ).values
    scorer = LogisticScorer(feature_names=panel.names, penalties=(30.0,))
    scorer.fit(X[train], y[train], account[train])
    claim = auc(scorer.decision_function(X[test]), y[test])
    return {"auc": defined(claim), "how": HOW}


def shuffled_dates(panel: Panel, judged: Judged, *, seed: int) -> dict[str, Any]:
    """Rank the test rows by the score of the same account on another date.

    A forecast rests on how an account fares when it is looked at, so it ranks worse by
    the scores of other dates. A ranking that stays rests on who the account is: on
    what never changes, or was written over afterwards for all dates at once. Asked of
    the test rows of accounts with several snapshots; ``gap`` is the 95 % interval of
    what is lost, accounts drawn again and again.
    """
    nothing = {"auc": None, "auc_shuffled": None, "gap": None, "accounts": 0}
    other = _other_snapshots(panel.cohort.account, seed=seed)
    told, moved, row = [], [], []
    for fold in judged.folds:
        rung = fold.ladder.rungs.get(judged.chosen)
        test = fold.test[other[fold.test] >= 0]
        if rung is None or not test.size:
            continue
        told.append(rung.probability(panel.X[test]))
        moved.append(rung.probability(panel.X[other[test]]))
        row.append(test)
    if not row:
        return nothing
    p, q, at = np.concatenate(told), np.concatenate(moved), np.concatenate(row)
    y = (panel.labels().code[at] == YES).astype(np.int64)
    account = panel.cohort.account[at]
    leavers = distinct(account[y == 1])
    if leavers < _FEWEST or distinct(account[y == 0]) < _FEWEST:
        return nothing
    gap = auc_gap(p, q, y, account_draws(account, seed=seed))
    return {
        "auc": auc(p, y),
        "auc_shuffled": auc(q, y),
        "gap": list(gap),
        "accounts": distinct(account),
    }


def _other_snapshots(account: Ints, *, seed: int) -> Ints:
    """Give each snapshot another one of its account, -1 where there is none."""
    order = np.lexsort((np.random.default_rng(seed).random(account.size), account))
    mine = account[order]
    first = np.flatnonzero(np.diff(mine, prepend=-1))
    size = np.diff(first, append=mine.size)
    after = np.arange(mine.size) + 1
    last = first + size - 1
    after[last] = first
    out = np.empty(account.size, dtype=np.int64)
    out[order] = np.where(np.repeat(size, size) > 1, order[after], -1)
    return out


def doubts(
    panel: Panel, judged: Judged, shuffled: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find a ranking that no honest forecast could reach, or that no date can move.

    ``shuffled`` is what ``shuffled_dates`` told of it. Terms of contracts that rank as
    well are no excuse: an export may have written them over.
    """
    if (found := _too_good(panel, judged)) is not None:
        yield found
    if (found := timeless(shuffled)) is not None:
        yield found


def first_of_each(screened: Iterable[Finding]) -> Iterator[Finding]:
    """Give one warning (or error that was allowed) of each code; `check` lists all.

    >>> from churnhealth.sources.findings import finding
    >>> two = [finding("CH227", f"plan {k}", count=9) for k in (1, 2)]
    >>> [f.what for f in first_of_each(two)]
    ['plan 1']
    """
    told: set[str] = set()
    for f in screened:
        if f.severity != "advice" and f.code not in told:
            told.add(f.code)
            yield f


def _too_good(panel: Panel, judged: Judged) -> Finding | None:
    """Judge the ranking among rows that the calendar alone cannot tell apart.

    Whoever has no renewal ahead can hardly leave: of annual contracts that alone gives
    a high AUC, and is no secret. Nor is it that silence goes on.
    """
    if panel.question.kind == "inactivity":
        return None
    p = judged.p["chosen"]
    like = judged.p.get("calendar", np.zeros(p.size))
    found, compared = within_strata(p, judged.y, like)
    left = compared & (judged.y == 1)
    leavers = distinct(judged.account[left])
    if leavers < _FEWEST or found <= _TOO_GOOD:
        return None
    if found - _SURELY * np.sqrt(found * (1.0 - found) / leavers) <= _HONEST:
        return None
    what = (
        f"{judged.chosen} ranks {leavers} accounts that left with an AUC of {found:.2f}"
        " among those whose renewals are as near: too good to be true"
    )
    return finding("CH250", what, count=leavers)


def within_strata(p: Floats, y: Ints, like: Floats) -> tuple[float, Flags]:
    """Give the AUC over pairs of equal ``like``, and which rows are in any pair.

    >>> p, y = np.array([0.1, 0.9, 0.6, 0.2]), np.array([0, 1, 0, 1])
    >>> within_strata(p, y, np.array([0.0, 0.0, 1.0, 1.0]))[0]
    0.5
    """
    ordered, pairs, compared = 0.0, 0, np.zeros(p.size, dtype=np.bool_)
    for level in np.unique(like):
        mine = like == level
        many = int(y[mine].sum()) * int((1 - y[mine]).sum())
        if many:
            ordered += auc(p[mine], y[mine]) * many
            pairs += many
            compared |= mine
    return ordered / max(pairs, 1), compared


def timeless(told: Mapping[str, Any]) -> Finding | None:
    """Find a ranking that is the same whichever date the accounts are looked at."""
    if told["auc"] is None or told["auc"] < _RANKS:
        return None
    if told["gap"][1] > _SAME * (told["auc"] - 0.5):
        return None
    what = (
        f"the ranking stays when the dates are shuffled: AUC {told['auc']:.2f}, and"
        f" {told['auc_shuffled']:.2f} by the scores of other dates"
    )
    return finding("CH232", what, count=told["accounts"])
