"""What cheating would have claimed: the number that honest ones are read beside."""

from __future__ import annotations

from typing import Any

import numpy as np

from churnhealth.evaluate.metrics import auc
from churnhealth.evaluate.panel import Panel
from churnhealth.features.runtime import feature_table
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.snapshots.labels import YES

__all__ = ["leaky_claim"]

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
    return {"auc": auc(scorer.decision_function(X[test]), y[test]), "how": HOW}
