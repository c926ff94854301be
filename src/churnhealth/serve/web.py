"""The pages of the service: what is asked in an address, answered as HTML.

Every page is read with GET and changes nothing, holds no script, and names the hash of
its own style: nothing else may run, load or frame it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from churnhealth.archive.runs import read_outcomes
from churnhealth.bundle import Bundle
from churnhealth.errors import ChurnHealthError, RequestError
from churnhealth.features.spec import FeatureSpec
from churnhealth.pages.choice import PAGE, Choice, as_csv, choose_rows
from churnhealth.pages.desk import Desk
from churnhealth.pages.dossier import read_dossier
from churnhealth.pages.proof import headline, proof_told, weaknesses
from churnhealth.pages.render import render_no_scores, render_page, style_policy
from churnhealth.pages.review import review_of
from churnhealth.pages.shape import Account
from churnhealth.pages.words import outcome
from churnhealth.serve.account import account_suggestion, what_if_answer
from churnhealth.serve.addresses import Asked, account_asked, choice_of, unknown
from churnhealth.serve.endpoints import endpoints
from churnhealth.serve.lines import log
from churnhealth.serve.observed import Observer
from churnhealth.serve.refusal import STATUS, refused
from churnhealth.serve.stored import StoredScores, undamaged

__all__ = ["page_routes"]

T = TypeVar("T")
_VIEWS = (
    ("Critical and at risk", Choice(bands=("red", "orange"))),
    ("Got worse", Choice(movement="worse")),
    ("Renewing in 90 days", Choice(within=90)),
)


class _Served(Protocol):
    @property
    def bundle(self) -> Bundle: ...
    @property
    def card(self) -> Mapping[str, Any]: ...
    @property
    def stored(self) -> StoredScores | None: ...


Serving = Callable[[], Awaitable[_Served]]
Work = Callable[[Callable[[], Response]], Awaitable[Response]]


def page_routes(
    serving: Serving, work: Work, *, observer: Observer, prefix: str = ""
) -> list[Route]:
    """Make the routes of the pages.

    ``serving`` gives what is served at this moment, ``work`` runs what takes long
    beside the event loop; ``prefix`` is what stands before our addresses outside.
    """
    pages = _Pages(serving, work, observer, prefix)
    shown = {
        ("GET", "/accounts/{account_id:path}"): pages.account,
        ("GET", "/accounts.csv"): pages.csv,
        ("GET", "/backtest"): pages.backtest,
        ("GET", "/board"): pages.board,
        ("GET", "/model"): pages.model,
        ("GET", "/"): pages.portfolio,
    }
    return endpoints(shown)


class _Pages:
    """The endpoints; an error is a page too."""

    def __init__(
        self, serving: Serving, work: Work, observer: Observer, prefix: str
    ) -> None:
        self._serving = serving
        self._work = work
        self._observer = observer
        self._prefix = prefix

    async def _answer(
        self, make: Callable[[_Served, Mapping[str, Any]], Response]
    ) -> Response:
        """Make a page; what is refused is told as one, and counted."""
        told = {"root": self._prefix, "here": None, "company": "churnhealth"}
        try:
            served = await self._serving()
            told["company"] = str(served.card.get("company") or told["company"])
            return await self._work(lambda: make(served, told))
        except ChurnHealthError as error:
            self._observer.rejected(error.code)
            status = STATUS.get(error.code, 400 if _asked_wrong(error) else 500)
            if status == 500:
                log.error("[%s] a page could not be made", error.code)
            title = "Not found" if status == 404 else "That did not work"
            return _page("error", status=status, title=title, error=error, **told)

    async def portfolio(self, request: Request) -> Response:
        """Show the portfolio: figures, colours, and a page of its accounts."""

        def make(served: _Served, told: Mapping[str, Any]) -> Response:
            if served.stored is None:
                return _html(render_no_scores())
            choice = choice_of(request)
            desk = served.stored.newest().desk
            rows = choose_rows(desk.rows, choice)
            last = max(1, -(-len(rows) // PAGE))
            choice = choice.but(page=min(choice.page, last))
            return _page(
                "desk",
                title=f"{told['company']} – portfolio",
                desk=desk,
                choice=choice,
                rows=rows[(choice.page - 1) * PAGE : choice.page * PAGE],
                total=len(rows),
                pages=last,
                views=_VIEWS,
                unproven=served.card.get("skill") is False,
                behind=_behind(desk),
                **{**told, "here": ""},
            )

        return await self._answer(make)

    async def account(self, request: Request) -> Response:
        """Show one account: why, what moved, what would help, and its dealings."""
        account_id = request.path_params["account_id"]

        def make(served: _Served, told: Mapping[str, Any]) -> Response:
            asked = account_asked(request)
            stored = _scores(served)
            run = stored.newest()
            with undamaged():
                found = read_dossier(stored.folder, account_id, card=served.card)
            if found is None:
                raise refused(
                    "CH503",
                    "there is no such account in the stored scores",
                    fix="look for it in the portfolio",
                )
            account = found["account"]
            if asked.review:
                return _page(
                    "review",
                    title=f"{account['name']} – business review",
                    a=account,
                    d=found,
                    r=review_of(found),
                    whole=True,
                    **told,
                )
            return _page(
                "account",
                title=f"{account['name']} – customer health",
                a=account,
                d=found,
                behind=_behind(run.desk),
                asked=asked,
                **_asked_of(served, stored.folder, account, asked),
                **told,
            )

        return await self._answer(make)

    async def model(self, request: Request) -> Response:
        """Show what the model is, looks at, promises, and is weak in."""

        def make(served: _Served, told: Mapping[str, Any]) -> Response:
            _nothing_asked(request)
            card = {**served.card, "backtest": _report(served)}
            return _page(
                "model",
                title=f"{told['company']} – the model",
                card=card,
                drivers=card.get("drivers", []),
                features=len(served.bundle.names),
                outcome=outcome(card["question"]),
                weaknesses=weaknesses(card),
                **{**told, "here": "model"},
            )

        return await self._answer(make)

    async def backtest(self, request: Request) -> Response:
        """Show whether it works, to somebody who need not know how."""

        def make(served: _Served, told: Mapping[str, Any]) -> Response:
            _nothing_asked(request)
            report = _report(served)
            return _page(
                "backtest",
                title=f"{told['company']} – does it work?",
                since=read_outcomes(served.stored.folder) if served.stored else {},
                **proof_told(report),
                **{**told, "here": "backtest"},
            )

        return await self._answer(make)

    async def board(self, request: Request) -> Response:
        """Show the book as a board reads it: on two pages of paper."""

        def make(served: _Served, told: Mapping[str, Any]) -> Response:
            _nothing_asked(request)
            desk = _scores(served).newest().desk
            report = _report(served)
            return _page(
                "board",
                title=f"{told['company']} – board review",
                desk=desk,
                report=report,
                headline=headline(report),
                rows=[row for row in desk.rows if row["status"] == "scored"][:10],
                **{**told, "here": "board"},
            )

        return await self._answer(make)

    async def csv(self, request: Request) -> Response:
        """Give the chosen accounts, all of them, as a file for a spreadsheet."""

        def make(served: _Served, _: Mapping[str, Any]) -> Response:
            desk = _scores(served).newest().desk
            text = as_csv(choose_rows(desk.rows, choice_of(request)))
            name = f'attachment; filename="accounts-{desk.about.get("as_of", "")}.csv"'
            return Response(
                "\ufeff" + text,  # spreadsheets take it for UTF-8 only with this mark
                media_type="text/csv; charset=utf-8",
                headers={"content-disposition": name},
            )

        return await self._answer(make)


def _asked_of(
    served: _Served, scores: Path, account: Account, asked: Asked
) -> dict[str, Any]:
    """Answer what if, and what would help; without features of this model neither."""
    drivers = [*account["raising"], *account["lowering"]]
    told: dict[str, Any] = {
        "can_ask": account["status"] == "scored",
        "answer": None,
        "suggestion": None,
        "asked_features": _asked_features(served.bundle.specs, drivers, asked),
    }
    if account["status"] != "scored":
        return told
    name = account["account_id"]
    try:
        if asked.suggest:
            told["suggestion"] = account_suggestion(served.bundle, scores, name)
        if asked.feature:
            changes = {asked.feature: asked.number}
            told["answer"] = what_if_answer(served.bundle, scores, name, changes, top=0)
    except RequestError as error:
        if error.code != "CH529":
            raise
        told["can_ask"] = False
    return told


def _asked_features(
    specs: Sequence[FeatureSpec], drivers: Sequence[Any], asked: Asked
) -> list[Any]:
    """Offer what a CSM can act on among the strongest drivers, and what is asked."""
    known = {spec.name: spec for spec in specs}
    told = [
        driver
        for driver in drivers
        if (spec := known.get(driver["feature"]))
        and (spec.actionable or spec.name == asked.feature)
    ]
    if (spec := known.get(asked.feature)) and all(
        driver["feature"] != spec.name for driver in told
    ):
        told.append({"feature": spec.name, "label": spec.label, "value": None})
    return told


def _report(served: _Served) -> Mapping[str, Any]:
    report: Mapping[str, Any] | None = served.card.get("backtest")
    if report is None:
        raise refused(
            "CH540",
            "the bundle that serves carries no backtest",
            fix="train with this version: `churnhealth train` judges before it fits",
        )
    return report


def _nothing_asked(request: Request) -> None:
    if request.query_params:
        raise unknown("query")


def _asked_wrong(error: ChurnHealthError) -> bool:
    return isinstance(error, RequestError)


def _scores(served: _Served) -> StoredScores:
    if served.stored is None:
        raise refused(
            "CH501",
            "the service was started without stored scores",
            fix="run `churnhealth score`, then serve with --scores DIR",
        )
    return served.stored


def _behind(desk: Desk) -> str:
    """Say which sources ended long before the day of the scores."""
    late = [
        f"{line['name']} ended {line['days_behind']} days before"
        for line in desk.overview["sources"]
        if (line.get("days_behind") or 0) > 7 and line.get("table") == "events"
    ]
    return "; ".join(late)


def _page(name: str, *, status: int = 200, **told: Any) -> Response:
    return _html(render_page(name, **told), status=status)


def _html(html: str, *, status: int = 200) -> Response:
    policy = (
        f"default-src 'none'; style-src {style_policy(html)}; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, "x-frame-options": "DENY"}
    return HTMLResponse(html, status_code=status, headers=headers)
