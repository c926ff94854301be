"""One bad account fails alone: the others are read as if it had not been sent.

Accounts are read all together, which costs nothing where all are right. Only when that
fails, each is read alone to tell who is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from churnhealth.archive.plain import Row
from churnhealth.errors import RequestError
from churnhealth.serve.asked import id_of
from churnhealth.serve.refusal import refused, told
from churnhealth.serve.turns import in_time
from churnhealth.sources.given import object_of

__all__ = ["in_their_places", "read_apart", "refused_rows"]

T = TypeVar("T")

Faults = Mapping[int, RequestError]


def read_apart(
    read: Callable[[Sequence[object], int], T], rows: Sequence[object], name: str
) -> tuple[T, Faults]:
    """Read the rows of a request; give what came of the right ones, and the others.

    ``read`` is given rows and the place of the first; ``name`` is the list's in the
    request. Faults are given by place.

    Raises
    ------
    RequestError
        What reading all together is refused for, when it is nobody's own fault (the
        same account twice) or everybody's; CH533 when the deadline has passed.
    """
    try:
        return read(rows, 0), {}
    except RequestError as error:
        if len(rows) == 1 or error.code == "CH525":
            raise
        first = error
    faults: dict[int, RequestError] = {}
    for i, row in enumerate(rows):
        in_time()
        try:
            read([row], i)
        except RequestError as error:
            faults[i] = error
    if len(faults) in (0, len(rows)):
        raise first
    _refuse_repeats(rows, name)
    return read([row for i, row in enumerate(rows) if i not in faults], 0), faults


def _refuse_repeats(rows: Sequence[object], name: str) -> None:
    """Refuse an account that is there twice, were it only once without a fault."""
    seen: set[str] = set()
    for i, row in enumerate(rows):
        account_id = _read_id(row)
        if account_id in seen:
            where, fix = f"{name}[{i}].account_id", "send each account once"
            raise refused("CH525", "is there twice", fix=fix, where=where)
        if account_id is not None:
            seen.add(account_id)


def _read_id(row: object) -> str | None:
    try:
        return id_of(object_of(row, ""), "")
    except RequestError:
        return None


def refused_rows(
    faults: Faults, rows: Sequence[object], *, as_of: date
) -> dict[int, Row]:
    """Say of each faulty account why it was not scored, by its place."""
    return {
        i: {
            "account_id": _read_id(rows[i]),
            "as_of": str(as_of),
            "status": "refused",
            "error": told(error),
        }
        for i, error in faults.items()
    }


def in_their_places(scores: Iterable[Row], refused: Mapping[int, Row]) -> list[Row]:
    """Put scores around the refused ones, in the order in which all were sent.

    >>> in_their_places([{"account_id": "a"}, {"account_id": "c"}], {1: {"error": "b"}})
    [{'account_id': 'a'}, {'error': 'b'}, {'account_id': 'c'}]
    """
    placed = list(scores)
    for i in sorted(refused):
        placed.insert(i, refused[i])
    return placed
