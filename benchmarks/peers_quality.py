"""The peers of benchmarks/quality.py: FLAML, an untuned LightGBM, BG/NBD.

Every one is fitted on training rows and gives probabilities of the rows asked for.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln


def flaml_search(rows, asked, *, how, seconds):
    """Search with FLAML's defaults; judged by the newest quarter, or by account folds.

    It then fits what it found on all training rows.
    """
    import pandas as pd
    from flaml import AutoML

    X, y, account, as_of = rows.X, rows.y, rows.account, rows.as_of
    names = [f"f{j}" for j in range(X.shape[1])]
    common = {
        "task": "classification",
        "metric": "log_loss",
        "time_budget": seconds,
        "n_jobs": 2,
        "seed": 7,
        "retrain_full": True,
        "verbose": 0,
        "log_file_name": "",
    }
    automl = AutoML()
    if how == "time":
        newest = as_of >= np.quantile(as_of, 0.75, method="higher")
        if not 0 < y[newest].sum() < newest.sum() or not y[~newest].sum():
            newest = as_of >= np.median(as_of)
        automl.fit(
            pd.DataFrame(X[~newest], columns=names),
            y[~newest],
            X_val=pd.DataFrame(X[newest], columns=names),
            y_val=y[newest],
            **common,
        )
    else:
        automl.fit(
            pd.DataFrame(X, columns=names),
            y,
            eval_method="cv",
            n_splits=5,
            split_type="group",
            groups=account,
            **common,
        )
    table = pd.DataFrame(asked, columns=names)
    return np.asarray(automl.predict_proba(table), np.float64)[:, 1]


def untuned_lightgbm(rows, asked):
    """Fit scikit-learn's LightGBM with the settings it comes with."""
    import lightgbm as lgb

    fitted = lgb.LGBMClassifier(n_jobs=2, random_state=7, verbosity=-1).fit(
        rows.X, rows.y
    )
    return np.asarray(fitted.predict_proba(asked), np.float64)[:, 1]


def bg_nbd(events, *, known_before, account, as_of, days):
    """Give P(no order in the next ``days``) by BG/NBD (Fader, Hardie and Lee 2005).

    Fitted by maximum likelihood on each customer's days with an order before
    ``known_before``; then asked about every (account, as_of) from the days before it.
    """
    bought = np.unique(
        np.column_stack([events.account, events.happened_at]), axis=0
    ).astype(np.int64)
    everyone = np.unique(bought[bought[:, 1] < known_before, 0])
    x, last, age = _told(bought, everyone, np.full(everyone.size, known_before))
    fit = minimize(
        lambda v: -_likelihood(np.exp(v), x, last, age).mean(),
        np.zeros(4),
        method="Nelder-Mead",
        options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-9},
    )
    r, alpha, a, b = np.exp(fit.x)
    x, last, age = _told(bought, account, as_of)
    gone = np.where(
        x > 0,
        a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + last)) ** (r + x),
        0.0,
    )
    silent = ((alpha + age) / (alpha + age + days / 7.0)) ** (r + x)
    return 1.0 - (1.0 - silent) / (1.0 + gone)


def _told(bought, account, day):
    """Give repeat orders, weeks from the first to the last, weeks from the first on."""
    span = int(bought[:, 1].max()) + 2
    keys = bought[:, 0] * span + bought[:, 1]  # sorted
    start = np.searchsorted(keys, account * span)
    stop = np.searchsorted(keys, account * span + np.minimum(day, span - 1))
    first, newest = bought[start, 1], bought[stop - 1, 1]
    return stop - start - 1, (newest - first) / 7.0, (day - first) / 7.0


def _likelihood(v, x, last, age):
    r, alpha, a, b = v
    shape = (
        gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    )  # fmt: skip
    alive = -(r + x) * np.log(alpha + age)
    left = np.where(
        x > 0,
        np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last),
        -np.inf,
    )
    return shape + np.logaddexp(alive, left)
