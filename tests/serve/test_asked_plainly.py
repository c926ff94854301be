"""Rows that are read at once are those that are read one by one, or are left to it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnhealth.errors import RequestError
from churnhealth.serve.asked import day_asked, feature_matrix, some_of
from churnhealth.serve.asked_plainly import asked_plainly
from churnhealth.serve.strict import strict_json
from churnhealth.sources.given import known_fields, object_of

FEW = 5
DAY = ("as_of", '"2025-09-01"')
SOME = st.sampled_from(["1", "-0.0", "null", "1e14", "0.1234567890123456789"])
NUMBERS = SOME | st.floats(-1e6, 1e6).map(repr)
VALUES = ("true", '"1"', "1e15", "9" * 19, "9" * 400, "NaN", "{}", "[]")
IDS = (
    '" a"',
    '""',
    "7",
    "null",
    '"a:b"',
    '"\\u0061"',
    f'"{"i" * 1001}"',
    *['"id 0"'] * 4,
)
FIELDS = (("name", '"n"'), ("features", "{}"), ("account_id", '"twice"'))
DAYS = (DAY, ("as_of", '"2025-02-30"'), ("as_of", "1"), ("more", "1"))


def said(fields):
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields) + "}"


@st.composite
def bodies(draw, names):
    """Rows that are alike and right, but for one thing."""
    asked = draw(st.permutations(names))[:3]
    ids = [f'"id {i}"' for i in range(draw(st.integers(1, FEW + 1)))]
    features = [[(name, draw(NUMBERS)) for name in asked] for _ in ids]
    at, more, top = draw(st.integers(0, len(ids) - 1)), [[] for _ in ids], [DAY]
    match draw(st.sampled_from(["", "value", "id", "row", "twice", "names", "body"])):
        case "value":
            features[at][1] = (asked[1], draw(st.sampled_from(VALUES)))
        case "id":
            ids[at] = draw(st.sampled_from(IDS))
        case "row":
            more[at] = [draw(st.sampled_from(FIELDS))]
        case "twice":
            features[at].append((asked[0], draw(NUMBERS)))
        case "names":
            features[at][1] = (draw(st.sampled_from([*names, "nope"])), "1")
        case "body":
            top.append(draw(st.sampled_from(DAYS)))
    rows = [
        said([("account_id", ident), ("features", said(values)), *others])
        for ident, values, others in zip(ids, features, more, strict=True)
    ]
    return said([*top, ("rows", f"[{', '.join(rows)}]")])


def one_by_one(bundle, body):
    given = object_of(strict_json(body), "body")
    known_fields(given, ("as_of", "rows"), "body")
    as_of = day_asked(given)
    ids, X = feature_matrix(bundle, some_of(given, "rows", most=FEW))
    return ids.tolist(), X.tobytes(), as_of


def answer(read, *given):
    try:
        return read(*given)
    except RequestError as error:
        return error.code, error.where


@given(st.data())
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_read_at_once_is_what_is_read_one_by_one(bundle, data):
    body = data.draw(bodies(bundle.names[:4])).encode()
    wanted = answer(one_by_one, bundle, body)
    found = answer(lambda: asked_plainly(bundle, body, most=FEW))
    if found is None:
        return
    if not isinstance(found, tuple):
        found = found.ids.tolist(), found.X.tobytes(), found.as_of
    assert found == wanted


@pytest.mark.parametrize("back", [False, True])
def test_rows_as_programs_send_them_are_read_at_once(bundle, back):
    order = reversed if back else list
    features = {name: 0.5 + i for i, name in enumerate(bundle.names[:3])}
    row = {"account_id": "a:1", "features": features | {bundle.names[3]: None}}
    body = {"as_of": "2025-09-01", "rows": [dict(order([*row.items()]))]}
    text = json.dumps(dict(order([*body.items()]))).encode()
    found = asked_plainly(bundle, text, most=FEW)
    assert found.ids.tolist() == ["a:1"]
    assert found.X[0, :3].tolist() == [0.5, 1.5, 2.5]
