"""Read what a business gave us: configuration in, sorted arrays and findings out.

Worked example: an event of 2026-01-05 23:30-02:00 is the UTC day 2026-01-06; with
``known_at_lag_days = 2`` and no `known_at` column it is known on 2026-01-08, so a
snapshot of 2026-01-08 does not see it and one of 2026-01-09 does.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from churnhealth.config import Config, EventsSource
from churnhealth.sources.contract import (
    FAR,
    Accounts,
    Contracts,
    Coverage,
    Days,
    EventLog,
    History,
    Ints,
    StateLog,
    Texts,
)
from churnhealth.sources.engine import Connection, connect, forget, literal, texts
from churnhealth.sources.findings import Finding
from churnhealth.sources.noticed import noticed
from churnhealth.sources.packed import PackedLog
from churnhealth.sources.packing import read_events
from churnhealth.sources.reading import Opened, Problem, open_sources, raise_all
from churnhealth.sources.store import find_sorted, keep_sorted, sorted_key
from churnhealth.sources.tables import (
    Part,
    read_accounts,
    read_contracts,
    read_states,
)
from churnhealth.sources.typed import make_typed

__all__ = ["Loaded", "Report", "coverage_of", "load"]

Report = Callable[[str], None]

_CATEGORIES = ("usage", "value", "experience", "contract")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Loaded:
    """What was read, what was noticed while reading, and its fingerprint.

    ``flags`` are churn-flag columns nobody mapped (1, 0 or -1 = unknown per account):
    no feature sees them; `check` compares them with the contracts.
    """

    history: History
    findings: tuple[Finding, ...]
    digest: str
    flags: Mapping[str, Ints] = field(default_factory=dict)


def load(
    config: Config,
    *,
    report: Report | None = None,
    decimals: Mapping[str, int] | None = None,
) -> Loaded:
    """Read every source of a configuration.

    ``report`` is told in a few words which source is being read; ``decimals`` fixes
    the scale of the amounts of a source by its name, as a trained model's schema asks.

    Raises
    ------
    SourceError
        Every problem found, in one error: CH101 no such file, CH102 no such column,
        CH103 no rows, CH104 values that do not convert, CH105 failing SQL, CH106
        required values missing, CH107 an account twice, CH108 a kind of file we do
        not read, CH109 an unknown category, CH110 amounts too large to add up,
        CH111 a damaged file, CH112 no row of a source belongs to a known account.
    """
    tell = report or (lambda _: None)
    with connect() as con, tempfile.TemporaryDirectory() as spill:
        con.execute(f"SET temp_directory = {literal(spill)}")
        tell("opening the sources")
        opened = open_sources(con, config)
        accounts, parts = _read_all(con, opened, config, tell, decimals or {})
    tell("joining the sources")
    given = accounts is not None
    accounts = accounts or _without_source([p.ids for p in parts])
    placed = [_place(p, accounts.ids) for p in parts]
    raise_all([q for part, n in placed for q in _lost(part, n)])
    history = _history(accounts, [p for p, _ in placed])
    flags = {
        f"{p.opened.name}.{name.removeprefix('flag ')}": _spread(p, name, accounts)
        for p in parts
        for name in p.columns
        if name.startswith("flag ")
    }
    return Loaded(
        history=history,
        findings=noticed(placed, accounts_given=given),
        digest=_digest(history, config),
        flags=flags,
    )


def _read_all(
    con: Connection,
    opened: Sequence[Opened],
    config: Config,
    tell: Report,
    decimals: Mapping[str, int],
) -> tuple[Accounts | None, list[Part]]:
    accounts: Accounts | None = None
    parts: list[Part] = []
    problems: list[Problem] = []
    for one in opened:
        tell(f"reading {one.name}")
        scale = decimals.get(one.name)
        key = _store_key(one, config, scale)
        if key is not None and config.store is not None:
            stored = find_sorted(config.store, one, key)
            if stored is not None:
                parts.append(stored)
                continue
        forget(con, "typed")
        found = make_typed(con, one, into="typed")
        if found:
            problems.extend(found)
            continue
        if one.table == "accounts":
            accounts, part = read_accounts(con, one, "typed")
            problems.extend(_twice(one, accounts))
        else:
            part = _read_one(con, one, config, scale)
            unusable = _unusable(part)
            problems.extend(unusable)
            if key is not None and not unusable:
                part = _kept(part, config, key)
        parts.append(part)
    raise_all(problems)
    return accounts, parts


def _store_key(one: Opened, config: Config, decimals: int | None) -> str | None:
    """Digest an events source that may be kept between runs."""
    if config.store is None or one.table != "events":
        return None
    lag = config.sources.known_at_lag_days
    return sorted_key(one, lag=lag, decimals=decimals)


def _kept(part: Part, config: Config, key: str) -> Part:
    """Keep a source for the next run; a full disk costs that run time, nothing else."""
    assert config.store is not None
    try:
        return keep_sorted(config.store, part, key)
    except OSError:
        return replace(part, counts={**part.counts, "unkept": 1})


def _read_one(
    con: Connection, one: Opened, config: Config, decimals: int | None
) -> Part:
    lag = config.sources.known_at_lag_days
    if one.table == "contracts":
        return read_contracts(con, one, "typed", lag=lag)
    if isinstance(one.source, EventsSource):
        planned = one.source.planned
        return read_events(
            con, one, "typed", planned=planned, lag=lag, decimals=decimals
        )
    return read_states(con, one, "typed")


def _twice(one: Opened, accounts: Accounts) -> list[Problem]:
    ids = accounts.ids
    again = np.flatnonzero(ids[1:] == ids[:-1])
    if not again.size:
        return []
    return [
        Problem(
            code="CH107",
            what=f"{one.title}: {again.size} rows repeat an account_id, the first is"
            f" {ids[again[0]]!r}",
            fix="give one row per account; values that change belong into states",
        )
    ]


def _unusable(part: Part) -> list[Problem]:
    title = part.opened.title
    problems = []
    wrong = [c for c in part.categories if c is not None and c not in _CATEGORIES]
    if part.vocabulary and (wrong or None in part.categories):
        problems.append(
            Problem(
                code="CH109",
                what=f"{title}: {len(wrong) + part.categories.count(None)} of"
                f" {len(part.vocabulary)} names have no category that we know",
                fix=f"the category column may hold only {', '.join(_CATEGORIES)}",
            )
        )
    if part.counts.get("oversized"):
        problems.append(
            Problem(
                code="CH110",
                what=f"{title}: the amounts are too large to be added up exactly",
                fix="give them in a larger unit, such as thousands",
            )
        )
    return problems


def _without_source(ids: Iterable[Texts]) -> Accounts:
    """Make the accounts from the ids that the other tables mention."""
    known = texts(sorted({str(i) for part in ids for i in part}))
    nothing = np.full(known.size, None, dtype=object)
    return Accounts(
        ids=known,
        name=nothing,
        segment=nothing,
        owner=nothing,
        group=nothing,
        known_at=np.full(known.size, -FAR, dtype=np.int64),
    )


def _place(part: Part, ids: Texts) -> tuple[Part, int]:
    """Renumber a source's accounts; rows of accounts we do not know are dropped.

    Both numberings are alphabetical, so the rows stay sorted.
    """
    if part.opened.table == "accounts":
        return part, 0
    place = {account: i for i, account in enumerate(ids)}
    code = np.array([place.get(i, -1) for i in part.ids], dtype=np.int64)
    coverage = _coverage_of_part(part)  # what was recorded, for whomever
    if part.words is None:
        words, columns = None, part.columns
        columns = {k: v for k, v in columns.items() if not k.startswith("flag ")}
        account = code[columns["account"]]
        keep = account >= 0
        lost = int(keep.size - keep.sum())
        if lost:
            columns = {k: v[keep] for k, v in columns.items()}
        columns["account"] = account[keep]
    else:
        columns = {}
        words, lost = part.words.renumbered(code)
    unknown = [str(i) for i, c in zip(part.ids, code, strict=True) if c < 0]
    more = {"lost": unknown[0]} if unknown else {}
    placed = replace(
        part,
        columns=columns,
        words=words,
        coverage=coverage,
        counts={**part.counts, "lost": lost},
        examples={**part.examples, **more},
    )
    return placed, lost


def _coverage_of_part(part: Part) -> Coverage:
    if part.opened.table == "contracts":
        return Coverage()
    if part.words is None:
        return coverage_of(part.columns["known_at"], part.columns["known_at"])
    happened, known = part.words.days()
    return coverage_of(known, happened)


def _lost(part: Part, lost: int) -> list[Problem]:
    left = part.columns["account"].size if part.words is None else part.words.size
    if not lost or left:
        return []
    return [
        Problem(
            code="CH112",
            what=f"{part.opened.title}: none of its {lost} rows belongs to an account"
            " of the accounts source",
            fix="map `account_id` to the same id on both sides, written alike",
        )
    ]


def _history(accounts: Accounts, parts: Sequence[Part]) -> History:
    contracts = [_contracts(p) for p in parts if p.opened.table == "contracts"]
    return History(
        accounts=accounts,
        contracts=contracts[0] if contracts else None,
        events=tuple(_events(p) for p in parts if p.opened.table == "events"),
        states=tuple(_states(p) for p in parts if p.opened.table == "states"),
    )


def _contracts(part: Part) -> Contracts:
    return Contracts(**{f.name: part.columns[f.name] for f in fields(Contracts)})


def _events(part: Part) -> EventLog:
    source, words = part.opened.source, part.words
    assert words is not None
    amount = next((f for f in words.fields if f.name == "amount"), None)
    about = {
        "name": part.opened.name,
        "planned": isinstance(source, EventsSource) and source.planned,
        "vocabulary": part.vocabulary,
        "categories": tuple(str(x) for x in part.categories),
        "decimals": 0 if amount is None else amount.decimals,
        "unrepeated": "event_id" in part.opened.columns,
        "coverage": part.coverage,
        "people": part.people,
    }
    return PackedLog(words, about)


def _states(part: Part) -> StateLog:
    c = part.columns
    return StateLog(
        name=part.opened.name,
        vocabulary=part.vocabulary,
        categories=tuple(str(x) for x in part.categories),
        account=c["account"],
        known_at=c["known_at"],
        state=c["state"],
        value=c["value"],
        coverage=part.coverage,
    )


def coverage_of(known_at: Days, happened_at: Days) -> Coverage:
    """Say from when to when a source is seen to reach, for each day it is asked.

    >>> coverage_of(np.array([5, 3, 9]), np.array([4, 3, 2]))
    Coverage(known=(3, 5, 9), first=(3, 3, 2), last=(3, 4, 4))
    """
    if not known_at.size:
        return Coverage()
    order = np.argsort(known_at, kind="stable")
    day, begin = np.unique(known_at[order], return_index=True)
    happened = happened_at[order]
    first = np.minimum.accumulate(np.minimum.reduceat(happened, begin))
    last = np.maximum.accumulate(np.maximum.reduceat(happened, begin))
    moved = np.ones(day.size, dtype=bool)
    moved[1:] = (np.diff(first) != 0) | (np.diff(last) != 0)
    return Coverage(
        known=tuple(day[moved].tolist()),
        first=tuple(first[moved].tolist()),
        last=tuple(last[moved].tolist()),
    )


def _spread(part: Part, name: str, accounts: Accounts) -> Ints:
    """Give a flag that was read per id of one source to all accounts."""
    by_id = dict(zip(part.ids, part.columns[name].tolist(), strict=True))
    return np.array([by_id.get(i, -1) for i in accounts.ids], dtype=np.int64)


def _digest(history: History, config: Config) -> str:
    """Fingerprint the loaded content and how it was mapped, but not where it lay."""
    mapped = config.sources.model_dump(mode="json", exclude={"root", "store"})
    made = hashlib.sha256(json.dumps(mapped, sort_keys=True).encode())
    tables = [history.accounts, history.contracts, *history.events, *history.states]
    for table in tables:
        if table is None:
            continue
        if isinstance(table, PackedLog):
            made.update(table.words.fingerprint().encode())
            made.update(repr((table.vocabulary, table.categories)).encode())
            continue
        for f in fields(table):
            made.update(f.name.encode())
            _update(made, getattr(table, f.name))
    return made.hexdigest()


def _update(made: hashlib._Hash, value: object) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            made.update(json.dumps(key).encode())
            _update(made, value[key])
    elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
        made.update(np.ascontiguousarray(value).data)
    elif isinstance(value, np.ndarray):
        made.update(json.dumps(value.tolist()).encode())
    else:
        made.update(repr(value).encode())
