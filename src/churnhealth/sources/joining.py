"""One numbering of accounts for all sources, and what is lost where ids do not meet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import FAR, Accounts, Coverage, Days, Texts
from churnhealth.sources.problems import Problem
from churnhealth.sources.tables import Part
from churnhealth.sources.written import folded, toml_key

__all__ = ["WRITTEN", "accounts_of", "alike", "coverage_of", "place", "unmet"]

# an id in which capitals count, and one that three characters made safe without them
_MIXED = r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9]{15}"
_FIFTEEN, _EIGHTEEN = re.compile(_MIXED), re.compile(_MIXED + "[A-Z0-5]{3}")
_SHORTENED = (
    "; the first 15 characters of Salesforce's 18 are the same id: take"
    " `left(ID, 15)` in the `sql` of the sources that have 18"
)


def accounts_of(ids: Iterable[Texts]) -> Accounts:
    """Make the accounts from the ids that the other tables mention."""
    known = texts(sorted({str(i) for part in ids for i in part}))
    nothing = np.full(known.size, None, dtype=object)
    return Accounts(
        ids=known,
        name=nothing,
        segment=nothing,
        owner=nothing,
        group=nothing,
        known_at=np.full(known.size, -FAR, dtype=np.int64),
    )


def place(part: Part, ids: Texts) -> tuple[Part, int]:
    """Renumber a source's accounts; rows of accounts we do not know are dropped.

    Both numberings are alphabetical, so the rows stay sorted.
    """
    if part.opened.table == "accounts":
        return part, 0
    number = {account: i for i, account in enumerate(ids)}
    code = np.array([number.get(i, -1) for i in part.ids], dtype=np.int64)
    coverage = _coverage(part)  # what was recorded, for whomever
    if part.words is None:
        words, columns = None, part.columns
        columns = {k: v for k, v in columns.items() if not k.startswith("flag ")}
        account = code[columns["account"]]
        keep = account >= 0
        lost = int(keep.size - keep.sum())
        if lost:
            columns = {k: v[keep] for k, v in columns.items()}
        columns["account"] = account[keep]
    else:
        columns = {}
        words, lost = part.words.renumbered(code)
    unknown = [str(i) for i, c in zip(part.ids, code, strict=True) if c < 0]
    more = {"lost": unknown[0]} if unknown else {}
    placed = replace(
        part,
        columns=columns,
        words=words,
        coverage=coverage,
        counts={**part.counts, "lost": lost},
        examples={**part.examples, **more},
    )
    return placed, lost


def _coverage(part: Part) -> Coverage:
    if part.opened.table == "contracts":
        return Coverage()
    if part.words is None:
        return coverage_of(part.columns["known_at"], part.columns["known_at"])
    happened, known = part.words.days()
    return coverage_of(known, happened)


def unmet(placed: Sequence[tuple[Part, int]], *, accounts_given: bool) -> list[Problem]:
    """List the sources all of whose rows would be lost.

    Without an accounts source the contracts say who is a customer.
    """
    if accounts_given:
        known = _ids_of("accounts", placed)
        strangers = [part for part, lost in placed if lost and not _left(part)]
        return [_stranger(part, known, "the accounts source") for part in strangers]
    customers = _ids_of("contracts", placed)
    return [
        _stranger(part, customers, "the contracts")
        for part, _ in placed
        if customers and customers.isdisjoint(part.ids)
    ]


def _ids_of(table: str, placed: Sequence[tuple[Part, int]]) -> set[str]:
    return {i for part, _ in placed if part.opened.table == table for i in part.ids}


def _left(part: Part) -> int:
    return part.columns["account"].size if part.words is None else part.words.size


def _stranger(part: Part, known: Collection[str], where: str) -> Problem:
    more = ""
    fix = (
        "map `account_id` to the same id on both sides, written alike; where systems"
        " have ids of their own, look one up in `sql` (docs/your-data.md)"
    )
    near = alike(part.ids, known)
    if near:
        more = f"; {near} of them differ only in {WRITTEN}"
        key = toml_key(part.opened.columns["account_id"])
        widest = "0" * max(map(len, known))
        zeros = f'; for leading zeros add to `formats`: {key} = "{widest}"'
        zeros += f', for capitals {key} = "lower", on both sides'
        short = any(_FIFTEEN.fullmatch(i) for i in (*part.ids, *known))
        fix += _SHORTENED if short else zeros
    return Problem(
        code="CH112",
        what=f"{part.opened.title}: none of its {part.ids.size} account ids is in"
        f" {where}{more}",
        fix=fix,
    )


WRITTEN = (
    "leading zeros, a '.0', capitals, blanks, how ö is coded, or 15 of 18 characters"
    " (Salesforce)"
)
"""What may keep ids apart that are `alike`."""


def alike(ids: Iterable[str], others: Iterable[str]) -> int:
    """Count the ids that only a way of writing keeps from one of the others.

    Spreadsheets drop leading zeros, data frames turn 7 into 7.0, systems differ in
    capitals. Salesforce's ids of 15 characters do not: capitals tell them apart, and
    three more characters that say which are capitals make ids of 18 of them.

    >>> alike(["7.0", "AB-1", "9"], ["007", "ab-1"])
    2
    >>> alike(["001A0000006Vm9r", "001a0000006Vm9R"], ["001A0000006Vm9rIAC"])
    1
    """
    there = {way for i in others for way in _ways(i)}
    return sum(not there.isdisjoint(_ways(i)) for i in ids)


def _ways(account: str) -> tuple[str, ...]:
    """List how an id may be written elsewhere, in one way for each kind of system."""
    bare = account.strip()
    if _FIFTEEN.fullmatch(bare):
        return (bare,)
    plain = _plain(bare)
    return (plain, bare[:15]) if _EIGHTEEN.fullmatch(bare) else (plain,)


def _plain(account: str) -> str:
    return folded(account.strip()).removesuffix(".0").lstrip("0")


def coverage_of(known_at: Days, happened_at: Days) -> Coverage:
    """Say from when to when a source is seen to reach, for each day it is asked.

    >>> coverage_of(np.array([5, 3, 9]), np.array([4, 3, 2]))
    Coverage(known=(3, 5, 9), first=(3, 3, 2), last=(3, 4, 4))
    """
    if not known_at.size:
        return Coverage()
    order = np.argsort(known_at, kind="stable")
    day, begin = np.unique(known_at[order], return_index=True)
    happened = happened_at[order]
    first = np.minimum.accumulate(np.minimum.reduceat(happened, begin))
    last = np.maximum.accumulate(np.maximum.reduceat(happened, begin))
    moved = np.ones(day.size, dtype=bool)
    moved[1:] = (np.diff(first) != 0) | (np.diff(last) != 0)
    return Coverage(
        known=tuple(day[moved].tolist()),
        first=tuple(first[moved].tolist()),
        last=tuple(last[moved].tolist()),
    )
