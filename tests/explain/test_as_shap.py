"""Every plot of shap takes our drivers as they are."""

import matplotlib as mpl
import numpy as np
import pytest
from tests.made import bundle_of, panel_of

from churnhealth.assessing import score_matrix
from churnhealth.explain.as_shap import explanation

mpl.use("Agg")


@pytest.fixture(scope="module")
def told():
    bundle, X = bundle_of("gbm"), panel_of().X[:60]
    why = score_matrix(bundle, X).explained
    return why, explanation(why, bundle.specs, values=X)


def test_rows_sum_to_the_calibrated_log_odds_and_to_per_cent(told):
    why, given = told
    total = given.base_values + given.values.sum(axis=1)
    np.testing.assert_allclose(total, why.log_odds, atol=1e-9)
    bundle = bundle_of("gbm")
    points = explanation(why, bundle.specs, values=given.data, unit="points")
    total = points.base_values + points.values.sum(axis=1)
    np.testing.assert_allclose(total, 100 * why.probability, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("plot", ["waterfall", "beeswarm", "bar", "scatter"])
def test_every_plot_is_drawn(told, plot):
    import matplotlib.pyplot as plt
    import shap

    given = told[1]
    strongest = int(np.abs(given.values).mean(axis=0).argmax())
    shown = {"waterfall": given[0], "scatter": given[:, strongest]}.get(plot, given)
    getattr(shap.plots, plot)(shown, show=False)
    figure = plt.gcf()
    assert figure.axes[0].has_data()
    plt.close("all")
