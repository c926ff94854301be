"""The interface for programs: an OpenAPI 3.1 description, kept by hand.

BentoML's own would describe none of our routes. A test holds it against the routes and
against real answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

__all__ = ["openapi"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}
_DAY: Schema = {"type": "string", "format": "date"}
_MOMENT: Schema = {
    "type": "string",
    "description": "a date or an ISO 8601 time; without an offset it is UTC",
}
_ID: Schema = {
    "type": ["string", "integer"],
    "maxLength": 1000,
    "description": "a whole number is read as the text of its digits",
}
_BAND: Schema = {"enum": ["green", "yellow", "orange", "red", "grey", None]}
_LABEL: Schema = {"type": ["string", "number", "boolean", "null"]}


def _maybe(schema: Schema) -> Schema:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}


def _object(fields: Mapping[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_CONTRACT = _object(
    {
        "start": _MOMENT,
        **dict.fromkeys(("end", "cancelled_at", "notice_at"), _maybe(_MOMENT)),
        "known_at": _maybe(_MOMENT),
        **dict.fromkeys(("value", "seats", "term_months", "discount"), _maybe(_NUMBER)),
        "plan": _LABEL,
        "contract_id": _maybe(_ID),
    },
    "start",
)
_EVENT = _object(
    {
        "source": _TEXT,
        "happened_at": _MOMENT,
        **dict.fromkeys(("event", "item", "user_id", "event_id"), _maybe(_ID)),
        **dict.fromkeys(("known_at", "ended_at"), _maybe(_MOMENT)),
        "count": {"type": ["integer", "null"], "minimum": 0, "default": 1},
        **dict.fromkeys(("amount", "users"), _maybe(_NUMBER)),
    },
    "source",
    "happened_at",
)
_STATE = _object(
    {"source": _TEXT, "state": _ID, "value": _NUMBER, "known_at": _MOMENT},
    *("source", "state", "value", "known_at"),
)
_ACCOUNT = _object(
    {
        "account_id": _ID,
        "profile": {
            "type": ["object", "null"],
            "description": "name, segment, owner, group, known_at and the attributes"
            " the model was trained with",
            "additionalProperties": _LABEL,
        },
        "contracts": _list(_ref("Contract")),
        "events": _list(_ref("Event")),
        "states": _list(_ref("State")),
    },
    "account_id",
)
_DRIVER = _object(
    {
        "feature": _TEXT,
        "label": _TEXT,
        "category": _TEXT,
        **dict.fromkeys(("value", "own_past", "peers_median"), _maybe(_NUMBER)),
        "effect_log_odds": _NUMBER,
        "effect_points": {
            **_NUMBER,
            "description": "percentage points; all drivers of an account add up to"
            " 100 x (churn_probability - base_probability)",
        },
        "sentence": _maybe(_TEXT),
    },
    *("feature", "label", "category", "value", "own_past", "peers_median"),
    *("effect_log_odds", "effect_points", "sentence"),
)
_SCORE_FIELDS: dict[str, Schema] = {
    "account_id": _TEXT,
    "as_of": _DAY,
    "status": {
        "enum": [
            *("scored", "announced", "grace", "too_new", "churned"),
            "not_in_question",
        ]
    },
    **dict.fromkeys(("churn_probability", "base_probability"), _maybe(_NUMBER)),
    **dict.fromkeys(
        ("churn_probability_low", "churn_probability_high"), _maybe(_NUMBER)
    ),
    "health_score": _maybe(_NUMBER),
    "band": _BAND,
    "categories": _object(
        dict.fromkeys(("usage", "value", "experience", "contract"), _BAND)
    ),
    "rules": _object(
        {"score": _maybe(_NUMBER), "band": _BAND, "reasons": _list(_TEXT)}
    ),
    "agreement": {"enum": ["same", "one apart", "further", None]},
    "coverage": _maybe(_NUMBER),
}
_ERROR = _object(
    {
        "code": {"type": "string", "pattern": "^CH[0-9]{3}$"},
        "message": _TEXT,
        "where": _TEXT,
    },
    *("code", "message", "where"),
)
_STORED_FIELDS: dict[str, Schema] = {
    **dict.fromkeys(("name", "owner", "segment", "top_driver"), _maybe(_TEXT)),
    **dict.fromkeys(("value", "expected_loss"), _maybe(_NUMBER)),
    "renewal_date": _maybe(_DAY),
    "days_to_renewal": _maybe(_INTEGER),
    "previous_band": _BAND,
    **dict.fromkeys(("scored_at", "model_version", "bands_version"), _TEXT),
}
_WITH_DRIVERS = {"drivers": _list(_ref("Driver"))}
_VERSIONS = {"model_version": _TEXT, "bands_version": _TEXT}

_SCHEMAS: dict[str, Schema] = {
    "Account": _ACCOUNT,
    "Contract": _CONTRACT,
    "Event": _EVENT,
    "State": _STATE,
    "Driver": _DRIVER,
    "Score": _object(
        {**_SCORE_FIELDS, **_WITH_DRIVERS}, *_SCORE_FIELDS, *_WITH_DRIVERS
    ),
    "StoredScore": _object(
        {**_SCORE_FIELDS, **_STORED_FIELDS, **_WITH_DRIVERS},
        *_SCORE_FIELDS,
        *_STORED_FIELDS,
    ),
    "ScoreRequest": _object(
        {"as_of": _DAY, "accounts": _list(_ref("Account"), minItems=1)},
        *("as_of", "accounts"),
    ),
    "FeaturesRequest": _object(
        {
            "as_of": _DAY,
            "rows": _list(
                _object(
                    {
                        "account_id": _ID,
                        "features": {
                            "type": "object",
                            "description": "by the names of GET /v1/features; what is"
                            " absent or null is missing, not zero",
                            "additionalProperties": _maybe(_NUMBER),
                        },
                    },
                    *("account_id", "features"),
                ),
                minItems=1,
            ),
        },
        *("as_of", "rows"),
    ),
    "Refused": _object(
        {
            "account_id": {
                **_maybe(_TEXT),
                "description": "null where it could not be read",
            },
            "as_of": _DAY,
            "status": {"enum": ["refused"]},
            "error": _ERROR,
        },
        *("account_id", "as_of", "status", "error"),
    ),
    "Scores": _object(
        {
            **_VERSIONS,
            "scores": _list({"oneOf": [_ref("Score"), _ref("Refused")]}),
        },
        *(*_VERSIONS, "scores"),
    ),
    "Page": _object(
        {
            **dict.fromkeys(("total", "page", "page_size"), _INTEGER),
            "accounts": _list(_ref("StoredScore")),
        },
        *("total", "page", "page_size", "accounts"),
    ),
    "History": _object(
        {"account_id": _TEXT, "history": _list({"type": "object"})},
        *("account_id", "history"),
    ),
    "WhatIfRequest": _object(
        {
            "account_id": _ID,
            "changes": {
                "type": "object",
                "description": "features of GET /v1/features at other values;"
                " null is not measured",
                "additionalProperties": _maybe(_NUMBER),
                "minProperties": 1,
            },
        },
        *("account_id", "changes"),
    ),
    "WhatIf": _object(
        {**_VERSIONS, "before": _ref("Score"), "after": _ref("Score")},
        *(*_VERSIONS, "before", "after"),
    ),
    "Suggestion": _object(
        {
            **_VERSIONS,
            "account_id": _TEXT,
            "band": _BAND,
            "target": {**_BAND, "description": "null where there is none better"},
            "changes": _list(
                _object(
                    {
                        **dict.fromkeys(("feature", "label", "sentence"), _TEXT),
                        "value": _maybe(_NUMBER),
                        "to": _NUMBER,
                        "share": {
                            **_NUMBER,
                            "description": "of similar accounts: there or beyond",
                        },
                    },
                    *("feature", "label", "value", "to", "share", "sentence"),
                )
            ),
            "churn_probability": _NUMBER,
            "new_probability": _maybe(_NUMBER),
            "sentence": _TEXT,
        },
        *(*_VERSIONS, "account_id", "band", "target", "changes"),
        *("churn_probability", "new_probability", "sentence"),
    ),
    "Ready": _object({"status": _TEXT, **_VERSIONS}, "status", *_VERSIONS),
    "Alive": _object({"status": _TEXT}, "status"),
    "Description": {"type": "object", "required": ["openapi", "paths"]},
    "Card": {"type": "object", "required": ["model_version", "bands_version"]},
    "Features": _object(
        {"model_version": _TEXT, "features": _list({"type": "object"})},
        *("model_version", "features"),
    ),
    "Error": _object({"error": _ERROR}, "error"),
}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _whole(low: int, high: int, otherwise: int | None = None) -> Schema:
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return schema if otherwise is None else {**schema, "default": otherwise}


_DRIVERS = _query("drivers", _whole(0, 1000))
_IN_PATH = {"name": "account_id", "in": "path", "required": True, "schema": _TEXT}
_LISTING = [
    _query("band", {"type": "string", "description": "colours, comma between them"}),
    *(_query("owner", _TEXT), _query("segment", _TEXT)),
    _query("sort", {"type": "string", "default": "expected_loss"}),
    *(_query("page", _whole(1, 10**9, 1)), _query("page_size", _whole(1, 500, 50))),
]


_AS_TEXT = {"html": "text/html", "csv": "text/csv", "text": "text/plain"}


def _operation(
    summary: str, answer: str, *parameters: Schema, reads: str | None = None
) -> Schema:
    error = {"application/json": {"schema": _ref("Error")}}
    content = {"application/json": {"schema": _ref(answer)}}
    if answer in _AS_TEXT:
        content = {_AS_TEXT[answer]: {"schema": _TEXT}}
    if answer == "html":  # an error before the page is reached is JSON all the same
        error |= content
    operation: Schema = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "the answer", "content": content},
            "default": {"description": "an error, always so", "content": error},
        },
    }
    if reads is not None:
        body = {"application/json": {"schema": _ref(reads)}}
        operation["requestBody"] = {"required": True, "content": body}
    return operation


_ROUTES: dict[str, dict[str, Schema]] = {
    "/v1/score": {
        "post": _operation(
            "Score accounts from their raw history",
            "Scores",
            _DRIVERS,
            reads="ScoreRequest",
        )
    },
    "/v1/score/features": {
        "post": _operation(
            "Score rows of features", "Scores", _DRIVERS, reads="FeaturesRequest"
        )
    },
    "/v1/accounts": {"get": _operation("List stored scores", "Page", *_LISTING)},
    "/v1/accounts/{account_id}": {
        "get": _operation("One stored score", "StoredScore", _IN_PATH, _DRIVERS)
    },
    "/v1/accounts/{account_id}/history": {
        "get": _operation("One account's earlier scores", "History", _IN_PATH)
    },
    "/v1/accounts/{account_id}/suggestion": {
        "get": _operation(
            "The fewest changes that reach a better colour", "Suggestion", _IN_PATH
        )
    },
    "/v1/what-if": {
        "post": _operation(
            "A stored account with some features changed",
            "WhatIf",
            _DRIVERS,
            reads="WhatIfRequest",
        )
    },
    "/v1/model": {"get": _operation("The model's card", "Card")},
    "/v1/features": {"get": _operation("The features the model reads", "Features")},
    "/livez": {"get": _operation("Whether the process answers", "Alive")},
    "/readyz": {"get": _operation("Which model serves", "Ready")},
    "/metrics": {"get": _operation("Figures for Prometheus", "text")},
    "/openapi.json": {"get": _operation("This description", "Description")},
    "/accounts.csv": {"get": _operation("The portfolio's accounts as CSV", "csv")},
    **{
        path: {"get": _operation(f"{what} as a page", "html", *params)}
        for path, what, params in (
            ("/", "The portfolio", ()),
            ("/accounts/{account_id}", "One account", (_IN_PATH,)),
            ("/board", "The book for a board", ()),
            ("/backtest", "Whether it works", ()),
            ("/model", "The model", ()),
        )
    },
}


@cache
def openapi() -> Schema:
    """Give the description as plain values.

    >>> sorted(openapi()["paths"])[-2:]
    ['/v1/score/features', '/v1/what-if']
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "churnhealth", "version": "1"},
        "paths": _ROUTES,
        "security": [{"key": []}, {}],  # without configured keys nobody shows one
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
