"""Events as whole numbers that sort: a row is a word of bits, or a few.

The columns of a row stand in its word in the order of the sort key, the account
highest, so sorted words are sorted rows: eight bytes a row where arrays take sixty.
Columns are unpacked for the accounts that are being worked on, so memory stays bounded
whatever the history's length; and since words are all there is of a row, a file of
them is the whole sorted source (`store`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import EVENT_ABOUT, EventLog, Floats, Ints

__all__ = ["WORD_BITS", "Field", "PackedLog", "Words", "placed"]

WORD_BITS = 62
"""Bits of a word in use: it stays positive, and no sum of its fields overflows."""

_SPAN = 1 << 40  # days and waits stay far below
_FEW_BITS = 26  # of which a mark for every code is cheap
_CHUNK = 1 << 20  # rows looked at in one go where all of them are


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One column as bits: values ``low`` to ``high`` become 0, 1, 2, ...

    ``decimals``: a number with that many decimals, held as a whole number; ``None`` for
    columns that are whole. ``missing``: where a missing value sorts; it is read back as
    ``fill``, or NaN where there are decimals. ``word`` and ``shift`` are its place.
    """

    name: str
    low: int
    high: int
    decimals: int | None = None
    missing: str | None = None
    fill: int = 0
    word: int = 0
    shift: int = 0

    @property
    def first(self) -> int:
        """Give the code of ``low``: 1 where 0 means missing."""
        return int(self.missing == "first")

    @property
    def blank(self) -> int | None:
        """Give the code of a missing value, ``None`` where none is missing."""
        if self.missing is None:
            return None
        return 0 if self.missing == "first" else self.high - self.low + 1

    @property
    def bits(self) -> int:
        """Count the bits that hold every code.

        >>> Field(name="count", low=1, high=1).bits
        0
        >>> Field(name="amount", low=0, high=15, decimals=0, missing="first").bits
        5
        """
        return (self.high - self.low + (self.missing is not None)).bit_length()


def placed(columns: Sequence[Field]) -> tuple[Field, ...]:
    """Give every field its word and place, the first of a word highest.

    >>> [(f.word, f.shift) for f in placed([Field(name="account", low=0, high=9),
    ...                                     Field(name="happened_at", low=0, high=3)])]
    [(0, 2), (0, 0)]
    """
    words: list[list[Field]] = [[]]
    for column in columns:
        if sum(f.bits for f in words[-1]) + column.bits > WORD_BITS:
            words.append([])
        words[-1].append(column)
    out = []
    for number, word in enumerate(words):
        shift = sum(f.bits for f in word)
        for column in word:
            shift -= column.bits
            out.append(replace(column, word=number, shift=shift))
    return tuple(out)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Words:
    """Sorted rows: ``arrays`` of equal length, and where each column stands in them.

    The first field is the account; ``late`` is ``known_at - happened_at``.
    """

    arrays: tuple[Ints, ...]
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Count the rows."""
        return int(self.arrays[0].size)

    def has(self, name: str) -> bool:
        """Tell whether a column is held."""
        return any(f.name == name for f in self.fields)

    def rows(self, keep: NDArray[Any] | slice) -> Words:
        """Take rows by mask, index or slice, order kept."""
        return replace(self, arrays=tuple(word[keep] for word in self.arrays))

    def column(self, name: str) -> NDArray[Any]:
        """Unpack one column: int64, or float64 where it has decimals.

        >>> two = placed([Field(name="account", low=0, high=9),
        ...               Field(name="amount", low=-5, high=9, decimals=1)])
        >>> words = Words(arrays=(np.array([0b10_0000, 0b10_0110]),), fields=two)
        >>> words.column("account"), words.column("amount")
        (array([2, 2]), array([-0.5,  0.1]))
        """
        field = next(f for f in self.fields if f.name == name)
        code = self._codes(field)
        value = code + (field.low - field.first)
        if field.decimals is not None:
            number: Floats = value / 10.0**field.decimals + 0.0
            return number if field.blank is None else _filled(number, code, field)
        return value if field.blank is None else _filled(value, code, field)

    def _codes(self, field: Field) -> Ints:
        if not field.bits:
            return np.zeros(self.size, dtype=np.int64)
        code: Ints = self.arrays[field.word] >> field.shift
        if field.shift + field.bits < WORD_BITS and not self._highest(field):
            code &= (1 << field.bits) - 1
        return code

    def _highest(self, field: Field) -> bool:
        return field is next(f for f in self.fields if f.word == field.word)

    def days(self) -> tuple[Ints, Ints]:
        """Give the distinct pairs of ``happened_at`` and ``known_at``, sorted.

        Both stand side by side, so that a pair is one run of bits.
        """
        happened, late = (
            next(f for f in self.fields if f.name == name)
            for name in ("happened_at", "late")
        )
        bits = happened.bits + late.bits
        if happened.word != late.word or bits > _FEW_BITS:
            day = self.column("happened_at")
            both = np.unique(day * _SPAN + (self.column("late") + _SPAN // 2))
            day, wait = np.divmod(both, _SPAN)
            return day, day + wait - _SPAN // 2
        seen = np.zeros(1 << bits, dtype=np.bool_)
        for start in range(0, self.size, _CHUNK):
            word = self.arrays[late.word][start : start + _CHUNK] >> late.shift
            seen[word & (seen.size - 1)] = True
        day, wait = np.divmod(np.flatnonzero(seen), 1 << late.bits)
        return day + happened.low, day + happened.low + wait + late.low

    def rows_before(self, account: Ints) -> Ints:
        """Count the rows of the accounts before each of these."""
        field = self.fields[0]
        key = np.clip(account, field.low, field.high + 1) - field.low
        return np.searchsorted(self.arrays[0], key << field.shift)

    def counted_from(self, low: int) -> Words:
        """Count the accounts from ``low`` on."""
        account, *others = self.fields
        moved = replace(account, low=account.low - low, high=account.high - low)
        return replace(self, fields=(moved, *others))

    def renumbered(self, code: Ints) -> tuple[Words, int]:
        """Give accounts other numbers in the same order; -1 drops their rows.

        Returns the rows that stay and how many do not.
        """
        if np.array_equal(code, np.arange(code.size)):
            return self, 0
        account, *others = self.fields
        now = self.column("account")
        keep = code[now] >= 0
        words = self if keep.all() else self.rows(keep)
        new = code[now[keep]]
        low, high = (int(new.min()), int(new.max())) if new.size else (0, 0)
        moved = replace(account, low=low, high=high)
        rest = words.arrays[0] & ((1 << account.shift) - 1)
        if account.shift + moved.bits > WORD_BITS:  # more accounts than bits are left
            others = [replace(f, word=f.word + 1) for f in others]
            moved = replace(moved, shift=0)
            arrays = (new - low, rest, *words.arrays[1:])
        else:
            arrays = (rest | (new - low) << account.shift, *words.arrays[1:])
        renumbered = Words(arrays=arrays, fields=(moved, *others))
        return renumbered, self.size - renumbered.size

    def blanked(self, name: str, where: NDArray[np.bool_]) -> Words:
        """Make a column missing in some rows; the order stays as it is."""
        field = next(f for f in self.fields if f.name == name)
        mask = ((1 << field.bits) - 1) << field.shift
        blank = (field.blank or 0) << field.shift
        words = list(self.arrays)
        word = words[field.word]
        words[field.word] = np.where(where, word & ~mask | blank, word)
        return replace(self, arrays=tuple(words))

    def fingerprint(self) -> str:
        """Digest the rows and how they are written."""
        made = hashlib.sha256(repr(self.fields).encode())
        for word in self.arrays:
            made.update(np.ascontiguousarray(word).data)
        return made.hexdigest()


def _filled(value: NDArray[Any], code: Ints, field: Field) -> NDArray[Any]:
    value[code == field.blank] = field.fill if field.decimals is None else np.nan
    return value


class PackedLog(EventLog):
    """An events source whose columns are unpacked when they are asked for.

    Those of a run of accounts are kept for the next asking; those of the whole log are
    not: who needs one twice holds on to it.
    """

    __slots__ = ("_columns", "_keeps", "words")

    words: Words
    _columns: dict[str, Any]
    _keeps: bool

    def __init__(
        self, words: Words, about: Mapping[str, Any], *, keeps: bool = False
    ) -> None:
        own = {"words": words, "_columns": {}, "_keeps": keeps}
        for name, value in {**about, **own}.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle what it is made of: the columns are properties."""
        return partial(PackedLog, keeps=self._keeps), (self.words, self._about())

    def _column(self, name: str) -> Any:
        if name in self._columns:
            return self._columns[name]
        column = self._unpacked(name)
        if self._keeps:
            self._columns[name] = column
        return column

    def _unpacked(self, name: str) -> Any:
        if name == "known_at":
            happened, late = self._column("happened_at"), self.words.column("late")
            return happened + late if late.any() else happened
        return self.words.column(name) if self.words.has(name) else None

    account = property(lambda self: self._column("account"))
    happened_at = property(lambda self: self._column("happened_at"))
    known_at = property(lambda self: self._column("known_at"))
    event = property(lambda self: self._column("event"))
    count = property(lambda self: self._column("count"))
    amount = property(lambda self: self._column("amount"))
    user = property(lambda self: self._column("user"))
    users = property(lambda self: self._column("users"))
    ended_at = property(lambda self: self._column("ended_at"))
    item = property(lambda self: self._column("item"))

    @property
    def size(self) -> int:
        """Count the rows."""
        return self.words.size

    def _about(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in EVENT_ABOUT}

    def rows(self, keep: NDArray[Any] | slice) -> EventLog:
        """Take rows by mask, index or slice, order kept."""
        return PackedLog(self.words.rows(keep), self._about(), keeps=self._keeps)

    def of_accounts(self, low: int, high: int) -> EventLog:
        """Take the accounts ``low:high`` with their rows, accounts counted from 0."""
        start, stop = self.words.rows_before(np.array([low, high])).tolist()
        part = self.words.rows(slice(start, stop)).counted_from(low)
        return PackedLog(part, self._about(), keeps=True)

    def rows_before(self, account: Ints) -> Ints:
        """Count the rows of the accounts before each of these."""
        return self.words.rows_before(account)

    def as_known(self, day: int) -> EventLog:
        """Give the rows known before a day; an end noticed later has not happened."""
        words = self.words.rows(self.known_at < day)
        if words.has("ended_at"):
            words = words.blanked("ended_at", words.column("ended_at") >= day)
        about = {**self._about(), "coverage": self.coverage.before(day)}
        return PackedLog(words, about)
