"""Ids that stand for no id: ``NULL``, ``#N/A``, ``nan``.

A dump of a database and a lookup that failed write them as texts, and then all rows
that are nobody's are those of one account, or of one person in every account.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.said import many
from churnhealth.sources.contract import Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part
from churnhealth.sources.written import means_nothing

__all__ = ["nameless"]


def nameless(part: Part, ids: Texts) -> Finding | None:
    """Count the rows whose account or user is such a text; ``ids`` are the accounts."""
    if part.opened.table == "accounts":
        return None
    texts = {"account": ids, "user": part.people}
    names: list[str] = []
    rows, example = np.zeros(0, np.bool_), ""
    for ours, known in (("account_id", "account"), ("user_id", "user")):
        mine = _rows(part, known, texts[known])
        if mine is None or not mine[0].any():
            continue
        rows = mine[0] if not names else rows | mine[0]
        names.append(part.opened.columns[ours])
        example = example or mine[1]
    if not names:
        return None
    count = int(rows.sum())
    what = (
        f"{part.opened.title}: {many(count, 'row has', 'rows have')} a text that stands"
        f" for nothing in {', '.join(names)}"
    )
    return finding("CH284", what, count=count, example=example)


def _rows(
    part: Part, name: str, texts: Texts | None
) -> tuple[NDArray[np.bool_], str] | None:
    """Mark the rows of such texts; nothing is unpacked where there are none."""
    empty = [
        i for i, t in enumerate(() if texts is None else texts) if means_nothing(t)
    ]
    if not empty or texts is None:
        return None
    words = part.words
    code = part.columns[name] if words is None else words.column(name)
    there = [i for i in empty if (code == i).any()]
    return np.isin(code, there), str(texts[there[0]]) if there else ""
