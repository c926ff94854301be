"""The routes: what is asked over HTTP, and what is answered (docs/http.md).

A plain Starlette application: it runs under BentoML, under uvicorn and in a test alike.
What it serves is one immutable ``Serving``, held by ``Live`` and replaced whole, so
that an answer never mixes two models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from churnhealth.archive.plain import Row
from churnhealth.assessing import assess_history
from churnhealth.bundle import Bundle
from churnhealth.config import Serve
from churnhealth.errors import ChurnHealthError
from churnhealth.health.bands import BANDS
from churnhealth.serve.account import (
    account_history,
    account_suggestion,
    what_if_answer,
)
from churnhealth.serve.answers import (
    AskedRows,
    feature_scores,
    history_scores,
)
from churnhealth.serve.apart import in_their_places, read_apart, refused_rows
from churnhealth.serve.asked import (
    MOST_DRIVERS,
    count,
    day_asked,
    drivers_asked,
    feature_matrix,
    id_of,
    named_accounts,
    one_of,
    query,
    some_of,
)
from churnhealth.serve.asked_plainly import asked_plainly
from churnhealth.serve.endpoints import endpoints
from churnhealth.serve.guard import LOOPBACK, Guard
from churnhealth.serve.keys import Keys
from churnhealth.serve.live import Live, Serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.openapi import openapi
from churnhealth.serve.refusal import refused
from churnhealth.serve.stored import SORTS, StoredScores, choose, undamaged
from churnhealth.serve.strict import json_bytes, strict_json
from churnhealth.serve.turns import Joint, Turns, Waits, in_time
from churnhealth.serve.web import page_routes
from churnhealth.sources.contract import History, day_of
from churnhealth.sources.given import known_fields, object_of
from churnhealth.sources.rows import history_from_rows

__all__ = ["create_app"]

T = TypeVar("T")

_LONGEST_LOAD = 30.0  # seconds
_CHUNK = 50  # accounts scored between two looks at the deadline
_SHORT = 32 * 2**10  # bytes whose work takes a few milliseconds
_SHORT_HISTORY = 128 * 2**10  # the same for raw history: some 1,300 events
_SHORT_OF = {"/v1/score": _SHORT_HISTORY, "/v1/score/features": _SHORT}
_LARGEST_PAGE = 500


def create_app(
    live: Live,
    settings: Serve,
    *,
    more: Sequence[Route] = (),
    keys: Keys | None = None,
    observer: Observer | None = None,
) -> Starlette:
    """Make the application: our routes behind our guard.

    ``more`` are routes of the shell around us; ``keys`` say who may ask (without any,
    everybody); ``observer`` is told what happens.
    """
    observer = Observer() if observer is None else observer
    api = _Api(live, settings, observer)
    asked = {
        ("POST", "/v1/score"): api.score,
        ("POST", "/v1/score/features"): api.score_features,
        ("POST", "/v1/what-if"): api.what_if,
        ("GET", "/v1/accounts"): api.accounts,
        ("GET", "/v1/accounts/{account_id:path}/history"): api.history,
        ("GET", "/v1/accounts/{account_id:path}/suggestion"): api.suggestion,
        ("GET", "/v1/accounts/{account_id:path}"): api.account,
        ("GET", "/v1/model"): api.model,
        ("GET", "/v1/features"): api.features,
        ("GET", "/livez"): api.livez,
        ("GET", "/readyz"): api.readyz,
        ("GET", "/openapi.json"): api.openapi,
    }
    routes = [
        *endpoints(asked),
        *page_routes(
            api.serving, api.work, observer=observer, prefix=settings.path_prefix
        ),
        *more,
    ]
    guard = partial(
        Guard,
        routes=routes,
        hosts=LOOPBACK if settings.host in LOOPBACK else None,
        max_bytes=int(settings.max_body_mb * 2**20),
        keys=keys,
        observer=observer,
        deadline=settings.deadline_ms / 1000.0,
        busy=api.busy,
        room=api.room,
        at_door={"/v1/score/features": api.features_at_door},
    )

    def guarded(inner: ASGIApp) -> Guard:
        app.state.guard = made = guard(inner)
        return made

    app = Starlette(routes=routes, middleware=[Middleware(guarded)])
    app.state.turns = api.turns
    app.middleware_stack = app.build_middleware_stack()
    return app


class _Api:
    """The endpoints; each reads what is served once, at its beginning."""

    def __init__(self, live: Live, settings: Serve, observer: Observer) -> None:
        self._live = live
        self._most = settings.max_accounts
        self._observer = observer
        self.turns = Turns(most_waiting=settings.max_waiting, observer=observer)

    async def serving(self) -> Serving:
        """Give what is served; one that is still being loaded is waited for."""
        loading = self._live.loading
        if loading is not None and not loading.is_set():
            await anyio.to_thread.run_sync(loading.wait, _LONGEST_LOAD)
        return self._live.now()

    async def work(self, work: Callable[[], T]) -> T:
        """Run work that may take long when it is its turn."""
        return await self.turns.long(work)

    def busy(self, path: str, size: int) -> bool:
        """Say whether a body of some bytes would find the line of its path full."""
        return self.turns.full(_line_of(path, size))

    def room(self, path: str, size: int) -> bool:
        """Say whether it would find room, and keep it free for this round."""
        return self.turns.room(_line_of(path, size))

    async def score(self, request: Request) -> Response:
        """Score accounts from their raw history."""
        serving = await self.serving()
        top = drivers_asked(query(request, "drivers"), otherwise=0)
        body = await request.body()
        work = partial(self._scored, serving, body, top)
        if len(body) <= _SHORT_HISTORY:
            return await self.turns.short(work)
        return await self.turns.long(work)

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
            assessed = assess_history(
                bundle, history, as_of=day, only=chunk, top=top, reasons=True
            )
            told = history_scores(
                bundle, history, assessed, asked=chunk, as_of=as_of, top=top
            )
            self._observer.scored(bundle, told, assessed.values)
            rows.update(zip((ids[i] for i in chunk), told, strict=True))
        bad = refused_rows(faults, accounts, as_of=as_of)
        return _response(self._told(serving, [rows[i] for i in sent], bad))

    async def score_features(self, request: Request) -> Response:
        """Score rows of features that were computed elsewhere."""
        serving = await self.serving()
        top = drivers_asked(query(request, "drivers"), otherwise=0)
        body = await request.body()
        if len(body) > _SHORT:
            work = partial(self._scored_features, serving, body, top)
            return await self.turns.long(work)
        return _response(await self.turns.joined(*self._joint(serving, body, top)))

    def features_at_door(self, asked: bytes, body: bytes, waits: Waits) -> bool:
        """Score short rows for who waits without a task; others go the usual way."""
        serving = self._live.serving
        if serving is None or len(body) > _SHORT:
            return False
        top = drivers_asked(query(asked, "drivers"), otherwise=0)
        self.turns.line_up(*self._joint(serving, body, top), waits)
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
        return _response(self._scored_rows(serving, top, [rows])[0])

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
        return json_bytes({**_versions(serving), "scores": rows})

    async def _stored(self) -> StoredScores:
        stored = (await self.serving()).stored
        if stored is None:
            raise refused(
                "CH501",
                "the service was started without stored scores",
                fix="run `churnhealth score`, then serve with --scores DIR",
            )
        return stored

    async def accounts(self, request: Request) -> Response:
        """List stored scores: filtered, sorted, a page at a time."""
        asked = query(request, "band", "owner", "segment", "sort", "page", "page_size")
        bands = [band for band in asked.get("band", "").split(",") if band]
        sort = asked.get("sort") or SORTS[0]
        one_of("band", bands, (*BANDS, "grey"))
        one_of("sort", [sort], SORTS)
        page = count(asked, "page", low=1, high=10**9, otherwise=1)
        size = count(asked, "page_size", low=1, high=_LARGEST_PAGE, otherwise=50)
        stored = await self._stored()

        def chosen() -> Response:
            rows = choose(
                stored.newest().rows,
                bands=bands,
                owner=asked.get("owner") or None,
                segment=asked.get("segment") or None,
                sort=sort,
            )
            shown = rows[(page - 1) * size : page * size]
            numbers = {"total": len(rows), "page": page, "page_size": size}
            return _json({**numbers, "accounts": shown})

        return await self.work(chosen)

    async def account(self, request: Request) -> Response:
        """Give one account's stored score with its drivers."""
        asked = query(request, "drivers")
        top = drivers_asked(asked, otherwise=MOST_DRIVERS)
        stored = await self._stored()
        account_id = request.path_params["account_id"]

        def found() -> Response:
            run = stored.newest()
            row = run.by_id.get(account_id)
            if row is None:
                raise _no_account()
            return _json({**row, "drivers": run.drivers.get(account_id, [])[:top]})

        return await self.work(found)

    async def history(self, request: Request) -> Response:
        """Give one account's earlier scores, oldest first."""
        query(request)
        stored = await self._stored()
        account_id = request.path_params["account_id"]

        def found() -> Response:
            with undamaged():
                rows = account_history(stored.folder, account_id)
            if not rows:
                raise _no_account()
            return _json({"account_id": account_id, "history": rows})

        return await self.work(found)

    async def suggestion(self, request: Request) -> Response:
        """Say which few changes would reach a better colour."""
        query(request)
        serving, stored = await self.serving(), await self._stored()
        account_id = request.path_params["account_id"]

        def found() -> Response:
            told = account_suggestion(serving.bundle, stored.folder, account_id)
            return _json({**_versions(serving), "account_id": account_id, **told})

        return await self.work(found)

    async def what_if(self, request: Request) -> Response:
        """Score a stored account with some of its features changed."""
        serving, stored = await self.serving(), await self._stored()
        top = drivers_asked(query(request, "drivers"), otherwise=0)
        body = await request.body()

        def answer() -> Response:
            given = object_of(strict_json(body), "body")
            known_fields(given, ("account_id", "changes"), "body")
            account_id = id_of(given, "body")
            changes = object_of(given.get("changes"), "changes")
            told = what_if_answer(
                serving.bundle, stored.folder, account_id, changes, top=top
            )
            return _json({**_versions(serving), **told})

        return await self.work(answer)

    async def model(self, request: Request) -> Response:
        """Give the model's card."""
        query(request)
        return _json((await self.serving()).card)

    async def features(self, request: Request) -> Response:
        """List the features the model reads, with the median of similar accounts."""
        query(request)
        bundle = (await self.serving()).bundle
        peers = [None if np.isnan(v) else v for v in bundle.peers.tolist()]
        pairs = zip(bundle.specs, peers, strict=True)
        rows = [{**spec.to_json(), "peers_median": peer} for spec, peer in pairs]
        return _json({"model_version": bundle.model_version, "features": rows})

    async def livez(self, _: Request) -> Response:
        """Say that the process answers."""
        return _json({"status": "alive"})

    async def readyz(self, _: Request) -> Response:
        """Say which model serves; 503 while none does."""
        return _json({"status": "ready", **_versions(self._live.now())})

    async def openapi(self, _: Request) -> Response:
        """Describe the interface for programs."""
        return _json(openapi())


def _line_of(path: str, size: int) -> str:
    return "short" if size <= _SHORT_OF.get(path, -1) else "long"


def _json(value: object) -> Response:
    return _response(json_bytes(value))


def _response(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _versions(serving: Serving) -> Row:
    bundle = serving.bundle
    return {
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
    }


def _no_account() -> ChurnHealthError:
    return refused(
        "CH503",
        "there is no such account in the stored scores",
        fix="check the id: it is the text in the accounts source, case and zeros"
        " included; a name is no id",
    )
