"""What the address of a page asks for: a choice of accounts, or what if."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from churnhealth.errors import RequestError
from churnhealth.health.bands import BANDS
from churnhealth.pages.choice import MOVEMENTS, ORDERS, WITHIN, Choice
from churnhealth.serve.refusal import refused

__all__ = ["Asked", "account_asked", "choice_of", "unknown"]

_LONGEST_TEXT = 200
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_FIXES: Mapping[str, str] = {
    "band": f"use {', '.join(BANDS)} or grey",
    "movement": f"use {', '.join(MOVEMENTS)}",
    "within": f"use {', '.join(map(str, WITHIN))}",
    "sort": f"use {', '.join(ORDERS)}",
    "page": "give a page's number, in digits",
    "to": "give a plain number, such as 12 or 0.5",
}


def choice_of(request: Request) -> Choice:
    """Read a choice of accounts from an address; what is empty was not asked.

    Raises
    ------
    RequestError
        CH516 a name or a value that does not exist here.
    """
    single = ("owner", "segment", "stage", "task", "movement", "within", "q", "sort",
              "page")  # fmt: skip
    given: dict[str, str] = {}
    bands: list[str] = []
    for name, value in request.query_params.multi_items():
        if name == "band" and value in (*BANDS, "grey"):
            bands.append(value)
        elif name not in single or name in given or len(value) > _LONGEST_TEXT:
            raise unknown(name if name in (*single, "band") else "query")
        elif value:
            given[name] = value
    _one_of("movement", given, MOVEMENTS)
    _one_of("within", given, [str(days) for days in WITHIN])
    _one_of("sort", given, ORDERS)
    page = given.get("page", "1")
    if not (page.isascii() and page.isdigit() and len(page) < 7):
        raise unknown("page")
    return Choice(
        owner=given.get("owner", ""),
        segment=given.get("segment", ""),
        stage=given.get("stage", ""),
        task=given.get("task", ""),
        bands=tuple(b for b in (*BANDS, "grey") if b in bands),
        movement=given.get("movement", ""),
        within=int(given.get("within", "0")),
        text=given.get("q", "").strip(),
        order=given.get("sort", "urgency"),
        page=max(int(page), 1),
    )


class Asked(NamedTuple):
    """What an account's page is asked: a feature at another value, or what helps."""

    feature: str = ""
    to: str = ""
    number: float = 0.0
    suggest: bool = False
    review: bool = False


def account_asked(request: Request) -> Asked:
    """Read what an account's page is asked from its address.

    Raises
    ------
    RequestError
        CH516 a name or a value that does not exist here.
    """
    given = dict(request.query_params.multi_items())
    names = {"feature", "to", "suggest", "review"}
    if set(given) - names or len(given) != len(request.query_params.multi_items()):
        raise unknown("query")
    if any(len(value) > _LONGEST_TEXT for value in given.values()):
        raise unknown("query")
    feature, to = given.get("feature", ""), given.get("to", "")
    if not feature:
        return Asked(suggest="suggest" in given, review="review" in given)
    if not _NUMBER.fullmatch(to):
        raise unknown("to")
    return Asked(feature=feature, to=to, number=float(to), suggest="suggest" in given)


def _one_of(name: str, given: Mapping[str, str], known: Any) -> None:
    if name in given and given[name] not in known:
        raise unknown(name)


def unknown(name: str) -> RequestError:
    """Make the error of an address that asks for what does not exist.

    >>> error = unknown("within")
    >>> error.what.removeprefix("query.within: ")
    'the address gives a `within` that does not exist here'
    >>> error.fix
    'use 30, 90, 180'
    """
    asked = f"gives a `{name}`" if name in _FIXES else "asks for something"
    return refused(
        "CH516",
        f"the address {asked} that does not exist here",
        fix=_FIXES.get(name, "start from the portfolio and choose there"),
        where=f"query.{name}",
    )
