"""The shape of a history is kept with the model and refuses what does not fit it."""

import json
from dataclasses import replace

import pytest

from churnhealth.errors import SourceError
from churnhealth.sources.contract import Coverage
from churnhealth.sources.load import load
from churnhealth.sources.schema import Schema, StatesShape, schema_of

AMOUNTS = "account_id,happened_at,amount\na1,2025-03-01,1.25\na2,2025-03-02,7\n"


@pytest.fixture
def built(company):
    config = company(files={"events.csv": AMOUNTS}, sources={"known_at_lag_days": 2})
    history = load(config).history
    return history, schema_of(history, config)


def test_a_schema_survives_json(built):
    _, schema = built
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_schema_says_what_there_was(built):
    history, schema = built
    [shape] = schema.events
    assert (shape.name, shape.vocabulary, shape.columns) == (
        "product",
        ("product",),
        ("amount",),
    )
    assert shape.coverage == history.events[0].coverage
    assert (schema.known_at_lag_days, schema.decimals) == (2, {"product": 2})


def test_amounts_are_brought_to_the_scale_of_the_model(built):
    history, schema = built
    coarse = replace(schema, events=(replace(schema.events[0], decimals=1),))
    log = coarse.apply(history).events[0]
    assert (log.decimals, log.amount.tolist()) == (1, [1.2, 7.0])
    assert schema.apply(history).events[0] is history.events[0]


def test_a_source_or_column_that_the_model_learned_from_must_be_there(company, built):
    _, schema = built
    plain = load(company()).history
    with pytest.raises(SourceError, match=r"product\.amount") as caught:
        schema.apply(plain)
    assert caught.value.code == "CH113"
    with pytest.raises(SourceError, match="events product"):
        schema.apply(replace(plain, events=()))


def test_an_unseen_word_takes_the_category_that_most_words_have(built):
    _, schema = built
    shape = replace(schema.events[0], categories=("value", "usage", "value"))
    assert shape.category == "value"
    assert replace(shape, categories=("value", "usage")).category == "usage"


def test_a_schema_vouches_for_one_day_after_another_as_it_does_for_each_alone():
    def shape():
        seen = Coverage(known=(10,), first=(3,), last=(9,))
        kind = {"vocabulary": ("nps",), "categories": ("experience",)}
        state = StatesShape(name="nps", coverage=seen, **kind)
        return Schema(contracts=True, states=(state,))

    asked = [(21, 12), (40, 12), (21, 12), (21, 400), (21, 12)]
    often = shape()
    in_turn = [often.vouched(day, alive_at=alive) for day, alive in asked]
    alone = [shape().vouched(day, alive_at=alive) for day, alive in asked]
    assert in_turn == alone
    assert len({str(schema) for schema in alone}) == 3
