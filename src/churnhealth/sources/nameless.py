"""Ids that stand for no id: ``NULL``, ``#N/A``, ``nan``.

A dump of a database and a lookup that failed write them as texts, and then all rows
that are nobody's are those of one account, or of one person in every account.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from churnhealth.said import many
from churnhealth.sources.contract import Ints, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part
from churnhealth.sources.written import means_nothing

__all__ = ["nameless"]


def nameless(part: Part, ids: Texts) -> Finding | None:
    """Count the rows whose account or user is such a text; ``ids`` are the accounts."""
    if part.opened.table == "accounts":
        return None
    words, people = part.words, part.people

    def column(name: str) -> Ints:  # of many events it takes a while
        return part.columns[name] if words is None else words.column(name)

    found = {"account_id": _rows("account", ids, column)}
    if people is not None:
        found["user_id"] = _rows("user", people, column)
    told = {ours: rows for ours, rows in found.items() if sum(rows.values())}
    if not told:
        return None
    count = sum(n for rows in told.values() for n in rows.values())
    example = next(text for rows in told.values() for text in rows)
    names = ", ".join(part.opened.columns[ours] for ours in told)
    what = (
        f"{part.opened.title}: {many(count, 'row has', 'rows have')} a text that stands"
        f" for nothing in {names}"
    )
    return finding("CH284", what, count=count, example=example)


def _rows(name: str, texts: Texts, column: Callable[[str], Ints]) -> dict[str, int]:
    empty = [i for i, text in enumerate(texts) if means_nothing(text)]
    counts = {texts[i]: int(np.count_nonzero(column(name) == i)) for i in empty}
    return {text: n for text, n in counts.items() if n}
