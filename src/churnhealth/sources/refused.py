"""What DuckDB refused to read or to run, told without any value of the data."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path

from churnhealth.config import Source
from churnhealth.sources.footers import foot_of
from churnhealth.sources.problems import Problem
from churnhealth.sources.ragged import QUOTE_CELLS, line_ends, odd_line

__all__ = ["reading_problem"]

_ENCODING = (
    'name the encoding: encoding = "windows-1252" (western Europe) or "utf-16" (Unicode'
    " text of Excel); or write the file again as UTF-8"
)
_WHOLE = (
    "export it again: it may break off, leave a quote open, or be of another kind than"
    " its name says"
)
_CODED = "; or correct `encoding`"
_ONE_END = "write it again with one end for all lines, as an editor or `dos2unix` does"
_CELLS = "Expected Number of Columns"
_PATH = "correct the path in `sql`; {root} stands for the absolute `[sources] root`"
# what DuckDB says of a database, what that is, and what mends it
_DATABASES = (
    (
        r'Could not set lock on file "([^"]*)"',
        "which another program has open to write",
        "close it there, or attach a copy: DuckDB lets one program write or several"
        " read (`read_only`)",
    ),
    (
        r'(?:Cannot|Unable to) open (?:database|file) "([^"]*)"'
        r".*(?:does not exist|No such file|unable to open)",
        "and no such file is there",
        _PATH,
    ),
    (
        r'file "([^"]*)" exists, but it is not a valid DuckDB database',
        "which is no database of DuckDB, or is damaged",
        "of SQLite say so: attach '...' as name (type sqlite, read_only); else write it"
        " again",
    ),
    (
        r"Trying to read (a database) file with version number",
        "which a newer DuckDB wrote",
        "`pip install --upgrade duckdb`, or export its tables to Parquet",
    ),
)
_CAST = (
    "say what the column is to be read as: TRY_CAST(amount AS DOUBLE) > 0 (columns of"
    " text files are texts in `where`; what is no number then counts as nothing)"
)


def reading_problem(
    title: str, source: Source, error: Exception, files: Sequence[str] = ()
) -> Problem:
    """Tell what DuckDB refused, without repeating any value it may have quoted.

    Its messages for syntax, names and catalogues speak of the owner's own query; those
    about conversions and rows quote the data, so of these only the place is told.
    """
    kind = type(error).__name__
    first = str(error).splitlines()[0] if str(error) else kind
    if kind in ("BinderException", "CatalogException", "ParserException"):
        return Problem(
            code="CH105",
            what=f"{title}: the query does not run: {first}",
            fix=_CAST
            if "explicit cast" in first
            else "correct `sql` or `where`; texts stand in single quotes: plan = 'pro'"
            if "Referenced column" in first
            else "correct `sql` or `where`",
        )
    only_where = source.where is not None and source.sql is None
    if only_where and _refuses_values(kind, first):
        return Problem(
            code="CH105",
            what=f"{title}: `where` cannot be worked out for every row ({kind})",
            fix=_CAST,
        )
    absent = _absent(title, source, str(error))
    if absent is not None:
        return absent
    if (foot := foot_of(files, title, source)) is not None:
        return foot
    if source.sql is None:
        coded = "unicode" in str(error).lower()
        more = ": not UTF-8" if coded else _ends(files, str(error))
        return Problem(
            code="CH111",
            what=f"{title}: {_file(source, files, str(error))!r} is damaged or of"
            f" another kind{odd_line(str(error))}{more}",
            fix=_ENCODING
            if coded
            else _ONE_END
            if more
            else QUOTE_CELLS
            if _CELLS in str(error)
            else _WHOLE + _CODED * (source.encoding is not None),
        )
    return Problem(
        code="CH105",
        what=f"{title}: the query failed while running ({kind})",
        fix="run the `sql` in DuckDB; use TRY_CAST for values that may not convert",
    )


def _ends(files: Sequence[str], told: str) -> str:
    """Say what is odd about the ends of the lines where no dialect was found."""
    return line_ends(files[0]) if "sniffing file" in told and len(files) == 1 else ""


def _refuses_values(kind: str, first: str) -> bool:
    """Say whether a value was refused by a query, not a file by its reader."""
    return kind in ("ConversionException", "OutOfRangeException") or (
        "Could not parse string" in first
    )


def _file(source: Source, files: Sequence[str], told: str) -> str:
    """Give the one file of many that DuckDB names, as `path` would; else `path`."""
    path = source.path or ""
    named = max((f for f in files if f in told), key=len, default=path)
    steps = Path(path).parts
    if named == path or not glob.has_magic(path):
        return path
    if Path(path).is_absolute():
        return named
    if "**" not in steps:
        return "/".join(Path(named).parts[-len(steps) :])
    plain = steps[: next(i for i, s in enumerate(steps) if glob.has_magic(s))]
    above = Path(commonpath([Path(f).parent for f in files])).parts
    begin = len(above)  # any number of folders, below those that `path` writes out
    if plain:
        begin = max(i for i in range(begin) if above[i : i + len(plain)] == plain)
    return "/".join(Path(named).parts[begin:])


def _absent(title: str, source: Source, told: str) -> Problem | None:
    """Name the extension or the file that a query needs and cannot have."""
    if "Permission denied" in told:
        return Problem(
            code="CH901",
            what=f"{title}: the system refused {source.path or 'a file'!r}:"
            " Permission denied",
            fix="let the user that runs this read the file and its folders",
        )
    for pattern, what, fix in _DATABASES if source.sql is not None else ():
        if found := re.search(pattern, told):
            return Problem(
                code="CH105",
                what=f"{title}: the query attaches {found[1]!r}, {what}",
                fix=fix,
            )
    extension = re.search(r'Extension "(?:[^"]*/)?(\w+)[^"]*" not found', told)
    if extension:
        name = extension[1]
        return Problem(
            code="CH105",
            what=f"{title}: the query needs DuckDB's extension {name!r}, which is not"
            " installed",
            fix='install it once, where there is a network: python -c "import duckdb;'
            f" duckdb.sql('install {name}')\"; or export the tables to CSV or Parquet",
        )
    if source.sql is not None and "encod" in told:
        return Problem(
            code="CH105",
            what=f"{title}: the query reads a file that is not UTF-8",
            fix="write the file again as UTF-8, or read it by `path` with `encoding`;"
            " in `sql` DuckDB reads encoding = 'utf-16' and 'latin-1' (not '€') too",
        )
    missing = re.search(r'No files found that match the pattern "([^"]*)"', told)
    if missing and source.sql is not None:
        return Problem(
            code="CH105",
            what=f"{title}: the query reads {missing[1]!r}, and no such file is there",
            fix=_PATH,
        )
    return None
