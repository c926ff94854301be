"""Whether the accounts source lacks those who left, so that nobody seems to leave."""

from __future__ import annotations

import numpy as np

from churnhealth.sources.check_terms import last_cover
from churnhealth.sources.contract import Contracts, Texts
from churnhealth.sources.findings import Finding, finding

__all__ = ["leavers_left_out"]

_FEW = 10
_MUCH = 0.1  # of all who left: what changes the churn rate
_MOST = 0.25
_OFTENER = 2.0  # than the accounts that are there: test accounts come and go alike


def leavers_left_out(rows: Contracts, ids: Texts, known: Texts) -> Finding | None:
    """Compare how many of the accounts that are not known have left with the others.

    A CRM that deletes former customers leaves their contracts in the billing system.
    Their rows are dropped, and the churn rate with them.
    """
    here, last = np.isin(ids.astype(str), known.astype(str)), last_cover(rows, ids.size)
    gone = last <= rows.newest()
    lost, left = int(gone[~here].sum()), int(gone.sum())
    if lost < max(_FEW, _MUCH * left):
        return None
    if gone[~here].mean() < _OFTENER * (gone[here].mean() if here.any() else 0.0):
        return None
    what = (
        f"the accounts source lacks {lost:,} of the {left:,} accounts whose cover has"
        f" ended, and {int((~gone & ~here).sum()):,} of the {int((~gone).sum()):,} that"
        " are covered"
    )
    example = str(ids[~here & gone][0])
    return finding(
        "CH260", what, count=lost, example=example, stops=lost > _MOST * left
    )
