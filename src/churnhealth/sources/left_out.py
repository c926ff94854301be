"""Whether the accounts source lacks those who left, so that nobody seems to leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import ContractsSource, Question
from churnhealth.sources.contract import CONTRACT_COLUMNS, Contracts, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.renewing import stopped_by_notice
from churnhealth.sources.tables import Part
from churnhealth.sources.under_contract import last_cover

__all__ = ["contracts_of", "leavers_left_out"]

_FEW = 10
_MUCH = 0.1  # of all who left: what changes the churn rate
_MOST = 0.25
_OFTENER = 2.0  # than the accounts that are there: test accounts come and go alike


def contracts_of(part: Part) -> Contracts:
    """Give the rows of the contracts source as contracts."""
    source = part.opened.source
    assert isinstance(source, ContractsSource)
    columns = {name: part.columns[name] for name in CONTRACT_COLUMNS}
    return stopped_by_notice(
        Contracts(**columns, renews_months=source.renews_months or 0)
    )


def leavers_left_out(
    parts: Sequence[Part], known: Texts, question: Question
) -> Iterator[Finding]:
    """Compare how many of the accounts that are not known have left with the others.

    A CRM that deletes former customers leaves their contracts in the billing system.
    Their rows are dropped, and the churn rate with them.
    """
    ids = set(known.tolist())
    for part in parts:
        here = np.array([i in ids for i in part.ids.tolist()], dtype=np.bool_)
        gone = None if here.all() else _gone(part, question)
        if gone is None:
            continue
        lost, left = int(gone[~here].sum()), int(gone.sum())
        of_others = gone[here].mean() if here.any() else 0.0
        if lost < max(_FEW, _MUCH * left):
            continue
        if gone[~here].mean() < _OFTENER * of_others:
            continue
        what = (
            f"{part.opened.title}: the accounts source lacks {lost:,} of the {left:,}"
            f" accounts that are gone, and {int((~gone & ~here).sum()):,} of the"
            f" {int((~gone).sum()):,} that are there"
        )
        example, stops = str(part.ids[~here & gone][0]), lost > _MOST * left
        yield finding("CH260", what, count=lost, example=example, stops=stops)


def _gone(part: Part, question: Question) -> NDArray[np.bool_] | None:
    """Say whose cover has ended or, where churn is silence, who has fallen silent."""
    silence = question.kind == "inactivity"
    if part.opened.table == "contracts" and not silence:
        rows = contracts_of(part)
        return np.asarray(last_cover(rows, part.ids.size) <= rows.newest())
    planned = getattr(part.opened.source, "planned", False)
    if part.words is None or planned or not silence:
        return None
    happened = part.words.column("happened_at")
    end = part.words.rows_before(np.arange(1, part.ids.size + 1))
    last = happened[np.maximum(end - 1, 0)]
    return np.asarray(last < happened.max() - question.active_days)
