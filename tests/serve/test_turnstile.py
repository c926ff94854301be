"""Who finds the line full is sent back at once, as if he had gone the usual way."""

import asyncio
import hashlib
import json
import select
import socket
import threading
from contextlib import suppress

import pytest
import uvicorn
from starlette.responses import Response
from starlette.routing import Route

from churnhealth.serve import turnstile
from churnhealth.serve.door import WideServer
from churnhealth.serve.guard import Guard
from churnhealth.serve.keys import Key, Keys
from churnhealth.serve.observed import Observer
from churnhealth.serve.refusal import too_slow
from churnhealth.serve.turnstile import Turnstile

AWAY = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\naway"
BEGUN, GO_ON = threading.Event(), threading.Event()


async def app(scope, receive, send):
    """Answer with the body that came in; say so when started and stopped."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": f"{(await receive())['type']}.complete"})
        return
    body, more = b"", True
    while more:
        came = await receive()
        body, more = body + came.get("body", b""), came.get("more_body", False)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/late":
        for _ in range(3):  # a head that is on its way would leave now
            await asyncio.sleep(0)
        BEGUN.set()
        await asyncio.to_thread(GO_ON.wait, 10)
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def server(monkeypatch):
    """Start a server whose line is full for whoever asks for /full."""

    def at_door(scope):
        return AWAY if scope["path"] == "/full" else None

    guard = guard_of(room=True)
    monkeypatch.setattr(Turnstile, "at_door", staticmethod(at_door))
    monkeypatch.setattr(Turnstile, "refuse", guard.refuse)
    bare = {"log_config": None, "date_header": False, "server_header": False}
    config = uvicorn.Config(app, loop="uvloop", http="httptools", **bare)
    server = WideServer(config)
    with socket.create_server(("127.0.0.1", 0)) as shared:
        thread = threading.Thread(target=server.run, args=([shared],), daemon=True)
        thread.start()
        yield server, shared.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture
def port(server):
    return server[1]


def post(path, body, *more):
    lines = (f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more)
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def told(port, *parts):
    """Send parts over one connection, the next when the last was answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        came = []
        for part in parts:
            caller.sendall(part)
            came.append(caller.recv(65_536))
        caller.shutdown(socket.SHUT_WR)
        return came


def test_who_is_sent_back_keeps_the_connection_and_his_body_is_no_request(port):
    head, body = post("/full", "GET /full HTTP/1.1\r\n\r\n").split(b"\r\n\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(head + b"\r\n\r\n")
        assert caller.recv(65_536) == AWAY  # before the body was sent
        caller.sendall(body + post("/free", "scored"))
        assert caller.recv(65_536).endswith(b"scored")


def test_answers_keep_the_order_of_requests_that_were_sent_together(port):
    sent = [post("/free", "one"), post("/full", ""), post("/free", "two")] * 200
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        sending = threading.Thread(target=caller.sendall, args=(b"".join(sent),))
        sending.start()
        came = b""
        while came.count(b"HTTP/1.1 ") < len(sent) or not came.endswith(b"two"):
            came += caller.recv(65_536)
        sending.join()
    statuses = [part[:3] for part in came.split(b"HTTP/1.1 ")[1:]]
    assert [part[-3:] for part in came.split(b"HTTP/1.1 ")[1::3]] == [b"one"] * 200
    assert {*statuses[::3], *statuses[2::3]} == {b"200"}


def test_who_asks_for_the_last_time_goes_the_usual_way(port):
    answer = told(port, post("/full", "whole", "Connection: close"))[0]
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"whole")


@pytest.fixture
def late():
    """Let /late wait for its body, whatever another test has let go on."""
    BEGUN.clear()
    GO_ON.clear()
    yield
    GO_ON.set()


@pytest.mark.usefixtures("late")
def test_an_answer_leaves_in_one_piece(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/late", "scored"))
        assert BEGUN.wait(10)
        caller.setblocking(False)
        with pytest.raises(BlockingIOError):  # its head waits for its body
            caller.recv(65_536)
        GO_ON.set()
        caller.settimeout(10)
        answer = caller.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"scored")


def test_a_head_that_is_all_and_leave_to_go_on_are_not_held_back(port):
    body = post("/free", "sent", "Expect: 100-continue")
    asked, sent = body[: -len("sent")], body[-len("sent") :]
    leave, answer = told(port, asked, sent)
    assert leave.startswith(b"HTTP/1.1 100")
    assert answer.endswith(b"sent")
    [head] = told(port, post("/free", "").replace(b"POST", b"HEAD"))
    assert head.endswith(b"\r\n\r\n")


def all_of(caller):
    """Read until the other side closes; ``None`` if it cut off."""
    came = b""
    try:
        while part := caller.recv(65_536):
            came += part
    except ConnectionResetError:
        return None
    return came


def said(answer):
    """Give the status and the code of a refusal, and whether it is the last word."""
    head, body = answer.split(b"\r\n\r\n")
    return (
        int(head[9:12]),
        json.loads(body)["error"]["code"],
        b"connection: close" in head,
    )


@pytest.mark.parametrize(
    "piece", [b"X-A: aaaaaaaa\r\n" * 64, b"a" * 1024], ids=["many headers", "one"]
)
def test_a_head_without_an_end_is_refused(port, piece):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"GET /free HTTP/1.1\r\nX-A: ")
        with suppress(ConnectionError):
            for _ in range(4096):
                caller.sendall(piece)
                if select.select([caller], [], [], 0)[0]:
                    break
            else:
                pytest.fail("4 MB of a head were taken")
        assert said(caller.recv(65_536)) == (431, "CH536", True)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /free HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00",
        b"a\r\n\r\n",
        b"POST /free HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["another version", "TLS", "anything", "a bent chunk"],
)
def test_what_is_no_request_is_refused_in_our_shape(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(sent)
        assert said(all_of(caller)) == (400, "CH535", True)


@pytest.mark.usefixtures("late")
def test_what_is_no_request_is_not_answered_amid_another_answer(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/late", "one"))
        assert BEGUN.wait(10)
        caller.sendall(b"a\r\n\r\n")
        told(port, post("/free", "a round later"))
        GO_ON.set()
        answer = all_of(caller)
    assert answer.endswith(b"one")
    assert b"CH535" not in answer


def test_what_is_no_request_does_not_undo_the_one_before_it(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/free", "one") + b"a\r\n\r\n")
        answer = all_of(caller)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"one")


@pytest.mark.usefixtures("late")
def test_who_will_send_no_more_is_answered_and_let_go(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/late", "asked"))
        assert BEGUN.wait(10)
        caller.shutdown(socket.SHUT_WR)
        told(port, post("/free", "a round later"))
        GO_ON.set()
        assert all_of(caller).endswith(b"asked")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/free", "asked")[:-1])
        caller.shutdown(socket.SHUT_WR)
        assert all_of(caller) in (b"", None)


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("between", [b"", post("/free", "another")])
def test_half_a_request_takes_none_of_the_answers_before_it_away(port, between):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/late", "whole") + between + post("/free", "asked")[:-1])
        assert BEGUN.wait(10)
        caller.shutdown(socket.SHUT_WR)
        told(port, post("/free", "a round later"))
        GO_ON.set()
        came = all_of(caller)
    assert came.endswith(b"another" if between else b"whole")
    assert came.count(b"HTTP/1.1 200") == 1 + bool(between)


def test_a_head_after_a_long_body_is_not_counted_with_it(port):
    sent = post("/free", "a" * 200_000) + b"GET /free HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(sent)
        caller.sendall(b"Connection: close\r\n\r\n")
        assert all_of(caller).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(
            b"GET /free HTTP/1.1\r\nHo", (408, "CH534", True), id="half a head"
        ),
        pytest.param(
            post("/full", "a" * 9)[:-5], AWAY, id="half the body of what was refused"
        ),
    ],
)
def test_who_does_nothing_is_parted_from(port, monkeypatch, sent, answer):
    monkeypatch.setattr(turnstile, "_LOOKS", 0)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(sent)
        came = all_of(caller)
    assert (came if came in (b"", AWAY) else said(came)) == (answer or b"")


def test_who_does_not_read_is_parted_from(server, monkeypatch):
    monkeypatch.setattr(turnstile, "_LOOKS", 0)
    inside, port = server[0].server_state.connections, server[1]
    body = "a" * 2**24  # more than the system keeps for who does not read
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(post("/free", body))
        for _ in range(20_000):
            with suppress(ConnectionError):
                told(port, post("/free", "another"))
            if all(held.client != caller.getsockname() for held in [*inside]):
                break
        else:
            pytest.fail("the connection is still there")
        came = all_of(caller)
    assert came is None or len(came) < len(body)


SCOPE = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b""}
KEY = "at least twenty characters of chance"


def guard_of(*, room, keys=None):
    route = Route("/v1/score", lambda _: Response("ok"), methods=["POST"])
    return Guard(
        route.handle,
        routes=[route],
        hosts=frozenset({"here"}),
        max_bytes=1000,
        deadline=60.0,
        observer=Observer(),
        keys=keys,
        busy=lambda *_: not room,
        room=lambda *_: room,
    )


def asked(**headers):
    given = {"host": "here", "content-type": "application/json", **headers}
    return {**SCOPE, "headers": [(k.encode(), v.encode()) for k, v in given.items()]}


async def usual(guard, scope):
    """Give the answer of the guard itself, written as uvicorn writes it."""
    said = []

    async def send(message):
        said.append(message)

    await guard(scope, None, send)
    lines = [b"%s: %s" % header for header in said[0]["headers"]]
    return [b"HTTP/1.1 %d" % said[0]["status"], *lines], said[1]["body"]


def test_the_answer_is_the_one_of_the_usual_way():
    async def both():
        guard = guard_of(room=False)
        return guard.at_door(asked()), await usual(guard, asked())

    answer, (lines, body) = asyncio.run(both())
    head, _, mine = answer.partition(b"\r\n\r\n")
    assert mine == body
    first, *others = head.split(b"\r\n")
    assert first == b"HTTP/1.1 429 Too Many Requests"
    assert lines[0] == b"HTTP/1.1 429"
    without_id = [
        sorted(line for line in some if not line.startswith(b"x-request-id"))
        for some in (others, lines[1:])
    ]
    assert without_id[0] == without_id[1]
    assert sum(line.startswith(b"x-request-id: ") for line in others) == 1


class Counts(Observer):
    def __init__(self):
        self.told = []

    def answered(self, route, status, seconds):  # noqa: ARG002
        self.told.append((route, status))

    def rejected(self, code):
        self.told.append(code)


def test_what_is_no_request_is_counted_and_has_a_line(caplog):
    (guard := guard_of(room=True)).observer = counts = Counts()
    with caplog.at_level("INFO", logger="churnhealth.serve"):
        answer = guard.refuse(too_slow("the request"))
    assert counts.told == ["CH534", ("(unknown)", 408)]
    [[request_id, *said]] = [line.split()[:4] for line in caplog.messages]
    assert f"x-request-id: {request_id}".encode() in answer
    assert said == ["-", "(unknown)", "408"]


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(asked(host="elsewhere"), id="another host"),
        pytest.param(asked(), id="no key"),
        pytest.param(asked(authorization=f"Bearer {KEY[1:]}"), id="a wrong key"),
        pytest.param({**asked(), "path": "/nowhere"}, id="another path"),
        pytest.param({**asked(), "method": "GET"}, id="another method"),
    ],
)
def test_who_would_be_refused_for_something_else_is_told_that(scope):
    digest = hashlib.sha256(KEY.encode()).digest()
    keys = Keys((Key(name="crm", role="score", digest=digest),))

    async def told_of(scope):
        return guard_of(room=False, keys=keys).at_door(scope)

    assert asyncio.run(told_of(scope)) is None
    assert asyncio.run(told_of(asked(authorization=f"Bearer {KEY}"))) is not None


def test_who_finds_room_goes_the_usual_way():
    assert guard_of(room=True).at_door(asked()) is None
