"""A feature in a few lines of TOML is measured as its words say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from churnhealth.config import OwnFeature, StatesSource
from churnhealth.errors import ConfigError
from churnhealth.features.own import own_specs
from churnhealth.features.runtime import feature_table
from churnhealth.features.spec import FeatureSpec
from churnhealth.sources.contract import (
    FAR,
    Accounts,
    Contracts,
    EventLog,
    History,
    StateLog,
)


def texts(*values):
    return np.array([*values, None], dtype=object)[:-1]


@pytest.fixture
def history():
    random = np.random.default_rng(2)
    n = 400
    account = np.sort(random.integers(0, 5, n))
    happened = random.integers(0, 200, n)
    order = np.lexsort((happened, account))
    log = EventLog(
        name="product",
        planned=False,
        vocabulary=("Export now", "login"),
        categories=("value", "usage"),
        account=account[order],
        happened_at=happened[order],
        known_at=happened[order] + random.integers(0, 3, n),
        event=random.integers(0, 2, n),
        count=random.integers(1, 4, n),
    )
    days = np.arange(200)
    coverage = replace(log.coverage, known=days, first=np.zeros(200, int), last=days)
    accounts = Accounts(
        ids=texts(*"abcde"),
        name=texts(*"abcde"),
        segment=texts("a", "b", "b", "b", "b"),
        owner=texts(*[None] * 5),
        group=texts(*[None] * 5),
        known_at=np.zeros(5, int),
        attributes={"employees": texts("12", "240", "7", "about 9", None)},
    )
    nobody = np.zeros(0, int)
    surveys = StateLog(
        name="surveys",
        vocabulary=("csat", "nps"),
        categories=("experience", "experience"),
        account=nobody,
        known_at=nobody,
        state=nobody,
        value=np.zeros(0),
    )
    people = replace(log, name="people", user=np.zeros(n, int))
    return History(
        accounts=accounts,
        contracts=None,
        events=(replace(log, coverage=coverage), people),
        states=(surveys, replace(surveys, name="pulse", vocabulary=("pulse",))),
    )


def test_a_window_of_ones_own_is_measured_row_by_row(history):
    asked = OwnFeature(source="product", kind="count", item="Export now", days=45)
    (spec,) = own_specs(history, [asked])
    assert (spec.name, spec.category) == ("product__export_now__count__45d", "value")
    log = history.events[0]
    as_of = np.full(5, 150)
    found = feature_table(
        history, (spec,), account=np.arange(5), as_of=as_of, gap_days=0
    ).values[:, 0]
    expected = [
        sum(
            int(log.count[i])
            for i in range(log.account.size)
            if log.account[i] == a
            and log.event[i] == 0
            and 105 <= log.happened_at[i] < 150
            and log.known_at[i] < 150
        )
        for a in range(5)
    ]
    assert found.tolist() == expected


def test_the_users_own_words_are_kept(history):
    asked = OwnFeature(
        source="product", kind="active_days", days=14, label="Busy days", direction=0
    )
    (spec,) = own_specs(history, [asked])
    assert (spec.label, spec.direction, spec.actionable) == ("Busy days", 0, True)


@pytest.mark.parametrize(
    "asked",
    [
        {"source": "product", "kind": "poetry"},
        {"source": "nothing", "kind": "count", "days": 7},
        {"source": "product", "kind": "count"},
        {"source": "product", "kind": "days_since", "days": 7},
        {"source": "product", "kind": "count", "days": 7, "item": "logout"},
        {"source": "product", "kind": "latest"},
        {"source": "product", "kind": "tenure"},
        {"source": "product", "kind": "sum", "days": 7},
        {"source": "product", "kind": "active_users", "days": 7},
        {"source": "product", "kind": "mean_users", "days": 7},
        {"source": "product", "kind": "open"},
        {"source": "product", "kind": "ahead", "days": 7},
        {"source": "product", "kind": "breadth", "days": 7, "item": "login"},
        {"source": "people", "kind": "users_share", "days": 7},
        {"source": "surveys", "kind": "latest"},
        {"source": "accounts", "kind": "number", "item": "segment"},
        {"source": "accounts", "kind": "number", "item": "country"},
        {"source": "accounts", "kind": "is", "item": "segment"},
        {"source": "accounts", "kind": "is", "item": "segment=FO"},
        {"source": "accounts", "kind": "tenure"},
        {"source": "contracts", "kind": "tenure"},
        {"source": "contracts", "kind": "is", "item": "plan=pro"},
    ],
)
def test_what_cannot_be_measured_is_said(history, asked):
    with pytest.raises(ConfigError, match=r"\[\[features.own\]\] 1") as caught:
        own_specs(history, [OwnFeature(**asked)])
    assert caught.value.code == "CH012"


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ({"source": "product", "kind": "cuont", "days": 7}, "count"),
        ({"source": "prodct", "kind": "count", "days": 7}, "product"),
        ({"source": "product", "kind": "count", "item": "logn", "days": 7}, "login"),
    ],
)
def test_what_is_misspelt_is_told_with_the_nearest(history, asked, near):
    with pytest.raises(ConfigError, match=f"the nearest is `{near}`"):
        own_specs(history, [OwnFeature(**asked)])


def test_a_source_of_one_state_needs_no_item(history):
    (spec,) = own_specs(history, [OwnFeature(source="pulse", kind="fresh", days=60)])
    assert (spec.name, spec.item) == ("pulse__pulse__fresh__60d", "pulse")


def test_a_states_own_word_decides_which_way_is_good_unless_the_feature_says(history):
    bad = StatesSource(name="pulse", path="p.csv", higher="worse")
    plain = {"source": "pulse", "kind": "fresh", "days": 60}

    def direction(states=(), **more):
        (spec,) = own_specs(history, [OwnFeature(**plain, **more)], states=states)
        return spec.direction

    assert direction() == 0
    assert direction([bad]) == 1
    assert direction([bad], direction=-1) == -1


def test_what_a_states_values_are_called_goes_with_the_feature_and_its_json(history):
    words = {"Red": 1, "green": 3}
    pulse = StatesSource(name="pulse", path="p.csv", levels=words)
    asked = [OwnFeature(source="pulse", kind="latest")]
    (spec,) = own_specs(history, asked, states=[pulse])
    assert spec.words == (("red", 1.0), ("green", 3.0))
    told = json.loads(json.dumps(spec.to_json()))
    assert told["words"] == {"red": 1.0, "green": 3.0}
    assert FeatureSpec.from_json(told) == spec
    (plain,) = own_specs(history, asked)
    assert "words" not in plain.to_json()  # as bundles of before had it
    with pytest.raises(ValueError, match="wrong type"):
        FeatureSpec.from_json({**told, "words": [["red", 1]]})


def test_names_that_everybody_knows_need_no_word(history):
    surveys = StatesSource(name="surveys", path="s.csv")
    asked = [
        OwnFeature(source="surveys", item=item, kind=kind)
        for item in ("nps", "csat")
        for kind in ("latest", "days_since_noted")
    ]
    specs = own_specs(history, asked, states=[surveys])
    assert [spec.direction for spec in specs] == [-1, 0, -1, 0]


def test_one_feature_asked_for_twice_is_refused(history):
    asked = OwnFeature(source="product", kind="count", days=7)
    with pytest.raises(ConfigError, match=r"own\]\] 2: product__all__count__7d"):
        own_specs(history, [asked, asked])


def values_of(history, **asked):
    (spec,) = own_specs(history, [OwnFeature(**asked)])
    found = feature_table(
        history, (spec,), account=np.arange(5), as_of=np.full(5, 150), gap_days=0
    )
    return spec, found.values[:, 0]


def test_a_level_too_rare_for_the_defaults_can_be_asked_for(history):
    asked = {"source": "accounts", "kind": "is", "item": "segment=a"}
    spec, values = values_of(history, **asked)
    assert (spec.name, spec.category) == ("accounts__segment_a__is", "contract")
    assert values.tolist() == [1, 0, 0, 0, 0]


def test_numbers_among_words_can_be_asked_for_as_numbers(history):
    asked = {"source": "accounts", "kind": "number", "item": "employees"}
    _, values = values_of(history, **asked)
    np.testing.assert_array_equal(values, [12, 240, 7, np.nan, np.nan])


@pytest.fixture
def contracted(history):
    none, far = np.full(5, np.nan), np.full(5, FAR)
    contracts = Contracts(
        account=np.arange(5),
        start=np.zeros(5, int),
        end=np.array([160, 200, 300, 400, FAR]),
        cancelled_at=far,
        notice_at=far,
        replaced_at=far,
        known_at=np.zeros(5, int),
        value=none,
        seats=none,
        term_months=none,
        discount=none,
        plan=texts("pro", "free", "free", "free", None),
        contract=np.zeros(5, int),
    )
    return replace(history, contracts=contracts)


def test_an_end_within_days_of_ones_own_is_asked_of_the_contract(contracted):
    spec, values = values_of(
        contracted, source="contracts", kind="ends_within", days=60
    )
    assert spec.name == "contracts__all__ends_within__60d"
    assert values.tolist() == [1, 1, 0, 0, 0]


def test_a_plan_of_few_can_be_asked_for(contracted):
    asked = {"source": "contracts", "kind": "is", "item": "plan=pro"}
    _, values = values_of(contracted, **asked)
    np.testing.assert_array_equal(values, [1, 0, 0, 0, np.nan])


def test_contract_kinds_have_no_item_and_plans_no_numbers(contracted):
    for more in ({"kind": "tenure", "item": "pro"}, {"kind": "number", "item": "plan"}):
        with pytest.raises(ConfigError, match="CH012"):
            own_specs(contracted, [OwnFeature(source="contracts", **more)])
