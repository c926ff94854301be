"""The events of a request as arrays: whole columns at once, or row by row to say why.

An app sends rows that are all alike. Their columns are taken at once: the kinds of
their values are looked at together, every text and day is read once. Whatever is not
plainly right there is read row by row, which refuses it with its place, or takes what
is rare. Both give the same arrays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from churnhealth.sources.contract import FAR, EventLog, Floats, Ints, day_of
from churnhealth.sources.given import LARGEST, LONGEST, refuse
from churnhealth.sources.quantised import MAX_SUM, USERS_DECIMALS, rounded
from churnhealth.sources.schema import EventsShape, extended

__all__ = ["EVENT_FIELDS", "EventRows", "event_table", "whole_columns"]

EVENT_FIELDS = frozenset(
    {
        "source",
        "happened_at",
        "known_at",
        "ended_at",
        "event",
        "item",
        "user_id",
        "count",
        "amount",
        "users",
        "event_id",
    }
)

_MOST_SHAPES = 16  # sets of fields in one list; more is not "all alike"
_UTC_TIMES = re.compile(
    r"(?:\d{4}-\d{2}-\d{2}"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?Z?)?\n)*",
    re.ASCII,
)
_FIRST, _LAST = -25_567, 84_006  # 1900-01-01, 2200-01-01


class EventRows(NamedTuple):
    """Rows of one source and account; days, not moments. Missing numbers are NaN."""

    account: int
    happened_at: Sequence[int]
    known_at: Sequence[int]
    event: Sequence[str]
    user: Sequence[str]
    times: Sequence[int]
    amount: Sequence[float]
    users: Sequence[float]
    ended_at: Sequence[int]


class _Odd(Exception):  # noqa: N818 - never leaves this file
    """Something that is not plainly right."""


def whole_columns(
    rows: Sequence[Any], account: int, shapes: Mapping[str, EventsShape], *, lag: int
) -> dict[str, EventRows] | None:
    """Take the rows of one account at once, by source; ``None`` if they are not plain.

    ``lag``: days until a row is known that does not say when.
    """
    try:
        if not rows or set(map(type, rows)) != {dict}:
            raise _Odd
        kinds = set(map(tuple, rows))
        if len(kinds) > _MOST_SHAPES:
            raise _Odd
        fields = {name for kind in kinds for name in kind}
        if not fields <= EVENT_FIELDS - {"event_id"}:
            raise _Odd
        source = _taken(rows, "source", {str})
        names = set(source)
        if not names <= shapes.keys():
            raise _Odd
        columns = {name: _taken(rows, name, None) for name in fields}
        if len(names) == 1:
            name = names.pop()
            return {name: _rows_of(columns, len(rows), account, shapes[name], lag)}
        found = {}
        for name in sorted(names):
            mine = [i for i, s in enumerate(source) if s == name]
            part = {f: [c[i] for i in mine] for f, c in columns.items()}
            found[name] = _rows_of(part, len(mine), account, shapes[name], lag)
        return found
    except _Odd:
        return None


def _taken(rows: Sequence[Any], name: str, kinds: set[type] | None) -> list[Any]:
    column = [row.get(name) for row in rows]
    if kinds is not None and not set(map(type, column)) <= kinds:
        raise _Odd
    return column


def _rows_of(
    columns: Mapping[str, list[Any]],
    size: int,
    account: int,
    shape: EventsShape,
    lag: int,
) -> EventRows:
    """Read the columns of one source."""
    nothing: list[Any] = [None] * size
    given = {name: columns.get(name, nothing) for name in EVENT_FIELDS}
    happened = _days(given["happened_at"], missing=None)
    known = _days(given["known_at"], missing=happened, lag=lag)
    if not shape.planned:
        known = list(map(max, known, happened))
    _texts(given["item"], "")
    has = shape.columns
    user = _texts(given["user_id"], "")
    amount = _numbers(given["amount"])
    users = _numbers(given["users"])
    ended = _days(given["ended_at"], missing=[FAR] * size, open_ended=True)
    none = [math.nan] * size
    return EventRows(
        account=account,
        happened_at=happened,
        known_at=known,
        event=_texts(given["event"], shape.name),
        user=user if "user_id" in has else [""] * size,
        times=_counts(given["count"]),
        amount=_kept(amount, shape.decimals).tolist() if "amount" in has else none,
        users=_kept(users, USERS_DECIMALS).tolist() if "users" in has else none,
        ended_at=ended if "ended_at" in has else [FAR] * size,
    )


def _days(
    column: list[Any],
    *,
    missing: Sequence[int] | None,
    lag: int = 0,
    open_ended: bool = False,
) -> list[int]:
    """Read times that are written as UTC or without a zone, as days."""
    kinds = set(map(type, column))
    if kinds == {type(None)} and missing is not None:
        return [day + lag for day in missing]
    if not kinds <= ({str} if missing is None else {str, type(None)}):
        raise _Odd
    texts = [t for t in column if t is not None]
    lines = "\n".join((*texts, ""))
    if lines.count("\n") != len(texts) or _UTC_TIMES.fullmatch(lines) is None:
        raise _Odd
    day = {text: _day(text, open_ended) for text in {t[:10] for t in texts}}
    if missing is None:
        return [day[t[:10]] for t in column]
    return [
        other + lag if t is None else day[t[:10]]
        for t, other in zip(column, missing, strict=True)
    ]


def _day(text: str, open_ended: bool) -> int:  # noqa: FBT001
    try:
        day = day_of(date.fromisoformat(text))
    except ValueError as error:
        raise _Odd from error
    if day < _FIRST or (day >= _LAST and not open_ended):
        raise _Odd
    return day if day < _LAST else FAR


def _texts(column: list[Any], otherwise: str) -> list[str]:
    """Read ids and words; blank is ``otherwise``."""
    if not set(map(type, column)) <= {str, int, type(None)}:
        raise _Odd
    read = {}
    for value in set(column):
        text = "" if value is None else str(value)
        if len(text) > LONGEST:
            raise _Odd
        read[value] = text.strip(" ") or otherwise
    return [read[value] for value in column]


def _numbers(column: list[Any]) -> Floats:
    kinds = set(map(type, column))
    if kinds == {type(None)}:
        return np.full(len(column), np.nan)
    if not kinds <= {int, float, type(None)}:
        raise _Odd
    numbers = [x for x in column if x is not None]
    if not all(-LARGEST < x < LARGEST for x in numbers):
        raise _Odd
    return np.array([np.nan if x is None else x for x in column], dtype=np.float64)


def _counts(column: list[Any]) -> list[int]:
    kinds = set(map(type, column))
    if kinds == {type(None)}:
        return [1] * len(column)
    if not kinds <= {int, type(None)}:
        raise _Odd
    if not all(0 <= x < LARGEST for x in column if x is not None):
        raise _Odd
    return [1 if x is None else x for x in column]


def _kept(values: Floats, decimals: int) -> Floats:
    if np.nanmax(np.abs(values), initial=0.0) * 10.0**decimals >= MAX_SUM:
        raise _Odd
    return rounded(values, decimals)


def event_table(shape: EventsShape, parts: Sequence[EventRows]) -> EventLog:
    """Sort the rows of a source as loading does, by all that is kept of them.

    Raises
    ------
    RequestError
        CH526: the amounts are too large to be added up exactly.
    """
    sizes = [len(part.happened_at) for part in parts]
    word = [w for part in parts for w in part.event]
    who = [u for part in parts for u in part.user]
    vocabulary, categories = extended(shape, set(word))
    code = {w: i for i, w in enumerate(vocabulary)}
    person = {u: i for i, u in enumerate(sorted(set(who) - {""}))}
    person[""] = -1
    columns: dict[str, Any] = {
        "account": np.repeat([p.account for p in parts], sizes).astype(np.int64),
        "happened_at": _ints(d for p in parts for d in p.happened_at),
        "known_at": _ints(d for p in parts for d in p.known_at),
        "event": _ints(map(code.__getitem__, word)),
        "user": _ints(map(person.__getitem__, who)),
        "count": _ints(n for p in parts for n in p.times),
        "amount": _floats(x for p in parts for x in p.amount),
        "users": _floats(x for p in parts for x in p.users),
        "ended_at": _ints(d for p in parts for d in p.ended_at),
    }
    has = shape.columns
    if "amount" in has:
        _refuse_too_large(shape, columns["amount"])
    order = _order(list(columns.values()))
    columns = {name: column[order] for name, column in columns.items()}
    for name, ours in (("user", "user_id"), ("users", "users"), ("amount", "amount")):
        columns[name] = columns[name] if ours in has else None
    columns["ended_at"] = columns["ended_at"] if "ended_at" in has else None
    return EventLog(
        name=shape.name,
        planned=shape.planned,
        vocabulary=vocabulary,
        categories=categories,
        decimals=shape.decimals,
        unrepeated=shape.unrepeated,
        coverage=shape.coverage,
        **columns,
    )


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _order(columns: Sequence[Any]) -> Ints:
    """Sort by the first column, then the next; missing numbers come first."""
    keys = []
    for column in columns:
        if column.dtype.kind == "f":
            column = np.where(np.isnan(column), -np.inf, column)
        if column.size and (column != column[0]).any():
            keys.append(column)
    size = columns[0].size
    return np.lexsort(keys[::-1]) if keys else np.arange(size)


def _refuse_too_large(shape: EventsShape, amount: Floats) -> None:
    if np.nansum(np.abs(amount)) * 10.0**shape.decimals >= MAX_SUM:
        raise refuse(
            "CH526",
            f"events of source {shape.name}",
            "the amounts are too large to be added up exactly",
            fix="use the same unit as in training",
        )
