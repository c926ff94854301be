"""What moved each account since the run before: a line each, parts that add up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.assessing import features_on, score_matrix
from churnhealth.bundle import Bundle
from churnhealth.explain.changes import change_table, move_lines, what_changed
from churnhealth.scoring import ScoreBook
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Floats, History, Texts, day_of

__all__ = ["MOVE_COLUMNS", "move_tables"]

Table = dict[str, NDArray[Any]]

_TOP = 10  # of what moved an account
MOVE_COLUMNS = (
    "account_id",
    "since",
    "previous_band",
    "band",
    "previous_probability",
    "churn_probability",
    "drivers_points",
    "other_points",
    "model_moved",
    "bands_moved",
    "line",
)


def move_tables(
    bundle: Bundle,
    history: History,
    book: ScoreBook,
    *,
    earlier: Mapping[str, NDArray[Any]],
    since: date,
) -> dict[str, Table]:
    """Make ``moves`` (a row per account) and ``changes`` (a row per driver that moved).

    ``earlier`` are the scores that a run told on ``since``. Only who was scored in both
    runs has moved.
    """
    ids, values, at, was = _both(book, earlier)
    day = day_of(since)
    position = {i: n for n, i in enumerate(history.accounts.ids.tolist())}
    account = np.array([position[i] for i in ids.tolist()], np.int64)
    before = features_on(bundle, history, account=account, day=day)
    said = earlier["churn_probability"][was]
    moved = what_changed(
        score_matrix(bundle, values).explained,
        score_matrix(bundle, before).explained,
        said=said,
    )
    same_model = earlier["model_version"][was] == bundle.model_version
    same_cuts = earlier["bands_version"][was] == bundle.bands_version
    bands = (earlier["band"][was], book.scores["band"][at])
    columns = (
        ids,
        np.full(ids.size, np.datetime64(since, "D")),
        *bands,
        said,
        moved.now,
        moved.points.sum(axis=1),
        moved.other_points,
        ~same_model.astype(bool),
        ~same_cuts.astype(bool),
        texts(
            move_lines(
                moved,
                bundle.specs,
                before=before,
                values=values,
                bands=(bands[0].tolist(), bands[1].tolist()),
                same_model=same_model.tolist(),
                same_cuts=same_cuts.tolist(),
            )
        ),
    )
    changes = change_table(
        moved,
        bundle.specs,
        account_ids=ids,
        since=since,
        before=before,
        values=values,
        top=_TOP,
    )
    return {
        "moves": dict(zip(MOVE_COLUMNS, columns, strict=True)),
        "changes": changes,
    }


def _both(
    book: ScoreBook, earlier: Mapping[str, NDArray[Any]]
) -> tuple[Texts, Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Give who was scored in both runs: ids, features, and their rows in each run."""
    scored = np.flatnonzero(book.scores["status"] == "scored")
    scored_then = np.flatnonzero(earlier["status"] == "scored")
    ids = book.scores["account_id"][scored]
    row_then = dict(zip(earlier["account_id"][scored_then], scored_then, strict=True))
    was = np.array([row_then.get(i, -1) for i in ids], dtype=np.intp)
    both = was >= 0
    values = np.empty((0, 0)) if book.values is None else book.values[both]
    return ids[both], values, scored[both], was[both]
