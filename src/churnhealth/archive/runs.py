"""Keep scoring runs: whole folders that never change, and a pointer to the newest.

Under the folder of all scores stand::

    2026-01-01/             the newest run of that day: scores.parquet, drivers.parquet
                            and what the pages show beside them
    superseded/2026-01-01.1 the runs of that day that a later one replaced, as they were
    history/2026-01-01.1.parquet    one flat file per run, never rewritten
    scores_current.parquet  the flat table of the run that ``current`` names
    current                 the day of the newest run, written last
    outcomes.json           what became of the runs so far, when it was last looked up

Readers that follow ``current`` see all of a run or nothing of it. Whatever a killed run
left undone, the next one mends: the flat files are made from the folders.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from churnhealth.archive.flat import current_table, flat_table
from churnhealth.archive.plain import unformulated
from churnhealth.errors import RequestError
from churnhealth.folders import locked, new_folder, publish, write_text
from churnhealth.scoring import ScoreBook
from churnhealth.sources.engine import (
    QueryError,
    read_table,
    staged_table,
    write_table,
)

__all__ = [
    "bands_of",
    "company_of",
    "current_folder",
    "earlier_scores",
    "earlier_tasks",
    "flat_of",
    "history_files",
    "history_of",
    "read_about",
    "read_current",
    "read_outcomes",
    "run_days",
    "write_outcomes",
    "write_scores",
]

Table = Mapping[str, NDArray[Any]]

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_TABLES = ("scores", "drivers", "reasons", "features", "profile", "usage", "contracts",
           "records", "people", "moves", "changes", "tasks")  # fmt: skip
_ALSO_CSV = ("scores", "drivers", "tasks")
_ABOUT = "run.json"
_OUTCOMES = "outcomes.json"
_GROUP = 8_192  # rows: one account is found by reading one group


def write_scores(
    book: ScoreBook,
    out: Path,
    *,
    as_of: date,
    file_format: Literal["parquet", "csv"] = "parquet",
    beside: Mapping[str, Table] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``out/<as_of>/`` whole, then move ``out/current`` forward to it.

    Parquet is always written, since the pages read it; CSV stands beside it if asked.
    ``beside`` are further tables of the run, ``about`` is what ``run.json`` says of it.
    Of several that write at the same time one does so after the other.
    """
    with locked(out):
        return _write(
            book,
            out,
            as_of=as_of,
            as_csv=file_format == "csv",
            beside=beside or {},
            about=about or {},
        )


def _write(
    book: ScoreBook,
    out: Path,
    *,
    as_of: date,
    as_csv: bool,
    beside: Mapping[str, Table],
    about: Mapping[str, Any],
) -> Path:
    _mend(out)
    folder = out / str(as_of)
    tables = _tables(book, beside)
    ours = {f"{name}.{suffix}" for name in _TABLES for suffix in ("parquet", "csv")}
    number = _newest_number(out, folder)
    aside = out / "superseded" / f"{as_of}.{number}"
    told = {**about, "as_of": str(as_of), "schema_version": 1, "run": number + 1}
    staged: dict[Path, Path] = {}
    try:
        with new_folder(folder, ours=ours | {_ABOUT}, aside=aside) as temporary:
            for name, table in tables.items():
                write_table(temporary / f"{name}.parquet", table, group_rows=_GROUP)
                if as_csv and name in _ALSO_CSV:
                    write_table(temporary / f"{name}.csv", unformulated(table))
            (temporary / _ABOUT).write_text(_json_text(told), encoding="utf-8")
            # all is written before anything moves
            flat = _flat(tables, run=number + 1)
            part = _part(out, str(as_of), number + 1)
            staged[part] = staged_table(part, flat)
            if newest := str(as_of) >= _current(out):
                _stage_summary(out, flat, staged, as_csv=as_csv)
        for target, complete in staged.items():
            publish(complete, target)
    finally:
        for complete in staged.values():
            complete.unlink(missing_ok=True)
    if newest:
        write_text(out / "current", f"{as_of}\n")
    return folder


def _tables(book: ScoreBook, beside: Mapping[str, Table]) -> dict[str, Table]:
    tables: dict[str, Table] = {"scores": book.scores, "drivers": book.drivers}
    if book.reasons:
        tables["reasons"] = book.reasons
    if book.values is not None and book.names:
        scored = book.scores["status"] == "scored"
        ids = {"account_id": book.scores["account_id"][scored]}
        columns = {name: book.values[:, i] for i, name in enumerate(book.names)}
        tables["features"] = ids | columns
    return tables | dict(beside)


def _number(folder: Path) -> int:
    """Give the number of a day's newest run."""
    return int(read_about(folder).get("run", 1))


def _newest_number(out: Path, folder: Path) -> int:
    """Give the highest number that a run of the day has: 0 before the first.

    Where the newest run was deleted, or says no more which it was, its number is not
    given again: the flat file of that number is never rewritten.
    """
    kept = [*(out / "history").glob(f"{folder.name}.*.parquet")]
    kept += (out / "superseded").glob(f"{folder.name}.*")
    numbers = [int(n) for p in kept if (n := p.name.split(".")[1]).isdecimal()]
    newest = max(numbers, default=0)
    if not folder.is_dir():
        return newest
    aside = out / "superseded" / f"{folder.name}.{newest}"
    return max(_number(folder), newest + aside.exists())


def read_about(folder: Path) -> dict[str, Any]:
    """Read what a run says of itself; nothing where it says nothing."""
    return _read_json(folder / _ABOUT)


def company_of(out: Path) -> str | None:
    """Name whose scores the newest are; raises ``RequestError`` CH501 if none is."""
    name = read_about(current_folder(out)).get("company")
    return name if isinstance(name, str) and name else None


def write_outcomes(out: Path, told: Mapping[str, Any]) -> None:
    """Keep what became of the runs so far, for the pages."""
    with locked(out):  # a run puts away what is half written
        write_text(out / _OUTCOMES, _json_text(told))


def read_outcomes(out: Path) -> dict[str, Any]:
    """Read what became of the runs so far; nothing where nobody has looked."""
    return _read_json(out / _OUTCOMES)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = isinstance(told, dict) and told.get("schema_version", 1) == 1
    return told if known else {}


def _json_text(told: Mapping[str, Any]) -> str:
    return json.dumps(told, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _mend(out: Path) -> None:
    """Put away what killed runs left, and add the flat files that they did not write.

    A temporary folder holds half a run, or the one that was just replaced: its number
    lies below the one that has its place.
    """
    ours = f".{'[0-9a-f]' * 32}.tmp"  # nobody else's folder is taken for one of these
    for left in out.glob(f"{ours}/"):
        told = read_about(left)
        day, number = str(told.get("as_of", "")), int(told.get("run", 0))
        aside = out / "superseded" / f"{day}.{number}"
        if 0 < number < _number(out / day) and not aside.exists():
            aside.parent.mkdir(exist_ok=True)
            left.rename(aside)
        else:
            shutil.rmtree(left)
    for half in (*out.glob(ours), *(out / "history").glob(ours)):
        half.unlink()
    for name in run_days(out):
        if not (target := _part(out, name, _number(out / name))).exists():
            write_table(target, flat_of(out, name))


def _part(out: Path, day: str, run: int) -> Path:
    return out / "history" / f"{day}.{run}.parquet"


def flat_of(out: Path, day: str) -> dict[str, NDArray[Any]]:
    """Give the flat table of a day's run; from its folder where it has no file yet."""
    run = _number(out / day)
    if (part := _part(out, day, run)).is_file():
        return read_table(part)
    return _flat(_read(out / day), run=run)


def _flat(tables: Mapping[str, Table], *, run: int) -> dict[str, NDArray[Any]]:
    scores, drivers = tables["scores"], tables["drivers"]
    return flat_table(scores, drivers, profile=tables.get("profile"), run=run)


def _read(folder: Path) -> dict[str, Table]:
    told = ("account_id", "feature", "category", "effect_points", "sentence")
    tables: dict[str, Table] = {
        "scores": _stored(folder / "scores.parquet"),
        "drivers": _stored(folder / "drivers.parquet", columns=told),
    }
    if (profile := folder / "profile.parquet").is_file():
        tables["profile"] = _stored(profile)
    return tables


def _stage_summary(
    out: Path, flat: Table, staged: dict[Path, Path], *, as_csv: bool
) -> None:
    target = out / "scores_current.parquet"
    try:
        before = read_table(target) if target.is_file() else None
    except QueryError:  # it is written anew, and all of it is new
        before = None
    table = current_table(flat, before)
    staged[target] = staged_table(target, table)
    text = target.with_suffix(".csv")
    if as_csv or text.exists():  # one of an earlier run would pass for the newest
        staged[text] = staged_table(text, unformulated(table))


def run_days(out: Path) -> list[str]:
    """Name the days that have a run, oldest first."""
    return sorted(p.parent.name for p in out.glob(f"{_DAY}/scores.parquet"))


def earlier_scores(out: Path, *, before: date) -> tuple[date, Table] | None:
    """Give the day and the scores of the newest run of an earlier day."""
    earlier = [name for name in run_days(out) if name < str(before)]
    if not earlier:
        return None
    columns = ("account_id", "status", "churn_probability", "band")
    versions = ("model_version", "bands_version")
    file = out / earlier[-1] / "scores.parquet"
    return date.fromisoformat(earlier[-1]), _stored(file, columns=columns + versions)


def earlier_tasks(out: Path, *, before: date, days: int) -> list[Table]:
    """Give the tasks that runs of so many days before a day began, oldest first."""
    first = str(before - timedelta(days=days))
    files = (out / day / "tasks.parquet" for day in run_days(out)
             if first <= day < str(before))  # fmt: skip
    return [_stored(file) for file in files if file.is_file()]


def _stored(file: Path, *, columns: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Read a table of an earlier run, or say which run it is that is damaged."""
    try:
        return read_table(file, columns=columns)
    except QueryError as error:
        day = file.parent.name
        raise RequestError(
            "CH528",
            f"{file.name} of the run of {day} is damaged, or not of this program",
            why="what moved since that run, and which tasks it began, cannot be told",
            fix=f"restore the folder {day} from a copy, or move it away",
        ) from error


def history_files(out: Path) -> list[tuple[str, Path]]:
    """Give the flat file of the last run of each day, oldest first."""
    newest: dict[str, tuple[int, Path]] = {}
    for file in (out / "history").glob(f"{_DAY}.*.parquet"):
        day, number = file.name.split(".")[:2]
        if number.isdecimal() and int(number) > newest.get(day, (0, file))[0]:
            newest[day] = (int(number), file)
    return [(day, newest[day][1]) for day in sorted(newest)]


def history_of(out: Path, account_id: str) -> dict[str, NDArray[Any]]:
    """Give the flat rows of one account: the last word on each day that listed it."""
    files = [file for _, file in history_files(out)]
    if not files:
        return {}
    return read_table(*files, account_id=account_id)


def bands_of(scores: Table) -> dict[str, str]:
    """Give the band of each account that has one.

    >>> import numpy as np
    >>> ids = np.array(["a1", "a2"], dtype=object)
    >>> bands_of({"account_id": ids, "band": np.array(["red", None], dtype=object)})
    {'a1': 'red'}
    """
    pairs = zip(scores["account_id"].tolist(), scores["band"].tolist(), strict=True)
    return {i: band for i, band in pairs if band is not None}


def _current(out: Path) -> str:
    """Give the day that is pointed to, "" where the pointer leads to no run."""
    try:
        name = str(date.fromisoformat((out / "current").read_text("utf-8").strip()))
    except (OSError, ValueError):
        return ""
    return name if (out / name / "scores.parquet").is_file() else ""


def current_folder(out: Path) -> Path:
    """Find the newest run under ``out``; raises ``RequestError`` CH501 if none is."""
    name = _current(out)
    if not name:
        raise _none(out)
    return out / name


def read_current(out: Path) -> ScoreBook:
    """Read the newest scores under ``out``.

    Raises
    ------
    RequestError
        CH501 there are none, or they are damaged.
    """
    folder = current_folder(out)
    reasons = folder / "reasons.parquet"  # runs of earlier versions have none
    try:
        return ScoreBook(
            scores=read_table(folder / "scores.parquet"),
            drivers=read_table(folder / "drivers.parquet"),
            reasons=read_table(reasons) if reasons.is_file() else {},
        )
    except QueryError as error:
        raise RequestError(
            "CH501",
            f"the scores of {folder.name} cannot be read: a file is damaged or gone",
            why="pages and reports show stored scores",
            fix=f"restore {folder}, or `churnhealth score` again as of that day",
        ) from error


def _none(out: Path) -> RequestError:
    return RequestError(
        "CH501",
        f"there are no scores under {out}",
        why="pages and reports show stored scores",
        fix=f"this is one run: give the folder above it, {out.parent}"
        if (out / "scores.parquet").is_file()
        else "run `churnhealth score --bundle B --out DIR` (format parquet) first",
    )
