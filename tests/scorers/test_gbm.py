import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from churnhealth.scorers import scorer_from_json
from churnhealth.scorers.curves import level_shift, sigmoid
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.matrix import MatrixError


def bent(accounts=500, looks=6, seed=0, skill=1.0):
    """A risk no line can follow: only the middle of the first feature churns."""
    random = np.random.default_rng(seed)
    account = np.tile(np.arange(accounts), looks)
    order = np.repeat(np.arange(looks) * 30, accounts)
    X = random.normal(size=(account.size, 6))
    z = -3 + skill * 3.0 * (np.abs(X[:, 0]) < 0.5)
    y = (random.random(account.size) < sigmoid(z)).astype(int)
    return X, y, account, order


def test_it_follows_what_no_line_can():
    X, y, account, order = bent()
    early, late = order < 120, order >= 120
    scorer = GbmScorer(max_rounds=200).fit(
        X[early], y[early], account[early], order[early]
    )
    assert roc_auc_score(y[late], scorer.decision_function(X[late])) > 0.72


def test_on_noise_it_stays_near_the_base_rate():
    X, y, account, order = bent(skill=0.0)
    early, late = order < 90, order >= 90
    scorer = GbmScorer().fit(X[early], y[early], account[early], order[early])
    p = scorer.predict_proba(X[late])[:, 1]
    constant = np.full(p.size, y[early].mean())
    assert log_loss(y[late], p) < log_loss(y[late], constant) + 0.001


def test_threads_change_the_time_and_not_the_model():
    rows = bent(accounts=200)
    one = GbmScorer(num_threads=1, max_rounds=30).fit(*rows)
    two = GbmScorer(num_threads=2, max_rounds=30).fit(*rows)
    assert one.model_text == two.model_text


def test_the_seed_draws_other_accounts():
    rows = bent(accounts=200)
    one = GbmScorer(seed=1, rounds=20).fit(*rows)
    two = GbmScorer(seed=2, rounds=20).fit(*rows)
    assert one.model_text != two.model_text


def test_a_value_missing_for_the_first_time_reads_as_the_median_not_as_zero():
    X, y, account, order = bent()
    X = X + 100.0  # zero lies far outside
    scorer = GbmScorer(rounds=30).fit(X, y, account, order)
    gone, middle = X[:5].copy(), X[:5].copy()
    gone[:, 0], middle[:, 0] = np.nan, np.median(X[:, 0])
    assert np.array_equal(
        scorer.decision_function(gone), scorer.decision_function(middle)
    )


def test_a_monotone_feature_never_turns_round():
    X, y, account, order = bent()
    up = (1, 0, 0, 0, 0, 0)
    scorer = GbmScorer(rounds=60, monotone=up).fit(X, y, account, order)
    grid = np.zeros((50, 6))
    grid[:, 0] = np.linspace(-3, 3, 50)
    assert (np.diff(scorer.decision_function(grid)) >= 0).all()


def test_directions_are_kept_only_while_outcomes_are_few():
    X, y, account, order = bent()
    up = (1, 0, 0, 0, 0, 0)
    outcomes = np.unique(account[y == 1]).size

    def trees(**settings):
        return GbmScorer(rounds=30, **settings).fit(X, y, account, order).model_text

    kept, free = trees(monotone=up), trees()
    assert kept != free
    assert trees(monotone=up, free_from=outcomes + 1) == kept
    assert trees(monotone=up, free_from=outcomes) == free


def test_contributions_are_lightgbms_own():
    import lightgbm

    X, y, account, order = bent(accounts=100)
    scorer = GbmScorer(rounds=20).fit(X, y, account, order)
    used = scorer.used_
    trees = lightgbm.Booster(model_str=scorer.model_text)
    own = trees.predict(X[:, used], pred_contrib=True)
    parts = scorer.contributions(X)
    np.testing.assert_allclose(parts[:, used], own[:, :-1], rtol=0, atol=1e-12)
    assert trees.feature_name() == [f"f{j}" for j in used]


def grown(scorer, X, y, account, start, rounds, *, skipped, random_cuts=False):
    """Boost from one start alone with LightGBM, whose init_score is the start."""
    import lightgbm

    draw = np.random.default_rng(scorer.seed)
    for _ in range(skipped):
        draw.random(account.max() + 1)

    def slopes(margin, known):
        drawn = (draw.random(account.max() + 1) < 0.7)[account]
        p = 1 / (1 + np.exp(-margin))
        return (p - known.get_label()) * drawn, p * (1 - p) * drawn

    start = start + level_shift(start, y)
    known = lightgbm.Dataset(X, y, init_score=start)
    settings = {**scorer._settings(y), "objective": slopes, "extra_trees": random_cuts}
    trees = lightgbm.train(settings, known, num_boost_round=rounds)
    return start + trees.predict(X, raw_score=True)


@pytest.mark.parametrize("cuts", [False, True], ids=["best cuts", "random cuts"])
def test_half_stands_on_the_rung_below_and_half_on_what_that_one_stands_on(cuts):
    X, y, account, order = bent(accounts=200)
    X = X[:, :1]  # of one feature LightGBM draws none, so trees can be compared
    scorer = GbmScorer(rounds=(6, 9), random_cuts=cuts, base=LogisticScorer())
    scorer.fit(X, y, account, order)
    line = scorer.base_.decision_function(X)
    on_line = grown(scorer, X, y, account, line, 6, skipped=0, random_cuts=cuts)
    on_nothing = grown(scorer, X, y, account, np.zeros(y.size), 9, skipped=6)
    mean = (on_line + on_nothing) / 2
    np.testing.assert_allclose(scorer.decision_function(X), mean, rtol=0, atol=1e-9)
    parts = scorer.contributions(X)
    np.testing.assert_allclose(parts.sum(axis=1), mean, rtol=0, atol=1e-9)


def stepped(X, account, *, seed=4):
    """Give outcomes that jump at one value of the first column, and nothing else."""
    risk = np.where(X[:, 0] > 0.8, 0.6, 0.05)
    return (np.random.default_rng(seed).random(account.size) < risk).astype(float)


def test_later_days_choose_the_best_cuts_where_risk_jumps_at_a_value():
    X, _, account, order = bent()
    y = stepped(X, account)
    scorer = GbmScorer(max_rounds=200).fit(X, y, account, order)
    assert scorer.random_cuts_ is False
    copy = scorer.settled().fit(X, y, account, order)
    assert copy.model_text == scorer.model_text


def test_later_days_choose_random_cuts_where_many_columns_say_a_little_each():
    draw = np.random.default_rng(1)
    X = draw.normal(size=(1500, 100))
    risk = 1 / (1 + np.exp(2.0 - X.mean(axis=1) * 10))
    y = (draw.random(1500) < risk).astype(float)
    account, order = np.arange(1500), np.sort(draw.integers(0, 700, 1500))
    scorer = GbmScorer().fit(X, y, account, order)
    assert scorer.random_cuts_ is True
    copy = scorer.settled().fit(X, y, account, order)
    assert copy.model_text == scorer.model_text


def test_numbers_of_trees_that_fit_no_start_are_refused():
    with pytest.raises(MatrixError, match="CH324"):
        GbmScorer(rounds=(5, 6)).fit(*bent(accounts=50))


def test_trees_of_an_earlier_version_still_stand_on_the_rung_below_alone():
    X, y, account, order = bent(accounts=200)
    scorer = GbmScorer(rounds=5, base=LogisticScorer()).fit(X, y, account, order)
    saved = scorer.to_json()
    saved["state"]["rounds"] = 10
    earlier = scorer_from_json(saved, model_text=scorer.model_text)
    own = scorer.decision_function(X) - scorer.base_.decision_function(X) / 2
    whole = own + scorer.base_.decision_function(X)
    margin = earlier.decision_function(X)
    np.testing.assert_allclose(margin, whole, rtol=0, atol=1e-9)
    parts = earlier.contributions(X).sum(axis=1)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-9)


def test_it_is_not_rebuilt_without_its_trees():
    scorer = GbmScorer(rounds=5).fit(*bent(accounts=50))
    with pytest.raises(MatrixError, match="CH325"):
        scorer_from_json(scorer.to_json())


@pytest.mark.parametrize("accounts", [2, 60])
@pytest.mark.parametrize("column", ["missing", "constant", "rare"])
def test_columns_that_nothing_can_split_leave_the_base_rate(column, accounts, capfd):
    X, y, account, order = bent(accounts=accounts)
    y[:2] = 0, 1
    nothing = {"missing": np.nan, "constant": 3.0, "rare": 0.0}[column]
    X = np.full_like(X, nothing)
    X[0] = nothing if column != "rare" else 1.0
    scorer = GbmScorer().fit(X, y, account, order)
    margins = scorer.decision_function(X)
    assert np.ptp(margins) == 0.0
    assert sigmoid(margins[0]) == pytest.approx(y.mean())
    np.testing.assert_allclose(scorer.contributions(X).sum(axis=1), margins)
    again = scorer_from_json(scorer.to_json(), model_text=scorer.model_text)
    np.testing.assert_array_equal(again.decision_function(X), margins)
    assert capfd.readouterr() == ("", "")
