"""Amendments that do not end what they amend, so that a stop has no effect.

Worked example: a contract without an end is amended twice, each time by a row with the
day from which it holds, and ended in the third. Nobody ended the first two rows: cover
goes on for ever, and three values add up.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from churnhealth.sources.contract import FAR, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part

__all__ = ["amended"]

_FEW = 10
_READ = [
    "account",
    "contract",
    "start",
    "end",
    "notice_at",
    "cancelled_at",
    "replaced_at",
]
_ALL = 0.98  # of add-ons some end with what they were added to


def amended(part: Part, ids: Texts) -> Finding | None:
    """See whether older rows of a contract go on wherever its newest one stops.

    Without `contract_id` those of an account are looked at.
    """
    if part.opened.table != "contracts":
        return None
    holds = part.columns["replaced_at"] >= FAR
    c = {name: part.columns[name][holds] for name in _READ}
    if not c["account"].size:
        return None
    order = np.lexsort((c["start"], c["contract"], c["account"]))
    account, contract, start = (c[n][order] for n in ("account", "contract", "start"))
    until = np.minimum(c["end"], c["cancelled_at"])[order]
    stops = np.minimum(c["notice_at"], c["cancelled_at"])[order] < FAR
    new = np.append(True, (np.diff(account) != 0) | (np.diff(contract) != 0))
    group = np.cumsum(new) - 1
    newest = np.append(np.flatnonzero(new)[1:], new.size)[group] - 1
    beside = (start < start[newest]) & (until > start[newest]) & stops[newest]
    goes_on = beside & ~stops & (until >= until[newest])
    count, of = np.unique(group[goes_on]).size, np.unique(group[beside]).size
    if count < max(_FEW, _ALL * of):
        return None
    known = "contract_id" in part.opened.columns
    what = (
        f"{part.opened.title}: {count:,} of {of:,}"
        f" {'contracts' if known else 'accounts'} whose newest row stops, or is given"
        " notice on, while older rows are in force have one that goes on: cover does"
        " not end, and the values add up"
    )
    example = str(ids[account[goes_on][0]])
    told = finding("CH275", what, count=count, example=example, stops=known)
    by = "contract" if known else "account"
    return replace(
        told,
        fix="where a row amends the one before, end that one in `sql`: coalesce("
        f"cancelled_at, lead(start) over (partition by {by} order by start)) as"
        " cancelled_at; if they are lines or add-ons side by side, accept it",
    )
