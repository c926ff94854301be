"""Everything that a run knows of one account, laid out for its page.

Each part is read from the run's tables for this account alone, so that the page of one
of many costs no more than that of one of few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from churnhealth.archive.plain import Row, plain_rows
from churnhealth.archive.runs import current_folder, history_of
from churnhealth.archive.timeline import ACTIVE_USERS
from churnhealth.explain.numbers import is_told
from churnhealth.explain.telling import rule_text
from churnhealth.pages.charts import bars, span
from churnhealth.pages.summary import summarise
from churnhealth.sources.engine import read_table

__all__ = ["read_dossier"]

_RUNS = 18  # earlier scores that are drawn
_WEEKS = 26
_LINES = 12  # of each table: enough to see, few enough to read
_RECENT = 4  # weeks that count as now


def read_dossier(
    scores: Path, account_id: str, *, card: Mapping[str, Any]
) -> Row | None:
    """Read what the newest run and its history say of one account, if it is listed.

    The keys: ``account`` (as ``summarise`` makes it), ``seat_share``, ``steps`` (a row
    per run, oldest first, placed on a chart), ``move`` and ``changes`` since the
    run before (``None`` without one), ``usage`` (26 weeks per event), ``every_term``,
    ``terms`` (the newest, placed on a line),
    ``tasks``, ``records``, ``people`` and ``profile``, and ``rule``: what the rules say
    in a sentence, then line by line.
    """
    folder = current_folder(scores)

    def rows(name: str) -> list[Row]:
        file = folder / f"{name}.parquet"
        if not file.is_file():  # an older run, or a first one without moves
            return []
        return plain_rows(read_table(file, account_id=account_id))

    def table(name: str) -> dict[str, Any]:
        file = folder / f"{name}.parquet"
        return read_table(file, account_id=account_id)

    listed = table("scores")
    if not len(listed["account_id"]):
        return None
    drivers = table("drivers")
    steps = _steps(_history(scores, account_id, until=folder.name))
    return {
        "account": summarise(listed, drivers, card)["accounts"][0],
        "as_of": folder.name,
        "seat_share": _seat_share(drivers),
        "steps": steps,
        "move": next(iter(rows("moves")), None),
        "changes": _moved(rows("changes")),
        "usage": _usage(rows("usage")),
        "every_term": (terms := rows("contracts")),
        **_terms(terms, date.fromisoformat(folder.name)),
        "rule": _rule(rows("reasons")),
        "tasks": rows("tasks"),
        "records": _records(rows("records")),
        "people": _people(rows("people")),
        "profile": next(iter(rows("profile")), {}),
    }


def _moved(rows: Sequence[Row]) -> list[Row]:
    """List the changes that moved the chance by more than reads as nought."""
    told = [row for row in rows if is_told(row["effect_points"])]
    return sorted(told, key=lambda row: row["rank"])[:6]


def _rule(rows: Sequence[Row]) -> list[str]:
    told = [row["reason"] for row in sorted(rows, key=lambda row: row["rank"])]
    return [*map(rule_text, told[:1]), *told[1:]]


def _seat_share(drivers: Mapping[str, Any]) -> float | None:
    """Find the share of seats in use, if the model read one."""
    named = zip(drivers["feature"].tolist(), drivers["value"].tolist(), strict=True)
    return next((v for name, v in named if "__users_share__28d" in name), None)


def _history(scores: Path, account_id: str, *, until: str) -> list[Row]:
    rows = plain_rows(history_of(scores, account_id))
    found = [row for row in rows if row["as_of"] <= until][-_RUNS:]
    for before, row in pairwise([None, *found]):
        if row is not None:
            row["model_moved"] = _differs(before, row, "model_version")
            row["bands_moved"] = _differs(before, row, "bands_version")
    return found


def _differs(before: Row | None, row: Row, name: str) -> bool:
    return before is not None and before[name] != row[name]


def _steps(history: Sequence[Row], *, width: float = 640.0) -> list[Row]:
    """Place the chances of the history on a chart of 640 x 120, 0 % at the bottom.

    >>> [(s["x"], s["y"]) for s in _steps([{"churn_probability": 0.1},
    ...                                    {"churn_probability": 0.2}])]
    [(20.0, 65.0), (620.0, 20.0)]
    """
    known = [r["churn_probability"] for r in history if r["churn_probability"]]
    most = max(known, default=0.0) or 1.0
    gap = (width - 40.0) / max(len(history) - 1, 1)
    return [
        {
            **row,
            "x": round(20.0 + at * gap, 1),
            "y": None
            if row["churn_probability"] is None
            else round(110.0 - 90.0 * row["churn_probability"] / most, 1),
        }
        for at, row in enumerate(history)
    ]


def _usage(rows: Sequence[Row]) -> list[Row]:
    """Lay out weeks of use, the most used event first, beside the month before.

    >>> weeks = {f"w{i:02d}": 10.0 for i in range(1, 27)} | {"w26": 14.0}
    >>> about = {"source": "app", "category": "usage", **weeks}
    >>> [line["now"] for line in _usage([about | {"event": "login"}])]
    [44.0]
    >>> [line["now"] for line in _usage([about | {"event": ACTIVE_USERS}])]  # no sum
    [11.0]
    """
    lines = []
    for row in rows:
        weeks = [row[f"w{i:02d}"] for i in range(1, _WEEKS + 1)]
        now, before = weeks[-_RECENT:], weeks[-2 * _RECENT : -_RECENT]
        people = row["event"] == ACTIVE_USERS
        told = _mean if people else _total
        lines.append(
            {
                "event": f"{ACTIVE_USERS} a week" if people else row["event"],
                "source": row["source"],
                "category": row["category"],
                "path": bars(weeks, height=24.0),
                "now": told(now),
                "before": told(before),
                "all": _total(weeks) or 0.0,
            }
        )
    lines.sort(key=lambda line: (-line["all"], line["source"], line["event"]))
    return lines[:_LINES]


def _mean(weeks: Sequence[float | None]) -> float | None:
    """Give a week's mean: who comes every week would count four times in a sum."""
    known = [w for w in weeks if w is not None]
    return math.fsum(known) / len(known) if known else None


def _total(weeks: Sequence[float | None]) -> float | None:
    known = [w for w in weeks if w is not None]
    return math.fsum(known) if known else None


def _terms(rows: Sequence[Row], as_of: date) -> Row:
    """Lay the terms on a line of time that reaches to the next renewal and beyond."""
    rows = sorted(rows, key=lambda r: r["start"])[-_LINES:]
    if not rows:
        return {"terms": [], "today": None, "span": None}
    begin = _day(rows[0]["start"])
    ends = [_day(r["end"]) for r in rows if r["end"]]
    last = max([as_of.toordinal() + 60, *ends])
    for row in rows:
        stops = [_day(row[name]) for name in ("cancelled_at", "end") if row[name]]
        until = min(stops, default=last)
        row["left"], row["width"] = span(_day(row["start"]), until, begin, last)
        row["now"] = _day(row["start"]) <= as_of.toordinal() < until
    today, _ = span(as_of.toordinal(), as_of.toordinal(), begin, last)
    ends_on = date.fromordinal(int(last))
    return {"terms": rows, "today": today, "span": (rows[0]["start"], str(ends_on))}


def _day(text: Any) -> int:
    return date.fromisoformat(text).toordinal() if text else 0


def _records(rows: Sequence[Row]) -> list[Row]:
    """List what happened: what is still open first, then the newest."""
    for row in rows:
        row["open"] = bool(row["endable"]) and row["ended_at"] is None
    by_day = sorted(rows, key=lambda r: r["happened_at"] or "", reverse=True)
    return sorted(by_day, key=lambda r: not r["open"])[:_LINES]


def _people(rows: Sequence[Row]) -> list[Row]:
    """List people: who fell silent first, then who is there most."""
    told = sorted(rows, key=lambda r: -(r["days_now"] or 0))
    return sorted(told, key=lambda r: not r["silent"])[:_LINES]
