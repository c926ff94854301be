"""Rows of features in which everything is plain, read at once.

`strict` proves of any body that no field in it was there twice, and `asked` names the
place of whatever is wrong. Where all rows are alike and right, their shape says how
many fields there must be, and their numbers are looked at once for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from churnhealth.bundle import Bundle
from churnhealth.serve.answers import AskedRows
from churnhealth.serve.asked import day_asked, plain_numbers
from churnhealth.serve.strict import unproven_json
from churnhealth.sources.arrays import texts
from churnhealth.sources.given import BLANKS, LONGEST

__all__ = ["asked_plainly"]

_BODY = {"as_of": str, "rows": list}
_ROW = {"account_id": str, "features": dict}


def asked_plainly(bundle: Bundle, body: bytes, *, most: int) -> AskedRows | None:
    """Read a body of rows; ``None`` where anything is not plain, or not right.

    Then it is for others to read it again, and to say what is wrong.

    Raises
    ------
    RequestError
        CH502 all is plain but the day, which is none.
    """
    found = unproven_json(body)
    if found is None or not _alike([found.value], _BODY):
        return None
    given = found.value
    rows: list[dict[str, Any]] = given["rows"]
    if len(rows) > most or not _alike(rows, _ROW):
        return None
    ids = [row["account_id"] for row in rows]
    features = [row["features"] for row in rows]
    X = np.full((len(rows), len(bundle.names)), np.nan)
    if not _plain_ids(ids):
        return None
    if (colons := plain_numbers(features, bundle.names, X)) is None:
        return None
    needed = len(_BODY) + len(rows) * (len(_ROW) + colons)
    if needed + "".join([given["as_of"], *ids]).count(":") != found.colons:
        return None
    return AskedRows(ids=texts(ids), X=X, as_of=day_asked(given))


def _alike(values: list[Any], fields: Mapping[str, type]) -> bool:
    """Say whether all are objects of just these fields, each of its type."""
    if set(map(type, values)) != {dict}:
        return False
    if not {tuple(fields), tuple(fields)[::-1]}.issuperset(map(tuple, values)):
        return False
    return all(
        {type(value[name]) for value in values} == {kind}
        for name, kind in fields.items()
    )


def _plain_ids(ids: list[str]) -> bool:
    if len(set(ids)) < len(ids):
        return False
    return all(0 < len(i.strip(BLANKS)) == len(i) <= LONGEST for i in ids)
