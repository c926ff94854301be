"""Stored scores as they are asked for: filtered, sorted, a page at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from churnhealth.archive.plain import Row
from churnhealth.archive.runs import read_current
from churnhealth.errors import ChurnHealthError
from churnhealth.pages.desk import Desk, read_desk
from churnhealth.scoring import ScoreBook
from churnhealth.serve.answers import stored_scores
from churnhealth.serve.lines import log
from churnhealth.serve.refusal import refused
from churnhealth.sources.engine import QueryError

__all__ = ["SORTS", "Stored", "StoredScores", "choose", "undamaged"]

SORTS = ("expected_loss", "churn_probability", "health_score", "value",
         "days_to_renewal", "account_id", "name")  # fmt: skip
_HIGH_FIRST = ("expected_loss", "churn_probability", "value")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """One scoring run, read once: never changed, replaced whole."""

    book: ScoreBook
    rows: Sequence[Row]
    drivers: Mapping[str, Sequence[Row]]
    card: Mapping[str, Any]
    folder: Path

    @cached_property
    def by_id(self) -> dict[str, Row]:
        """Find a row by its account."""
        return {row["account_id"]: row for row in self.rows}

    @cached_property
    def desk(self) -> Desk:
        """Give the whole book as the pages show it."""
        return read_desk(self.folder)


class StoredScores:
    """The newest scores under a folder, read again whenever its pointer moves.

    A run that cannot be read does not replace the one that could.
    """

    def __init__(
        self,
        folder: Path,
        *,
        card: Mapping[str, Any],
        base: Callable[[str], float | None],
    ) -> None:
        self.folder = folder
        self._card = card
        self._base = base
        self._seen: tuple[int, ...] = ()
        self._reading = Lock()
        self._stored = self._read()

    def newest(self) -> Stored:
        """Give the newest run; raises ``RequestError`` CH501 if there never was one."""
        with self._reading:  # who asks while they are read waits for the new ones
            if self._mark() != self._seen:
                try:
                    self._stored = self._read()
                except ChurnHealthError as error:
                    log.error("%s new scores cannot be read", error.code)
            return self._stored

    def _mark(self) -> tuple[int, ...]:
        try:
            found = os.stat(self.folder / "current")  # noqa: PTH116
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _read(self) -> Stored:
        self._seen = self._mark()
        book = read_current(self.folder)
        rows, drivers = stored_scores(book, base=self._base)
        return Stored(
            book=book, rows=rows, drivers=drivers, card=self._card, folder=self.folder
        )


@contextmanager
def undamaged() -> Iterator[None]:
    """Tell a table that cannot be read as that, not as a fault of the program.

    Raises
    ------
    RequestError
        CH528 a table of a run is damaged.
    """
    try:
        yield
    except QueryError as error:
        raise refused(
            "CH528",
            "a table of the stored scores is damaged",
            fix="score again, or restore the run's folder from a copy",
        ) from error


def choose(
    rows: Sequence[Row],
    *,
    bands: Sequence[str] = (),
    owner: str | None = None,
    segment: str | None = None,
    sort: str = "expected_loss",
) -> list[Row]:
    """Filter rows and sort them: what matters most first, the unknown last.

    >>> rows = [{"account_id": i, "band": b, "owner": None, "segment": None,
    ...          "expected_loss": loss}
    ...         for i, b, loss in (("a", "red", 1.0), ("b", None, None),
    ...                            ("c", "red", 2.0))]
    >>> [row["account_id"] for row in choose(rows)]
    ['c', 'a', 'b']
    >>> [row["account_id"] for row in choose(rows, bands=("red",), sort="account_id")]
    ['a', 'c']
    """
    kept = [
        row
        for row in rows
        if (not bands or row["band"] in bands)
        and (owner is None or row["owner"] == owner)
        and (segment is None or row["segment"] == segment)
    ]
    sign = -1 if sort in _HIGH_FIRST else 1

    def key(row: Row) -> tuple[bool, Any, str]:
        value = row[sort]
        if isinstance(value, int | float):
            value = sign * value
        return value is None, "" if value is None else value, row["account_id"]

    # "" and numbers never meet: the first part of the key keeps them apart
    return sorted(kept, key=key)
