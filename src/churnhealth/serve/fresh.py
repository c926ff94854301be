"""The two questions that are answered with fresh scores: histories, and features.

Short bodies are scored on the event loop, when it is their turn, rows of features
together with others that wait by then; long ones beside it, in a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from churnhealth.archive.plain import Row
from churnhealth.assessing import assess_history
from churnhealth.bundle import Bundle
from churnhealth.serve.answers import AskedRows, feature_scores, history_scores
from churnhealth.serve.apart import in_their_places, read_apart, refused_rows
from churnhealth.serve.asked import (
    day_asked,
    drivers_asked,
    feature_matrix,
    named_accounts,
    query,
    some_of,
)
from churnhealth.serve.asked_plainly import asked_plainly
from churnhealth.serve.live import Live, Serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.strict import json_bytes, strict_json
from churnhealth.serve.turns import Joint, Turns, Waits, in_time
from churnhealth.sources.contract import History, day_of
from churnhealth.sources.given import known_fields, object_of
from churnhealth.sources.rows import history_from_rows

__all__ = ["FreshScores", "answered", "line_of", "versions"]

_CHUNK = 50  # accounts scored between two looks at the deadline
_SHORT = 32 * 2**10  # bytes whose work takes a few milliseconds
_SHORT_HISTORY = 128 * 2**10  # the same for raw history: some 1,300 events
_SHORT_OF = {"/v1/score": _SHORT_HISTORY, "/v1/score/features": _SHORT}


def line_of(path: str, size: int) -> str:
    """Name the line in which a body of so many bytes waits."""
    return "short" if size <= _SHORT_OF.get(path, -1) else "long"


class FreshScores:
    """Scores whoever is asked about; ``most`` accounts at a time.

    ``serving`` waits for a model that is being loaded, ``live`` does not.
    """

    def __init__(
        self,
        live: Live,
        *,
        serving: Callable[[], Awaitable[Serving]],
        turns: Turns,
        most: int,
        observer: Observer,
    ) -> None:
        self._live = live
        self._serving = serving
        self._turns = turns
        self._most = most
        self._observer = observer

    async def of_history(self, request: Request) -> Response:
        """Score accounts from their raw history."""
        serving = await self._serving()
        top = drivers_asked(query(request, "drivers"), otherwise=0)
        body = await request.body()
        work = partial(self._scored, serving, body, top)
        if len(body) <= _SHORT_HISTORY:
            return await self._turns.short(work)
        return await self._turns.long(work)

    def _scored(self, serving: Serving, body: bytes, top: int) -> Response:
        given = object_of(strict_json(body), "body")
        known_fields(given, ("as_of", "accounts"), "body")
        as_of = day_asked(given)
        accounts = some_of(given, "accounts", most=self._most)
        bundle, day = serving.bundle, day_of(as_of)
        schema = bundle.schema.vouched(day, alive_at=bundle.as_of)

        def read(some: Sequence[object], first: int) -> tuple[list[str], History]:
            sent, named = named_accounts(some, first)
            return sent, history_from_rows(schema, named, first=first)

        (sent, history), faults = read_apart(read, accounts, "accounts")
        ids = history.accounts.ids.tolist()
        rows: dict[str, Row] = {}
        for first in range(0, len(ids), _CHUNK):
            in_time()
            chunk = range(first, min(first + _CHUNK, len(ids)))
            assessed = assess_history(bundle, history, as_of=day, only=chunk, top=top)
            told = history_scores(
                bundle, history, assessed, asked=chunk, as_of=as_of, top=top
            )
            self._observer.scored(bundle, told, assessed.values)
            rows.update(zip((ids[i] for i in chunk), told, strict=True))
        bad = refused_rows(faults, accounts, as_of=as_of)
        return answered(self._told(serving, [rows[i] for i in sent], bad))

    async def of_features(self, request: Request) -> Response:
        """Score rows of features that were computed elsewhere."""
        serving = await self._serving()
        top = drivers_asked(query(request, "drivers"), otherwise=0)
        body = await request.body()
        if len(body) > _SHORT:
            work = partial(self._scored_features, serving, body, top)
            return await self._turns.long(work)
        return answered(await self._turns.joined(*self._joint(serving, body, top)))

    def features_at_door(self, asked: bytes, body: bytes, waits: Waits) -> bool:
        """Score short rows for who waits without a task; others go the usual way."""
        serving = self._live.serving
        if serving is None or len(body) > _SHORT:
            return False
        top = drivers_asked(query(asked, "drivers"), otherwise=0)
        self._turns.line_up(*self._joint(serving, body, top), waits)
        return True

    def _joint(
        self, serving: Serving, body: bytes, top: int
    ) -> tuple[Callable[[], AskedRows], Joint[AskedRows, bytes]]:
        """Give what reads rows, and what scores them with others' that wait by then."""
        scored = partial(self._scored_rows, serving, top)
        asked = partial(self._asked_rows, serving.bundle, body)
        return asked, Joint((id(serving), top), scored)

    def _scored_features(self, serving: Serving, body: bytes, top: int) -> Response:
        rows = self._asked_rows(serving.bundle, body)
        in_time()
        return answered(self._scored_rows(serving, top, [rows])[0])

    def _asked_rows(self, bundle: Bundle, body: bytes) -> AskedRows:
        if (plain := asked_plainly(bundle, body, most=self._most)) is not None:
            return plain
        given = object_of(strict_json(body), "body")
        known_fields(given, ("as_of", "rows"), "body")
        as_of = day_asked(given)
        sent = some_of(given, "rows", most=self._most)
        (ids, X), faults = read_apart(partial(feature_matrix, bundle), sent, "rows")
        bad = refused_rows(faults, sent, as_of=as_of)
        return AskedRows(ids=ids, X=X, as_of=as_of, refused=bad)

    def _scored_rows(
        self, serving: Serving, top: int, asked: list[AskedRows]
    ) -> list[bytes]:
        told = feature_scores(serving.bundle, asked, top=top)
        for one, rows in zip(asked, told, strict=True):
            self._observer.scored(serving.bundle, rows, one.X)
        pairs = zip(asked, told, strict=True)
        return [self._told(serving, rows, one.refused) for one, rows in pairs]

    def _told(
        self, serving: Serving, scores: list[Row], bad: Mapping[int, Row]
    ) -> bytes:
        """Answer with scores, and in their places with those that were refused."""
        for row in bad.values():
            self._observer.rejected(row["error"]["code"])
        rows = in_their_places(scores, bad) if bad else scores
        return json_bytes({**versions(serving), "scores": rows})


def answered(body: bytes) -> Response:
    """Answer with JSON."""
    return Response(body, media_type="application/json")


def versions(serving: Serving) -> Row:
    """Name what answers."""
    bundle = serving.bundle
    return {
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
    }
