"""The typed client asks a real service over a socket, and is typed as it answers."""

import json
import socket
import threading
import time
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import uvicorn
from tests.serve.served import AS_OF, SETTINGS

import churnhealth.client as typed
from churnhealth.client import Client, ServiceError
from churnhealth.errors import RequestError
from churnhealth.serve.api import create_app
from churnhealth.serve.keys import read_keys
from churnhealth.serve.openapi import openapi

KEY = "a-key-of-more-than-twenty-letters"
LETTERS = "nyckel-på-mer-än-tjugo-bokstäver"


@pytest.fixture(scope="module")
def address(live):
    keys = read_keys(None, {"CHURNHEALTH_KEYS": f"test:score:{KEY},sv:read:{LETTERS}"})
    app = create_app(live, SETTINGS, keys=keys)
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def asked(address):
    return Client(base=address, key=KEY)


def test_every_question_is_answered(asked, book, raw):
    ids = book.scores["account_id"][book.scores["status"] == "scored"].tolist()[:2]
    scores = asked.score([raw(i) for i in ids], as_of=AS_OF, drivers=2)["scores"]
    stored = asked.account(ids[0])
    assert [score["account_id"] for score in scores] == ids
    assert scores[0]["churn_probability"] == stored["churn_probability"]
    assert len(scores[0]["drivers"]) == 2
    name = asked.features()[0]["name"]
    (row,) = asked.score_features({"x": {name: 1.0}}, as_of=str(AS_OF))["scores"]
    assert (row["account_id"], row["status"]) == ("x", "scored")
    assert asked.what_if(ids[0], {name: None})["before"]["account_id"] == ids[0]
    assert asked.accounts(page_size=3, sort="account_id")["page_size"] == 3
    assert [day["account_id"] for day in asked.history(ids[0])] == [ids[0]]
    assert asked.suggestion(ids[0])["account_id"] == ids[0]
    assert asked.model()["model_version"] == stored["model_version"]


def test_what_is_none_is_not_asked_and_an_id_may_be_a_number(asked):
    assert asked.accounts(owner=None, band=None) == asked.accounts()
    with pytest.raises(ServiceError, match="CH503"):
        asked.account(np.int64(12))


def test_a_bad_account_is_refused_beside_the_others(asked, book, raw):
    wrong = {"account_id": "a", "contracts": [{"start": "soon"}]}
    right = raw(book.scores["account_id"][0])
    bad, good = asked.score([wrong, right], as_of=AS_OF)["scores"]
    assert (bad["account_id"], bad["status"]) == ("a", "refused")
    assert bad["error"]["where"] == "accounts[0].contracts[0].start"
    assert good["status"] != "refused"


def test_a_no_is_told_with_its_code_its_place_and_its_status(asked, address):
    wrong = {"account_id": "a", "contracts": [{"start": "soon"}]}
    with pytest.raises(ServiceError, match="CH521") as caught:
        asked.score([wrong], as_of=AS_OF)
    assert caught.value.status == 400
    assert caught.value.where == "accounts[0].contracts[0].start"
    with pytest.raises(ServiceError, match="CH503"):
        asked.account("a/../b c")
    with pytest.raises(ServiceError, match="CH530"):
        Client(base=address).model()
    with pytest.raises(ValueError, match="JSON"):  # never sent: it is no JSON
        asked.what_if("a", {"x": float("inf")})


def test_a_body_that_is_refused_while_it_is_sent_is_told_as_too_large(asked):
    event = {"source": "product", "event": "x" * 80, "happened_at": "2025-01-01"}
    for _ in range(5):  # the answer may come before or after the line breaks
        with pytest.raises(ServiceError, match="CH513") as caught:
            asked.score([{"account_id": "a", "events": [event] * 90_000}], as_of=AS_OF)
        assert caught.value.status == 413


def test_nan_is_sent_as_not_measured(asked, book):
    scored = book.scores["status"] == "scored"
    account_id = book.scores["account_id"][scored][0]
    name, nan = asked.features()[0]["name"], float("nan")
    unknown = asked.what_if(account_id, {name: None})["after"]
    assert asked.what_if(account_id, {name: nan})["after"] == unknown
    told = asked.score_features({"x": {name: nan}}, as_of=AS_OF)
    assert told == asked.score_features({"x": {name: None}}, as_of=AS_OF)


def test_rows_of_a_data_frame_are_sent_as_they_are(asked, book, raw):
    plain = deepcopy(raw(book.scores["account_id"][0]))  # others ask with it too
    framed = {
        **plain,
        "contracts": pd.DataFrame(plain["contracts"])
        .assign(start=lambda c: pd.to_datetime(c["start"]))
        .to_dict("records"),
        "events": pd.DataFrame(plain["events"]).to_dict("records"),  # with NaN
    }
    framed["contracts"][0] |= {"end": pd.NaT, "seats": np.int64(7), "discount": pd.NA}
    plain["contracts"][0] |= {"end": None, "seats": 7, "discount": None}
    expected = asked.score([plain], as_of=AS_OF)
    assert expected["scores"][0]["status"] == "scored"
    assert asked.score([framed], as_of=pd.Timestamp(AS_OF)) == expected


@pytest.fixture
def answering():
    """Answer one request with raw bytes, and give the address to ask."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer(raw):
            def once():
                with listening.accept()[0] as caller:
                    caller.recv(65536)
                    caller.sendall(raw)

            threading.Thread(target=once).start()
            return Client(base=f"http://127.0.0.1:{listening.getsockname()[1]}")

        yield answer


@pytest.mark.parametrize("page", [b"<html>log", b"[1, 2]", b"null", b'{"ok": true}'])
@pytest.mark.parametrize("ask", [Client.model, Client.features, Client.accounts])
def test_a_page_that_came_instead_of_ours_is_no_answer_of_ours(answering, ask, page):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page)
    with pytest.raises(ServiceError, match="CH541") as caught:
        ask(answering(head + page))
    assert caught.value.status == 200


@pytest.mark.parametrize("status", [b"200 OK", b"502 Bad Gateway"])
def test_an_answer_that_breaks_off_is_no_answer(answering, status):
    with pytest.raises(OSError, match="IncompleteRead"):
        answering(b"HTTP/1.1 %s\r\nContent-Length: 99\r\n\r\n{" % status).model()


def test_nobody_is_followed_elsewhere_with_the_key(answering, address):
    moved = f"HTTP/1.1 302 Found\r\nLocation: {address}/v1/model\r\n\r\n"
    asked = replace(answering(moved.encode()), key=KEY)
    with pytest.raises(ServiceError, match="CH541") as caught:
        asked.model()
    assert caught.value.status == 302


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]
)
def test_an_answer_that_comes_in_drops_is_waited_for_no_longer_than_was_said(head):
    def drip(listening):
        with listening.accept()[0] as caller, suppress(OSError):
            caller.sendall(head)
            for _ in range(1_000):  # the caller goes before
                caller.sendall(b"H")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        asked = Client(base=f"http://127.0.0.1:{port}", timeout=0.2)
        with pytest.raises(TimeoutError):
            asked.model()
        thread.join(timeout=5)
        assert not thread.is_alive()


NUMBERS = b'{"error": {"code": 1, "message": null, "where": 3}}'


@pytest.mark.parametrize("said", [b"<html>", b"[]", b'{"error": "no"}', NUMBERS])
def test_a_proxys_page_is_told_as_no_answer_of_ours(said):
    error = ServiceError(502, None, said)
    assert (error.code, error.status) == ("CH541", 502)


@pytest.mark.parametrize(
    "name",
    [
        "Score",
        "StoredScore",
        "Driver",
        "Scores",
        "Page",
        "WhatIf",
        "Suggestion",
        "Refused",
    ],
)
def test_the_types_name_the_fields_that_are_described(name):
    described = openapi()["components"]["schemas"][name]
    made = getattr(typed, name)
    assert set(made.__annotations__) == set(described["properties"])
    assert made.__required_keys__ == set(described["required"])


def test_a_key_read_with_its_line_break_is_the_key(address):
    assert Client(base=address, key=f"{KEY}\n").model()["skill"] is not None


@pytest.mark.parametrize("key", [f"{KEY}\nX: y", "\x00" + KEY])
def test_a_key_that_no_header_carries_is_refused_and_not_repeated(address, key):
    with pytest.raises(RequestError, match="CH530") as caught:
        Client(base=address, key=key).model()
    assert KEY not in str(caught.value)


def test_a_key_may_hold_any_letter(address):
    assert Client(base=address, key=LETTERS).model()["skill"] is not None


def test_the_key_is_not_shown(asked):
    assert KEY not in repr(asked)
    assert KEY not in json.dumps(str(asked))
