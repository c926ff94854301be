"""The description says what the routes do: held against both, not against hope."""

import json
import re
from pathlib import Path

import pytest
from tests.serve.served import AS_OF, post

from churnhealth.config import Serve
from churnhealth.serve.api import Live, create_app
from churnhealth.serve.openapi import openapi
from churnhealth.serve.refusal import STATUS
from churnhealth.sources.contract import TABLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text("utf-8")
SCHEMAS = openapi()["components"]["schemas"]
TYPES = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}


def check(value, schema, where=""):
    """Hold a value against a schema: the part of JSON Schema that ours uses."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:  # ours differ in the fields that must be there
        fits = [s for s in schema["oneOf"] if _has_fields_of(value, s)]
        assert len(fits) == 1, where
        (schema,) = fits
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        assert value in schema["enum"], where
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(isinstance(value, TYPES[k]) for k in kinds), f"{where}: {value!r}"
    if isinstance(value, list):
        for i, item in enumerate(value):
            check(item, schema["items"], f"{where}[{i}]")
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), where
        assert schema.get("additionalProperties", True) or set(value) <= set(fields)
        for name in set(value) & set(fields):
            check(value[name], fields[name], f"{where}.{name}")


def _has_fields_of(value, ref):
    return set(value) == set(SCHEMAS[ref["$ref"].rpartition("/")[2]]["properties"])


def answer_of(path, method="get"):
    content = openapi()["paths"][path][method]["responses"]["200"]["content"]
    return content["application/json"]["schema"]


def test_every_route_is_described_and_nothing_else():
    app = create_app(Live(), Serve())
    served = {
        (route.path.replace(":path", ""), method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
    }
    told = {(path, m) for path, ms in openapi()["paths"].items() for m in ms}
    assert told == served | {("/metrics", "get")}  # which the shell around us answers


def test_it_says_how_to_show_a_key_and_that_loopback_needs_none():
    scheme = openapi()["components"]["securitySchemes"]["key"]
    assert scheme == {"type": "http", "scheme": "bearer"}
    assert openapi()["security"] == [{"key": []}, {}]


@pytest.mark.parametrize("path", ["/", "/accounts.csv", "/openapi.json", "/livez"])
def test_answers_are_of_the_kind_that_is_described(client, path):
    (kind,) = openapi()["paths"][path]["get"]["responses"]["200"]["content"]
    assert client.get(path).headers["content-type"].partition(";")[0] == kind


@pytest.mark.parametrize(
    "path", ["/v1/accounts", "/v1/model", "/v1/features", "/livez", "/readyz"]
)
def test_answers_are_as_described(client, path):
    check(client.get(path).json(), answer_of(path))


def test_scores_are_as_described(client, book, raw):
    ids = book.scores["account_id"].tolist()[:20]
    body = {"as_of": str(AS_OF), "accounts": [raw(i) for i in ids]}
    check(body, SCHEMAS["ScoreRequest"])
    answer = post(client, "/v1/score?drivers=5", body).json()
    check(answer, answer_of("/v1/score", "post"))
    one = client.get(f"/v1/accounts/{ids[0]}").json()
    check(one, answer_of("/v1/accounts/{account_id}"))
    assert len(one["drivers"]) > 0


def test_a_refused_account_among_others_is_as_described(client, raw, book):
    right = raw(book.scores["account_id"][0])
    for bad in ({"account_id": "a", "x": 1}, {}):
        body = {"as_of": str(AS_OF), "accounts": [right, bad]}
        answer = post(client, "/v1/score", body).json()
        check(answer, answer_of("/v1/score", "post"))
        check(answer["scores"][1], SCHEMAS["Refused"])


def test_errors_are_as_described(client):
    check(client.get("/nowhere").json(), SCHEMAS["Error"])


@pytest.mark.parametrize("table", ["contracts", "events", "states"])
def test_the_fields_of_a_request_are_those_of_the_tables(table):
    required, optional = TABLES[table]
    more = set() if table == "contracts" else {"source"}
    fields = set(SCHEMAS[table.removesuffix("s").title()]["properties"])
    # money in a request is in the currency that the model was trained in
    assert fields == {*required, *optional} - {"account_id", "currency"} | more


def test_it_is_served(client):
    assert client.get("/openapi.json").json() == json.loads(json.dumps(openapi()))


def test_the_printed_question_is_answered_in_the_shape_of_the_printed_answer(client):
    part = PAGE.partition("## POST /v1/score\n")[2]
    asked = json.loads(part.partition("-d '")[2].partition("'")[0])
    printed = json.loads(part.partition("```json")[2].partition("```")[0])
    told = post(client, "/v1/score?drivers=1", asked).json()
    check(printed, answer_of("/v1/score", "post"))
    (score,), (real,) = printed["scores"], told["scores"]
    assert (real["account_id"], real["status"]) == (score["account_id"], "scored")
    worst = ["red", "orange", "yellow", "green"]
    assert score["band"] == worst[int(score["health_score"] // 25)]
    colours = "|".join(worst)
    for reasons in (score["rules"]["reasons"], real["rules"]["reasons"]):
        assert re.match(rf"({colours}|grey) because: ", reasons[0])


def test_every_route_and_every_code_stands_on_the_page():
    for path, methods in openapi()["paths"].items():
        for method in methods:
            assert f"| `{method.upper()} {path}` |" in PAGE
    for code, status in STATUS.items():
        assert re.search(rf"^\| {status} \| .*{code}", PAGE, flags=re.MULTILINE), code
