import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from churnhealth.evaluate import metrics
from churnhealth.health.draws import account_draws
from churnhealth.scorers.curves import sigmoid


def drawn(rows=3000, seed=0, decimals=None):
    random = np.random.default_rng(seed)
    p = sigmoid(random.normal(-2, 1, rows))
    y = (random.random(rows) < p).astype(int)
    return (p if decimals is None else p.round(decimals)), y


@settings(max_examples=60)
@given(st.integers(0, 9999), st.sampled_from([None, 2, 1]))
def test_figures_are_those_of_scikit_learn(seed, decimals):
    p, y = drawn(300, seed, decimals)
    assert metrics.auc(p, y) == pytest.approx(oracle.roc_auc_score(y, p))
    expected = oracle.average_precision_score(y, p)
    assert metrics.average_precision(p, y) == pytest.approx(expected)
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    assert metrics.log_loss(p, y) == pytest.approx(oracle.log_loss(y, inside))
    assert metrics.brier(p, y) == pytest.approx(oracle.brier_score_loss(y, p))


def test_the_calibration_slope_is_a_logistic_regression_on_log_odds():
    from sklearn.linear_model import LogisticRegression

    p, y = drawn()
    z = np.log(p / (1 - p)) * 1.7
    fitted = LogisticRegression(C=1e9, tol=1e-9).fit(z[:, None], y)
    slope = metrics.calibration_slope(sigmoid(z), y)
    assert slope == pytest.approx(fitted.coef_[0, 0], abs=1e-4)


def test_true_probabilities_have_slope_one_and_the_right_mean():
    p, y = drawn(100_000)
    assert metrics.calibration_slope(p, y) == pytest.approx(1.0, abs=0.03)
    assert metrics.predicted_over_observed(p, y) == pytest.approx(1.0, abs=0.02)
    assert metrics.ece(p, y) < 0.006


def test_a_constant_ranks_nothing_and_has_no_slope():
    p, y = np.full(1000, 0.1), (np.arange(1000) % 10 == 0).astype(int)
    assert metrics.auc(p, y) == 0.5
    assert metrics.average_precision(p, y) == pytest.approx(0.1)
    assert np.isnan(metrics.calibration_slope(p, y))
    assert metrics.ece(p, y) == pytest.approx(0.0)
    assert metrics.lift_top_decile(p, y) == pytest.approx(1.0)


@pytest.mark.parametrize("risk", [(0.01, 0.1), (0.1, 0.01)])
def test_a_part_in_which_nobody_left_leaves_no_slope_of_two_chances(risk):
    far, near = risk
    p = np.r_[np.full(500, far), np.full(500, near)]
    y = np.r_[np.zeros(500, int), (np.arange(500) % 10 == 0).astype(int)]
    assert np.isnan(metrics.calibration_slope(p, y))
    y[0] = 1
    assert np.isfinite(metrics.calibration_slope(p, y))


def test_one_class_gives_no_figure_instead_of_a_wrong_one():
    p, y = np.linspace(0.1, 0.9, 20), np.zeros(20, int)
    found = metrics.figures(
        p, y, account_draws(np.arange(20), seed=1), constant=np.full(20, 0.1)
    )
    for name in ("auc", "auc_interval", "average_precision", "calibration_slope"):
        assert found[name] is None
    assert found["lift_top_decile"] is None
    assert found["log_loss"] == pytest.approx(-np.log(1 - p).mean())


def test_the_error_of_calibration_is_measured_in_fifteen_equal_bins():
    p = np.linspace(0.01, 0.99, 1500)
    y = np.arange(1500) % 2
    gaps = [abs(p[i : i + 100].mean() - 0.5) for i in range(0, 1500, 100)]
    assert metrics.ece(p, y) == pytest.approx(np.mean(gaps), abs=1e-3)


def test_lift_counts_ties_at_the_edge_in_parts():
    # top tenth = 10 rows: 5 sure churners, then 5 of 50 tied rows at 20 %
    p = np.r_[np.full(5, 0.9), np.full(50, 0.5), np.full(45, 0.1)]
    y = np.r_[np.ones(5), np.arange(50) % 5 == 0, np.zeros(45)]
    assert metrics.lift_top_decile(p, y) == pytest.approx((5 + 5 * 0.2) / 10 / 0.15)


def test_the_weighted_ranking_equals_repeating_the_rows():
    p, y = drawn(200, decimals=2)
    account = np.arange(200) % 40
    draws = account_draws(account, seed=2, samples=30)
    found = metrics.auc_interval(p, y, draws)
    repeated = []
    for weight in draws.weight:
        row = np.repeat(np.arange(200), weight[account])
        if 0 < y[row].sum() < row.size:
            repeated.append(oracle.roc_auc_score(y[row], p[row]))
    assert found == pytest.approx(tuple(np.quantile(repeated, [0.025, 0.975])))


def test_the_gain_is_paired_and_its_interval_holds_it():
    p, y = drawn()
    constant = np.full(p.size, y.mean())
    draws = account_draws(np.arange(p.size), seed=1)
    found = metrics.figures(p, y, draws, constant=constant)
    gain = metrics.log_loss(constant, y) - metrics.log_loss(p, y)
    assert found["log_loss_gain_over_constant"] == pytest.approx(gain)
    low, high = found["gain_interval"]
    assert 0 < low < gain < high
    same = metrics.figures(constant, y, draws, constant=constant)
    assert same["gain_interval"] == [0.0, 0.0]
    assert found["auc_interval"][0] < found["auc"] < found["auc_interval"][1]


def test_copies_of_an_account_do_not_make_us_surer():
    p, y = drawn(400)
    once = account_draws(np.arange(400), seed=1)
    often = account_draws(np.repeat(np.arange(400), 8), seed=1)
    alone = metrics.auc_interval(p, y, once)
    assert metrics.auc_interval(p.repeat(8), y.repeat(8), often) == pytest.approx(alone)


def test_lead_time_takes_each_churners_nearest_row():
    account = np.array([1, 1, 1, 2, 2, 3, 4])
    until = np.array([120, 95, 60, 91, 30, 200, -1])
    band = np.array(["green", "red", "red", "green", "red", "red", "orange"], object)
    y = np.array([0, 0, 1, 0, 1, 0, 0])
    row, early = metrics.lead_time(band, y, account, until, days_before=[90, 400])
    # account 1: row at 95 (red); 2: at 91 (green); 3: 200 lies too far back
    assert (row.churners, row.red_or_orange, row.green) == (2, 1, 1)
    # of the five rows that stayed: green, red, green, red, orange
    assert row.false_alarm_rate == pytest.approx(3 / 5)
    assert early.churners == 0
    assert row.to_json()["days_before"] == 90


def test_lead_time_counts_each_colour_of_those_who_left():
    account = np.arange(7)
    until = np.array([95, 95, 95, 95, 95, 95, -1])
    shown = ["red", "orange", "orange", "yellow", "green", "grey", "red"]
    told = metrics.lead_time(
        np.array(shown, object), np.zeros(7), account, until, days_before=[90]
    )[0].to_json()
    counts = {name: told[name] for name in (*shown, "red_or_orange", "churners")}
    assert counts == {"red": 1, "orange": 2, "yellow": 1, "green": 1, "grey": 1,
                      "red_or_orange": 3, "churners": 6}  # fmt: skip


def test_lead_time_tells_the_value_that_left_too():
    account = np.array([1, 2, 3, 4])
    until = np.array([95, 91, 93, -1])
    band = np.array(["red", "green", "red", "red"], object)
    y, paid = np.zeros(4), np.array([100.0, 30.0, np.nan, 500.0])

    def told(value):
        row = metrics.lead_time(band, y, account, until, days_before=[90], value=value)[
            0
        ]
        return row.value, row.value_red_or_orange, row.value_green

    assert told(paid) == (130.0, 100.0, 30.0)
    assert told(np.full(4, np.nan)) == told(None) == (None, None, None)
