"""States and contract terms once more, in plain Python, one snapshot at a time."""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import CONTRACT_COLUMNS, FAR

NAN = math.nan


def over(above, below):
    return NAN if below == 0 or math.isnan(below) else above / below


def same(one, other):
    """Equal, missing being equal to missing."""
    return one == other or (math.isnan(one) and math.isnan(other))


def state(business, spec, account, as_of):
    def known(day):
        rows = [
            r
            for r in business.states
            if r.account == account and r.name == spec.item and r.known < day
        ]
        return sorted(rows, key=lambda r: r.known)

    rows = known(as_of)
    if not rows:
        return NAN
    if spec.kind == "latest":
        return rows[-1].value
    if spec.kind == "fresh":
        return rows[-1].value if rows[-1].known >= as_of - spec.days else NAN
    if spec.kind.endswith("average"):
        since = -FAR if spec.days is None else as_of - spec.days
        recent = [r.value for r in rows if r.known >= since]
        given = [value for value in recent if not math.isnan(value)]
        return over(round(sum(given) * 10_000), len(given) * 10_000)
    if spec.kind == "days_since_noted":
        return as_of - rows[-1].known
    if spec.kind == "change":
        past = known(as_of - spec.days)
        return rows[-1].value - past[-1].value if past else NAN
    moved = [
        after.known
        for before, after in pairwise(rows)
        if not same(before.value, after.value)
    ]
    return as_of - moved[-1] if moved else NAN


@lru_cache  # hundreds of features of one snapshot ask for the same
def cover_of(terms, account, as_of, gap_days):
    at, day = np.array([account]), np.array([as_of])
    return cover_at(terms, account=at, as_of=day, gap_days=gap_days)


def contract(history, kind, account, as_of, gap_days, days=None):
    """The cover has its own oracle; what is read from its rows is checked here."""
    terms = history.contracts
    cover = cover_of(terms, account, as_of, gap_days)
    row = int(cover.row[0])
    if kind == "tenure":
        return float(as_of - cover.start[0]) if cover.covered[0] else NAN
    if kind == "days_to_renewal":
        known = cover.covered[0] and cover.end[0] != FAR
        return float(cover.end[0] - as_of) if known else NAN
    if kind == "ends_within":
        return float(cover.end[0] - as_of < days) if cover.covered[0] else NAN
    if row < 0:
        return NAN
    if kind == "renewals":
        return float(cover.renewals[0])
    name = kind.removesuffix("_change")
    if name not in ("value", "seats", "price"):
        return _term(terms, name, row)
    now, then = (_sum(name, rows) for rows in _beside(terms, account, as_of, gap_days))
    return now if name == kind else over(now, then) - 1.0


def _sum(name, rows):
    """Add up what is known; the price is of rows that have value and seats."""
    if name == "price":
        rows = [row for row in rows if row["value"] == row["value"]]
        rows = [row for row in rows if row["seats"] == row["seats"]]
        return over(_sum("value", rows), _sum("seats", rows))
    known = [row[name] for row in rows if row[name] == row[name]]
    return sum(known) if known else NAN


def _beside(terms, account, as_of, gap_days):
    """List what was in force on the day, and what was before the newest row began."""
    seen = {}
    for i in np.flatnonzero(terms.account == account):
        until = int(terms.end[i])
        if terms.notice_at[i] < as_of:
            until = min(until, int(terms.cancelled_at[i]))
        known = terms.known_at[i] < as_of <= terms.replaced_at[i]
        if known and until > terms.start[i]:
            columns = {name: getattr(terms, name)[i] for name in CONTRACT_COLUMNS}
            alike = str([*map(str, columns.values())])
            seen[alike] = {"from": int(terms.start[i]), "until": until} | {
                name: float(columns[name]) for name in ("value", "seats")
            }
    rows = [*seen.values()]
    now = [row for row in rows if row["from"] < as_of <= row["until"]]
    began = now[-1]["from"]
    earlier = [row for row in rows if row["from"] < began]
    reach = max((row["until"] for row in earlier), default=-FAR)
    if began > reach + gap_days:
        return now, []
    return now, [row for row in earlier if row["until"] >= min(began, reach)]


def _term(terms, name, row):
    if name == "term_months" and math.isnan(terms.term_months[row]):
        if terms.end[row] == FAR:
            return NAN
        months = int(terms.end[row] - terms.start[row]) / (365.25 / 12)
        return float(round(months)) if months >= 0.9 else months
    return float(getattr(terms, name)[row])


def row_in_force(history, account, as_of, gap_days):
    return int(cover_of(history.contracts, account, as_of, gap_days).row[0])
