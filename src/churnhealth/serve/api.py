"""The routes: what is asked over HTTP, and what is answered (docs/http.md).

A plain Starlette application: it runs under BentoML, under uvicorn and in a test alike.
What it serves is one immutable ``Serving``, held by ``Live`` and replaced whole, so
that an answer never mixes two models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

from churnhealth.config import Serve
from churnhealth.errors import ChurnHealthError
from churnhealth.health.bands import BANDS
from churnhealth.serve.account import (
    account_history,
    account_suggestion,
    what_if_answer,
)
from churnhealth.serve.asked import (
    MOST_DRIVERS,
    count,
    drivers_asked,
    id_of,
    one_of,
    query,
)
from churnhealth.serve.endpoints import endpoints
from churnhealth.serve.fresh import FreshScores, answered, line_of, versions
from churnhealth.serve.guard import Guard
from churnhealth.serve.keys import LOOPBACK, Keys
from churnhealth.serve.live import Live, Serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.openapi import openapi
from churnhealth.serve.refusal import refused
from churnhealth.serve.stored import SORTS, StoredScores, choose, undamaged
from churnhealth.serve.strict import json_bytes, strict_json
from churnhealth.serve.turns import Turns
from churnhealth.serve.web import page_routes
from churnhealth.sources.given import known_fields, object_of

__all__ = ["create_app"]

T = TypeVar("T")

_LONGEST_LOAD = 30.0  # seconds
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
        ("POST", "/v1/score"): api.fresh.of_history,
        ("POST", "/v1/score/features"): api.fresh.of_features,
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
        at_door={"/v1/score/features": api.fresh.features_at_door},
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
        self.turns = Turns(most_waiting=settings.max_waiting, observer=observer)
        self.fresh = FreshScores(
            live,
            serving=self.serving,
            turns=self.turns,
            most=settings.max_accounts,
            observer=observer,
        )

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
        return self.turns.full(line_of(path, size))

    def room(self, path: str, size: int) -> bool:
        """Say whether it would find room, and keep it free for this round."""
        return self.turns.room(line_of(path, size))

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
            return _json({**versions(serving), "account_id": account_id, **told})

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
            return _json({**versions(serving), **told})

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
        return _json({"status": "ready", **versions(self._live.now())})

    async def openapi(self, _: Request) -> Response:
        """Describe the interface for programs."""
        return _json(openapi())


def _json(value: object) -> Response:
    return answered(json_bytes(value))


def _no_account() -> ChurnHealthError:
    return refused(
        "CH503",
        "there is no such account in the stored scores",
        fix="check the id: it is the text in the accounts source, case and zeros"
        " included; a name is no id",
    )
