"""What was asked: parameters and bodies, taken exactly or refused with their place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from starlette.datastructures import QueryParams
from starlette.requests import Request

from churnhealth.bundle import Bundle
from churnhealth.serve.refusal import refused
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Floats, Ints, Texts
from churnhealth.sources.given import (
    LARGEST,
    known_fields,
    listed,
    number,
    object_of,
    text,
)

__all__ = [
    "MOST_DRIVERS",
    "count",
    "day_asked",
    "drivers_asked",
    "feature_matrix",
    "id_of",
    "named_accounts",
    "one_of",
    "plain_numbers",
    "query",
    "some_of",
]

Row = Mapping[str, object]

MOST_DRIVERS = 1_000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def query(asked: Request | bytes, *allowed: str) -> dict[str, str]:
    """Take the query's parameters: each known, each once."""
    given = asked if isinstance(asked, bytes) else asked.scope["query_string"]
    found: dict[str, str] = {}
    for name, value in _parameters(given):
        if name not in allowed or name in found:
            known = ", ".join(allowed) or "none"
            what = "a parameter that does not exist here, or is there twice"
            raise refused("CH516", what, fix=f"known: {known}", where="query")
        found[name] = value
    return found


@lru_cache(maxsize=256)  # most who ask, ask for the same again
def _parameters(text: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(QueryParams(text).multi_items())


def count(
    asked: Mapping[str, str], name: str, *, low: int, high: int, otherwise: int
) -> int:
    """Take a whole number between two others, digits only."""
    value = asked.get(name)
    if value is None:
        return otherwise
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        what = f"is not a whole number from {low} to {high}"
        raise refused("CH516", what, fix="give digits only", where=f"query.{name}")
    return int(value)


def drivers_asked(asked: Mapping[str, str], *, otherwise: int) -> int:
    """Take how many drivers are wanted."""
    return count(asked, "drivers", low=0, high=MOST_DRIVERS, otherwise=otherwise)


def one_of(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a word that is not among those we know."""
    if not set(given) <= set(known):
        fix = f"use {', '.join(known)}"
        raise refused("CH516", "is not known", fix=fix, where=f"query.{name}")


def day_asked(body: Mapping[str, object]) -> date:
    """Take the day to look from: never a default, never a time."""
    value = body.get("as_of")
    if value is None:
        fix = 'give the day to look from, such as "2026-01-31"'
        raise refused("CH524", "is missing", fix=fix, where="as_of")
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            found = date.fromisoformat(value)
            if 1900 <= found.year < 2200:
                return found
    except ValueError:
        pass
    raise refused(
        "CH502", "is not a date", fix='write "YYYY-MM-DD", a UTC day', where="as_of"
    )


def id_of(row: Mapping[str, object], where: str) -> str:
    """Take an account's id as text."""
    found = text(row, "account_id", where)
    if found is None:
        raise refused("CH524", "is missing", fix="give it", where=f"{where}.account_id")
    return found


def some_of(body: Mapping[str, object], name: str, *, most: int) -> Sequence[object]:
    """Take a list: of one account at least, and not more than are allowed."""
    rows = listed(body.get(name), name)
    if not rows:
        fix = "send at least one account"
        raise refused("CH524", "is missing or empty", fix=fix, where=name)
    if len(rows) > most:
        what = f"holds more than {most} accounts"
        fix = "send fewer at a time, or raise [serve] max_accounts"
        raise refused("CH517", what, fix=fix, where=name)
    return rows


def named_accounts(
    given: Sequence[object], first: int
) -> tuple[list[str], Sequence[Row]]:
    """Take accounts that each have an id; ``first`` is the place of the first."""
    places = [f"accounts[{i}]" for i in range(first, first + len(given))]
    rows = [object_of(row, at) for row, at in zip(given, places, strict=True)]
    return [id_of(row, at) for row, at in zip(rows, places, strict=True)], rows


def feature_matrix(
    bundle: Bundle, sent: Sequence[object], first: int = 0
) -> tuple[Texts, Floats]:
    """Bring rows of named features into the model's order; what is absent is NaN.

    ``first`` is the place in the request of the first that was sent.
    """
    rows = [object_of(row, f"rows[{i}]") for i, row in enumerate(sent, first)]
    ids: dict[str, None] = {}
    given: list[object] = []
    for i, row in enumerate(rows, first):
        where = f"rows[{i}]"
        known_fields(row, ("account_id", "features"), where)
        account_id = id_of(row, where)
        if account_id in ids:
            fix = "send one row per account"
            place = f"{where}.account_id"
            raise refused("CH525", "is there twice", fix=fix, where=place)
        ids[account_id] = None
        given.append(row.get("features"))
    X = np.full((len(rows), len(bundle.names)), np.nan)
    if plain_numbers(given, bundle.names, X) is None:
        for i, value in enumerate(given):
            where = f"rows[{first + i}].features"
            _told_numbers(object_of(value, where), bundle.column_of, X[i], where)
    return texts(ids), X


_NUMBERS = {float, int, type(None)}


def plain_numbers(
    given: Sequence[Any], columns: tuple[str, ...], out: Floats
) -> int | None:
    """Write rows in which everything is as it should be; else leave them to be told.

    Nothing but the same known names, numbers and nulls may be there, all below the
    largest that is allowed. What is not so, is looked at one by one, to name its place:
    ``None``. Else gives how many colons each row needs: one per field, and its names'.
    """
    if set(map(type, given)) != {dict}:
        return None
    names, *others = set(map(tuple, given))
    if others or not names:
        return None
    values = [*chain.from_iterable(map(dict.values, given))]
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return None
    if type(None) in kinds:
        values = [math.nan if value is None else value for value in values]
    try:
        found = np.fromiter(values, np.float64, len(values))
        places, colons = _places(columns, names)
    except (OverflowError, KeyError):
        return None
    if (np.abs(found) >= LARGEST).any():
        return None
    found += 0.0  # no -0.0
    out[:, places] = found.reshape(len(given), len(names))
    return colons


@lru_cache(maxsize=8)
def _places(
    columns: tuple[str, ...], names: tuple[str, ...]
) -> tuple[Ints | slice, int]:
    """Say in which columns named values stand, and how many colons they need.

    Who asks again names them alike.
    """
    colons = len(names) + "".join(names).count(":")
    if names == columns:
        return slice(None), colons
    at = {name: i for i, name in enumerate(columns)}
    return np.array([at[name] for name in names], np.int64), colons


def _told_numbers(
    given: Mapping[str, object], column: Mapping[str, int], out: Floats, where: str
) -> None:
    """Write one row feature by feature, so that what is wrong has its place."""
    unknown = sum(name not in column for name in given)
    if unknown:
        what = f"{unknown} of its names are no features of this model"
        fix = "GET /v1/features lists them"
        raise refused("CH527", what, fix=fix, where=where)
    for name in given:
        out[column[name]] = number(given, name, where)
