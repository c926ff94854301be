"""Rows of features that came whole are answered at the door, as the usual way does."""

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
import uvicorn
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.served import AS_OF, SETTINGS
from uvicorn.server import ServerState

from churnhealth.serve.api import create_app
from churnhealth.serve.keys import Key, Keys
from churnhealth.serve.live import Live, make_serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.turnstile import Turnstile

PATH = "/v1/score/features"
JSON = "Content-Type: application/json"


class Noting(Observer):
    def __init__(self):
        self.told = []

    def answered(self, route, status, seconds):
        assert seconds >= 0
        self.told.append((route, status))

    def rejected(self, code):
        self.told.append(code)


class Wire:
    """The far end of a connection: keeps what is written, and may hang up."""

    def __init__(self):
        self.written, self.closed = [], False

    def write(self, data):
        assert not self.closed
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, otherwise=None):
        ends = {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 3000)}
        return ends.get(name, otherwise)

    def pause_reading(self):
        pass

    resume_reading = pause_reading


class Door:
    """The service behind its protocol, without a socket."""

    def __init__(self, live, *, settings=SETTINGS):
        self.observer = Noting()
        self.app = create_app(live, settings, observer=self.observer)
        self.guard = self.app.state.guard
        self.usual = []  # the paths of those who went the usual way

        class Here(Turnstile):
            at_door, refuse = self.guard.at_door, self.guard.refuse

            def _go_on(here, cycle, app):  # noqa: N805 (self is the door)
                self.usual.append(cycle.scope["path"])
                super()._go_on(cycle, app)

        self.protocol = Here
        self.config = uvicorn.Config(self.guard, log_config=None, date_header=False)
        self.config.load()

    def connect(self):
        made = self.protocol(
            config=self.config, server_state=ServerState(), app_state={}
        )
        wire = Wire()
        made.connection_made(wire)
        return made, wire

    def told(self, *pieces, answers, after=lambda _: None):
        """Send pieces over one connection; give what came back when all was said."""

        async def sent():
            made, wire = self.connect()
            for piece in pieces:
                await asyncio.sleep(0)
                made.data_received(piece)
            after(made)
            while b"".join(wire.written).count(b"HTTP/1.1 ") < answers:
                await asyncio.sleep(0)
            return b"".join(wire.written), wire.closed

        return uvloop.run(asyncio.wait_for(sent(), 30))


@pytest.fixture(scope="module")
def door(live):
    return Door(live)


@pytest.fixture(scope="module")
def rows(book, bundle):
    return [
        {k: None if np.isnan(v) else v for k, v in zip(bundle.names, row, strict=True)}
        for row in book.values[:4].tolist()
    ]


def body_of(*features, **more):
    told = [{"account_id": f"a{i}", "features": row} for i, row in enumerate(features)]
    return json.dumps({"as_of": str(AS_OF), "rows": told, **more}).encode()


def request(body, *lines, query="?drivers=3", path=PATH):
    head = (f"POST {path}{query} HTTP/1.1", "Host: 127.0.0.1:3000", JSON, *lines)
    length = f"Content-Length: {len(body)}"
    return "\r\n".join([*head, length, "", ""]).encode() + body


def parts(answer):
    """Part one answer into its status, its sorted head without ids, and its body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    ids = [line for line in lines if line.startswith(b"x-request-id: ")]
    assert len(ids) == 1
    return first, sorted(line for line in lines if line not in ids), body


ASKED = {
    "one row": lambda rows: request(body_of(rows[0])),
    "two rows": lambda rows: request(body_of(rows[1], rows[2])),
    "no drivers": lambda rows: request(body_of(rows[0]), query=""),
    "a row that is refused": lambda rows: request(body_of(rows[0], {"none": 1})),
    "a field too many": lambda rows: request(body_of(rows[0], none=1)),
    "no JSON": lambda _: request(b"{"),
    "a parameter that is none": lambda rows: request(body_of(rows[0]), query="?top=1"),
    "too many drivers": lambda rows: request(body_of(rows[0]), query="?drivers=9999"),
}
LAST = {
    "too many accounts": lambda _: request(body_of(*[{}] * 51)),
    "then no request": lambda rows: request(body_of(rows[0])) + b"a\r\n\r\n",
}


@pytest.mark.parametrize("asked", (ASKED | LAST).values(), ids=ASKED | LAST)
def test_the_answer_at_the_door_is_the_one_of_the_usual_way(door, rows, asked):
    sent, door.observer.told, door.usual = asked(rows), [], []
    mine, closed = door.told(sent, answers=1)
    noted, door.observer.told = door.observer.told, []
    assert door.usual == []
    head = sent.index(b"\r\n\r\n") + 4
    usual, last = door.told(sent[:head], sent[head:], answers=1)  # not in one piece
    assert door.usual == [PATH]
    assert parts(mine) == parts(usual)
    assert noted == door.observer.told
    assert closed == last == (b"\r\nconnection: close\r\n" in mine)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(["Connection: close"], 200, id="the last request"),
        pytest.param(["Expect: 100-continue"], 100, id="who waits for a word"),
        pytest.param(["Content-Encoding: gzip"], 415, id="a body in a cipher"),
    ],
)
def test_who_wants_more_than_an_answer_goes_the_usual_way(door, rows, sent, status):
    door.usual = []
    answer, closed = door.told(request(body_of(rows[0]), *sent), answers=1)
    assert door.usual == [PATH]
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert closed == (sent == ["Connection: close"])


def test_who_has_no_key_is_told_so_and_who_has_one_is_answered_at_the_door(live, rows):
    door, word = Door(live), "at least twenty characters of chance"
    digest = sha256(word.encode()).digest()
    door.guard.keys = Keys((Key(name="crm", role="score", digest=digest),))
    refused, _ = door.told(request(body_of(rows[0])), answers=1)
    assert refused.startswith(b"HTTP/1.1 401")
    assert (door.usual, door.observer.told) == ([PATH], ["CH530", (PATH, 401)])
    shown = request(body_of(rows[0]), f"Authorization: Bearer {word}")
    answer, _ = door.told(shown, answers=1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert door.usual == [PATH]


def test_while_no_model_is_loaded_nobody_is_answered_at_the_door(rows):
    door = Door(Live())
    answer, _ = door.told(request(body_of(rows[0])), answers=1)
    assert answer.startswith(b"HTTP/1.1 503")
    assert door.usual == [PATH]


def test_a_line_that_is_full_and_a_deadline_that_passed_are_told(live, rows):
    door = Door(live)
    door.guard.deadline = -1.0
    late, _ = door.told(request(body_of(rows[0])), answers=1)
    assert late.startswith(b"HTTP/1.1 503")
    assert b"\r\nretry-after: 1\r\n" in late
    door.guard.deadline = 60.0

    async def six():
        wires = []
        for _ in range(6):  # all in one round of the loop
            made, wire = door.connect()
            made.data_received(request(body_of(rows[0])))
            wires.append(wire)
        while not all(wire.written for wire in wires):
            await asyncio.sleep(0)
        return [b"".join(wire.written)[:12] for wire in wires]

    door.app.state.turns._most = 4
    statuses = uvloop.run(asyncio.wait_for(six(), 30))
    assert statuses == [b"HTTP/1.1 200"] * 4 + [b"HTTP/1.1 429"] * 2
    assert door.usual == []


def test_a_fault_of_ours_is_500_and_the_next_is_answered(bundle, rows, caplog):
    serving = make_serving(bundle)
    door = Door(Live(serving=replace(serving, bundle=replace(bundle, likely=object()))))
    answer, _ = door.told(request(body_of(rows[0])), answers=1)
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"CH519" in answer
    assert any(line.startswith("CH519 AttributeError in ") for line in caplog.messages)
    again, _ = door.told(request(body_of(rows[0])), answers=1)
    assert again.startswith(b"HTTP/1.1 500")


@pytest.mark.parametrize("ends", [Turnstile.eof_received, Turnstile.shutdown])
def test_who_waits_when_either_side_ends_is_answered_and_let_go(door, rows, ends):
    door.usual = []
    answer, closed = door.told(request(body_of(rows[0])), answers=1, after=ends)
    assert door.usual == []
    assert b"\r\nconnection: close\r\n" in answer
    assert closed


@pytest.mark.parametrize("cut", [0, 9])
def test_when_the_service_stops_the_answer_is_the_last(live, rows, cut):
    door, sent = Door(live), request(body_of(rows[0])) * 3
    door.protocol.stops = True
    answer, closed = door.told(sent[:cut], sent[cut:], answers=3)
    *others, last = answer.split(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" not in b"".join(others)
    assert b"\r\nconnection: close\r\n" in last
    assert closed


def test_a_deadline_that_passed_is_not_the_next_requests(live, rows):
    door, sent = Door(live), request(body_of(rows[0]))

    async def both():
        made, wire = door.connect()
        door.guard.deadline = -1.0
        made.data_received(sent)
        door.guard.deadline = 60.0
        while not wire.written:
            await asyncio.sleep(0)
        made.data_received(sent[:-1])
        made.data_received(sent[-1:])
        while len(wire.written) < 2:
            await asyncio.sleep(0)
        return [answer[:12] for answer in wire.written]

    answers = uvloop.run(asyncio.wait_for(both(), 30))
    assert answers == [b"HTTP/1.1 503", b"HTTP/1.1 200"]
    assert door.usual == [PATH]


def test_who_was_answered_leaves_nothing_behind(door, rows):
    async def came():
        made, wire = door.connect()
        for answers in range(1, 4):
            made.data_received(request(body_of(rows[0])))
            assert made.timeout_keep_alive_task is None  # nobody is idle who waits
            while len(wire.written) < answers:
                await asyncio.sleep(0)
            assert made.timeout_keep_alive_task is not None
        made.connection_lost(None)
        return made

    made = uvloop.run(asyncio.wait_for(came(), 30))
    assert made.server_state.total_requests == 3
    assert not made.server_state.connections
    assert not made.server_state.tasks
    assert made.timeout_keep_alive_task is None
    assert not any(door.app.state.turns.waiting.values())


def test_that_who_asked_twice_has_left_is_no_fault_of_ours(door, rows, caplog):
    sent = request(body_of(rows[0]))

    async def left():
        made, wire = door.connect()
        made.data_received(sent[:-1])  # the usual way
        made.data_received(sent[-1:] + sent)
        wire.close()
        made.connection_lost(None)
        while made.tasks:
            await asyncio.sleep(0)

    uvloop.run(asyncio.wait_for(left(), 30))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_to_who_has_left_nothing_is_written_and_others_are_answered(door, rows):
    async def left():
        gone, (made, wire) = door.connect(), door.connect()
        for one in (gone[0], made):
            one.data_received(request(body_of(rows[0])))
        gone[0].connection_lost(None)
        while not wire.written:
            await asyncio.sleep(0)
        return gone[1].written

    door.observer.told = []
    assert uvloop.run(asyncio.wait_for(left(), 30)) == []
    assert door.observer.told == [(PATH, 200)] * 2


@settings(max_examples=40)
@given(data=st.data())
def test_however_requests_are_cut_each_gets_its_answer_in_order(door, rows, data):
    kinds = [*ASKED.values(), lambda _: request(b"{}", query="", path="/none")]
    asked = data.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    each = [kind(rows) for kind in asked]
    alone = [parts(door.told(one, answers=1)[0]) for one in each]
    stream = b"".join(each)
    cuts = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=5))
    ends = [0, *sorted(set(cuts)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(ends)]
    came, _ = door.told(*pieces, answers=len(each))
    first, *others = came.split(b"HTTP/1.1 ")
    assert first == b""
    assert [parts(b"HTTP/1.1 " + one) for one in others] == alone
