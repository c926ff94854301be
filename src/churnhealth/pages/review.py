"""A business review of one account: what it got, what it uses, what is open, what next.

Made to be talked through with the customer: no chance of churn and no colour in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from churnhealth.archive.plain import Row
from churnhealth.archive.timeline import ACTIVE_USERS
from churnhealth.pages.words import figure, percent, spoken

__all__ = ["review_of"]

_FULL, _GROWN, _FADED = 0.9, 1.25, 0.75
_MOST = 5
_YEAR = 365  # days


def review_of(dossier: Mapping[str, Any]) -> dict[str, Any]:
    """Sort what a run knows of an account into the parts of a business review.

    ``paid`` is the value of the terms over the last twelve months (``None`` where no
    value is known), ``adoption`` are lines (what, now, before), ``delivered`` the
    records of goals and value, ``problems`` what is open or faded, ``ideas`` where more
    would be welcome.

    >>> usage = [{"event": "export", "source": "app", "category": "usage",
    ...           "now": 30.0, "before": 20.0}]
    >>> told = review_of({"usage": usage, "records": [], "people": [], "profile": {},
    ...                   "seat_share": None, "every_term": [], "as_of": "2026-01-01"})
    >>> told["ideas"]
    ['Export rose to 30, from 20 in the 4 weeks before.']
    """
    usage, people = dossier["usage"], dossier["people"]
    seats, share = dossier["profile"].get("seats"), dossier["seat_share"]
    return {
        "paid": _paid(dossier["every_term"], date.fromisoformat(dossier["as_of"])),
        "adoption": usage[:_MOST],
        "seats": seats,
        "share": share,
        "delivered": [r for r in dossier["records"] if r["category"] == "value"],
        "problems": _problems(dossier["records"], people, usage),
        "ideas": _ideas(usage, share=share),
    }


def _paid(terms: Sequence[Row], as_of: date) -> float | None:
    """Add up what the terms were worth in the year before a day, by the day.

    >>> term = {"start": "2025-01-01", "end": None, "cancelled_at": None, "value": 10.0}
    >>> round(_paid([term], date(2026, 1, 1)), 6)
    120.0
    >>> ended = {**term, "end": "2025-07-02", "cancelled_at": "2025-08-01"}
    >>> round(_paid([ended], date(2026, 1, 1)) / 120.0 * 365)
    182
    >>> months = [f"2025-{m:02d}-01" for m in range(1, 13)] + ["2026-01-01"]
    >>> pairs = zip(months, months[1:])
    >>> three = [{**term, "start": a, "end": b} for a, b in pairs for _ in range(3)]
    >>> round(_paid(three, date(2026, 1, 1)), 6)
    360.0
    """
    today = as_of.toordinal()
    known = [t for t in terms if t["value"] is not None]
    if not known:
        return None
    total = 0.0
    for term in known:
        # cancelled after its agreed end, as where that is noted late: it ended before
        until = min(filter(None, (term["cancelled_at"], term["end"])), default=None)
        end = today if until is None else date.fromisoformat(until).toordinal()
        begin = max(date.fromisoformat(term["start"]).toordinal(), today - _YEAR)
        total += max(0, min(end, today) - begin) * term["value"] * 12.0 / _YEAR
    return total


def _problems(
    records: Sequence[Row], people: Sequence[Row], usage: Sequence[Row]
) -> list[str]:
    lines = [
        f"{spoken(r['what'])} ({spoken(r['source'])}): open since {r['happened_at']}."
        for r in records
        if r["open"]
    ]
    silent = [p for p in people if p["silent"]]
    if silent:
        # people holds the most active alone: of the others nothing is said
        who = f"Of the {len(people)} most active people, {len(silent)}"
        if len(people) == 1:
            who = "The most active person"
        has = "has" if len(silent) == 1 else "have"
        lines.append(f"{who} {has} fallen silent in the last 4 weeks.")
    if _idle(usage):
        lines.append("Nothing was used in the last 4 weeks.")
    lines += [_moved(line, "fell") for line in usage if (_ratio(line) or 1.0) < _FADED]
    return lines[: 2 * _MOST]


def _ideas(usage: Sequence[Row], *, share: float | None) -> list[str]:
    lines = []
    if share is not None and share >= _FULL:
        told = f"{percent(min(share, 1.0))} of the seats are in use"
        lines.append(f"{told}: more may be needed.")
    for line in usage:
        ratio = _ratio(line)
        if ratio is not None and ratio >= _GROWN:
            lines.append(_moved(line, "rose"))
    unused = [x for x in _used(usage) if not x["now"] and not x["before"]]
    if unused and not _idle(usage):
        told = ", ".join(spoken(line["event"]) for line in unused[:_MOST])
        lines.append(f"Not used in the last 8 weeks: {told}.")
    return lines[:_MOST]


def _used(usage: Sequence[Row]) -> list[Row]:
    """Take what is used: people who come are counted beside it."""
    return [
        line
        for line in usage
        if line["category"] == "usage" and not line["event"].startswith(ACTIVE_USERS)
    ]


def _idle(usage: Sequence[Row]) -> bool:
    """Say whether all use has stopped, which is no idea for more of it."""
    used = _used(usage)
    return bool(used) and all(line["now"] == 0 for line in used)


def _ratio(line: Row) -> float | None:
    """Compare 4 weeks with the 4 before; nothing now is a fall to almost nothing."""
    if not line["before"] or line["now"] is None:
        return None
    return max(float(line["now"] / line["before"]), 1e-9)


def _moved(line: Row, verb: str) -> str:
    now, before = figure(line["now"]), figure(line["before"])
    told = f"{spoken(line['event'])} {verb} to {now}, from {before}"
    return f"{told} in the 4 weeks before."
