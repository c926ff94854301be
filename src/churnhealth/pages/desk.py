"""What a scoring run says of the whole book: who comes first, sums, and how they moved.

Read once per run and kept; a page then takes its few rows out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.plain import Row, plain_rows
from churnhealth.archive.runs import current_folder, flat_of, history_files, read_about
from churnhealth.explain.numbers import about
from churnhealth.health.bands import BANDS
from churnhealth.sources.contract import Floats
from churnhealth.sources.engine import read_table

__all__ = [
    "SHOWN",
    "Desk",
    "earlier_retention",
    "interval_of_loss",
    "read_desk",
    "urgency",
]

Table = Mapping[str, NDArray[Any]]

SHOWN = ("green", "yellow", "orange", "red", "grey")
_RUNS = 18  # earlier runs that are shown
_NEAR = 90.0  # days: at this distance a renewal weighs half of one that is due today
_NEARNESS_UNKNOWN = 0.5
_MOVED = ("worse", "better")
_WITHIN = (30, 90, 180)
_DRAWS = 2_000
_TOLD = ("account_id", "status", "churn_probability", "band", "value",
         "model_version", "bands_version")  # fmt: skip
_LEAST_BASE = 20  # customers: a share of fewer moves by more than 5 points with each


@dataclass(frozen=True, kw_only=True, eq=False)
class Desk:
    """The newest run as the portfolio shows it.

    ``rows`` are the flat rows, most urgent first, each with ``urgency``, ``about`` and
    ``trend`` (chances of the earlier runs, oldest first, ``None`` where there is none)
    and ``moved`` (``since`` and ``what``, where the colour is another than then) and
    ``tasks`` (that the run began).
    """

    rows: Sequence[Row]
    about: Mapping[str, Any]
    overview: Mapping[str, Any]
    choices: Mapping[str, Sequence[str]]


def urgency(
    probability: float | None, value: float | None, days: float | None
) -> float:
    """Weigh risk by value and by how near the renewal is: what to look at first.

    chance x value of a year x 90 / (90 + days to renewal). Unknown days count half;
    where nothing is known of value, risk and nearness decide (an account whose value
    alone is missing is given the usual one).

    >>> urgency(0.5, 100.0, 0), urgency(0.5, 100.0, 90), urgency(0.5, 100.0, None)
    (600.0, 300.0, 300.0)
    >>> urgency(None, 100.0, 3)
    0.0
    """
    if probability is None:
        return 0.0
    near = _NEARNESS_UNKNOWN if days is None else _NEAR / (_NEAR + max(days, 0.0))
    return probability * near * (1.0 if value is None else 12.0 * value)


def read_desk(scores: Path) -> Desk:
    """Read the newest run under a folder of scores, and what earlier runs said."""
    folder = current_folder(scores)
    told = read_about(folder)
    newest = flat_of(scores, folder.name)
    rows = plain_rows(newest)
    files = [run for run in history_files(scores) if run[0] < folder.name]
    earlier = files[1 - _RUNS :]
    runs: list[tuple[str, Table]] = [
        (day, read_table(file, columns=_TOLD)) for day, file in earlier
    ]
    runs.append((folder.name, newest))
    place = {row["account_id"]: i for i, row in enumerate(rows)}
    lines, trend = _history(runs, place)
    moves, tasks = _moves(folder), _tasks(folder)
    _say_more(rows, trend, moves, tasks)
    rows.sort(key=lambda r: (r["status"] != "scored", -r["urgency"], r["account_id"]))
    scored = [row for row in rows if row["status"] == "scored"]
    return Desk(
        rows=rows,
        about={"model_version": lines[-1]["model"], **told, "as_of": folder.name},
        overview=_overview(rows, scored, told, lines),
        choices={
            name: sorted({str(row[name]) for row in rows if row[name]})
            for name in ("owner", "segment", "stage")
        }
        | {"task": sorted({t["playbook"] for own in tasks.values() for t in own})},
    )


def _say_more(
    rows: Sequence[Row],
    trend: Sequence[list[float | None]],
    moves: Mapping[str, Row],
    tasks: Mapping[str, list[Row]],
) -> None:
    """Add to each row how urgent it is, how it moved, and what is to be done."""
    usual, priced = _usual_value(rows), any(row["value"] for row in rows)
    for row, chances in zip(rows, trend, strict=True):
        p, days = row["churn_probability"], row["days_to_renewal"]
        row["days_to_renewal"] = None if days is None else int(days)
        value = usual if row["value"] is None else row["value"]
        row["urgency"] = urgency(p, value if priced else None, days)
        row["about"] = None if p is None else about(p)
        row["trend"] = chances
        row["tasks"] = tasks.get(row["account_id"], [])
        moved = row["movement"] in _MOVED
        row["moved"] = moves.get(row["account_id"]) if moved else None


def _usual_value(rows: Sequence[Row]) -> float | None:
    """Give the median of the known values: what is not known is no reason to wait."""
    known = [
        row["value"]
        for row in rows
        if row["status"] == "scored" and row["value"] is not None
    ]
    return float(np.median(known)) if known else None


def _tasks(folder: Path) -> dict[str, list[Row]]:
    """Give the tasks that the run began, by account."""
    if not (file := folder / "tasks.parquet").is_file():  # scored without playbooks
        return {}
    told: dict[str, list[Row]] = {}
    for row in plain_rows(read_table(file)):
        told.setdefault(row["account_id"], []).append(row)
    return told


def _moves(folder: Path) -> dict[str, Row]:
    """Say of each account, without its colours, what moved since the run before."""
    if not (file := folder / "moves.parquet").is_file():  # a first run
        return {}
    rows = plain_rows(read_table(file, columns=("account_id", "since", "line")))
    told = [(row, str(row["line"]).partition(": ")[2]) for row in rows]
    return {row["account_id"]: {**row, "what": what} for row, what in told if what}


def _history(
    runs: Sequence[tuple[str, Table]], place: Mapping[str, int]
) -> tuple[list[Row], list[list[float | None]]]:
    """Give a line per run, with its colours, and the chances of each account."""
    trend = np.full((len(place), len(runs)), np.nan)
    lines: list[Row] = []
    for at, (day, table) in enumerate(runs):
        ids = table["account_id"].tolist()
        where = np.array([place.get(i, -1) for i in ids], np.int64)
        chances = table["churn_probability"].astype(np.float64)
        trend[where[where >= 0], at] = chances[where >= 0]
        lines.append({"as_of": day, **_by_colour(table)})
    for earlier, line in zip([None, *lines], lines, strict=False):
        if earlier:
            line["model_moved"] = line["model"] != earlier["model"]
            line["bands_moved"] = line["cuts"] != earlier["cuts"]
    plain = [[None if v != v else v for v in row] for row in trend.tolist()]
    return lines, plain


def _by_colour(table: Table) -> Row:
    scored = table["status"] == "scored"
    value = np.nan_to_num(table["value"].astype(np.float64)) * 12
    inside = {band: scored & (table["band"] == band) for band in SHOWN}
    chance = np.nan_to_num(table["churn_probability"].astype(np.float64))
    return {
        "accounts": {band: int(mine.sum()) for band, mine in inside.items()},
        "value": {band: float(value[mine].sum()) for band, mine in inside.items()},
        "expected_loss": float((chance * value)[scored].sum()),
        "model": _one(table["model_version"], scored),
        "cuts": _one(table["bands_version"], scored),
        "model_moved": False,
        "bands_moved": False,
    }


def _one(versions: NDArray[Any], scored: NDArray[np.bool_]) -> str | None:
    return next(iter(versions[scored].tolist()), None)


def interval_of_loss(chance: Floats, yearly: Floats) -> tuple[float, float]:
    """Say between which sums the value that leaves lies in 95 of 100 cases.

    Each account leaves or stays by its own chance, independently of the others; drawn
    2,000 times from a fixed seed, so that large accounts count as the lumps they are.

    >>> interval_of_loss(np.array([1.0, 0.0]), np.array([10.0, 99.0]))
    (10.0, 10.0)
    """
    draw = np.random.default_rng(0)
    lost = np.zeros(_DRAWS)
    for start in range(0, chance.size, 1_000):
        some = slice(start, start + 1_000)
        size = chance[some].size
        leaves = draw.random((_DRAWS, size), np.float32) < chance[some]
        lost += leaves @ yearly[some]
    low, high = np.quantile(lost, (0.025, 0.975))
    return float(low), float(high)


def earlier_retention(lines: Sequence[Row]) -> Row | None:
    """Give the oldest earlier year whose customers are enough to compare with.

    >>> years = [{"customers_before": n} for n in (1, 40, 60)]
    >>> earlier_retention(years), earlier_retention(years[1:2])
    ({'customers_before': 40}, None)
    """
    earlier = (r for r in lines[:-1] if r["customers_before"] >= _LEAST_BASE)
    return next(earlier, None)


def _overview(
    rows: Sequence[Row],
    scored: Sequence[Row],
    told: Mapping[str, Any],
    lines: Sequence[Row],
) -> dict[str, Any]:
    priced = [row for row in scored if row["value"] is not None]
    chance = np.array([row["churn_probability"] for row in priced], np.float64)
    yearly = np.array([12 * row["value"] for row in priced], np.float64)
    total, loss = float(yearly.sum()), float((chance * yearly).sum())
    retention = told.get("retention") or []
    dated = any(row["days_to_renewal"] is not None for row in scored)
    return {
        "listed": len(rows),
        "customers": sum(row["status"] != "churned" for row in rows),
        "scored": len(scored),
        "value": total if priced else None,
        "at_risk": loss if priced else None,
        "interval": interval_of_loss(chance, yearly) if priced else None,
        "share_at_risk": loss / total if total else None,
        "goal": told.get("at_risk_goal", 0.05),
        "expected_leavers": sum(row["churn_probability"] for row in scored),
        "colours": _colours(scored),
        "history": list(lines),
        "movement": _movement(scored),
        "renewals": [_renewals(scored, days) for days in _WITHIN] if dated else [],
        "retention_lines": retention,
        "retention": retention[-1] if retention else None,
        "retention_before": earlier_retention(retention),
        "sources": told.get("sources") or [],
    }


def _colours(rows: Sequence[Row]) -> list[Row]:
    """Count accounts, value a year and expected loss per colour."""
    lines = []
    for band in SHOWN:
        inside = [row for row in rows if row["band"] == band]
        line = {"band": band, "accounts": len(inside)}
        line["value"] = sum(12 * (row["value"] or 0.0) for row in inside)
        line["loss"] = sum(row["expected_loss"] or 0.0 for row in inside)
        if inside or band != "grey":
            lines.append(line)
    return lines


def _renewals(scored: Sequence[Row], within: int) -> Row:
    due = [
        row
        for row in scored
        if row["days_to_renewal"] is not None and 0 <= row["days_to_renewal"] < within
    ]
    loss = sum(row["expected_loss"] or 0.0 for row in due)
    return {"within": within, "accounts": len(due), "colours": _colours(due),
            "value": sum(12 * (row["value"] or 0.0) for row in due),
            "loss": loss}  # fmt: skip


def _movement(scored: Sequence[Row]) -> Row | None:
    """Count moves between colours since the run before: ``table[before][now]``."""
    moved = [(r["previous_band"], r["band"]) for r in scored if r["movement"]]
    if not moved:
        return None
    return {
        "known": len(moved),
        "worse": sum(row["movement"] == "worse" for row in scored),
        "better": sum(row["movement"] == "better" for row in scored),
        "table": [[moved.count((b, n)) for n in BANDS] for b in BANDS],
    }
