"""The only file that knows DuckDB: open it, read, and write whole files or none."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np

from churnhealth.errors import ChurnHealthError, InputError
from churnhealth.folders import publish

__all__ = [
    "Connection",
    "QueryError",
    "columns_of",
    "connect",
    "fetch",
    "forget",
    "literal",
    "quoted",
    "read_table",
    "read_whole",
    "staged_table",
    "statements",
    "trimmed",
    "write_table",
]

Connection: TypeAlias = duckdb.DuckDBPyConnection
QueryError = duckdb.Error

_BLANK = r"[\s\p{Z}\x{200B}\x{FEFF}]"  # the last two have no width at all

_NO_REMARKS = ", comment = ''"  # or a row whose id begins with # may be taken for one
_ISO_DAYS = ", dateformat = '%Y-%m-%d'"  # or of 03/02/2025 the day would be guessed
_SAID = {"comment": _NO_REMARKS} | dict.fromkeys(
    ("dateformat", "date_format"), _ISO_DAYS
)
# by function: how it looks at all rows before it says of what kind a column is
_GUESSES: Mapping[str, str] = {
    "read_csv": f"{_NO_REMARKS}{_ISO_DAYS}, sample_size = -1, files_to_sniff = -1",
    **dict.fromkeys(
        ("read_json", "read_ndjson"),
        f", sample_size = -1, maximum_sample_files = -1{_ISO_DAYS}",
    ),
}
_GUESSES_NOT = ("all_varchar", "columns", "sample_size")  # by who says one of these
_CLAUSES = ("select", "from", "where", "group", "having", "qualify", "order", "limit")
_TEXT_FILE = re.compile(r"'[^']*\.(csv|tsv|json|jsonl|ndjson)(?:\.gz|\.zst)?'")


def connect() -> Connection:
    """Open an in-memory database that speaks UTC and reaches for no network."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET autoinstall_known_extensions = false")
    # Threads that fill one megabyte wait for whoever takes the rows, again and again.
    con.execute("SET streaming_buffer_size = '32MB'")
    # In a notebook without ipywidgets there is no bar, and setting it is an error.
    with suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")
    return con


@cache
def _kept(_process: int, _purpose: str) -> Connection:
    con = connect()
    con.execute("SET threads = 1")  # rows keep their order
    # of two files put under one name in the same moment the first would be answered
    con.execute("SET enable_external_file_cache = false")
    return con


if hasattr(os, "register_at_fork"):  # a child would wait for its threads for ever
    os.register_at_fork(before=_kept.cache_clear)


@contextmanager
def _for_our_own(purpose: str) -> Iterator[Connection]:
    """Give a connection for our own tables: to make a database takes longer than them.

    A damaged file takes the one that reads it along, so what is written has another.
    """
    try:
        with _kept(os.getpid(), purpose).cursor() as con:
            con.execute("SET TimeZone = 'UTC'")  # each connection has its own
            yield con
    except (duckdb.FatalException, duckdb.InternalException):
        _kept.cache_clear()  # after such a one it answers nothing more
        raise


def quoted(name: str) -> str:
    """Quote an identifier.

    >>> quoted("monthly value")
    '"monthly value"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text value, or the name of a file.

    >>> literal("it's")
    "'it''s'"

    Raises
    ------
    InputError
        CH119 it is a name that is not UTF-8: DuckDB opens no such file.
    """
    return "'" + _utf8(text).replace("'", "''") + "'"


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "CH119",
            "the name of a file, or of a folder that it lies in, is not UTF-8",
            why="it cannot be opened; old archives unpack such names",
            fix="rename it so that `ls` shows its letters, or move the project",
        ) from error
    return name


def trimmed(text: str) -> str:
    r"""Write a text without the blanks around it.

    DuckDB's own trim leaves tabs, line ends and blanks of no width, which come along
    from spreadsheets: with them an id is another account's.

    >>> with connect() as con:
    ...     sql = f"SELECT {trimmed(literal(chr(160) + 'a b' + chr(9)))}"
    ...     con.execute(sql).fetchall()
    [('a b',)]
    """
    ends = (f"{end}({text}, 1)" for end in ("left", "right"))
    plain = " AND ".join(f"{x} > ' ' AND {x} < chr(127)" for x in ends)
    # most texts begin and end in ASCII: to see that takes a quarter of the time
    slow = f"regexp_replace({text}, '^{_BLANK}+|{_BLANK}+$', '', 'g')"
    return f"CASE WHEN {plain} THEN {text} ELSE {slow} END"


def statements(con: Connection, sql: str) -> list[str]:
    """Split a text into its statements, so that a query may follow an ``ATTACH``.

    >>> with connect() as con:
    ...     statements(con, "create table t (x int); select 1;")
    ['create table t (x int)', 'select 1']
    """
    found = con.extract_statements(sql)
    return [read_whole(s.query.strip().rstrip(";").rstrip()) for s in found]


def read_whole(sql: str) -> str:
    """Have a query guess the kinds of columns from all rows of its text files.

    DuckDB guesses from the first 20,480 and rounds in silence what does not fit later:
    of amounts that are whole so far 2.5 becomes 3. Nor may it guess that lines which
    begin with a sign are remarks: rows of an order ``#1001`` would be gone; nor whether
    of 03/02/2025 the day comes first.

    >>> read_whole("from read_json('a.json') join 'b.csv' b using (id)")[:55]
    "from read_json('a.json', sample_size = -1, maximum_samp"
    """
    words = _words(sql)
    if words[0][0].strip().lower() == "copy":  # it has columns, and kinds of its own
        return sql
    written = [word for word, _ in words]
    told = [""]  # what each parenthesis that is open is told before it closes
    tables = [False]  # and whether tables are listed in it
    before = ""
    for i, (word, _) in enumerate(words):
        bare = word.strip().lower()
        read = before in ("from", "join") or (before == "," and tables[-1])
        if bare == "(":
            told.append(_GUESSES.get(before.strip('"').removesuffix("_auto"), ""))
            tables.append(False)
        elif bare == ")" and len(told) > 1:
            written[i] = told.pop() + word
            tables.pop()
        elif bare in _GUESSES_NOT:
            told[-1] = _NO_REMARKS if told[-1].startswith(_NO_REMARKS) else ""
        elif bare in _SAID:
            told[-1] = told[-1].replace(_SAID[bare], "")
        elif bare in _CLAUSES:
            tables[-1] = bare == "from"
        elif read and (kind := _TEXT_FILE.fullmatch(bare)):
            written[i] = _whole(word.strip(), kind[1], words[i + 1 :])
        before = bare or before
    return "".join(written)


def _whole(file: str, kind: str, follows: Sequence[tuple[str, bool]]) -> str:
    """Read a text file under the name it has, or the one that follows."""
    reader = "read_csv" if kind in ("csv", "tsv") else "read_json"
    word, is_name = next((f for f in follows if f[0].strip()), ("", False))
    named = is_name or word.strip().lower() == "as"
    alias = Path(file.strip("'")).name.partition(".")[0]  # as DuckDB calls it
    own = "" if named else f"AS {quoted(alias)} "
    return f"{reader}({file}{_GUESSES[reader]}) {own}"


def _words(sql: str) -> list[tuple[str, bool]]:
    """Part a query into its words, comments left out, blanks kept behind each.

    Of each is said whether it is a name.
    """
    code, kinds = sql.encode(), duckdb.token_type
    found = [*duckdb.tokenize(sql), (len(code), kinds.operator)]
    return [
        ("\n", False)
        if kind == kinds.comment
        else (code[at:end].decode(), kind == kinds.identifier)
        for (at, kind), (end, _) in pairwise(found)
    ]


def forget(con: Connection, name: str) -> None:
    """Drop a table or view of this name, if there is one."""
    for kind in ("TABLE", "VIEW"):
        with suppress(duckdb.CatalogException):  # it is of the other kind
            con.execute(f"DROP {kind} IF EXISTS {quoted(name)}")


def columns_of(con: Connection, view: str, *, guessed: bool = False) -> dict[str, str]:
    """Name the columns of a temporary table or view with their DuckDB types.

    DESCRIBE would look again into files whose columns are ``guessed``: of these what
    was noted when the view was made is asked, among all views that there are.
    """
    noted = (
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = 'temp' AND table_name = $view ORDER BY column_index"
    )
    described = f"DESCRIBE {quoted(view)}"
    asked = con.execute(noted, {"view": view}) if guessed else con.execute(described)
    return {str(row[0]): str(row[1]) for row in asked.fetchall()}


def fetch(con: Connection, sql: str) -> dict[str, np.ndarray[Any, Any]]:
    """Run a query and give its columns, missing values as in `read_table`."""
    columns = _columns(con.execute(sql))
    # one zero: -0.0 equals 0.0, but its bits do not, and JSON may bring either
    return {k: v + 0.0 if v.dtype.kind == "f" else v for k, v in columns.items()}


def write_table(
    path: Path,
    columns: Mapping[str, np.ndarray[Any, Any]],
    *,
    group_rows: int = 122_880,
    moments: Collection[str] = (),
) -> None:
    r"""Write equal-length columns as CSV or Parquet (by suffix), all or nothing.

    Text is an object array with ``None`` for missing; dates are ``datetime64[D]``,
    timestamps of another unit, to the microsecond. The file appears under its name only
    when complete. Who looks for few rows of Parquet reads ``group_rows`` at once.
    The times of ``moments`` are written as UTC, whatever clock others are read from.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "t.csv"
    >>> write_table(file, {"id": np.array(["a", None], dtype=object)})
    >>> file.read_text()
    'id\na\n\n'
    """
    temporary = staged_table(path, columns, group_rows=group_rows, moments=moments)
    try:
        publish(temporary, path)
    except OSError as error:
        raise _unwritten(path) from error
    finally:
        temporary.unlink(missing_ok=True)


def staged_table(
    path: Path,
    columns: Mapping[str, np.ndarray[Any, Any]],
    *,
    group_rows: int = 122_880,
    moments: Collection[str] = (),
) -> Path:
    """Write a table as ``write_table`` does, beside ``path``, and say where.

    It is complete: to ``publish`` it takes no more time or room.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    how = "csv, header"
    if path.suffix == ".parquet":
        how = f"parquet, compression zstd, row_group_size {group_rows}"
    with _for_our_own("write") as con:
        con.register("given", {k: _plain(v) for k, v in columns.items()})
        wanted = ", ".join(_select(k, v, utc=k in moments) for k, v in columns.items())
        try:
            con.execute(
                f"COPY (SELECT {wanted} FROM given) TO $path (format {how})",  # noqa: S608
                {"path": _utf8(str(temporary))},
            )
        except (duckdb.IOException, OSError) as error:
            temporary.unlink(missing_ok=True)
            raise _unwritten(path) from error
    return temporary


def _unwritten(path: Path) -> ChurnHealthError:
    return ChurnHealthError(
        "CH905",
        f"{path.name} cannot be written",
        why="what stood there before is unchanged",
        fix="check the folder, its permissions and the space on the disk",
    )


def _plain(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give DuckDB only types that it takes: dates travel as day numbers."""
    if column.dtype.kind == "M":
        unit = "D" if column.dtype == np.dtype("datetime64[D]") else "us"
        number = column.astype(f"datetime64[{unit}]").astype(np.int64)
        return np.where(np.isnat(column), np.int64(_NAT), number)
    return column


_NAT = -(1 << 62)


def _select(name: str, column: np.ndarray[Any, Any], *, utc: bool) -> str:
    q = quoted(name)
    if column.dtype == np.dtype("datetime64[D]"):
        return f"DATE '1970-01-01' + CAST(nullif({q}, {_NAT}) AS INTEGER) AS {q}"
    if column.dtype.kind == "M":
        zone = " AT TIME ZONE 'UTC'" if utc else ""
        return f"make_timestamp(nullif({q}, {_NAT})){zone} AS {q}"
    if column.dtype.kind == "f":
        return f"CASE WHEN isnan({q}) THEN NULL ELSE {q} END AS {q}"
    if column.dtype.kind == "O":  # all missing would be of no type at all
        return f"CAST({q} AS VARCHAR) AS {q}"
    return f"{q}"


def read_table(
    *paths: Path, columns: Sequence[str] = (), account_id: str | None = None
) -> dict[str, np.ndarray[Any, Any]]:
    """Read one of our own Parquet files, or several alike, back as columns.

    Missing numbers come back as NaN, missing texts as ``None``, dates as
    ``datetime64[D]``. ``columns`` are those wanted (all when none is named); with an
    ``account_id`` only its rows are read. Of several, a file that lacks a column (it is
    of an earlier version) has nothing there.
    """
    wanted = ", ".join(map(quoted, columns)) or "*"
    given: dict[str, Any] = {"paths": [_utf8(str(path)) for path in paths]}
    files = f"read_parquet($paths, union_by_name = {len(paths) > 1})"
    if account_id is not None:
        files, given["account"] = f"{files} WHERE account_id = $account", account_id
    asked = f"SELECT {wanted} FROM {files}"  # noqa: S608
    try:
        return _answered(asked, given)
    except duckdb.FatalException:  # whoever read a damaged file took all others along
        return _answered(asked, given)


def _answered(asked: str, given: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    with _for_our_own("read") as con:
        return _columns(con.execute(asked, given))


def _columns(found: Connection) -> dict[str, np.ndarray[Any, Any]]:
    kinds = {d[0]: str(d[1]) for d in found.description or ()}
    return {k: _unmasked(v, kinds[k]) for k, v in found.fetchnumpy().items()}


def _unmasked(column: Any, kind: str) -> np.ndarray[Any, Any]:
    if kind == "DATE":
        column = column.astype("datetime64[D]")
    if not isinstance(column, np.ma.MaskedArray):
        return np.asarray(column)
    if column.dtype.kind == "O":
        plain = np.array(column.data, dtype=object)
        plain[np.ma.getmaskarray(column)] = None
        return plain
    if column.dtype.kind == "M":
        return np.asarray(column.filled(np.datetime64("NaT", "D")))
    if not column.mask.any():
        return np.asarray(column.data)
    missing = np.ma.getmaskarray(column)
    return np.where(missing, np.nan, np.asarray(column.data, dtype=np.float64))
