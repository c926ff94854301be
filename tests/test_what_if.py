"""Supposed changes: the model is asked again, and suggestions keep what they claim."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded

from churnhealth import what_if
from churnhealth.assessing import features_on, score_matrix
from churnhealth.errors import RequestError
from churnhealth.health.bands import BANDS, BandCuts
from churnhealth.scoring import score_history
from churnhealth.what_if import changed_row, suggest


@pytest.fixture(scope="module")
def bundle():
    return replace(bundle_of("blend"), cuts=BandCuts(cuts=(0.02, 0.035, 0.08)))


@pytest.fixture(scope="module")
def peers(bundle):
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    book = score_history(bundle, loaded().history, as_of=AS_OF, scored_at=now)
    return book.values


def p_of(bundle, X):
    return score_matrix(bundle, np.atleast_2d(X)).explained.probability


def test_suggestions_reach_the_colour_they_name_within_what_peers_show(bundle, peers):
    found = [suggest(bundle, x, peers=peers) for x in peers[:60]]
    reached = [(x, s) for x, s in zip(peers, found, strict=False) if s.changes]
    assert len(reached) > 5
    for x, told in reached:
        row = changed_row(bundle, x, {c.feature: c.to for c in told.changes})
        p = p_of(bundle, row)[0]
        assert p == told.new_probability
        assert BANDS[int(bundle.cuts.level(p))] == told.target
        assert BANDS.index(told.target) < BANDS.index(told.band)
        assert 1 <= len(told.changes) <= 3
        for change in told.changes:
            j = bundle.names.index(change.feature)
            spec, known = bundle.specs[j], peers[~np.isnan(peers[:, j]), j]
            assert spec.actionable
            assert (change.to - change.value) * spec.direction <= 0
            low, high = np.quantile(known, (0.1, 0.9))
            assert np.floor(low) <= change.to <= np.ceil(high)
            assert 0 < change.share <= 1


def test_nobody_is_asked_to_undo_what_happened(bundle, peers):
    specs = [replace(s, direction=0) for s in bundle.specs]
    x = np.nanmedian(peers, axis=0)
    tried = what_if._candidates(specs, x, peers)
    fewer = {j for j, levels in tried.items() if (levels < x[j]).all()}
    ageing = {j for j in tried if specs[j].kind == "days_since"}
    assert ageing
    assert ageing <= fewer < set(tried)


def test_without_skill_a_suggestion_reaches_the_colour_of_the_rules(bundle, peers):
    # ... which is the one that is shown: the model's own would be another one.
    unproven = replace(bundle, skill=False)
    seen = 0
    for x in peers[:60]:
        shown = score_matrix(unproven, x[None, :]).band[0]
        told = suggest(unproven, x, peers=peers)
        if shown == "grey":
            continue
        assert told.band == shown
        if told.changes:
            row = changed_row(unproven, x, {c.feature: c.to for c in told.changes})
            then = score_matrix(unproven, row[None, :])
            assert then.band[0] == told.target
            assert BANDS.index(told.target) < BANDS.index(shown)
            assert then.explained.probability[0] == told.new_probability
            seen += 1
    assert seen > 5


def test_no_single_change_would_do_where_two_are_suggested(bundle, peers):
    found = [(x, suggest(bundle, x, peers=peers)) for x in peers]
    several = [(x, s) for x, s in found if len(s.changes) > 1]
    assert several, "the sample needs an account for which one change is too few"
    for x, told in several[:10]:
        goal = bundle.cuts.cuts[BANDS.index(told.band) - 1]
        for change in told.changes:
            alone = changed_row(bundle, x, {change.feature: change.to})
            assert p_of(bundle, alone)[0] >= goal


def test_who_is_green_needs_nothing_and_who_cannot_be_helped_is_told(bundle, peers):
    p = p_of(bundle, peers)
    green = suggest(bundle, peers[p.argmin()], peers=peers)
    assert (green.band, green.target, green.changes) == ("green", None, ())
    steep = replace(bundle, cuts=BandCuts(cuts=(1e-9, 2e-9, 3e-9)))
    lost = suggest(steep, peers[p.argmax()], peers=peers)
    assert (lost.target, lost.changes) == ("orange", ())
    assert lost.new_probability is None
    assert lost.sentence.startswith("No three changes")


def test_with_too_few_peers_nothing_is_suggested(bundle, peers):
    assert suggest(bundle, peers[0], peers=peers[:19]).changes == ()


@pytest.mark.parametrize(
    "changes", [{"product__all__nonsense": 1.0}, {"contracts__all__tenure": np.inf}]
)
def test_a_change_of_nothing_we_know_is_a_coded_error(bundle, peers, changes):
    with pytest.raises(RequestError) as caught:
        changed_row(bundle, peers[0], changes)
    assert caught.value.code == "CH412"


def test_features_on_a_day_are_those_that_were_scored(bundle, peers):
    everyone = np.arange(loaded().history.accounts.ids.size)
    X = features_on(bundle, loaded().history, account=everyone, day=AS_OF)
    rows = {x.tobytes() for x in X}
    assert all(x.tobytes() in rows for x in peers)
