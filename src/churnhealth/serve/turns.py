"""Whose turn it is: work waits in a short line, and nothing is begun too late.

Scoring takes the processor, so only little of it can run at once. What waits is
counted: beyond a few dozen a request is told at once to come back later, which costs
nothing, instead of waiting for an answer that nobody reads any more. Short work runs on
the event loop itself, one piece per round, so that between two pieces everything that
came in is looked at; long work runs beside it in threads.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter, deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import anyio
import anyio.to_thread

from churnhealth.errors import RequestError
from churnhealth.serve.lines import log
from churnhealth.serve.observed import Observer
from churnhealth.serve.refusal import refused

__all__ = ["Joint", "Turns", "Waits", "due_in", "in_time", "too_many"]

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 2  # more would wait for each other: the work is the processor's
_DUE: contextvars.ContextVar[float] = contextvars.ContextVar("due")
_LONGEST_TURN = 0.005  # seconds of short work after a long round of the loop
_MOST_TOGETHER = 16  # pieces of a kind that are worked on at once


class Joint(Generic[T, R]):
    """Work of which many pieces cost little more than one, when done together.

    Two pieces can be joined when their ``kind`` is equal; ``together`` answers all
    given items in their order.
    """

    __slots__ = ("kind", "together")

    def __init__(self, kind: object, together: Callable[[list[T]], list[R]]) -> None:
        self.kind = kind
        self.together = together


class Waits(Protocol):
    """Who waits for work to be done; a future, or who writes the answer himself."""

    def cancelled(self) -> bool:
        """Say whether nobody waits any more."""

    def set_result(self, result: Any, /) -> None:
        """Take what was found."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Take why nothing was."""


class _Piece(NamedTuple):
    """Work that waits: what prepares or does it, and with what it may be joined."""

    context: contextvars.Context
    work: Callable[[], object]
    done: Waits
    joint: Joint[Any, Any] | None
    since: float


def due_in(seconds: float) -> None:
    """Say by when the request that is being answered has to be."""
    _DUE.set(perf_counter() + seconds)


def in_time() -> None:
    """Go on only if somebody still waits; called before and between pieces of work.

    Raises
    ------
    RequestError
        CH533 when the deadline of the request that is being answered has passed.
    """
    due = _DUE.get(None)
    if due is not None and perf_counter() > due:
        raise refused(
            "CH533",
            "the deadline passed before the answer was ready",
            fix="ask again later or for fewer accounts, or raise [serve] deadline_ms",
        )


def too_many() -> RequestError:
    """Make the error for whoever finds the line full."""
    return refused(
        "CH532",
        "too many requests are waiting already",
        fix="ask again after the seconds in Retry-After",
    )


class Turns:
    """One line for short work and one for long, both short themselves."""

    def __init__(self, *, most_waiting: int, observer: Observer) -> None:
        self._most = most_waiting
        self._observer = observer
        self._short: deque[_Piece] = deque()
        self._waiting_long = 0
        self._threads: asyncio.Semaphore | None = None
        self._pumping = False
        self._expected: Counter[str] = Counter()

    @property
    def waiting(self) -> dict[str, int]:
        """Count who waits, by line."""
        return {line: self._many(line) for line in ("short", "long")}

    def _many(self, line: str) -> int:
        return len(self._short) if line == "short" else self._waiting_long

    async def short(self, work: Callable[[], T]) -> T:
        """Run a few milliseconds of work on the event loop, when it is its turn.

        Raises
        ------
        RequestError
            CH532 when too many wait already, CH533 when its turn came too late.
        """
        return await self._turn(work, None)  # type: ignore[return-value]

    async def joined(self, prepare: Callable[[], T], joint: Joint[T, R]) -> R:
        """Prepare an item and work on it together with others that wait by then.

        Raises
        ------
        RequestError
            As ``short`` does. What one item is refused for, the others do not notice.
        """
        return await self._turn(prepare, joint)  # type: ignore[return-value]

    async def _turn(
        self, work: Callable[[], object], joint: Joint[Any, Any] | None
    ) -> object:
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.line_up(work, joint, done)
        return await done

    def line_up(
        self, work: Callable[[], object], joint: Joint[Any, Any] | None, done: Waits
    ) -> None:
        """Do as ``short`` or ``joined`` for somebody who waits without a task.

        Raises
        ------
        RequestError
            CH532 when too many wait already.
        """
        self._admit("short")
        if self._expected["short"]:  # who was expected is here, and counts once
            self._expected["short"] -= 1
        context = contextvars.copy_context()
        self._short.append(_Piece(context, work, done, joint, perf_counter()))
        if not self._pumping:
            self._pumping = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self._pump, loop, perf_counter())

    def _pump(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        """Run the first piece that somebody still waits for; come again if more are.

        Where a round of the loop is long, work gets as much time as the rest of it took
        (``since`` its beginning): a service that mostly refuses would answer nobody.
        """
        began = perf_counter()
        enough = began + min(began - since, _LONGEST_TURN)
        try:
            while self._short:
                first = self._short.popleft()
                if first.done.cancelled():
                    continue
                self._run([first, *self._like(first.joint)])
                if perf_counter() >= enough:
                    break
        finally:  # a fault in one round must not end all rounds
            self._pumping = bool(self._short)
            if self._pumping:
                loop.call_soon(self._pump, loop, perf_counter())

    def _like(self, joint: Joint[Any, Any] | None) -> list[_Piece]:
        """Take out of the line what can be done together with the first."""
        if joint is None:
            return []
        same = [p for p in self._short if p.joint and p.joint.kind == joint.kind]
        same = same[: _MOST_TOGETHER - 1]
        taken = set(map(id, same))
        self._short = deque(p for p in self._short if id(p) not in taken)
        return [p for p in same if not p.done.cancelled()]

    def _run(self, pieces: list[_Piece]) -> None:
        started = perf_counter()
        items: list[Any] = []
        ready: list[_Piece] = []
        for piece in pieces:
            try:
                piece.context.run(in_time)
                items.append(piece.context.run(piece.work))
                ready.append(piece)
            except BaseException as error:  # noqa: BLE001 (it belongs to who waits)
                _hand_over(error, piece.done)
        if ready and (joint := ready[0].joint) is not None:
            items = _answers(ready, items, joint)
        took = perf_counter() - started
        for piece, found in zip(ready, items, strict=True):
            _hand_over(found, piece.done)
        for piece in pieces:  # who waits need not wait for our notes
            self._observer.took("wait", started - piece.since)
        for _ in ready:
            self._observer.took("work", took)

    async def long(self, work: Callable[[], T]) -> T:
        """Run work in a thread beside the event loop, when it is its turn.

        Raises
        ------
        RequestError
            As ``short`` does.
        """
        self._admit("long")
        if self._threads is None:
            self._threads = asyncio.Semaphore(_THREADS)
        piece = self._timed(work)
        self._waiting_long += 1
        waits = True
        try:
            async with self._threads:
                self._waiting_long -= 1
                waits = False
                # a thread cannot be stopped: its turn ends when its work does
                with anyio.CancelScope(shield=True):
                    found = await anyio.to_thread.run_sync(piece)
            return found
        finally:
            self._waiting_long -= waits

    def full(self, line: str) -> bool:
        """Say whether nobody more can wait in a line, ``short`` or ``long``."""
        return self._many(line) >= self._most

    def room(self, line: str) -> bool:
        """Say whether one who was just read can wait in a line, and expect him there.

        A round of the loop reads from everybody before anybody reaches the line: were
        they not counted, all would be let through when a few can wait.
        """
        if self._many(line) + self._expected[line] >= self._most:
            return False
        if not self._expected:  # who is read in this round is in the line after it
            asyncio.get_running_loop().call_soon(self._expected.clear)
        self._expected[line] += 1
        return True

    def _admit(self, line: str) -> None:
        if self.full(line):
            raise too_many()

    def _timed(self, work: Callable[[], T]) -> Callable[[], T]:
        began = perf_counter()

        def timed() -> T:
            in_time()
            started = perf_counter()
            self._observer.took("wait", started - began)
            try:
                return work()
            finally:
                self._observer.took("work", perf_counter() - started)

        return timed


def _hand_over(found: object, done: Waits) -> None:
    """Give who waits what was found; if he cannot take it, all others still can."""
    try:
        if isinstance(found, BaseException):
            done.set_exception(found)
        else:
            done.set_result(found)
    except Exception as error:  # noqa: BLE001 (the line must go on)
        log.error("CH519 %s while an answer was handed over", type(error).__name__)


def _answers(
    pieces: list[_Piece], items: list[Any], joint: Joint[Any, Any]
) -> list[Any]:
    """Work on items together; if that fails, on each alone, so that one fails alone."""
    try:
        return pieces[0].context.run(joint.together, items)
    except Exception as error:  # noqa: BLE001 (it belongs to who waits)
        if len(items) == 1:
            return [error]
        return [
            answer
            for piece, item in zip(pieces, items, strict=True)
            for answer in _answers([piece], [item], joint)
        ]
