"""A table with a row for each customer and no dates: scorers as scikit-learn's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.logistic import LogisticScorer


@pytest.fixture(scope="module")
def telco(shared_data):
    table = pd.read_csv(shared_data("telco") / "Telco-Customer-Churn.csv")
    churned = table.pop("Churn") == "Yes"
    # blank in the first month; the id tells nothing
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    return pd.get_dummies(table.drop(columns="customerID")), churned


def foretold(scorer, X, y):
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return cross_val_predict(scorer, X, y, cv=folds, method="predict_proba")[:, 1]


def test_on_telco_they_foretell_as_well_as_a_logistic_regression_at_least(telco):
    X, y = telco
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    peer = foretold(plain, X.fillna(0.0), y)
    for scorer in (LogisticScorer(), GbmScorer(base=LogisticScorer())):
        p = foretold(scorer, X, y)
        assert log_loss(y, p) < log_loss(y, peer)
        assert roc_auc_score(y, p) > roc_auc_score(y, peer)


def test_on_telco_parts_add_up_to_the_log_odds(telco):
    X, y = telco
    scorer = LogisticScorer().fit(X, y)
    summed = scorer.contributions(X).sum(axis=1)
    np.testing.assert_allclose(summed, scorer.decision_function(X), atol=1e-9)
