"""What else is asked of one account: what if, what would help, how was it.

All of it is read from the run that is shown: its features, and its history.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np

from churnhealth.archive.plain import Row, plain_rows
from churnhealth.archive.runs import current_folder, history_of
from churnhealth.bundle import Bundle
from churnhealth.serve.answers import AskedRows, count_days, feature_scores
from churnhealth.serve.refusal import refused
from churnhealth.serve.stored import undamaged
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Floats
from churnhealth.sources.engine import QueryError, read_table
from churnhealth.sources.given import number
from churnhealth.what_if import changed_row, suggest

__all__ = ["account_history", "account_suggestion", "what_if_answer"]

_LARGEST_HISTORY = 400


def account_history(scores: Path, account_id: str) -> list[Row]:
    """Give an account's row of every day, oldest first, the last word on each."""
    rows = plain_rows(history_of(scores, account_id))[-_LARGEST_HISTORY:]
    for row in rows:
        count_days(row)
    return rows


def what_if_answer(
    bundle: Bundle,
    scores: Path,
    account_id: str,
    changes: Mapping[str, object],
    *,
    top: int,
) -> Row:
    """Score a stored account as it is, and with some features changed."""
    wanted = {
        # an unknown name is refused below, and not repeated as a place before
        name: number(changes, name, "changes") if name in bundle.column_of else None
        for name in changes
    }
    known = {k: math.nan if v is None else v for k, v in wanted.items()}
    if not known:
        fix = 'give at least one, such as {"changes": {"product__all__count__28d": 40}}'
        raise refused("CH524", "is missing or empty", fix=fix, where="changes")
    day, x = _features(bundle, scores, account_id)
    ids = texts([account_id])
    asked = [
        AskedRows(ids=ids, X=row[None], as_of=day)
        for row in (x, changed_row(bundle, x, known))
    ]
    (before,), (after,) = feature_scores(bundle, asked, top=top)
    return {"before": before, "after": after}


def account_suggestion(bundle: Bundle, scores: Path, account_id: str) -> Row:
    """Say which few changes would reach a better colour."""
    _, x = _features(bundle, scores, account_id)
    peers = _matrix(bundle, current_folder(scores))
    return asdict(suggest(bundle, x, peers=peers))


def _features(bundle: Bundle, scores: Path, account_id: str) -> tuple[date, Floats]:
    folder = current_folder(scores)
    found = _matrix(bundle, folder, account_id=account_id)
    if not len(found):
        raise refused(
            "CH503",
            "there is no scored account of this name in the stored scores",
            fix="check the id, and that its status is `scored`",
            where="account_id",
        )
    return date.fromisoformat(folder.name), found[0]


def _matrix(bundle: Bundle, folder: Path, *, account_id: str | None = None) -> Floats:
    file = folder / "features.parquet"
    try:
        table = read_table(file, columns=bundle.names, account_id=account_id)
    except QueryError as error:
        if file.is_file():
            with undamaged():
                read_table(file, columns=("account_id",), account_id="")
        raise refused(
            "CH529",
            "the stored features are not those of the model that serves",
            fix="score again with this model: `churnhealth score --bundle B --out DIR`",
        ) from error
    return np.column_stack([table[name].astype(np.float64) for name in bundle.names])
