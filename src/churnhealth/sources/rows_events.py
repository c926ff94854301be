"""The events of a request as arrays: whole columns at once, or row by row to say why.

An app sends rows that are all alike. Their columns are taken at once: the kinds of
their values are looked at together, every text and day is read once. Whatever is not
plainly right there is read row by row, which refuses it with its place, or takes what
is rare. Both give the same arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from churnhealth.sources.contract import EVENT_COLUMNS, FAR, EventLog, Floats, Ints
from churnhealth.sources.given import BLANKS, LARGEST, LONGEST, refuse
from churnhealth.sources.iso_days import iso_days
from churnhealth.sources.quantised import MAX_SUM, USERS_DECIMALS, rounded
from churnhealth.sources.schema import EventsShape, extended

__all__ = ["EVENT_FIELDS", "EventRows", "Words", "event_table", "whole_columns"]

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
_PACKED = 1 << 62  # sort keys stay below
_OPTIONAL = ("user", "users", "amount", "ended_at", "item")
_NO_ROWS: Mapping[str, Any] = {
    name: np.empty(0, np.float64 if name in ("amount", "users") else np.int64)
    for name in EVENT_COLUMNS
}


class Words(NamedTuple):
    """A column of texts: those there are, and for every row which of them it has."""

    words: list[str]
    code: Ints

    @classmethod
    def of(cls, column: Sequence[str]) -> Words:
        """Count up the texts of a column.

        >>> Words.of(["b", "a", "b"])
        Words(words=['b', 'a'], code=array([0, 1, 0]))
        """
        place = {word: i for i, word in enumerate(dict.fromkeys(column))}
        return cls([*place], _coded(column, place))


def _coded(column: Sequence[Any], place: Mapping[Any, int]) -> Ints:
    return np.fromiter(map(place.__getitem__, column), np.int64, len(column))


class EventRows(NamedTuple):
    """Rows of one source and account; days, not moments. Missing numbers are NaN."""

    account: int
    happened_at: Ints
    known_at: Ints
    event: Words
    user: Words
    times: Ints
    amount: Floats
    users: Floats
    ended_at: Ints
    item: Words


class _Odd(Exception):  # noqa: N818 - never leaves this file
    """Something that is not plainly right."""


def whole_columns(
    rows: Sequence[Any], account: int, shapes: Mapping[str, EventsShape], *, lag: int
) -> dict[str, EventRows] | None:
    """Take the rows of one account at once, by source; ``None`` if they are not plain.

    ``lag``: days until a row is known that does not say when.
    """
    try:
        columns = _columns(rows)
        if not columns.keys() <= EVENT_FIELDS:
            raise _Odd
        source = columns.get("source", [])
        if set(map(type, source)) != {str}:
            raise _Odd
        names = set(source)
        if not names <= shapes.keys():
            raise _Odd
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


def _columns(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Turn rows into columns; what a row does not have is missing in it."""
    if not rows or set(map(type, rows)) != {dict}:
        raise _Odd
    kinds = set(map(tuple, rows))
    if len(kinds) == 1:
        (fields,) = kinds
        values = [*chain.from_iterable(map(dict.values, rows))]
        return {name: values[i :: len(fields)] for i, name in enumerate(fields)}
    if len(kinds) > _MOST_SHAPES:
        raise _Odd
    names = dict.fromkeys(chain.from_iterable(kinds))
    return {name: [row.get(name) for row in rows] for name in names}


def _rows_of(
    columns: Mapping[str, list[Any]],
    size: int,
    account: int,
    shape: EventsShape,
    lag: int,
) -> EventRows:
    """Read the columns of one source."""
    given = columns.get
    happened = _days(given("happened_at"), missing=None)
    known = _days(given("known_at"), missing=happened + lag)
    if not shape.planned:
        known = np.maximum(known, happened)
    never = np.full(size, FAR)
    ended = _days(given("ended_at"), missing=never, open_ended=True)
    none = np.full(size, np.nan)
    amount = _numbers(given("amount"), none, shape.decimals)
    users = _numbers(given("users"), none, USERS_DECIMALS)
    user = _words(given("user_id"), size)
    item = _words(given("item"), size)
    ids = _words(given("event_id"), size)
    if shape.unrepeated:
        _refuse_repeats(ids)
    has = shape.columns
    return EventRows(
        account=account,
        happened_at=happened,
        known_at=known,
        event=_words(given("event"), size, otherwise=shape.name),
        user=user if "user_id" in has else _words(None, size),
        times=_counts(given("count"), size),
        amount=amount if "amount" in has else none,
        users=users if "users" in has else none,
        ended_at=ended if "ended_at" in has else never,
        item=item if "item" in has else _words(None, size),
    )


def _days(
    column: list[Any] | None, *, missing: Ints | None, open_ended: bool = False
) -> Ints:
    """Read times as days; those that are missing are known otherwise."""
    kinds = set(map(type, column or [None]))
    if missing is not None and kinds == {type(None)}:
        return missing
    if column is None or not kinds <= ({str} if missing is None else {str, type(None)}):
        raise _Odd
    whole = kinds == {str}
    found = iso_days(column if whole else [t for t in column if t is not None])
    if found is None or (not open_ended and found.max() == FAR):
        raise _Odd
    if whole or missing is None:
        return found
    out = missing.copy()
    out[[t is not None for t in column]] = found
    return out


def _words(column: list[Any] | None, size: int, *, otherwise: str = "") -> Words:
    """Read ids and words; blank is ``otherwise``."""
    if column is None:
        return Words([otherwise], np.zeros(size, np.int64))
    if not {str, int, type(None)}.issuperset(map(type, column)):
        raise _Odd
    place: dict[str, int] = {}
    read = {}
    for value in set(column):
        text = "" if value is None else str(value)
        if len(text) > LONGEST:
            raise _Odd
        read[value] = place.setdefault(text.strip(BLANKS) or otherwise, len(place))
    return Words([*place], _coded(column, read))


def _refuse_repeats(ids: Words) -> None:
    """Leave events that are sent twice to who knows which of them stays."""
    often = np.bincount(ids.code, minlength=len(ids.words))
    if any(n > 1 and word for n, word in zip(often.tolist(), ids.words, strict=True)):
        raise _Odd


def _numbers(column: list[Any] | None, missing: Floats, decimals: int) -> Floats:
    kinds = set(map(type, column or [None]))
    if column is None or kinds == {type(None)}:
        return missing
    if not kinds <= {int, float, type(None)}:
        raise _Odd
    try:
        found = np.array(column, np.float64)  # null becomes NaN
    except OverflowError as error:
        raise _Odd from error
    size = np.abs(found)
    if np.count_nonzero(size < LARGEST) != len(column) - column.count(None):
        raise _Odd
    if np.nanmax(size) * 10.0**decimals >= MAX_SUM:
        raise _Odd
    return rounded(found, decimals)


def _counts(column: list[Any] | None, size: int) -> Ints:
    kinds = set(map(type, column or [None]))
    if column is None or kinds == {type(None)}:
        return np.ones(size, np.int64)
    if not kinds <= {int, type(None)}:
        raise _Odd
    try:
        found = np.array([1 if x is None else x for x in column], np.int64)
    except OverflowError as error:
        raise _Odd from error
    if found.min() < 0 or found.max() >= LARGEST:
        raise _Odd
    return found


def event_table(shape: EventsShape, parts: Sequence[EventRows]) -> EventLog:
    """Sort the rows of a source as loading does, by all that is kept of them.

    Raises
    ------
    RequestError
        CH526: the amounts are too large to be added up exactly.
    """
    vocabulary, categories, columns = shape.vocabulary, shape.categories, _NO_ROWS
    if parts:
        vocabulary, categories = extended(shape, _all_words([p.event for p in parts]))
        columns = _sorted(shape, parts, {w: i for i, w in enumerate(vocabulary)})
    has = (*shape.columns, *(("user",) if "user_id" in shape.columns else ()))
    absent = [name for name in _OPTIONAL if name not in has]
    return EventLog(
        name=shape.name,
        planned=shape.planned,
        vocabulary=vocabulary,
        categories=categories,
        decimals=shape.decimals,
        unrepeated=shape.unrepeated,
        coverage=shape.coverage,
        **{**columns, **dict.fromkeys(absent)},
    )


def _sorted(
    shape: EventsShape, parts: Sequence[EventRows], code: Mapping[str, int]
) -> Mapping[str, Any]:
    columns: dict[str, Any] = {
        "account": _joined([np.full(p.times.size, p.account) for p in parts]),
        "happened_at": _joined([p.happened_at for p in parts]),
        "known_at": _joined([p.known_at for p in parts]),
        "event": _joined([_recoded(p.event, code) for p in parts]),
        "user": _by_alphabet([p.user for p in parts]),
        "count": _joined([p.times for p in parts]),
        "amount": _joined([p.amount for p in parts]),
        "users": _joined([p.users for p in parts]),
        "ended_at": _joined([p.ended_at for p in parts]),
        "item": _by_alphabet([p.item for p in parts]),
    }
    if "amount" in shape.columns:
        _refuse_too_large(shape, columns["amount"])
    order = _order([*columns.values()])
    return {name: column[order] for name, column in columns.items()}


def _by_alphabet(columns: Sequence[Words]) -> Ints:
    """Give the texts of all columns numbers by alphabet; an empty one has -1."""
    texts = sorted(_all_words(columns) - {""})
    place = {"": -1, **{text: i for i, text in enumerate(texts)}}
    numbered: Ints = _joined([_recoded(column, place) for column in columns])
    return numbered


def _all_words(columns: Sequence[Words]) -> set[str]:
    return {word for column in columns for word in column.words}


def _recoded(column: Words, place: Mapping[str, int]) -> Ints:
    return _coded(column.words, place)[column.code]


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _order(columns: Sequence[Any]) -> Ints | slice:
    """Sort by the first column, then the next; missing numbers come first.

    Whole numbers beside each other are sorted as one, where that fits.
    """
    keys: list[Any] = []
    room = 0  # the last key can grow so many times
    for column in columns:
        if not column.size or (column == column[0]).all():
            continue
        if column.dtype.kind == "f":
            keys.append(np.where(np.isnan(column), -np.inf, column))
            room = 0
            continue
        low = column.min()
        span = int(column.max()) - int(low) + 1
        if span <= room:
            keys[-1] = keys[-1] * span + (column - low)
            room //= span
        else:
            keys.append(column - low)
            room = _PACKED // span
    if len(keys) < 2:
        return keys[0].argsort(kind="stable") if keys else slice(None)
    return np.lexsort(keys[::-1])


def _refuse_too_large(shape: EventsShape, amount: Floats) -> None:
    if amount.size and np.nansum(np.abs(amount)) * 10.0**shape.decimals >= MAX_SUM:
        raise refuse(
            "CH526",
            f"events of source {shape.name}",
            "the amounts are too large to be added up exactly",
            fix="use the same unit as in training",
        )
