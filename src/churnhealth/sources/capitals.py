"""A key of JSON that is written with other capitals in some rows.

DuckDB makes `User_1` of a `User` that stands beside `user`, empty where that is: who
reads `user` would lose the values of the other without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from churnhealth.config import Source
from churnhealth.sources.engine import Connection, quoted
from churnhealth.sources.files import in_root
from churnhealth.sources.problems import Problem

__all__ = ["in_two_ways"]

_KEYS = "SELECT DISTINCT unnest(json_keys(json)) FROM read_json_objects($files)"


def in_two_ways(
    con: Connection,
    files: Sequence[str],
    asked: Iterable[str],
    there: Iterable[str],
    source: Source,
    title: str,
) -> list[Problem]:
    """See whether a key that is ``asked`` for has other capitals in some rows.

    ``there`` are the columns that DuckDB makes of the ``files``; one that is a key
    itself is no other way of writing one.
    """
    mine = {key.lower(): key for key in asked}
    pairs = ((re.sub(r"_\d+$", "", name), name) for name in there)
    found = {
        name: (mine[plain.lower()], plain)
        for plain, name in pairs
        if plain not in (name, mine.get(plain.lower(), plain))
    }
    if found:
        keys = {k for (k,) in con.execute(_KEYS, {"files": list(files)}).fetchall()}
        found = {name: ways for name, ways in found.items() if name not in keys}
    if not found:
        return []
    ways = ", ".join(f"{key!r} is {plain!r}" for key, plain in found.values())
    one = ", ".join(
        f"coalesce({quoted(key)}, {quoted(name)}) as {quoted(key)}"
        for name, (key, _) in found.items()
    )
    query = f"select * replace ({one}) from read_json({in_root(source.path or '')})"  # noqa: S608
    return [
        Problem(
            code="CH102",
            what=f"{title}: keys have other capitals in some rows: {ways}",
            fix=f"write them in one way, or put both together: sql = '''{query}'''",
        )
    ]
