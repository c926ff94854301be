"""Drivers as a ``shap.Explanation``, for every plot that shap draws.

The only file that knows shap, and it asks for it late.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from churnhealth.errors import ChurnHealthError
from churnhealth.explain.drivers import Explained
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import Floats

__all__ = ["explanation"]


def explanation(
    explained: Explained,
    specs: Sequence[FeatureSpec],
    *,
    values: Floats,
    unit: Literal["log-odds", "points"] = "log-odds",
) -> Any:
    """Give the drivers of n accounts as a ``shap.Explanation``.

    ``values`` (n, F) are the features. In ``"log-odds"`` each row sums to the
    calibrated log-odds, in ``"points"`` to the probability in per cent. Waterfall,
    beeswarm, bar and scatter plots take it as it is.

    Raises
    ------
    ChurnHealthError
        CH907 when shap is not installed.

    >>> from churnhealth.explain.drivers import explain_margin
    >>> from churnhealth.features.spec import feature
    >>> logins = feature("count", source="app", item="login", days=28)
    >>> why = explain_margin(np.array([[0.5, -2.0]]), slope=1.0, intercept=0.0)
    >>> told = explanation(why, [logins], values=np.array([[8.0]]))
    >>> told.values.tolist(), told.base_values.tolist(), told.feature_names
    ([[0.5]], [-2.0], ['Login, last 4 weeks'])
    """
    if find_spec("shap") is None:
        raise ChurnHealthError(
            "CH907",
            "shap is not installed",
            why="its plots are drawn by it",
            fix='pip install "churnhealth[explain]"',
        )
    with warnings.catch_warnings():  # of its own imports, at its import
        warnings.simplefilter("ignore")
        import shap

    whole = unit == "points"
    base = 100.0 * explained.base_probability if whole else explained.base_log_odds
    return shap.Explanation(
        values=100.0 * explained.points if whole else explained.effects,
        base_values=np.full(len(explained.log_odds), base),
        data=values,
        feature_names=[spec.label for spec in specs],
    )
