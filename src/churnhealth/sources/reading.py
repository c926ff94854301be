"""Where a table comes from: open each file or query, and match its columns to ours."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from churnhealth.config import (
    AccountsSource,
    CategoryColumn,
    Config,
    EventsSource,
    Source,
    StatesSource,
)
from churnhealth.errors import ConfigError
from churnhealth.said import nearest
from churnhealth.sources.across import TO_ROWS, across
from churnhealth.sources.capitals import in_two_ways
from churnhealth.sources.contract import TABLES
from churnhealth.sources.emptied import without_missing
from churnhealth.sources.engine import (
    Connection,
    QueryError,
    columns_of,
    literal,
    quoted,
    statements,
)
from churnhealth.sources.files import (
    files_of,
    header_line,
    inner_fields,
    other_sheet,
    reader,
)
from churnhealth.sources.footers import foot_of
from churnhealth.sources.money import MONEY, looks_like_currency
from churnhealth.sources.problems import Problem, raise_all
from churnhealth.sources.ragged import ragged
from churnhealth.sources.refused import reading_problem
from churnhealth.sources.written import folded

__all__ = ["Opened", "open_sources", "source_files"]

_FLAG = re.compile(r"(^|_)(is_?)?(churn(ed)?|cancel(l?ed)?|attrition)(_|$)")
# a first line without one of the names that are asked for may be somebody's data
_NAME = re.compile(r"[^\W\d]+")
# what DuckDB makes of texts in JSON, which has no such kinds of its own
_GUESSED = ("UUID", "DATE", "TIME", "TIMESTAMP")
_NO_NAMES = "its first line does not look like names of columns"
_CORRECT = "correct `columns` and what names columns; ours are {}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A source that can be read: its view in DuckDB and whose column is whose.

    ``columns`` maps our names to theirs, ``kinds`` theirs to DuckDB types; ``flags``
    are columns that look like a churn flag and are read only to be checked.
    ``quick``: rows of events that are cheaper to read again than to keep. ``files``
    are all that is read, and none where a query decides that. ``rates`` say what one
    of each currency is worth; ``currency`` is a column of currencies nobody mapped.
    """

    table: str
    name: str
    title: str
    view: str
    source: Source
    columns: Mapping[str, str]
    kinds: Mapping[str, str]
    flags: tuple[str, ...] = ()
    quick: bool = False
    files: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    currency: str | None = None


def open_sources(con: Connection, config: Config, spill: Path) -> list[Opened]:
    """Open every configured source, or raise one error that lists all problems.

    What DuckDB cannot read as it lies is written anew into the folder ``spill``.

    Raises
    ------
    ConfigError
        CH003 none is configured, as a service's file may have it.
    SourceError
        CH101 no such file, CH102 no such column, CH103 no rows, CH105 failing SQL,
        CH108 not a file we can read, CH111 a damaged file.
    """
    listed = _listed(config)
    if not listed:
        raise ConfigError(
            "CH003",
            "the configuration has no [sources]",
            why="everything is computed from the tables that are named there",
            fix="map your tables; docs/configuration.md shows how",
        )
    found: list[Opened] = []
    problems: list[Problem] = []
    place = _Place(config.root, spill, attached=set())
    for number, (table, name, title, source) in enumerate(listed):
        one = _open(con, place, table, name, title, source, f"source_{number}")
        if isinstance(one, Opened):
            found.append(replace(one, rates=config.company.rates))
        else:
            problems.extend(one)
    raise_all(problems)
    return found


def source_files(config: Config) -> set[Path]:
    """Collect the files that are read by ``path``, links followed."""
    paths = [source.path for *_, source in _listed(config) if source.path is not None]
    return {
        Path(file).resolve() for path in paths for file in files_of(config.root, path)
    }


def _listed(config: Config) -> list[tuple[str, str, str, Source]]:
    s = config.sources
    rows: list[tuple[str, str, str, Source]] = []
    if s.accounts is not None:
        rows.append(("accounts", "accounts", "[sources.accounts]", s.accounts))
    if s.contracts is not None:
        rows.append(("contracts", "contracts", "[sources.contracts]", s.contracts))
    rows += [("events", e.name, f"[[sources.events]] {e.name}", e) for e in s.events]
    rows += [("states", t.name, f"[[sources.states]] {t.name}", t) for t in s.states]
    return rows


class _Place(NamedTuple):
    """Where relative paths start, what is written anew lies, and what is attached."""

    root: Path
    spill: Path
    attached: set[str]


def _open(
    con: Connection,
    place: _Place,
    table: str,
    name: str,
    title: str,
    source: Source,
    view: str,
) -> Opened | list[Problem]:
    files: list[str] = []
    if source.path is None:
        origin = _query(con, place, source, title)
    else:
        files = files_of(place.root, source.path)
        origin = reader(con, files, source, title, place.spill / view)
    if isinstance(origin, Problem):
        return [origin]
    csv = origin.startswith("read_csv")
    names = [*source.columns.values(), *_further(source)]
    names = names or [o for o in TABLES[table][0] if o != "state"]
    try:
        kinds = _viewed(con, origin, source, view)
        if source.where is not None:
            con.execute(f"SELECT 1 FROM {view} WHERE ({source.where}) LIMIT 0")  # noqa: S608
    except QueryError as error:
        told = reading_problem(title, source, error, files)
        odd = csv and told.code == "CH111"
        return (odd and _titled(files[0], title, source, names)) or [told]
    columns, problems = _match(table, title, source, kinds, csv=csv)
    if csv and problems:
        problems = (
            _below(files[0], title, source, names)
            or other_sheet(files[0], title, source, names)
            or problems
        )
    if csv and len(kinds) == 1 and re.search(r"[,;\t|]", next(iter(kinds))):
        problems = _below(files[0], title, source, names)
        foot = foot_of(files, title, source)
        problems = problems or [foot or ragged(files[0], title, source)]
    if csv and not problems:
        problems = _doubled(con, origin, title, source, columns, kinds)
    if origin.startswith("read_json"):
        keys = (*columns.values(), *_further(source))
        problems = problems or in_two_ways(con, files, keys, kinds, source, title)
    if problems:
        return problems
    flags = tuple(
        c
        for c in kinds
        if table in ("accounts", "contracts")
        and _FLAG.search(c.lower())
        and c not in columns.values()
        and "date" not in c.lower()
    )
    priced = table == "accounts" or MONEY.get(table) in columns
    asked = priced and "currency" not in columns
    return Opened(
        table=table,
        name=name,
        title=title,
        view=view,
        source=source,
        columns=columns,
        kinds=kinds,
        flags=flags,
        quick=table == "events" and origin.startswith("read_parquet"),
        files=tuple(files),
        currency=looks_like_currency(kinds) if asked else None,
    )


def _viewed(con: Connection, origin: str, source: Source, view: str) -> dict[str, str]:
    """Make the view of a source, without what means nothing, and name its columns."""
    con.execute(f"CREATE TEMP VIEW {view} AS SELECT * FROM {origin}")  # noqa: S608
    guessed = "auto_detect = false" not in origin and "read_parquet" not in origin
    kinds = columns_of(con, view, guessed=guessed)
    texts = {n: "VARCHAR" if k.split()[0] in _GUESSED else k for n, k in kinds.items()}
    if origin.startswith("read_json") and texts != kinds:
        # an id in capitals would come out in small letters, and match no other file's;
        # of 01-02-2025 the day would be chosen, and 10:30 become 10:30:00
        told = ", ".join(f"{literal(n)}: {literal(k)}" for n, k in texts.items())
        origin = f"{origin[:-1]}, columns = {{{told}}})"
        con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM {origin}")
        kinds = columns_of(con, view, guessed=guessed)
    if mixed := [quoted(name) for name, kind in kinds.items() if kind == "JSON"]:
        # texts among numbers: what JSON writes in quotes is meant without
        plain = ", ".join(f"{q} ->> '$' AS {q}" for q in mixed)
        origin = f"(SELECT * REPLACE ({plain}) FROM {origin})"  # noqa: S608
        con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM {origin}")
        kinds = columns_of(con, view, guessed=guessed)
    if source.missing:
        emptied = without_missing(con, source, kinds)
        con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {emptied} FROM {origin}")
    return kinds


def _query(con: Connection, place: _Place, source: Source, title: str) -> str | Problem:
    """Run all statements of a ``sql`` but the last, which says what the rows are.

    All sources share one connection, so each may attach the same database again.
    """
    text = (source.sql or "").replace("{root}", literal(str(place.root))[1:-1])
    try:
        *before, last = statements(con, text)
        for statement in before:
            try:
                con.execute(statement)
            except QueryError:
                if " ".join(statement.split()) not in place.attached:
                    raise
            if statement[:6].lower() == "attach":
                place.attached.add(" ".join(statement.split()))
    except QueryError as error:
        return reading_problem(title, source, error)
    return f"({last}\n) AS given"


def _below(
    file: str, title: str, source: Source, names: Sequence[str]
) -> list[Problem]:
    """See whether the names of the columns stand below a title."""
    line = header_line(file, source, names)
    if line is None:
        return []
    what = (
        f"{title}: the names of the columns stand in line {line + 1} of {source.path!r}"
    )
    return [
        Problem(
            code="CH102", what=what, fix=f"say how many to leave out: skip = {line}"
        )
    ]


def _titled(
    file: str, title: str, source: Source, names: Sequence[str]
) -> list[Problem]:
    """See the same of a file that DuckDB refused, which may be no text at all."""
    try:
        with Path(file).open("rb") as raw:
            text = b"\0" not in raw.read(4096) or source.encoding is not None
        return _below(file, title, source, names) if text else []
    except (OSError, EOFError, zlib.error):  # a packed file that is none, or broken off
        return []


def _doubled(
    con: Connection,
    origin: str,
    title: str,
    source: Source,
    columns: Mapping[str, str],
    kinds: Mapping[str, str],
) -> list[Problem]:
    """See whether a column we read stands twice: DuckDB renames the second in silence.

    The first line is read again as it stands, and only where a name looks renamed.
    """
    there = {folded(k) for k in kinds}
    asked = {folded(t): t for t in (*columns.values(), *_further(source))}
    if not any(f"{name}_1" in there for name in asked):
        return []
    plain = origin.replace("header = true", "header = false", 1)
    plain = plain.replace(", union_by_name = true", "")
    first = con.execute(f"SELECT * FROM {plain} LIMIT 1").fetchall()  # noqa: S608
    names = [folded(str(v).strip()) for v in first[0]] if first else []
    return [
        Problem(
            code="CH102",
            what=f"{title}: the column {theirs!r} is there {names.count(name)} times",
            fix="keep the one that is meant, and rename or remove the others",
        )
        for name, theirs in asked.items()
        if names.count(name) > 1
    ]


def _match(
    table: str, title: str, source: Source, kinds: Mapping[str, str], *, csv: bool
) -> tuple[dict[str, str], list[Problem]]:
    """Pair our columns with theirs and list whatever is not there."""
    required, optional = TABLES[table]
    ours = (*required, *optional)
    theirs = {folded(k): k for k in kinds}
    if source.columns:
        wanted = dict(source.columns)
    else:
        wanted = {o: theirs[o] for o in ours if o in theirs}
    asked = dict.fromkeys([*wanted.values(), *_further(source), *source.formats])
    named = any(folded(t) in theirs for t in asked) or not csv
    shown = list(kinds) if named or all(map(_NAME.fullmatch, kinds)) else []
    here = f"it has {', '.join(shown)}" if shown else _NO_NAMES
    gone = [t for t in asked if folded(t) not in theirs]
    inner = inner_fields(gone, title, source, kinds)
    absent = [
        *(_not_ours(table, o, ours) for o in wanted if o not in ours),
        *(_not_mapped(o, here) for o in required if o not in (*wanted, "state")),
        *(
            f"there is no column {t!r}{nearest(t, shown)}; {here}"
            for t in gone
            if t not in inner
        ),
    ]
    problems = list(inner.values()) + [
        Problem(
            code="CH102",
            what=f"{title}: {what}",
            fix=TO_ROWS if across(kinds) else _CORRECT.format(", ".join(ours)),
        )
        for what in absent
    ]
    found = {o: theirs.get(folded(t), "") for o, t in wanted.items()}
    return found, problems


def _not_ours(table: str, name: str, ours: Sequence[str]) -> str:
    return f"{table} have no column {name!r}{nearest(name, ours)}"


def _not_mapped(name: str, here: str) -> str:
    return f"`{name}` is not mapped, and is required; {here}"


def _further(source: Source) -> list[str]:
    """List the columns of theirs that are named outside ``columns``."""
    if isinstance(source, AccountsSource):
        return list(source.attributes)
    if isinstance(source, EventsSource | StatesSource) and isinstance(
        source.category, CategoryColumn
    ):
        return [source.category.column]
    return []
