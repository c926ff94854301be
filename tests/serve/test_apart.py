"""In a request of several accounts a bad one is refused alone."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve.refused import CANARY
from tests.serve.served import AS_OF, client_of, post, strict

from churnhealth.client import Refused
from churnhealth.serve.live import Live, make_serving
from churnhealth.serve.observed import Observer

pytestmark = pytest.mark.usefixtures("every_line")

NOW = {"source": "product", "happened_at": "2025-08-01"}
HUGE = [{**NOW, "source": "invoices", "amount": 9e14}] * 99
BAD_ACCOUNTS = {  # the account, its code, its place within the account, the id told
    "a text for a number": (
        {"account_id": "bad", "events": [{**NOW, "count": CANARY}]},
        ("CH521", ".events[0].count", "bad"),
    ),
    "an unknown field": ({"account_id": "bad", CANARY: 1}, ("CH522", "", "bad")),
    "an unknown field of the profile": (
        {"account_id": "bad", "profile": {CANARY: 1}},
        ("CH522", ".profile", "bad"),
    ),
    "an unknown source": (
        {"account_id": 7, "events": [{**NOW, "source": CANARY}]},
        ("CH523", ".events[0].source", "7"),
    ),
    "a contract without start": (
        {"account_id": "bad", "contracts": [{"value": 1}]},
        ("CH524", ".contracts[0].start", "bad"),
    ),
    "a text for a state": (
        {
            "account_id": "bad",
            "states": [
                {"source": "pulse", "state": "pulse", "known_at": "2025-08-01"},
            ],
        },
        ("CH524", ".states[0].value", "bad"),
    ),
    "no id": ({"contracts": []}, ("CH524", ".account_id", None)),
    "an id that is true": ({"account_id": True}, ("CH521", ".account_id", None)),
    "a text": (CANARY, ("CH521", "", None)),
    "null": (None, ("CH521", "", None)),
}
BAD_ROWS = {
    "a text for a number": ({"account_id": "bad"}, CANARY, ("CH521", "bad")),
    "true for a number": ({"account_id": "bad"}, True, ("CH521", "bad")),
    "no id": ({}, 1.0, ("CH524", None)),
    "an unknown field": ({"account_id": "bad", CANARY: 1}, 1.0, ("CH522", "bad")),
}


def ask(client, accounts, path="/v1/score", name="accounts"):
    return post(client, f"{path}?drivers=3", {"as_of": str(AS_OF), name: accounts})


def told(answer, caplog):
    """Give the entries of an answer, in which nothing of what was sent may stand."""
    assert answer.status_code == 200, answer.text
    for text in (answer.text, caplog.text):
        assert CANARY not in text
    return strict(answer.text)["scores"]


def is_refusal(entry, *, code, where, account_id):
    assert set(entry) == Refused.__required_keys__
    assert (entry["account_id"], entry["status"]) == (account_id, "refused")
    assert entry["as_of"] == str(AS_OF)
    assert set(entry["error"]) == {"code", "message", "where"}
    assert (entry["error"]["code"], entry["error"]["where"]) == (code, where)
    return True


@pytest.fixture(scope="module")
def good(book, raw):
    ids = book.scores["account_id"]
    return [raw(i) for i in ids[book.scores["status"] == "scored"][:2].tolist()]


def rows_of(bundle, book, n):
    """Give rows of features; of a row that lacks one, its name is left out."""
    table = zip(book.scores["account_id"][:n].tolist(), book.values[:n], strict=True)
    return [
        {
            "account_id": i,
            "features": {
                k: v
                for k, v in zip(bundle.names, row.tolist(), strict=True)
                if not np.isnan(v)
            },
        }
        for i, row in table
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", BAD_ACCOUNTS)
def test_a_bad_account_is_refused_in_its_place_and_the_others_are_scored(
    client, caplog, good, name, place
):
    bad, (code, at, account_id) = BAD_ACCOUNTS[name]
    found = told(ask(client, [*good[:place], bad, *good[place:]]), caplog)
    entry = found.pop(place)
    where = f"accounts[{place}]{at}"
    assert is_refusal(entry, code=code, where=where, account_id=account_id)
    assert found == strict(ask(client, good).text)["scores"]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_of_features_is_refused_in_its_place(
    client, caplog, bundle, book, name, place
):
    fields, value, (code, account_id) = BAD_ROWS[name]
    feature = bundle.names[0]
    rows = rows_of(bundle, book, 2)
    sent = [*rows[:place], {**fields, "features": {feature: value}}, *rows[place:]]
    found = told(ask(client, sent, "/v1/score/features", "rows"), caplog)
    entry = found.pop(place)
    at = {"CH521": f".features.{feature}", "CH524": ".account_id", "CH522": ""}[code]
    where = f"rows[{place}]{at}"
    assert is_refusal(entry, code=code, where=where, account_id=account_id)
    alone = ask(client, rows, "/v1/score/features", "rows")
    assert found == strict(alone.text)["scores"]


def test_the_words_are_those_of_a_request_of_that_account_alone(client, caplog, good):
    bad, _ = BAD_ACCOUNTS["a text for a number"]
    entry = told(ask(client, [bad, *good]), caplog)[0]
    assert ask(client, [bad]).json() == {"error": entry["error"]}


def test_amounts_too_large_of_one_account_do_not_stop_the_others(client, caplog, good):
    bad = {"account_id": "bad", "events": HUGE}
    alone = ask(client, [bad])
    assert alone.json()["error"]["code"] == "CH526"
    entry = told(ask(client, [good[0], bad, good[1]]), caplog)[1]
    assert entry["error"] == alone.json()["error"]


def test_where_all_are_bad_the_request_fails_with_the_first_fault(client, good):
    kinds = ["no id", "a contract without start", "an unknown field"]
    answer = ask(client, [BAD_ACCOUNTS[kind][0] for kind in kinds])
    error = strict(answer.text)["error"]
    assert (answer.status_code, error["code"]) == (400, "CH524")
    assert error["where"] == "accounts[0].account_id"


def test_where_all_rows_are_bad_the_request_fails_with_the_first_fault(client):
    sent = [{"account_id": i, "features": {CANARY: 1}} for i in "abc"]
    answer = ask(client, sent, "/v1/score/features", "rows")
    error = strict(answer.text)["error"]
    assert (answer.status_code, error["code"]) == (400, "CH527")
    assert error["where"] == "rows[0].features"


@pytest.mark.parametrize("path", ["/v1/score", "/v1/score/features"])
def test_an_account_twice_fails_the_request_though_one_of_them_is_bad(client, path):
    name, field = ("rows", "features") if "features" in path else ("accounts", "x")
    right = {"account_id": "a", "features": {}} if name == "rows" else {}
    bad = {"account_id": "a", "y": 1, field: {}}
    other = {**right, "account_id": "b"}
    answer = ask(client, [other, bad, {**right, "account_id": "a"}], path, name)
    error = strict(answer.text)["error"]
    assert (answer.status_code, error["code"]) == (400, "CH525")
    assert error["where"] == f"{name}[2].account_id"


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    bent=st.lists(st.sampled_from([None, *BAD_ROWS]), min_size=2, max_size=12).filter(
        lambda kinds: None in kinds
    )
)
def test_right_rows_get_the_bits_they_get_without_the_bad_ones(
    client, caplog, bundle, book, bent
):
    rows, sent, right = rows_of(bundle, book, len(bent)), [], []
    for kind, row in zip(bent, rows, strict=True):
        if kind is None:
            right.append(row)
            sent.append(row)
            continue
        fields, value, _ = BAD_ROWS[kind]
        own = {"account_id": row["account_id"]} if "account_id" in fields else {}
        sent.append({**fields, **own, "features": {bundle.names[0]: value}})
    found = told(ask(client, sent, "/v1/score/features", "rows"), caplog)
    assert [e["status"] == "refused" for e in found] == [k is not None for k in bent]
    alone = strict(ask(client, right, "/v1/score/features", "rows").text)["scores"]
    assert [entry for entry in found if entry["status"] != "refused"] == alone


class Codes(Observer):
    """Keeps what was rejected, and how many were scored."""

    def __init__(self):
        self.codes, self.scores = [], 0

    def rejected(self, code):
        self.codes.append(code)

    def scored(self, _bundle, scores, _X):
        self.scores += len(scores)


def test_each_refused_account_is_counted_by_its_code(bundle, good):
    seen = Codes()
    kinds = ["a text for a number", "an id that is true", "no id"]
    sent = [*good, *(BAD_ACCOUNTS[kind][0] for kind in kinds)]
    with client_of(Live(serving=make_serving(bundle)), observer=seen) as client:
        assert ask(client, sent).status_code == 200
    assert sorted(seen.codes) == ["CH521", "CH521", "CH524"]
    assert seen.scores == 2


def test_a_long_request_is_answered_in_the_same_way(client, caplog, bundle, book):
    rows = rows_of(bundle, book, 40)  # too long for the short line
    rows[30]["features"][bundle.names[0]] = CANARY
    found = told(ask(client, rows, "/v1/score/features", "rows"), caplog)
    assert [i for i, e in enumerate(found) if e["status"] == "refused"] == [30]
    assert [e["account_id"] for e in found] == [row["account_id"] for row in rows]
