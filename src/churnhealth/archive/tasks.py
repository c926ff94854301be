"""What a run asks people to do: the playbooks whose conditions an account meets.

A task begins in the run in which its conditions hold and no task of the same playbook
began for the account within the cool-down. Of more than its capacity those begin who
are expected to lose most; the others may in a later run, while their conditions hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.flat import flat_table
from churnhealth.archive.runs import earlier_tasks, run_days
from churnhealth.config import Question
from churnhealth.config_playbooks import Between, Playbook, When
from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.said import many
from churnhealth.scoring import ScoreBook
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Flags

__all__ = ["TASK_COLUMNS", "begun_of", "task_table", "tasks_of_run"]

Table = Mapping[str, NDArray[Any]]

TASK_COLUMNS = (
    "account_id",
    "playbook",
    "begun_on",
    "due_on",
    "do",
    "because",
    "name",
    "owner",
    "band",
    "expected_loss",
    "renewal_date",
)
_WEEK = 7  # days that a first run looks back for days that were reached
_ANY_OF = (
    "movement",
    "band",
    "previous_band",
    "health_usage",
    "health_value",
    "health_experience",
    "health_contract",
    "stage",
    "segment",
    "owner",
)
_INSIDE = ("churn_probability", "value", "expected_loss", "days_to_renewal")


def tasks_of_run(
    playbooks: Sequence[Playbook],
    book: ScoreBook,
    out: Path,
    *,
    beside: Mapping[str, Table],
    as_of: date,
    question: Question,
) -> dict[str, NDArray[Any]]:
    """Give the tasks that begin in a run that is about to be written under ``out``.

    ``beside`` are the tables beside its scores: ``profile`` and, but for a first run,
    ``moves``.
    """
    profile, moves = beside["profile"], beside.get("moves")
    flat = flat_table(book.scores, book.drivers, profile=profile, run=1)
    known = dict(zip(profile["account_id"], profile["customer_since"], strict=True))
    never = np.datetime64("NaT", "D")
    started = [known.get(i, never) for i in flat["account_id"].tolist()]
    longest = max(book.cooldown_days for book in playbooks)
    runs = [date.fromisoformat(day) for day in run_days(out) if day < str(as_of)]
    return task_table(
        flat,
        np.array(started, dtype="datetime64[D]"),
        playbooks,
        as_of=as_of,
        since=runs[-1] if runs else None,
        # the first day on which an account is scored before its renewal
        furthest=question.lead_max_days - 1 if question.kind == "renewal" else None,
        begun=begun_of(earlier_tasks(out, before=as_of, days=longest)),
        moved={}
        if moves is None
        else dict(zip(moves["account_id"], moves["line"], strict=True)),
    )


def task_table(
    flat: Table,
    started: NDArray[np.datetime64],
    playbooks: Sequence[Playbook],
    *,
    as_of: date,
    since: date | None,
    begun: Mapping[tuple[str, str], date],
    moved: Mapping[str, str],
    furthest: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Give the tasks that begin in a run, a row each, in the order of the playbooks.

    Parameters
    ----------
    flat
        The run's flat table (``archive.flat.COLUMNS``).
    started
        The day each row's account became a customer, ``NaT`` where it is not known.
    as_of, since
        The run's day and that of the run before (``None``: there is none).
    begun
        When the newest task began, by account id and playbook.
    moved
        What moved an account since the run before, as a line ("Critical, was Watch:
        logins fell from 14 to 8"), by account id.
    furthest
        From how many days before its renewal on an account is scored: a day further
        away is reached then (``None``: there is no such limit).

    Returns
    -------
    dict
        The columns of ``TASK_COLUMNS``; dearest expected loss first in each playbook.
    """
    looked = timedelta(days=_WEEK) if since is None else as_of - since
    rows: list[int] = []
    texts: list[tuple[str, date, str, str]] = []
    for book in playbooks:
        holds, reached = _holding(
            book.when, flat, started, as_of, looked=looked.days, furthest=furthest
        )
        first = as_of - timedelta(days=book.cooldown_days)
        for row in [
            row
            for row in _dearest(flat, np.flatnonzero(holds))
            if begun.get((flat["account_id"][row], book.name), date.min) <= first
        ][: book.capacity]:
            rows.append(row)
            due = as_of + timedelta(days=book.within_days)
            texts.append((book.name, due, book.do, _because(flat, row, reached, moved)))
    return _columns(flat, rows, texts, as_of)


def begun_of(runs: Sequence[Table]) -> dict[tuple[str, str], date]:
    """Say when the newest task began, of tables of tasks, oldest first.

    >>> def run(day):
    ...     return {"account_id": np.array(["a1"]), "playbook": np.array(["call"]),
    ...             "begun_on": np.array([day], "datetime64[D]")}
    >>> begun_of([run("2025-12-01"), run("2026-01-01")])
    {('a1', 'call'): datetime.date(2026, 1, 1)}
    """
    return {
        (account_id, playbook): day
        for table in runs
        for account_id, playbook, day in zip(
            table["account_id"].tolist(),
            table["playbook"].tolist(),
            table["begun_on"].astype("datetime64[D]").tolist(),
            strict=True,
        )
    }


def _holding(
    when: When,
    flat: Table,
    started: NDArray[np.datetime64],
    as_of: date,
    *,
    looked: int,
    furthest: int | None,
) -> tuple[Flags, list[str]]:
    """Mark the rows that meet all conditions; say of each which day it reached."""
    holds = np.asarray(flat["status"] == "scored")
    for name in _ANY_OF:
        if allowed := getattr(when, name):
            holds &= np.array([v in allowed for v in flat[name].tolist()], np.bool_)
    for name in _INSIDE:
        between: Between | None = getattr(when, name)
        if between is not None:
            value = flat[name].astype(np.float64)  # missing compares as false
            holds &= (between[0] <= value) & (value < between[1])
    age = (np.datetime64(as_of) - started.astype("datetime64[D]")).astype(np.float64)
    age[np.isnat(started)] = np.nan
    ahead = flat["days_to_renewal"].astype(np.float64)
    said = [""] * holds.size
    any_day = np.zeros(holds.size, dtype=np.bool_)
    for day in when.reached_after_start:
        now = (age - looked < day) & (day <= age)
        any_day |= _say(said, now, f"{many(day, 'day')} after the start")
    for day in when.reached_before_renewal:
        first = day if furthest is None else min(day, furthest)
        now = (ahead <= first) & (first < ahead + looked)
        any_day |= _say(said, now, f"{many(day, 'day')} before the renewal")
    if when.reached_after_start or when.reached_before_renewal:
        holds &= any_day
    return holds, said


def _say(said: list[str], now: Flags, words: str) -> Flags:
    for row in np.flatnonzero(now).tolist():
        said[row] = words
    return now


def _dearest(flat: Table, rows: NDArray[np.int64]) -> list[int]:
    """Order rows by expected loss, the dearest first; unknown ones by their chance."""
    loss = flat["expected_loss"][rows].astype(np.float64)
    chance = flat["churn_probability"][rows].astype(np.float64)
    ids = flat["account_id"][rows].astype(str)
    order = np.lexsort((ids, -chance, -np.nan_to_num(loss, nan=-1.0)))
    found: list[int] = rows[order].tolist()
    return found


def _because(
    flat: Table, row: int, reached: Sequence[str], moved: Mapping[str, str]
) -> str:
    """Tell what moved the colour; where it did not move, the main reason."""
    line = moved.get(flat["account_id"][row])
    if line and flat["movement"][row] in ("worse", "better"):
        return "; ".join(text for text in (line, reached[row]) if text)
    told = (BAND_WORDS[flat["band"][row]], reached[row], flat["driver_1"][row])
    return "; ".join(text for text in told if text)


def _columns(
    flat: Table,
    rows: Sequence[int],
    said: Sequence[tuple[str, date, str, str]],
    as_of: date,
) -> dict[str, NDArray[Any]]:
    at = np.array(rows, dtype=np.int64)

    def words(column: int) -> NDArray[Any]:
        return texts(t[column] for t in said)

    return {
        "account_id": flat["account_id"][at],
        "playbook": words(0),
        "begun_on": np.full(at.size, as_of, dtype="datetime64[D]"),
        "due_on": np.array([t[1] for t in said], dtype="datetime64[D]"),
        "do": words(2),
        "because": words(3),
        **{name: flat[name][at] for name in TASK_COLUMNS[6:]},
    }
