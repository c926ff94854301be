"""Scores: who gets one, and what stands beside it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded, panel_of
from tests.scored import book, column, same, scored

from churnhealth.assessing import score_matrix
from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.categories import CATEGORIES
from churnhealth.errors import ChurnHealthError
from churnhealth.explain.drivers import category_log_odds
from churnhealth.health.bands import BANDS, BandCuts
from churnhealth.sources.contract import FAR

COLUMNS = [
    *("account_id", "name", "owner", "segment", "value", "as_of", "scored_at"),
    *("status", "churn_probability", "churn_probability_low"),
    *("churn_probability_high", "health_score", "band", "previous_band"),
    *("renewal_date", "days_to_renewal", "expected_loss", "health_usage"),
    *("health_value", "health_experience", "health_contract", "rules_score"),
    *("rules_band", "agreement", "coverage", "top_driver", "model_version"),
    "bands_version",
]
DRIVERS = [
    *("account_id", "as_of", "rank", "feature", "label", "category", "value"),
    *("own_past", "peers_median", "effect_log_odds", "effect_points", "sentence"),
]


def test_the_likely_range_surrounds_the_probability_and_one_row_gives_the_same_bits():
    bundle = bundle_of("gbm")
    X = panel_of().X[:50]
    many = score_matrix(bundle, X)
    p = many.explained.probability
    assert ((many.low < p) & (p < many.high)).all()
    for i in range(len(X)):
        one = score_matrix(bundle, X[i : i + 1])
        assert (one.low[0], one.high[0]) == (many.low[i], many.high[i])


def test_a_bundle_without_ranges_states_none():
    alone = score_matrix(bundle_of("gbm", likely=None), panel_of().X[:3])
    assert np.isnan(alone.low).all()
    assert np.isnan(alone.high).all()


def has_score():
    return column("status") == "scored"


def test_the_tables_have_the_promised_columns():
    assert list(book().scores) == COLUMNS
    assert list(book().drivers) == DRIVERS
    assert len(set(column("account_id"))) == column("account_id").size


def test_everyone_in_question_is_listed_with_one_of_the_statuses():
    found = set(column("status"))
    assert found <= {"scored", "announced", "grace", "too_new", "churned"}
    assert {"scored", "grace", "churned"} <= found


def test_only_who_is_scored_has_numbers_and_colours():
    none = ~has_score()
    assert none.any()
    for name in COLUMNS:
        values = column(name)
        if name in (
            "churn_probability",
            "churn_probability_high",
            "health_score",
            "coverage",
            "rules_score",
        ):
            assert np.isnan(values[none]).all(), name
            assert np.isfinite(values[has_score()]).all(), name
        if name in ("band", "rules_band", "agreement", "top_driver") or (
            name.startswith("health_") and name != "health_score"
        ):
            assert all(v is None for v in values[none]), name
    ids = set(column("account_id")[has_score()])
    assert set(book().drivers["account_id"]) <= ids


def test_statuses_follow_the_contracts():
    history = loaded().history
    c, where = history.contracts, {i: n for n, i in enumerate(history.accounts.ids)}
    for account_id, status in zip(column("account_id"), column("status"), strict=True):
        mine = c.rows((c.account == where[account_id]) & (c.known_at < AS_OF))
        told = mine.notice_at < AS_OF
        stops = np.where(told, np.minimum(mine.cancelled_at, mine.end), mine.end)
        begun = mine.start < AS_OF
        covered = bool((begun & (stops >= AS_OF)).any())
        assert covered == (status in ("scored", "announced", "too_new")), account_id
        if status == "grace":
            assert 0 < AS_OF - stops[begun].max() <= 30
        if status == "churned":
            assert AS_OF - stops[begun].max() > 30


def test_an_announced_churn_is_listed_and_not_scored():
    history = loaded().history
    c = history.contracts
    who = np.flatnonzero(history.accounts.ids == column("account_id")[has_score()][0])
    mine = c.account == who[0]
    told = replace(
        c,
        notice_at=np.where(mine, AS_OF - 5, c.notice_at),
        cancelled_at=np.where(mine, AS_OF + 9, c.cancelled_at),
    )
    after = scored(bundle_of("gbm"), history=replace(history, contracts=told))
    at = np.flatnonzero(after.scores["account_id"] == history.accounts.ids[who[0]])
    assert after.scores["status"][at] == "announced"
    assert after.scores["band"][at][0] is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda X: np.where(np.arange(X.shape[1]) == 3, np.inf, X),
        lambda X: X[:, :-1],
        lambda X: np.column_stack([X, X[:, 0]]),
    ],
    ids=["infinite", "a column too few", "a column too many"],
)
@pytest.mark.parametrize("name", ["logistic", "gbm", "blend", "rules", "constant"])
def test_rows_of_another_kind_are_a_coded_error_before_any_number(name, damage):
    with pytest.raises(ChurnHealthError, match=r"^\[CH\d{3}\]"):
        score_matrix(bundle_of(name), damage(book().values[:5]))


@pytest.mark.parametrize("name", ["logistic", "gbm", "blend", "rules"])
def test_drivers_add_up_to_the_score(name):
    found = scored(bundle_of(name))
    why = score_matrix(bundle_of(name), found.values).explained
    on = found.scores["status"] == "scored"
    p = dict(
        zip(
            found.scores["account_id"][on],
            found.scores["churn_probability"][on],
            strict=True,
        )
    )
    effects, points = dict.fromkeys(p, 0.0), dict.fromkeys(p, 0.0)
    d = found.drivers
    for i, effect, point in zip(
        d["account_id"], d["effect_log_odds"], d["effect_points"], strict=True
    ):
        effects[i] += effect
        points[i] += point
    for i, value in p.items():
        z = np.log(value / (1 - value))
        assert why.base_log_odds + effects[i] == pytest.approx(z, abs=1e-9)
        moved = 100 * (value - why.base_probability)
        assert points[i] == pytest.approx(moved, abs=1e-7)


def test_ranks_fall_with_the_size_of_the_effect():
    d = book().drivers
    for i in np.unique(d["account_id"].astype(str))[:40]:
        mine = d["account_id"] == i
        assert d["rank"][mine].tolist() == list(range(1, mine.sum() + 1))
        assert (np.diff(np.abs(d["effect_log_odds"][mine])) <= 0).all()


def test_top_keeps_the_strongest_drivers_only():
    few = scored(bundle_of("gbm"), top=3)
    assert few.drivers["rank"].max() == 3
    keep = book().drivers["rank"] <= 3
    for name in ("account_id", "feature", "effect_log_odds"):
        assert np.array_equal(few.drivers[name], book().drivers[name][keep])


def test_the_top_driver_is_the_sentence_of_rank_one():
    d = book().drivers
    first = d["rank"] == 1
    said = dict(zip(d["account_id"][first], d["sentence"][first], strict=True))
    for i, told in zip(column("account_id"), column("top_driver"), strict=True):
        assert told == said.get(i)


def test_categories_are_coloured_by_their_own_effects_alone():
    bundle = bundle_of("gbm")
    found = score_matrix(bundle, book().values)
    why = found.explained
    for name in CATEGORIES:
        mine = [s.category == name for s in bundle.specs]
        shown = column(f"health_{name}")[has_score()]
        if not any(mine):
            assert all(band is None for band in shown)
            continue
        z = why.base_log_odds + why.effects[:, mine].sum(axis=1)
        assert np.array_equal(shown, bundle.cuts.band(1 / (1 + np.exp(-z))))


def test_bands_and_health_follow_from_the_probability():
    p, cuts = column("churn_probability")[has_score()], bundle_of("gbm").cuts
    wide = column("coverage")[has_score()] >= 0.5
    assert np.array_equal(column("band")[has_score()][wide], cuts.band(p)[wide])
    assert np.array_equal(column("health_score")[has_score()], cuts.health_score(p))
    order = np.argsort(p)
    assert (np.diff(column("health_score")[has_score()][order]) <= 0).all()


def test_under_half_measured_is_grey_and_the_probability_stays():
    bundle, X = bundle_of("gbm"), book().values.copy()
    half = X.shape[1] // 2 + 1
    X[0], X[1] = np.nan, np.where(np.isnan(X[1]), 0.0, X[1])
    X[2, :half] = np.nan
    found = score_matrix(bundle, X)
    assert found.band[0] == found.band[2] == "grey"
    assert found.band[1] in BANDS
    assert (found.coverage[0], found.coverage[1]) == (0.0, 1.0)
    assert np.isfinite(found.explained.probability[:3]).all()
    assert found.agreement[0] is None


def test_without_skill_the_colour_is_the_rules():
    bundle = bundle_of("gbm")
    unproven = replace(bundle, skill=False)
    one, two = (score_matrix(b, book().values) for b in (bundle, unproven))
    wide = two.coverage >= 0.5
    assert np.array_equal(two.band[wide], two.rules_band[wide])
    assert not np.array_equal(one.band, two.band)
    assert np.array_equal(one.explained.probability, two.explained.probability)
    assert not any(two.agreement)  # there is no second colour to agree with


@pytest.mark.parametrize("hysteresis", [0.0, 2.0])
def test_agreement_says_how_far_the_two_colours_lie_apart(hysteresis):
    was = dict(zip(column("account_id"), np.roll(column("band"), 1), strict=True))
    scores = scored(bundle_of("gbm"), previous=was, hysteresis=hysteresis).scores
    held = scores["band"] != column("band")
    assert held.any() == bool(hysteresis)
    words = {0: "same", 1: "one apart", 2: "further", 3: "further"}
    seen = set()
    for band, rules, told in zip(
        scores["band"], scores["rules_band"], scores["agreement"], strict=True
    ):
        if band in BANDS and rules in BANDS:
            assert told == words[abs(BANDS.index(band) - BANDS.index(rules))]
            seen.add(told)
        else:
            assert told is None
    assert len(seen) > 1


def test_expected_loss_is_a_year_of_value_times_the_risk():
    p, value = column("churn_probability"), column("value")
    on = has_score()
    assert (value[on] > 0).all()
    np.testing.assert_allclose(column("expected_loss")[on], p[on] * value[on] * 12)
    assert np.isnan(column("expected_loss")[~on]).all()


def test_contracts_at_once_are_at_risk_together():
    history = loaded().history
    terms = history.contracts
    every = np.repeat(np.arange(terms.account.size), 2)
    twice = terms.rows(every)
    add_on = np.arange(every.size) % 2 == 1
    value = np.where(add_on, 7.0, twice.value)
    both = replace(history, contracts=replace(twice, value=value))
    found = scored(bundle_of("gbm"), history=both).scores
    on = has_score()
    np.testing.assert_allclose(found["value"][on], column("value")[on] + 7.0)


def test_the_renewal_date_is_the_known_end_and_counted_in_days():
    dated = ~np.isnat(column("renewal_date"))
    assert dated.any()
    days = column("renewal_date")[dated].astype("datetime64[D]").astype(int) - AS_OF
    assert np.array_equal(column("days_to_renewal")[dated], days)
    on = dated & has_score()
    assert (column("days_to_renewal")[on] >= 0).all()


def test_the_band_before_is_told_where_there_was_one():
    ids = column("account_id")
    before = {ids[0]: "red", ids[2]: "green", "nobody": "red"}
    found = scored(bundle_of("gbm"), previous=before).scores["previous_band"]
    assert found[:3].tolist() == ["red", None, "green"]
    assert all(v is None for v in found[3:])
    assert all(v is None for v in column("previous_band"))


def test_one_account_alone_gets_the_same_bits():
    whole = book()
    for at in np.flatnonzero(has_score())[[0, 7, -1]]:
        i = whole.scores["account_id"][at]
        where = int(np.flatnonzero(loaded().history.accounts.ids == i)[0])
        one = scored(bundle_of("gbm"), only=[where])
        for name in COLUMNS:
            mine, theirs = one.scores[name], whole.scores[name][at : at + 1]
            floats = mine.dtype.kind in "fM"
            assert np.array_equal(mine, theirs, equal_nan=floats), name
        mine = whole.drivers["account_id"] == i
        for name in ("feature", "effect_log_odds", "own_past", "sentence"):
            values = one.drivers[name]
            floats = values.dtype.kind == "f"
            assert np.array_equal(values, whole.drivers[name][mine], equal_nan=floats)


def test_a_day_without_anyone_in_question_gives_empty_tables():
    nobody = scored(bundle_of("gbm"), as_of=1000)
    assert list(nobody.scores) == COLUMNS
    assert nobody.scores["account_id"].size == nobody.drivers["account_id"].size == 0


# ---- bundles


def test_a_bundle_read_from_disk_scores_the_same(tmp_path):
    again = load_bundle(save_bundle(bundle_of("gbm"), tmp_path / "b"))
    same(scored(again), book())


def test_other_cuts_move_colours_and_nothing_else():
    bundle = bundle_of("gbm")
    moved = replace(bundle, cuts=BandCuts(cuts=(0.001, 0.002, 0.003)))
    one, two = (score_matrix(b, book().values) for b in (bundle, moved))
    assert np.array_equal(one.explained.probability, two.explained.probability)
    assert (two.band == "red").sum() > (one.band == "red").sum()


def test_panel_and_scores_see_the_same_features():
    """What is scored on a day is what a backtest would have read for that day."""
    seen, on = panel_of(), has_score()
    mine = seen.cohort.as_of == AS_OF
    ids = loaded().history.accounts.ids[seen.cohort.account[mine]]
    assert np.array_equal(ids, column("account_id")[on])
    assert np.array_equal(seen.X[mine], book().values, equal_nan=True)


assert FAR > AS_OF


@pytest.mark.parametrize("name", ["blend", "rules"])
def test_a_score_does_not_depend_on_who_is_scored_beside_it(name):
    """Sums over a row must not change with the number of rows."""
    made = bundle_of(name)
    groups = [spec.category for spec in made.specs]
    random = np.random.default_rng(3)
    X = random.gamma(2.0, 5.0, (60, len(made.specs)))
    X[random.random(X.shape) < 0.2] = np.nan
    together = score_matrix(made, X, reasons=True)
    colours = category_log_odds(together.explained, groups)
    for i in range(len(X)):
        alone = score_matrix(made, X[i : i + 1], reasons=True)
        assert alone.explained.log_odds[0] == together.explained.log_odds[i]
        assert alone.rules_score[0] == together.rules_score[i]
        assert alone.reasons == together.reasons[i : i + 1]
        for category, z in category_log_odds(alone.explained, groups).items():
            assert z[0] == colours[category][i]
