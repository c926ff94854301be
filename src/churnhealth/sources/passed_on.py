"""Contracts that go on in another account on the day their own one ends.

A policy that was transferred in a merger keeps its number: the account it left has not
been lost, and the one it came to may have been there for years. Where a ledger writes
of the transfer only that it begins in the new account, it counts in both.
"""

from __future__ import annotations

from churnhealth.sources.engine import Connection

__all__ = ["held_twice", "passed_on"]

_FEWEST = 3
_HEIRS = 3  # accounts of one id: beyond, ids are counted anew in every account


def passed_on(
    con: Connection, typed: str, *, account: str, until: str, standing: str
) -> tuple[int, str]:
    """Count accounts that end on the day their contract begins in another, and one.

    Where ids are small numbers of each account's own they are shared by chance: then
    most of the shared ones do not follow each other.
    """
    rows = f"""{_held(typed, account, until, standing)},
        gone AS (SELECT who, max(until) AS until FROM rows GROUP BY who),
        moved AS (SELECT DISTINCT a.id, a.who, a.until
          FROM held a JOIN shared USING (id) JOIN held b USING (id)
          WHERE a.who <> b.who AND a.begun < b.begun
            AND abs(date_diff('day', a.until, b.begun)) <= 1),
        ended AS (SELECT DISTINCT who FROM moved JOIN gone USING (who)
          WHERE date_diff('day', moved.until, gone.until) <= 1)
        SELECT (SELECT count(*) FROM ended), (SELECT min(who) FROM ended),
          (SELECT count(DISTINCT id) FROM moved), (SELECT count(*) FROM shared)
    """  # noqa: S608
    count, example, moved, shared = con.execute(rows).fetchall()[0]
    told = count >= _FEWEST and 2 * moved >= shared
    return (int(count), str(example)) if told else (0, "")


def held_twice(
    con: Connection, typed: str, *, account: str, until: str, standing: str
) -> tuple[int, str]:
    """Count contracts that begin in another account and run on in the first, and one.

    Where ids are counted anew in every account, the low ones are in many accounts, or
    most are in two: then nothing is said.
    """
    rows = f"""{_held(typed, account, until, standing)},
        twice AS (SELECT a.id, a.who
          FROM held a JOIN shared USING (id) JOIN held b USING (id)
          WHERE a.who <> b.who AND a.begun < b.begun
            AND date_diff('day', b.begun, a.until) > 1)
        SELECT (SELECT count(DISTINCT id) FROM twice), (SELECT min(who) FROM twice),
          max(n), count(*) FROM (SELECT count(*) AS n FROM held GROUP BY id)
    """  # noqa: S608
    count, example, most, ids = con.execute(rows).fetchall()[0]
    told = count >= _FEWEST and most <= _HEIRS and 2 * count < ids
    return (int(count), str(example)) if told else (0, "")


def _held(typed: str, account: str, until: str, standing: str) -> str:
    """Write from when to when each account held each contract, and which few share."""
    return f"""
        WITH rows AS (SELECT {account} AS who, contract_id AS id, t.start AS begun,
          {until} AS until FROM {typed} t
          WHERE contract_id IS NOT NULL AND {standing}),
        held AS (SELECT who, id, min(begun) AS begun, max(until) AS until
          FROM rows GROUP BY who, id),
        shared AS (SELECT id FROM held GROUP BY id
          HAVING count(*) BETWEEN 2 AND {_HEIRS})"""  # noqa: S608
