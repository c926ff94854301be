"""What is counted adds up to what was answered, whichever moment writes it down."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import prometheus_client as prometheus
import pytest

from churnhealth.serve.metrics import _MANY, Metrics

ROWS = [
    {"band": "green", "churn_probability": 0.05},
    {"band": "red", "churn_probability": 0.62},
    {"band": "red", "churn_probability": 0.7},
    {"band": None, "churn_probability": None},  # not in question
]


@pytest.fixture
def counted(bundle):
    """Give metrics of a served bundle, and a reading of one number by its labels."""
    registry = prometheus.CollectorRegistry()
    kinds = ("Counter", "Gauge", "Histogram")
    make = {
        kind: partial(getattr(prometheus, kind), registry=registry) for kind in kinds
    }
    metrics = Metrics(SimpleNamespace(**make))
    metrics.serves(bundle)
    return metrics, registry.get_sample_value


def measured(bundle, *, lacks):
    X = np.ones((len(ROWS), len(bundle.specs)))
    for row, column in lacks:
        X[row, column] = np.nan
    return X


def test_scores_and_missing_features_add_up(counted, bundle):
    metrics, value = counted
    for _ in range(2):
        metrics.scored(bundle, ROWS, measured(bundle, lacks=[(0, 1), (2, 1), (3, 0)]))
    metrics.flush({"short": 3})
    metrics.flush({"short": 0})
    chances = "churnhealth_churn_probability"
    assert value(f"{chances}_count") == 6
    assert value(f"{chances}_bucket", {"le": "0.1"}) == 2
    scores = "churnhealth_scores_total"
    told = {band: value(scores, {"band": band}) for band in ("green", "red", "none")}
    assert told == {"green": 2, "red": 4, "none": 2}
    lacked = [
        value("churnhealth_feature_missing_total", {"feature": name})
        for name in bundle.names[:3]
    ]
    assert lacked == [2, 4, None]
    assert value("churnhealth_feature_rows_total") == 2 * len(ROWS)
    assert value("churnhealth_waiting", {"line": "short"}) == 0


def test_many_chances_are_counted_at_once_so_that_no_second_has_them_to_write(
    counted, bundle
):
    metrics, value = counted
    many = -(-_MANY // len(ROWS))
    for _ in range(many):
        assert value("churnhealth_churn_probability_count") in (None, 0)
        metrics.scored(bundle, ROWS, measured(bundle, lacks=[]))
    assert value("churnhealth_churn_probability_count") == 3 * many


def test_rows_of_a_model_that_is_gone_say_nothing_of_features(counted, bundle):
    metrics, value = counted
    metrics.scored(replace(bundle), ROWS, measured(bundle, lacks=[(0, 1)]))
    metrics.flush({})
    assert (
        value("churnhealth_feature_missing_total", {"feature": bundle.names[1]}) is None
    )
    assert value("churnhealth_scores_total", {"band": "red"}) == 2
