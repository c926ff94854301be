"""Which files a `path` names, and how DuckDB is to read them."""

from __future__ import annotations

import glob
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from churnhealth.config import Source
from churnhealth.sources.encodings import is_utf_8, not_in, open_text, unmarked
from churnhealth.sources.engine import Connection, QueryError, literal, quoted
from churnhealth.sources.problems import Problem
from churnhealth.sources.workbook import (
    DAMAGED,
    NoSuchSheetError,
    sheet_rows,
    sheets_of,
    write_sheet,
)
from churnhealth.sources.written import folded

__all__ = [
    "files_of",
    "header_line",
    "in_root",
    "inner_fields",
    "other_sheet",
    "reader",
]

_KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    **dict.fromkeys((".xlsx", ".xlsm"), "excel"),
}
_DATABASES = {
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), " (type sqlite)"),
    ".duckdb": " (read_only)",
}
_MEANT = {
    "csv": ("encoding", "skip"),
    "json": ("encoding",),
    "parquet": (),
    "excel": ("skip", "sheet"),
}
_LOOKED_AT = 30


def files_of(root: Path, path: str) -> list[str]:
    """List the files of a path, which may hold wildcards, in order."""
    whole = root / path
    if whole.is_file() or not glob.has_magic(path):
        return [str(whole)] if whole.is_file() else []
    found = glob.glob(path, root_dir=root, recursive=True)  # noqa: PTH207 - absolute too
    return sorted(str(root / f) for f in found if (root / f).is_file())


def reader(
    con: Connection, files: Sequence[str], source: Source, title: str, spill: Path
) -> str | Problem:
    """Say in SQL how the files are read, or what keeps them from it.

    A workbook and a text of another encoding are written anew into ``spill``.
    """
    path = source.path or ""
    kind = _kind(files, path, title)
    if isinstance(kind, Problem):
        return kind
    idle = [
        key
        for key in ("encoding", "skip", "sheet")
        if getattr(source, key) and key not in _MEANT[kind]
    ]
    if idle:
        return Problem(
            code="CH108",
            what=f"{title}: `{idle[0]}` has no meaning for {path!r}",
            fix=f"remove `{idle[0]}`",
        )
    read: Sequence[str] | Problem = files
    if kind == "excel":
        read = _sheets(files, source, title, spill)
    elif source.encoding is not None:
        read = _recoded(files, source, title, spill)
    elif kind in ("csv", "json"):
        read = unmarked(files, title)
    if isinstance(read, Problem):
        return read
    # a file "export [1].csv" is this one, and no pattern that others match
    listed = "[" + ", ".join(literal(glob.escape(f)) for f in read) + "]"
    union = ", union_by_name = true" if len(files) > 1 else ""
    if kind == "parquet":
        return f"read_parquet({listed}{union})"
    if kind == "json":
        return f"read_json({listed}, sample_size = -1{union})"
    skip = 0 if kind == "excel" else source.skip
    how = (
        f"header = true, skip = {skip}, all_varchar = true, quote = '\"', escape = '\"'"
        ", comment = ''"  # or a row whose id begins with # may be taken for a remark
    )
    return f"read_csv({listed}, {how}{_parted(con, read, how, skip) or union})"


def _parted(con: Connection, files: Sequence[str], how: str, skip: int) -> str:
    """Say what parts cells and lines: else DuckDB guesses it again at every reading.

    Nothing is said where files differ in it, or where it cannot be guessed: the reading
    itself tells then what is wrong.
    """
    asked = "SELECT SkipRows, Delimiter, NewLineDelimiter, Columns FROM sniff_csv"
    found: list[tuple[Any, ...]] = []
    for file in files:
        try:
            of = con.execute(f"{asked}({literal(glob.escape(file))}, {how})")
        except QueryError:
            return ""
        found += of.fetchall()
        if found[-1] != found[0] or found[-1][0] != skip:
            return ""
    _, cells, lines, columns = found[0]
    named = ", ".join(f"{literal(c['name'])}: 'VARCHAR'" for c in columns)
    return (
        f", auto_detect = false, delim = {literal(cells)}, new_line = {literal(lines)},"
        f" columns = {{{named}}}"
    )


def header_line(file: str, source: Source, names: Sequence[str]) -> int | None:
    r"""Find the line that holds all these names, if it is not the one we read.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = file.write_text("Contracts as of today\n\nid;start\n7;2025-01-01\n")
    >>> header_line(str(file), Source(path="t.csv"), ["id", "start"])
    2
    """
    line = _line_of(names, file, source)
    return line if line != source.skip else None


def other_sheet(
    file: str, title: str, source: Source, names: Sequence[str]
) -> list[Problem]:
    """See whether the names of the columns stand in another sheet of the workbook."""
    if _KINDS[_suffix(file)] != "excel":
        return []
    first, *others = sheets_of(Path(file))
    for sheet in (first, *others):
        if sheet == (source.sheet or first):
            continue
        line = _line_of(names, file, source.model_copy(update={"sheet": sheet}))
        if line is not None:
            below = f" and skip = {line}" if line != source.skip else ""
            name = json.dumps(sheet, ensure_ascii=False)
            return [
                Problem(
                    code="CH102",
                    what=f"{title}: the names of the columns stand in the sheet"
                    f" {sheet!r} of {source.path!r}",
                    fix=f"name it: sheet = {name}{below}",
                )
            ]
    return []


def inner_fields(
    names: Sequence[str], title: str, source: Source, kinds: Mapping[str, str]
) -> dict[str, Problem]:
    """See which names lead into a column that holds fields, as in JSON.

    One query takes all of them out.
    """
    inside = {
        name: outer
        for name, outer in ((n, n.partition(".")[0]) for n in names)
        if kinds.get(outer, "").startswith(("STRUCT", "MAP"))
    }
    made = {name: re.sub(r"\W+", "_", name) for name in inside}
    query = ", ".join(f"{_path_to(name)} as {short}" for name, short in made.items())
    if source.path is not None:
        how = "read_parquet" if ".parquet" in source.path.lower() else "read_json"
        query = f"select *, {query} from {how}({in_root(source.path)})"  # noqa: S608
    mapped = ", ".join(map(repr, made.values()))
    return {
        name: Problem(
            code="CH102",
            what=f"{title}: there is no column {name!r}: {outer!r} holds fields of its"
            " own",
            fix=f"take it out with `sql` and map {mapped}: sql = '''{query}'''",
        )
        for name, outer in inside.items()
    }


def in_root(path: str) -> str:
    """Write the path of a source as the `sql` of a source names it.

    >>> in_root("Bob's.csv")
    "'{root}/Bob''s.csv'"
    """
    return literal(f"{{root}}/{path}")


def _path_to(name: str) -> str:
    """Write a field inside of others for DuckDB: ``$id`` alone would be a parameter.

    The outer one may be a word of SQL, such as ``order``.

    >>> _path_to("order.$insert_id"), _path_to("user.id")
    ('"order"."$insert_id"', '"user".id')
    """
    outer, *steps = name.split(".")
    inner = (s if re.fullmatch(r"[^\W\d]\w*", s) else quoted(s) for s in steps)
    return ".".join((quoted(outer), *inner))


def _line_of(names: Sequence[str], file: str, source: Source) -> int | None:
    for number, line in enumerate(islice(lines_of(file, source), _LOOKED_AT)):
        if names and all(folded(name) in folded(line) for name in names):
            return number
    return None


def lines_of(file: str, source: Source) -> Iterator[str]:
    """Give the lines of a text file, or the rows of a sheet with tabs between."""
    if _KINDS[_suffix(file)] == "excel":
        yield from map("\t".join, sheet_rows(Path(file), source.sheet))
    else:
        with open_text(file, source.encoding or "utf-8", errors="replace") as lines:
            yield from lines


def _kind(files: Sequence[str], path: str, title: str) -> str | Problem:
    if "://" in path:
        return Problem(
            code="CH108",
            what=f"{title}: `path` is an address, not a file",
            fix="download it, or attach the database in `sql`",
        )
    if not files:
        how = "no file matches" if glob.has_magic(path) else "there is no file"
        return Problem(
            code="CH101",
            what=f"{title}: {how} {path!r} in the sources' root",
            fix="correct `path` or `[sources] root`",
        )
    suffixes = {_suffix(f) for f in files}
    if len(suffixes) > 1:
        return Problem(
            code="CH108",
            what=f"{title}: {path!r} matches files of several kinds",
            fix="let `path` match files of one kind",
        )
    if all(Path(f).stat().st_size == 0 for f in files):
        return Problem(
            code="CH103",
            what=f"{title}: {path!r} is an empty file",
            fix="give a file with rows, or remove the source",
        )
    suffix = suffixes.pop()
    if suffix in _DATABASES:
        query = f"attach {in_root(path)} as db{_DATABASES[suffix]}"
        return Problem(
            code="CH108",
            what=f"{title}: {path!r} is a database, not a table",
            fix=f'say which rows: sql = "{query}; select * from db.TABLE"',  # noqa: S608
        )
    return _KINDS.get(suffix) or Problem(
        code="CH108",
        what=f"{title}: cannot tell from the name of {path!r} how to read it",
        fix="give CSV, Parquet, JSON lines or Excel (.csv, .parquet, .jsonl, .xlsx), or"
        " use `sql`",
    )


def _suffix(file: str) -> str:
    parts = [s.lower() for s in Path(file).suffixes]
    if parts and parts[-1] in (".gz", ".zst"):
        parts.pop()
    return parts[-1] if parts else ""


def _sheets(
    files: Sequence[str], source: Source, title: str, spill: Path
) -> list[str] | Problem:
    spill.mkdir()
    pattern = {folded(name): p for name, p in source.formats.items()}
    made = [spill / f"{n}.csv" for n, _ in enumerate(files)]
    try:
        for file, into in zip(files, made, strict=True):
            write_sheet(
                Path(file),
                source.sheet,
                skip=source.skip,
                into=into,
                pattern_of=lambda name: pattern.get(folded(name)),
            )
    except ModuleNotFoundError:
        return Problem(
            code="CH115",
            what=f"{title}: openpyxl is not installed, which reads {source.path!r}",
            fix='pip install "churnhealth[excel]", or save the sheet as CSV',
        )
    except NoSuchSheetError as error:
        return Problem(
            code="CH101",
            what=f"{title}: there is no sheet {source.sheet!r}; it has {error}",
            fix="correct `sheet`",
        )
    except DAMAGED:
        return Problem(
            code="CH111",
            what=f"{title}: {source.path!r} is damaged or no Excel workbook",
            fix="open it in a spreadsheet and save it again as .xlsx or as CSV",
        )
    return [str(into) for into in made]


def _recoded(
    files: Sequence[str], source: Source, title: str, spill: Path
) -> list[str] | Problem:
    encoding = source.encoding or "utf-8"
    spill.mkdir()
    made = []
    for number, file in enumerate(files):
        made.append(str(spill / f"{number}{_suffix(file)}"))
        try:
            if is_utf_8(file, encoding):
                return not_in(encoding, file, title)
            with (
                open_text(file, encoding) as given,
                Path(made[-1]).open("w", encoding="utf-8", newline="") as out,
            ):
                shutil.copyfileobj(given, out)
        except UnicodeError:
            return not_in(encoding, file, title)
    return made
