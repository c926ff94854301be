"""States and contract terms once more, in plain Python, one snapshot at a time."""

import math
from dataclasses import fields
from itertools import pairwise

import numpy as np

from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import FAR

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


def contract(history, kind, account, as_of, gap_days, days=None):
    """The cover has its own oracle; what is read from its rows is checked here."""
    terms = history.contracts
    cover = cover_at(
        terms, account=np.array([account]), as_of=np.array([as_of]), gap_days=gap_days
    )
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
    if name == "price":
        value, seats = (
            _paid(terms, n, account, as_of, gap_days) for n in ("value", "seats")
        )
        now, then = (over(*both) for both in zip(value, seats, strict=True))
    elif name in ("value", "seats"):
        now, then = _paid(terms, name, account, as_of, gap_days)
    else:
        return _term(terms, name, row)
    return now if name == kind else over(now, then) - 1.0


def _paid(terms, name, account, as_of, gap_days):
    """Add up what was in force on the day, and when the newest row began."""
    seen = {}
    for i in np.flatnonzero(terms.account == account):
        until = int(terms.end[i])
        if terms.notice_at[i] < as_of:
            until = min(until, int(terms.cancelled_at[i]))
        known = terms.known_at[i] < as_of <= terms.replaced_at[i]
        if known and until > terms.start[i]:
            columns = (getattr(terms, f.name)[i] for f in fields(terms))
            alike = str([*map(str, columns)])
            seen[alike] = (int(terms.start[i]), until, float(getattr(terms, name)[i]))
    known = [*seen.values()]
    newest = max(k for k, (a, b, _) in enumerate(known) if a < as_of <= b)
    began = known[newest][0]
    now = [v for a, b, v in known if a < as_of <= b and v == v]
    then = [v for a, b, v in known if a < began <= b and v == v]
    before = _just_before(known, newest, gap_days)
    return (sum(now) if now else NAN), (sum(then) if then else before)


def _just_before(known, newest, gap_days):
    """Read the row before the newest, if it belongs to the same period of cover."""
    if newest == 0:
        return NAN
    reach = max(b for _, b, _ in known[:newest])
    return known[newest - 1][2] if known[newest][0] <= reach + gap_days else NAN


def _term(terms, name, row):
    if name == "term_months" and math.isnan(terms.term_months[row]):
        if terms.end[row] == FAR:
            return NAN
        months = int(terms.end[row] - terms.start[row]) / (365.25 / 12)
        return float(round(months)) if months >= 0.9 else months
    return float(getattr(terms, name)[row])


def row_in_force(history, account, as_of, gap_days):
    at, day = np.array([account]), np.array([as_of])
    cover = cover_at(history.contracts, account=at, as_of=day, gap_days=gap_days)
    return int(cover.row[0])
