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

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.flat import current_table, flat_table
from churnhealth.errors import RequestError
from churnhealth.folders import locked, new_folder, write_text
from churnhealth.scoring import ScoreBook
from churnhealth.sources.engine import Connection, QueryError, read_table, write_table

__all__ = [
    "bands_of",
    "company_of",
    "current_folder",
    "earlier_scores",
    "earlier_tasks",
    "harmless",
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
_TABLES = (
    "scores",
    "drivers",
    "reasons",
    "features",
    "profile",
    "usage",
    "contracts",
    "records",
    "people",
    "moves",
    "changes",
    "tasks",
)
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
    with new_folder(folder, ours=ours | {_ABOUT}, aside=aside) as temporary:
        for name, table in tables.items():
            write_table(temporary / f"{name}.parquet", table, group_rows=_GROUP)
            if as_csv and name in _ALSO_CSV:
                write_table(temporary / f"{name}.csv", unformulated(table))
        (temporary / _ABOUT).write_text(_json_text(told), encoding="utf-8")
    flat = _flat(folder, tables)
    write_table(out / "history" / f"{as_of}.{number + 1}.parquet", flat)
    if str(as_of) >= _current(out):
        _publish_current(out, folder, flat, as_csv=as_csv)
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
    for half in (out / "history").glob(ours):
        half.unlink()
    for name in run_days(out):
        target = out / "history" / f"{name}.{_number(out / name)}.parquet"
        if not target.exists():
            write_table(target, _flat(out / name, _read(out / name)))


def _flat(folder: Path, tables: Mapping[str, Table]) -> dict[str, NDArray[Any]]:
    return flat_table(
        tables["scores"],
        tables["drivers"],
        profile=tables.get("profile"),
        run=_number(folder),
    )


def _read(folder: Path) -> dict[str, Table]:
    told = ("account_id", "feature", "category", "effect_points", "sentence")
    tables: dict[str, Table] = {
        "scores": read_table(folder / "scores.parquet"),
        "drivers": read_table(folder / "drivers.parquet", columns=told),
    }
    if (profile := folder / "profile.parquet").is_file():
        tables["profile"] = read_table(profile)
    return tables


def _publish_current(out: Path, folder: Path, flat: Table, *, as_csv: bool) -> None:
    target = out / "scores_current.parquet"
    try:
        before = read_table(target) if target.is_file() else None
    except QueryError:  # it is written anew, and all of it is new
        before = None
    table = current_table(flat, before)
    write_table(target, table)
    if as_csv:
        write_table(out / "scores_current.csv", unformulated(table))
    write_text(out / "current", f"{folder.name}\n")


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


def history_of(
    out: Path, account_id: str, *, con: Connection | None = None
) -> dict[str, NDArray[Any]]:
    """Give the flat rows of one account, one per run that listed it."""
    found = (out / "history").glob(f"{_DAY}.*.parquet")
    files = sorted(found, key=lambda p: (p.name[:10], len(p.name), p.name))
    if not files:
        return {}
    return read_table(*files, account_id=account_id, con=con)


def bands_of(scores: Table) -> dict[str, str]:
    """Give the band of each account that has one.

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


def harmless(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    >>> harmless("=1+1"), harmless("Nord"), harmless(-1.5)
    ("'=1+1", 'Nord', -1.5)
    """
    if not isinstance(cell, str):
        return cell
    # spaces before a sign do not disarm it: some programs drop them
    runs = cell.lstrip()[:1] in tuple("=+-@＝＋－＠") or cell[:1] in tuple("\t\r\n")
    return "'" + cell if runs else cell


def unformulated(table: Table) -> dict[str, NDArray[Any]]:
    """Make every text of a table ``harmless``."""
    return {
        name: np.array([*map(harmless, column), None], dtype=object)[:-1]
        if column.dtype.kind == "O"
        else column
        for name, column in table.items()
    }


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
