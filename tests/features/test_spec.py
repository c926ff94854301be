import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec, feature, parse_name, slugs

sources = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)


@st.composite
def features(draw):
    kind = draw(st.sampled_from(sorted(KINDS)))
    days = draw(st.integers(1, 3650)) if KINDS[kind].windowed else None
    item = draw(st.none() | st.text(max_size=60))
    return feature(kind, source=draw(sources), item=item, days=days)


@given(features())
def test_a_feature_reads_back_from_its_json(spec):
    assert FeatureSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@given(features())
def test_a_name_reads_back_and_needs_no_quoting(spec):
    named = parse_name(spec.name)
    assert (named.source, named.kind, named.days) == (spec.source, spec.kind, spec.days)
    assert re.fullmatch(r"[a-z0-9_]+", spec.name)


@given(features())
def test_a_phrase_takes_its_three_numbers_and_nothing_else(spec):
    said = spec.phrase.format(moved="fell", past="14", value="8")
    if KINDS[spec.kind].moves:
        assert " fell from 14 to 8" in said


@given(st.sets(st.text(max_size=50) | st.sampled_from(["a b", "a-b", "a_b", "all"])))
def test_every_name_gets_a_slug_of_its_own_that_others_do_not_take(names):
    given_slugs = slugs(names)
    assert len(set(given_slugs.values())) == len(names)
    assert "all" not in given_slugs.values()
    assert all(re.fullmatch(r"[a-z0-9_]+", slug) for slug in given_slugs.values())


@pytest.mark.parametrize(
    "name", ["", "login", "a__b__c", "a__b__count__0d", "A__b__count__7d", "count__7d"]
)
def test_what_is_no_feature_name_is_refused(name):
    with pytest.raises(ValueError, match="is not the name of a feature"):
        parse_name(name)


def test_a_spec_cannot_carry_the_name_of_another():
    with pytest.raises(ValueError, match="does not name this feature"):
        replace(feature("count", source="product", days=7), days=28)


def test_a_window_is_given_exactly_where_the_kind_has_one():
    with pytest.raises(ValueError, match="window"):
        feature("count", source="product")
    with pytest.raises(ValueError, match="window"):
        feature("tenure", source="contracts", days=7)


def test_json_with_a_strange_field_or_type_is_refused():
    raw = feature("count", source="product", days=7).to_json()
    with pytest.raises(ValueError, match="other fields"):
        FeatureSpec.from_json({**raw, "code": "x"})
    with pytest.raises(ValueError, match="wrong type"):
        FeatureSpec.from_json({**raw, "days": "7"})


def test_more_use_lowers_risk_but_more_tickets_say_nothing():
    assert feature("count", source="product", days=7).direction == -1
    assert (
        feature("count", source="tickets", days=7, category="experience").direction == 0
    )
