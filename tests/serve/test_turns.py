"""A short line, and nothing begun too late."""

import asyncio
import threading
from time import perf_counter

import pytest
from starlette.responses import Response
from starlette.routing import Route
from tests.serve.served import AS_OF, SETTINGS, client_of, post

from churnhealth.errors import RequestError
from churnhealth.serve import guard
from churnhealth.serve.guard import Guard
from churnhealth.serve.observed import Observer
from churnhealth.serve.turns import Joint, Turns, due_in, in_time


class Failing(Observer):
    def took(self, stage, seconds):  # noqa: ARG002
        raise OSError("no room")


class Staged(Observer):
    def __init__(self):
        self.stages = []

    def took(self, stage, seconds):
        self.stages.append((stage, seconds >= 0))


def lines(most=3):
    return Turns(most_waiting=most, observer=Observer())


@pytest.mark.parametrize("line", ["short", "long"])
def test_work_is_done_and_its_result_or_error_given_back(line):
    async def asked():
        turns = lines()
        told = getattr(turns, line)
        assert await told(lambda: 41 + 1) == 42
        with pytest.raises(ZeroDivisionError):
            await told(lambda: 1 // 0)
        assert turns.waiting == {"short": 0, "long": 0}

    asyncio.run(asked())


def test_beyond_the_line_a_request_is_told_at_once_to_come_back():
    go = threading.Event()

    async def asked():
        turns = lines(most=3)
        busy = [asyncio.ensure_future(turns.long(go.wait)) for _ in range(2 + 3)]
        while turns.waiting["long"] < 3:
            await asyncio.sleep(0)
        codes = []
        for _ in range(4):
            with pytest.raises(RequestError) as caught:
                await turns.long(go.wait)
            codes.append(caught.value.code)
        go.set()
        return codes, await asyncio.gather(*busy), turns.waiting

    codes, done, waiting = asyncio.run(asked())
    assert codes == ["CH532"] * 4
    assert done == [True] * 5
    assert waiting == {"short": 0, "long": 0}


def test_more_short_work_than_the_line_holds_is_refused_in_the_same_round():
    async def asked():
        turns = lines(most=3)
        done = await asyncio.gather(
            *(turns.short(lambda: "done") for _ in range(5)), return_exceptions=True
        )
        return [d if isinstance(d, str) else d.code for d in done]

    assert asyncio.run(asked()) == ["done"] * 3 + ["CH532"] * 2


@pytest.mark.parametrize("line", ["short", "long"])
def test_work_whose_deadline_has_passed_is_not_begun(line):
    begun = []

    async def asked():
        due_in(-1.0)
        with pytest.raises(RequestError) as caught:
            await getattr(lines(), line)(lambda: begun.append(1))
        return caught.value.code

    assert asyncio.run(asked()) == "CH533"
    assert begun == []


@pytest.mark.parametrize("line", ["short", "long"])
def test_work_can_ask_between_its_pieces_whether_somebody_waits(line):
    def pieces():
        in_time()
        due_in(-1.0)
        in_time()

    async def asked():
        due_in(60.0)
        with pytest.raises(RequestError) as caught:
            await getattr(lines(), line)(pieces)
        return caught.value.code

    assert asyncio.run(asked()) == "CH533"


def test_work_of_somebody_who_left_is_not_done():
    begun = []

    async def asked():
        turns = lines()
        first = asyncio.ensure_future(turns.short(lambda: begun.append("first")))
        left = asyncio.ensure_future(turns.short(lambda: begun.append("left")))
        await asyncio.sleep(0)
        left.cancel()
        await first
        await turns.short(lambda: begun.append("last"))

    asyncio.run(asked())
    assert begun == ["first", "last"]


class Fails(asyncio.Future):
    def set_result(self, result):  # noqa: ARG002
        raise OSError("the wire is cut")


def test_who_cannot_take_his_answer_holds_up_nobody(caplog):
    async def both():
        turns = lines(4)
        turns.line_up(lambda: 1, None, Fails())
        return [await turns.short(lambda: 2), await turns.short(lambda: 3)]

    assert asyncio.run(both()) == [2, 3]
    assert caplog.messages == ["CH519 OSError while an answer was handed over"]


def test_stages_are_timed():
    staged = Staged()

    async def asked():
        await Turns(most_waiting=1, observer=staged).short(lambda: None)

    asyncio.run(asked())
    assert staged.stages == [("wait", True), ("work", True)]


def test_over_http_a_deadline_is_503_and_says_when_to_come_back(live, raw, book):
    at_once = SETTINGS.model_copy(update={"deadline_ms": 10})
    ids = book.scores["account_id"].tolist()[:50]
    many = {"as_of": str(AS_OF), "accounts": [raw(i) for i in ids]}
    with client_of(live, settings=at_once) as client:
        late = post(client, "/v1/score", many)
        assert client.get("/livez").status_code == 200
    assert (late.status_code, late.json()["error"]["code"]) == (503, "CH533")
    assert late.headers["retry-after"] == "1"


class Held:
    """A guard around an application that does not answer before it is told to."""

    def __init__(self, most_bytes, busy=None):
        self.go = asyncio.Event()
        route = Route("/v1/score", self.answer, methods=["POST"])
        self.guard = Guard(
            route.handle,
            routes=[route],
            hosts=None,
            max_bytes=most_bytes,
            deadline=60.0,
            observer=Observer(),
            busy=busy,
        )

    async def answer(self, _):
        await self.go.wait()
        return Response("ok")

    async def ask(self, *parts):
        """Send a body in parts; an event among them is waited for."""
        rest, said = list(parts), []

        async def receive():
            part = rest.pop(0)
            if isinstance(part, asyncio.Event):
                await part.wait()
                part = b""
            return {"type": "http.request", "body": part, "more_body": bool(rest)}

        async def send(message):
            said.append(message)

        await self.guard({**SCOPE}, receive, send)
        return said[0]["status"], dict(said[0]["headers"])


SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/score",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}


def test_bodies_that_would_fill_the_memory_are_told_to_come_back():
    async def asked():
        held = Held(most_bytes=1000)
        first = [asyncio.ensure_future(held.ask(b"x" * 1000)) for _ in range(8)]
        await asyncio.sleep(0)
        refused = await held.ask(b"x")
        held.go.set()
        served = await asyncio.gather(*first)
        return refused, served, await held.ask(b"x")

    refused, served, after = asyncio.run(asked())
    assert (refused[0], refused[1][b"retry-after"]) == (429, b"1")
    assert {status for status, _ in served} == {200}
    assert after[0] == 200


def test_who_finds_the_line_full_is_told_before_his_body_is_read(monkeypatch, caplog):
    monkeypatch.setattr(guard, "_A_WHILE", 0.0)
    caplog.set_level("INFO", logger="churnhealth.serve")
    asked = []

    def busy(path, size):
        asked.append((path, size))
        return True

    async def ask():
        held = Held(1000, busy)
        never = asyncio.Event()  # the body would be waited for
        answers = [await held.ask(never) for _ in range(3)]
        await asyncio.sleep(0.01)
        return answers

    answers = asyncio.run(ask())
    assert asked == [("/v1/score", 0)] * 3
    assert {(status, told[b"retry-after"]) for status, told in answers} == {(429, b"1")}
    assert sum("429" in line for line in caplog.messages) >= 1
    assert not any("/v1/score" in line for line in caplog.messages)


def test_a_body_that_does_not_come_in_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "_PATIENCE", 0.01)

    async def asked():
        held = Held(most_bytes=1000)
        held.go.set()
        return await held.ask(b"[", asyncio.Event(), b"]")

    status, headers = asyncio.run(asked())
    assert (status, headers[b"connection"]) == (408, b"close")


def joining(*asked, kind=None, most=40):
    """Ask all at once; give what was worked on together, and each answer or error."""
    groups = []

    def together(items):
        groups.append(items)
        if 0 in items:
            raise ZeroDivisionError
        return [10 * item for item in items]

    async def run():
        turns = lines(most)
        waiting = [
            turns.joined(prepare, Joint(kind(i) if kind else "all", together))
            for i, prepare in enumerate(asked)
        ]
        async with asyncio.timeout(5):  # whoever is forgotten would wait for ever
            return await asyncio.gather(*waiting, return_exceptions=True)

    return groups, asyncio.run(run())


def test_what_waits_for_the_same_is_worked_on_together_and_answered_in_order():
    groups, answers = joining(*(lambda i=i: i for i in range(1, 21)))
    assert groups == [list(range(1, 17)), [17, 18, 19, 20]]
    assert answers == [10 * i for i in range(1, 21)]


def test_work_of_another_kind_is_not_joined():
    groups, answers = joining(
        *(lambda i=i: i for i in (1, 2, 3, 4)), kind=lambda i: i % 2
    )
    assert groups == [[1, 3], [2, 4]]
    assert answers == [10, 20, 30, 40]


def test_one_that_cannot_be_prepared_fails_alone():
    groups, answers = joining(lambda: 1, lambda: 1 // 0, lambda: 3)
    assert groups == [[1, 3]]
    assert [answers[0], type(answers[1]), answers[2]] == [10, ZeroDivisionError, 30]


def test_one_that_spoils_the_work_of_all_fails_alone():
    groups, answers = joining(lambda: 1, lambda: 0, lambda: 3)
    assert groups == [[1, 0, 3], [1], [0], [3]]
    assert [answers[0], type(answers[1]), answers[2]] == [10, ZeroDivisionError, 30]


def test_one_that_comes_too_late_is_given_up_and_the_others_are_not():
    async def run():
        turns = lines()
        joint = Joint("all", lambda items: items)

        async def late():
            due_in(-1.0)
            return await turns.joined(lambda: "late", joint)

        return await asyncio.gather(
            late(), turns.joined(lambda: "in time", joint), return_exceptions=True
        )

    late, in_time_ = asyncio.run(run())
    assert late.code == "CH533"
    assert in_time_ == "in time"


def test_one_who_left_is_not_worked_for_and_the_others_are():
    groups = []

    def together(items):
        groups.append(items)
        return items

    async def run():
        turns, joint = lines(4), Joint("all", together)
        asked = [
            asyncio.ensure_future(turns.joined(lambda i=i: i, joint)) for i in range(4)
        ]
        await asyncio.sleep(0)
        asked[1].cancel()
        async with asyncio.timeout(5):  # or the others would wait for ever
            return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(run())
    assert groups == [[0, 2, 3]]
    assert [answers[0], *answers[2:]] == [0, 2, 3]


def test_a_fault_in_one_round_does_not_end_the_line():
    async def asked():
        turns, loop = (
            Turns(most_waiting=3, observer=Failing()),
            asyncio.get_running_loop(),
        )
        loop.set_exception_handler(lambda *_: None)
        async with asyncio.timeout(5):  # or the others would wait for ever
            return await asyncio.gather(*(turns.short(lambda i=i: i) for i in range(3)))

    assert asyncio.run(asked()) == [0, 1, 2]


def spend(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


@pytest.mark.parametrize(("long", "piece"), [(0.05, 0.0), (0.05, 0.01)])
def test_after_a_long_round_work_gets_as_much_time_but_not_the_whole_line(long, piece):
    async def asked():
        order = []

        def work():
            spend(piece)
            order.append("piece")

        def others():
            spend(long)
            loop.call_soon(order.append, "others")

        loop, turns = asyncio.get_running_loop(), lines(most=10)
        tasks = [asyncio.ensure_future(turns.short(work)) for _ in range(10)]
        loop.call_soon(others)
        await asyncio.gather(*tasks)
        return order.index("others")

    done = asyncio.run(asked())
    assert done == 10 if piece == 0.0 else 1 <= done <= 2


def test_no_more_are_let_through_in_a_round_of_the_loop_than_can_wait():
    async def rounds():
        turns = Turns(most_waiting=2, observer=Observer())
        first = [turns.room("short") for _ in range(4)] + [turns.room("long")]
        await asyncio.sleep(0)  # they did not reach the line: their room is free again
        return first, [turns.room("short") for _ in range(3)]

    told = [True, True, False, False, True], [True, True, False]
    assert asyncio.run(rounds()) == told
