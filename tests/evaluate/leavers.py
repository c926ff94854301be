"""Made-up rows of accounts that leave, and rungs small enough to climb in a test."""

from functools import partial

import numpy as np

from churnhealth.evaluate.inner import TrainingRows
from churnhealth.scorers.baselines import CalendarScorer, ConstantScorer, RecencyScorer
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.hazard import HazardScorer
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.rules import RuleScorer
from churnhealth.snapshots.labels import CENSORED

NAMES = (
    "product__all__days_since",
    "contracts__all__days_to_renewal",
    "product__login__count__28d",
    "tickets__all__count__90d",
)
HORIZON = 60  # days until a label closes


def makers(*, threads=2, without=()):
    """One maker per rung, small enough for a test."""
    kinds = {
        "constant": partial(ConstantScorer, feature_names=NAMES),
        "recency": partial(RecencyScorer, feature_names=NAMES),
        "calendar": partial(CalendarScorer, feature_names=NAMES, window=(0, HORIZON)),
        "rules": partial(RuleScorer, feature_names=NAMES),
        "logistic": partial(LogisticScorer, feature_names=NAMES),
        "gbm": partial(
            GbmScorer, feature_names=NAMES, max_rounds=80, num_threads=threads
        ),
        "hazard": partial(HazardScorer, feature_names=NAMES, window=(0, HORIZON)),
        "blend": BlendScorer,
    }
    return [make for name, make in kinds.items() if name not in without]


def company(
    *,
    signal=1.0,
    late_signal=None,
    seed=0,
    accounts=250,
    months=14,
    rate=-3,
    late_rate=None,
):
    """Monthly looks at accounts that leave the sooner, the fewer their logins."""
    random = np.random.default_rng(seed)
    late_signal = signal if late_signal is None else late_signal
    X, y, account, as_of = [], [], [], []
    here = np.arange(accounts)
    for month in range(months):
        look = random.normal(size=(here.size, len(NAMES)))
        strength = signal if month < months // 2 else late_signal
        level = rate if late_rate is None or month < months - 4 else late_rate
        left = random.random(here.size) < sigmoid(level - strength * look[:, 2])
        shown = np.column_stack(
            [
                np.exp(look[:, 0] + 2),
                random.integers(0, 365, here.size),
                np.round(20 + 6 * look[:, 2]),
                np.exp(look[:, 3]),
            ]
        )
        X.append(shown)
        y.append(left)
        account.append(here)
        as_of.append(np.full(here.size, 30 * month))
        here = here[~left]
    y, as_of = np.concatenate(y).astype(np.int64), np.concatenate(as_of)

    def codes_at(day):
        return np.where(as_of + HORIZON <= day, y, CENSORED).astype(np.int8)

    return TrainingRows(
        X=np.concatenate(X),
        y=y,
        account=np.concatenate(account),
        as_of=as_of,
        codes_at=codes_at,
    )
