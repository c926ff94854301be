"""Ask a running service (docs/http.md) from Python: typed, by the standard library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from http.client import HTTPException
from typing import Any, Literal, TypedDict, cast
from urllib.parse import quote, urlencode
from urllib.request import Request

from churnhealth.client.wire import carried
from churnhealth.errors import ChurnHealthError, RequestError

__all__ = [
    "Client",
    "Driver",
    "Fault",
    "Page",
    "Refused",
    "RuleVerdict",
    "Score",
    "Scores",
    "ServiceError",
    "StoredScore",
    "Suggestion",
    "WhatIf",
]


class Driver(TypedDict):
    """One feature's part in a score."""

    feature: str
    label: str
    category: str
    value: float | None
    own_past: float | None
    peers_median: float | None
    effect_log_odds: float
    effect_points: float
    sentence: str | None


class RuleVerdict(TypedDict):
    """What the scorecard says."""

    score: float | None
    band: str | None
    reasons: list[str]


class _Told(TypedDict):
    account_id: str
    as_of: str
    status: Literal[
        "scored", "announced", "grace", "too_new", "churned", "not_in_question"
    ]
    churn_probability: float | None
    churn_probability_low: float | None
    churn_probability_high: float | None
    base_probability: float | None
    health_score: float | None
    band: str | None
    categories: dict[str, str | None]
    rules: RuleVerdict
    agreement: str | None
    coverage: float | None


class Score(_Told):
    """One account's score; numbers and colours are ``None`` unless it is ``scored``."""

    drivers: list[Driver]


class Fault(TypedDict):
    """What is wrong, where in the request, and how to mend it."""

    code: str
    message: str
    where: str


class Refused(TypedDict):
    """An account that was not scored, beside others that were."""

    account_id: str | None
    as_of: str
    status: Literal["refused"]
    error: Fault


class _Stored(_Told):
    name: str | None
    owner: str | None
    segment: str | None
    value: float | None
    expected_loss: float | None
    renewal_date: str | None
    days_to_renewal: int | None
    previous_band: str | None
    top_driver: str | None
    scored_at: str
    model_version: str
    bands_version: str


class StoredScore(_Stored, total=False):
    """A score of the newest run; ``drivers`` are told of one account, not in a list."""

    drivers: list[Driver]


class Scores(TypedDict):
    """Scores in the order asked for, and the versions that made them."""

    model_version: str
    bands_version: str
    scores: list[Score | Refused]


class Page(TypedDict):
    """A page of stored scores."""

    total: int
    page: int
    page_size: int
    accounts: list[StoredScore]


class WhatIf(TypedDict):
    """A stored account as it is, and with some features changed."""

    model_version: str
    bands_version: str
    before: Score
    after: Score


class Suggestion(TypedDict):
    """The fewest changes that reach a better colour; ``target`` is ``None`` if none."""

    model_version: str
    bands_version: str
    account_id: str
    band: str | None
    target: str | None
    changes: list[dict[str, Any]]
    churn_probability: float
    new_probability: float | None
    sentence: str


class ServiceError(ChurnHealthError):
    """The service said no: its code and place, the status, and when to come again."""

    def __init__(self, status: int, retry_after: float | None, said: bytes) -> None:
        try:
            error: Mapping[str, str] = json.loads(said)["error"]
            code, what, where = error["code"], error["message"], error["where"]
            if not all(isinstance(part, str) for part in (code, what, where)):
                raise TypeError("not texts")
        except (ValueError, KeyError, TypeError):  # a proxy's page, not ours
            code, where = "CH541", ""
            what = f"status {status}, and no answer of ours"
        super().__init__(
            code,
            f"{where}: {what}" if where else what,
            why="the service answered with an error instead of scores",
            fix="docs/errors.md tells of each code how to mend it",
            where=where,
        )
        self.status, self.retry_after = status, retry_after


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A service by its address, and the key it is asked with.

    Every method raises ``ServiceError`` where the service says no, and ``OSError``
    where it cannot be reached, or has not answered whole in ``timeout`` seconds.

    >>> client = Client(base="http://127.0.0.1:3000", key="a key of the keys' file")
    >>> client
    Client(base='http://127.0.0.1:3000', timeout=10.0)
    """

    base: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 10.0

    def score(
        self,
        accounts: Sequence[Mapping[str, object]],
        *,
        as_of: date | str,
        drivers: int = 0,
    ) -> Scores:
        """Score accounts from their raw history; a bad one is refused alone."""
        body = {"as_of": _day(as_of), "accounts": list(accounts)}
        return cast(
            "Scores", self._ask("/v1/score", "scores", {"drivers": drivers}, body)
        )

    def score_features(
        self,
        rows: Mapping[str, Mapping[str, float | None]],
        *,
        as_of: date | str,
        drivers: int = 0,
    ) -> Scores:
        """Score rows of features, by account; a bad one is refused alone."""
        told = [{"account_id": i, "features": row} for i, row in rows.items()]
        body = {"as_of": _day(as_of), "rows": told}
        found = self._ask("/v1/score/features", "scores", {"drivers": drivers}, body)
        return cast("Scores", found)

    def what_if(
        self,
        account_id: str,
        changes: Mapping[str, float | None],
        *,
        drivers: int = 0,
    ) -> WhatIf:
        """Score a stored account with some features changed."""
        body = {"account_id": account_id, "changes": changes}
        return cast(
            "WhatIf", self._ask("/v1/what-if", "after", {"drivers": drivers}, body)
        )

    def accounts(self, **wanted: str | int | None) -> Page:
        """List stored scores by ``band``, ``owner``, ``sort``, ``page``, ..."""
        asked = {name: x for name, x in wanted.items() if x is not None}
        return cast("Page", self._ask("/v1/accounts", "accounts", asked))

    def account(self, account_id: str) -> StoredScore:
        """Give one stored score with its drivers."""
        return cast("StoredScore", self._ask(_of(account_id), "account_id"))

    def history(self, account_id: str) -> list[dict[str, Any]]:
        """Give an account's row of every day that was scored, oldest first."""
        found: list[dict[str, Any]] = self._ask(_of(account_id, "/history"), "history")[
            "history"
        ]
        return found

    def suggestion(self, account_id: str) -> Suggestion:
        """Look for the fewest changes that reach a better colour."""
        return cast("Suggestion", self._ask(_of(account_id, "/suggestion"), "changes"))

    def model(self) -> dict[str, Any]:
        """Give the card of the model that serves."""
        return self._ask("/v1/model", "model_version")

    def features(self) -> list[dict[str, Any]]:
        """List the features that the model reads, in its order."""
        found: list[dict[str, Any]] = self._ask("/v1/features", "features")["features"]
        return found

    def _ask(
        self,
        path: str,
        holds: str,
        wanted: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        address = self.base.rstrip("/") + path
        if wanted:
            address += f"?{urlencode(wanted)}"
        request = Request(address)
        if self.key is not None:
            request.add_header("Authorization", _shown(self.key))
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(_plain(body), allow_nan=False).encode()
        try:
            status, retry_after, said = carried(request, self.timeout)
        except HTTPException as error:  # it broke off amid its answer
            raise ConnectionError(str(error)) from error
        if status != 200:
            raise ServiceError(status, retry_after, said)
        try:
            found: dict[str, Any] = json.loads(said)
        except ValueError:
            found = {}
        if not isinstance(found, dict) or holds not in found:  # a proxy's, not ours
            raise ServiceError(status, None, b"")
        return found


def _shown(key: str) -> Any:
    """Write the header of a key; a file's last line break is no part of it."""
    if not key.strip().isprintable():  # http.client would repeat the key
        raise RequestError(
            "CH530",
            "the key holds a line break, or what cannot be printed",
            why="a header carries one line",
            fix="give the key alone, as the keys' file has it",
            where="key",
        )
    return f"Bearer {key.strip()}".encode()


def _plain(value: Any) -> Any:
    """Write what JSON has no word for: what is missing, days, times, NumPy's numbers.

    Rows of a data frame are full of these.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {name: _plain(x) for name, x in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    try:
        if value != value:  # NaN, and pandas' NaT
            return None
    except TypeError:  # pandas' NA
        return None
    value = value.item() if hasattr(value, "item") else value
    return value.isoformat() if isinstance(value, date) else value


def _day(as_of: date | str) -> str:
    return str(as_of.date() if isinstance(as_of, datetime) else as_of)


def _of(account_id: str, more: str = "") -> str:
    return f"/v1/accounts/{quote(str(account_id), safe='')}{more}"
