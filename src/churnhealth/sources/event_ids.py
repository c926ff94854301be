"""Rows that repeat the id of an event: which, the one that stays, and how many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from churnhealth.sources.engine import Connection, fetch
from churnhealth.sources.reading import Opened
from churnhealth.sources.sorting import DIGIT, sort_numbers

__all__ = ["count_repeated", "ids_again", "unrepeated"]

_SAID = (
    "happened_at",
    "event",
    "user_id",
    "count",
    "amount",
    "users",
    "ended_at",
    "item",
)
_HASH_BITS = 64
_AGAIN = "(event_id IS NOT NULL AND hash(event_id) IN (SELECT hash FROM again))"


def ids_again(con: Connection, typed: str) -> bool:
    """Note in a table the hashes of event ids that are there twice; say if any is.

    Ids hardly ever repeat, and to order all rows by them in DuckDB took 17 GB for a
    hundred million; their hashes alone take one, and are sorted in place.
    """
    asked = f"SELECT hash(event_id) AS hash FROM {typed} WHERE event_id IS NOT NULL"  # noqa: S608
    con.execute("SET preserve_insertion_order = false")
    found = fetch(con, asked)["hash"]
    con.execute("RESET preserve_insertion_order")
    sort_numbers(found, above=_HASH_BITS - DIGIT)
    given = {"hash": np.unique(found[1:][found[1:] == found[:-1]])}
    con.register("given", given)
    con.execute("CREATE OR REPLACE TEMP TABLE again AS SELECT hash FROM given")
    con.unregister("given")
    return bool(given["hash"].size)


def unrepeated(rows: str, has: Mapping[str, str]) -> str:
    """Keep the earliest known row of each event id inside an account."""
    order = ["known", "happened_at", "event_"]
    order += [
        f"{c} NULLS FIRST" for c in ("user_id", "count_") if c in (*has, "count_")
    ]
    order += [f"{c} NULLS FIRST" for c in ("amount", "users") if c in has]
    order += ["ended_at NULLS LAST"] if "ended_at" in has else []
    order += ["item NULLS FIRST"] if "item" in has else []
    return (
        f"SELECT * FROM ({rows}) WHERE NOT {_AGAIN} UNION ALL"  # noqa: S608
        f" SELECT * FROM ({rows}) WHERE {_AGAIN} QUALIFY row_number() OVER"
        f" (PARTITION BY account_id, event_id ORDER BY {', '.join(order)}) = 1"
    )


def count_repeated(
    con: Connection, opened: Opened, typed: str, examples: dict[str, str]
) -> dict[str, int]:
    """Count the rows whose id was there before, and those of them that say otherwise.

    An id of an order is that of all its lines: to keep one of them is to lose the
    others, where a row that was sent twice loses nothing. Arrival may differ.
    """
    said = [c for c in _SAID if c in opened.columns]
    cells = ["coalesce(count, 1)" if c == "count" else c for c in said]
    differ = [f"(min({c}) <> max({c}) OR count({c}) % count(*) <> 0)" for c in cells]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE alike AS"  # noqa: S608
        " SELECT event_id, count(*) AS n, min(account_id) AS account,"
        f" [{', '.join(differ)}] AS differ FROM {typed} WHERE {_AGAIN}"
        " GROUP BY account_id, event_id"
    )
    others = [
        f"coalesce(sum(n - 1) FILTER (differ[{i}]), 0)" for i in range(1, len(said) + 1)
    ]
    asked = (
        "SELECT coalesce(sum(n - 1) FILTER (list_contains(differ, true)), 0),"  # noqa: S608
        f" {', '.join(others)} FROM alike"
    )
    n, *each = map(int, con.execute(asked).fetchall()[0])
    examples["otherwise"] = opened.columns[said[int(np.argmax(each))]]
    row = con.execute(
        "SELECT coalesce(sum(extra), 0), min(account) FROM (SELECT sum(n) - 1 AS extra,"
        " min(account) AS account FROM alike GROUP BY event_id HAVING extra > 0)"
    ).fetchall()[0]
    examples["repeated"] = str(row[1] or "")
    return {"repeated": int(row[0]), "otherwise": n}
