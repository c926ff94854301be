"""Seats that a state says, not a contract: as of their day, in batch and online."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from churnhealth.config import OwnFeature, parse_config
from churnhealth.errors import ConfigError, SourceError
from churnhealth.evaluate.choice import choose_specs
from churnhealth.features.own import own_specs
from churnhealth.features.runtime import feature_table, features_of_one
from churnhealth.features.spec import FeatureSpec, feature
from churnhealth.sources.contract import date_of, day_of
from churnhealth.sources.load import load
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.schema import schema_of

NAN = np.nan
SHARE = "product__all__users_share__28d"
PRICE = "contracts__all__price"
FIRST = day_of(date(2024, 1, 1))


def written(folder, name, header, rows):
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


def day(n):
    return str(date_of(FIRST + n))


CONTRACTS = [("a", day(0), day(365), 100.0, ""), ("b", day(0), day(365), 300.0, 30)]
SEATS = [
    *(("a", "licences", 25, day(40)), ("a", "licences", 50, day(100))),
    *(("b", "licences", 7, day(40)), ("a", "pulse", 3, day(50))),
]
USE = [(who, day(n), f"{who}{n % 5}") for who in "ab" for n in range(0, 200, 2)]


@pytest.fixture
def company(tmp_path):
    written(tmp_path, "c.csv", "account_id,start,end,value,seats", CONTRACTS)
    written(tmp_path, "s.csv", "account_id,state,value,known_at", SEATS)
    written(tmp_path, "e.csv", "account_id,happened_at,user_id", USE)
    return tmp_path


def configured(folder, **more):
    sources = {
        "contracts": {"path": "c.csv"},
        "events": [{"name": "product", "path": "e.csv"}],
        "states": [{"name": "billing", "path": "s.csv", "seats": "licences", **more}],
    }
    return parse_config({"sources": sources}, folder=folder)


def chosen(config, history, until=200):
    specs = choose_specs(config, history, known_before=FIRST + until)
    return {spec.name: spec for spec in specs}


def test_seats_are_those_that_were_known_before_the_day(company):
    config = configured(company)
    history = load(config).history
    specs = chosen(config, history)
    days = np.array([40, 41, 100, 101])
    table = feature_table(
        history,
        [specs[SHARE], specs[PRICE]],
        account=np.zeros(4, int),
        as_of=FIRST + days,
        gap_days=30,
    )
    np.testing.assert_array_equal(
        table.values,
        [[NAN, NAN], [5 / 25, 100 / 25], [5 / 25, 100 / 25], [5 / 50, 100 / 50]],
    )


def test_a_contract_that_tells_its_seats_is_believed_before_the_state(company):
    config = configured(company)
    history = load(config).history
    specs = chosen(config, history)
    values = feature_table(
        history,
        [specs[SHARE], specs[PRICE], specs["contracts__all__seats"]],
        account=np.ones(1, int),
        as_of=np.array([FIRST + 60]),
        gap_days=30,
    ).values
    assert values.tolist() == [[5 / 30, 10.0, 30.0]]


def test_a_request_is_answered_with_the_same_bits(company):
    config = configured(company)
    history = load(config).history
    specs = tuple(chosen(config, history).values())
    as_of = np.arange(FIRST + 30, FIRST + 180, 7)
    sent = {
        "account_id": "a",
        "contracts": [{"start": day(0), "end": day(365), "value": 100.0}],
        "events": [
            {"source": "product", "happened_at": at, "user_id": user}
            for who, at, user in USE
            if who == "a"
        ],
        "states": [
            {"source": "billing", "state": state, "value": value, "known_at": at}
            for who, state, value, at in SEATS
            if who == "a"
        ],
    }
    online = history_from_rows(schema_of(history, config), [sent])
    online = replace(
        online,
        events=(replace(online.events[0], coverage=history.events[0].coverage),),
    )
    batch = feature_table(
        history, specs, account=np.zeros(as_of.size, int), as_of=as_of, gap_days=30
    ).values
    alone = [features_of_one(online, specs, as_of=int(d), gap_days=30) for d in as_of]
    assert np.array(alone).tobytes() == batch.tobytes()


def test_nothing_per_seat_is_made_before_a_number_of_seats_is_known(company):
    written(
        company,
        "c.csv",
        "account_id,start,end,value",
        [("a", day(0), day(365), 100.0)],
    )
    config = configured(company)
    history = load(config).history
    assert not {SHARE, PRICE} & chosen(config, history, until=40).keys()
    found = chosen(config, history, until=41)
    assert {SHARE, PRICE} <= found.keys()
    assert "contracts__all__seats" not in found  # the state has its own `latest`


def test_without_the_key_no_state_is_taken_for_seats(company):
    config = configured(company, seats=None)
    specs = chosen(config, load(config).history)
    assert {spec.seats for spec in specs.values()} == {None}


def test_ones_own_share_of_seats_reads_the_state_where_no_contracts_are(company):
    config = configured(company)
    history = replace(load(config).history, contracts=None)
    asked = OwnFeature(source="product", kind="users_share", days=14)
    with pytest.raises(ConfigError, match="CH012"):
        own_specs(history, [asked])
    (spec,) = own_specs(history, [asked], states=config.sources.states)
    values = feature_table(
        history, [spec], account=np.zeros(1, int), as_of=[FIRST + 90], gap_days=0
    ).values
    assert values.tolist() == [[5 / 25]]


def test_a_bundle_keeps_which_state_tells_the_seats():
    spec = feature("users_share", source="product", days=28)
    assert "seats" not in spec.to_json()
    spec = replace(spec, seats=("billing", "licences"))
    written_down = json.loads(json.dumps(spec.to_json()))
    assert FeatureSpec.from_json(written_down) == spec
    for wrong in (["billing"], ["billing", 7], "billing"):
        with pytest.raises(ValueError, match=r"seats|field"):
            FeatureSpec.from_json({**written_down, "seats": wrong})


def test_a_state_that_is_nowhere_is_told(company):
    with pytest.raises(SourceError, match=r"CH118.*'seats'"):
        load(configured(company, seats="seats"))


def test_two_sources_cannot_both_tell_the_seats():
    one, other = ({"name": n, "path": "s.csv", "seats": "x"} for n in ("one", "other"))
    sources = {"contracts": {"path": "c.csv"}, "states": [one, other]}
    with pytest.raises(ConfigError, match=r"one source of states"):
        parse_config({"sources": sources}, folder=Path())
