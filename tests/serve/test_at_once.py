"""Requests at the same time: each gets the bits that it gets alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.served import AS_OF, SETTINGS, strict

from churnhealth.health.calibrate import Calibrator
from churnhealth.serve.answers import AskedRows, feature_scores
from churnhealth.serve.api import create_app
from churnhealth.serve.live import Live, make_serving
from churnhealth.sources.arrays import texts


def test_requests_scored_together_get_the_bits_they_get_alone(bundle, book):
    values = book.values[:12]
    asked = [
        # one account twice, on two days and with other features
        AskedRows(ids=texts(["a"]), X=values[:1], as_of=AS_OF),
        AskedRows(ids=texts(["b", "c"]), X=values[1:3], as_of=AS_OF),
        AskedRows(ids=texts(["a"]), X=values[3:4], as_of=AS_OF - timedelta(days=30)),
        AskedRows(ids=texts(list("defghijk")), X=values[4:12], as_of=AS_OF),
    ]
    together = feature_scores(bundle, asked, top=1000)
    assert together == [feature_scores(bundle, [a], top=1000)[0] for a in asked]
    assert together[2][0]["as_of"] == str(AS_OF - timedelta(days=30))


class AtOnce:
    """Feature requests, asked alone or all at once."""

    def __init__(self, live, values, names):
        app = create_app(live, SETTINGS)
        self.door = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.rows = [
            {k: None if np.isnan(v) else v for k, v in zip(names, row, strict=True)}
            for row in values.tolist()
        ]
        self.alone = {}

    def ask(self, asked):
        """Give status and text of each answer."""

        async def all_at_once():
            base = "http://127.0.0.1:3000"
            async with httpx.AsyncClient(transport=self.door, base_url=base) as client:
                return await asyncio.gather(*(self._one(client, *a) for a in asked))

        return asyncio.run(all_at_once())

    async def _one(self, client, rows, days, top, spoiled):
        body = {
            "as_of": str(AS_OF - timedelta(days=days)),
            "rows": [{"account_id": f"a{i}", "features": self.rows[i]} for i in rows],
        }
        if spoiled == "request":
            body["none such"] = 1
        if spoiled == "row":
            body["rows"].append({"account_id": "b", "features": {"none such": 1}})
        answer = await client.post(f"/v1/score/features?drivers={top}", json=body)
        return answer.status_code, answer.text

    def known(self, one):
        """Give what one gets when nobody else asks."""
        if one not in self.alone:
            (self.alone[one],) = self.ask([one])
        return self.alone[one]


@pytest.fixture(scope="module")
def at_once(live, book, bundle):
    return AtOnce(live, book.values[:20], bundle.names)


@settings(max_examples=30)
@given(
    asked=st.lists(
        st.tuples(
            st.lists(st.integers(0, 19), min_size=1, max_size=2, unique=True).map(
                tuple
            ),
            st.sampled_from([0, 30]),
            st.sampled_from([0, 3, 3]),
            st.sampled_from(["", "", "row", "request"]),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_whoever_else_asks_each_gets_to_the_last_bit_what_it_gets_alone(at_once, asked):
    told = at_once.ask(asked)
    assert told == [at_once.known(one) for one in asked]
    for (status, text), (_, _, _, spoiled) in zip(told, asked, strict=True):
        assert status == (400 if spoiled == "request" else 200)
        assert ('"status":"refused"' in text) == (spoiled == "row")


class Turning(Live):
    """Two models that take each other's place between any two questions."""

    def now(self):
        given = super().now()
        self.serving, self.other = self.other, given
        return given


def test_who_asks_during_a_swap_is_answered_by_one_model_alone(bundle, book):
    other = replace(bundle, calibrator=Calibrator(slope=0.5, intercept=0.2))
    live = Turning(serving=make_serving(bundle))
    live.other = make_serving(other)
    asked = [((i,), 0, 3, False) for i in range(12)]
    told = AtOnce(live, book.values[:12], bundle.names).ask(asked)
    alone = {}
    for model in (bundle, other):
        served = Live(serving=make_serving(model))
        doors = AtOnce(served, book.values[:12], bundle.names)
        alone[model.model_version] = [doors.known(one) for one in asked]
    versions = [strict(text)["model_version"] for _, text in told]
    assert set(versions) == set(alone)
    assert told == [alone[version][i] for i, version in enumerate(versions)]
