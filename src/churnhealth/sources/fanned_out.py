"""Accounts of which every row stands there twice, as a join makes them.

Worked example: use is joined to a table of customers that has a row for each version of
a customer. Whoever was renamed once is found twice, so all that he does counts double.
Two equal rows may be two clicks; but of twenty different rows each comes an even number
of times by chance once in a million accounts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.said import many
from churnhealth.sources.contract import Ints, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.packed import Words
from churnhealth.sources.tables import Part

__all__ = ["as_before", "fanned_out"]

_FEWEST = 20  # different rows of an account
_ACCOUNTS = 3
_LOOKED_AT = 2_000
_CHUNK = 1 << 20


def fanned_out(part: Part, ids: Texts) -> Finding | None:
    """Count accounts of which each row is there as often as a common factor says."""
    words = part.words
    if words is None or not words.size or "event_id" in part.opened.columns:
        return None
    found, looked = _multiplied(words, ids.size)
    if len(found) < _ACCOUNTS:
        return None
    whose = many(len(found), "account", "accounts")
    some = " (of those that were looked at)" if looked == _LOOKED_AT else ""
    what = (
        f"{part.opened.title}: of {whose}{some} every row stands there twice or more,"
        " alike in all that is mapped"
    )
    return finding("CH280", what, count=len(found), example=str(ids[found[0]]))


def _multiplied(words: Words, accounts: int) -> tuple[list[int], int]:
    edge = words.rows_before(np.arange(accounts + 1))
    rows, equal = np.diff(edge), np.zeros(accounts, dtype=np.int64)
    for start in range(0, words.size, _CHUNK):
        part = words.rows(slice(start, start + _CHUNK))
        again = part.rows(as_before(part))
        equal += np.bincount(again.column("account"), minlength=accounts)
    # a run that a chunk parts is seen as two: half and a little less is looked at
    maybe = np.flatnonzero((rows - equal >= _FEWEST) & (2 * equal + 2 >= rows))
    maybe = maybe[:_LOOKED_AT]
    found = [
        account
        for account in maybe.tolist()
        if _factor(words.rows(slice(*edge[account : account + 2].tolist()))) > 1
    ]
    return found, maybe.size


def _factor(words: Words) -> int:
    """Give the greatest number that divides how often each different row comes."""
    first: Ints = np.flatnonzero(~as_before(words))
    return int(np.gcd.reduce(np.diff(first, append=words.size)))


def as_before(words: Words) -> NDArray[np.bool_]:
    """Mark rows that are as the one before them."""
    again = np.zeros(words.size, dtype=np.bool_)
    again[1:] = np.logical_and.reduce([w[1:] == w[:-1] for w in words.arrays])
    return again
