"""Read what a business gave us: configuration in, sorted arrays and findings out.

Worked example: an event of 2026-01-05 23:30-02:00 is the UTC day 2026-01-06; with
``known_at_lag_days = 2`` and no `known_at` column it is known on 2026-01-08, so a
snapshot of 2026-01-08 does not see it and one of 2026-01-09 does.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from churnhealth.categories import CATEGORIES
from churnhealth.config import Config, EventsSource
from churnhealth.config_sections import Sources
from churnhealth.said import many
from churnhealth.sources.contract import Accounts, EventLog, History, Ints, StateLog
from churnhealth.sources.deleted import count_deleted
from churnhealth.sources.engine import Connection, connect, forget, literal
from churnhealth.sources.findings import Finding
from churnhealth.sources.joining import accounts_of, place, unmet
from churnhealth.sources.left_out import contracts_of, leavers_left_out
from churnhealth.sources.noticed import noticed
from churnhealth.sources.packed import PackedLog
from churnhealth.sources.packing import read_events
from churnhealth.sources.problems import Problem, raise_all
from churnhealth.sources.reading import Opened, open_sources
from churnhealth.sources.store import find_sorted, keep_sorted, sorted_key
from churnhealth.sources.tables import Part, read_accounts, read_contracts, read_states
from churnhealth.sources.typed import make_typed
from churnhealth.sources.unfilled import unfilled

__all__ = ["Loaded", "Report", "load"]

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """What was read, how it was mapped, and what was noticed while reading.

    ``flags`` are churn-flag columns nobody mapped (1, 0 or -1 = unknown per account):
    no feature sees them; `check` compares them with the contracts.
    """

    history: History
    findings: tuple[Finding, ...]
    sources: Sources
    flags: Mapping[str, Ints] = field(default_factory=dict)

    @cached_property  # of many events it takes a while, and few who load ask for it
    def digest(self) -> str:
        """Fingerprint what was read and how it was mapped, but not where it lay."""
        return _digest(self.history, self.sources)


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
        CH111 a damaged file, CH112 no row of a source belongs to a known account,
        CH114 a format that cannot read its column, CH118 a state that is nowhere.
    """
    tell = report or (lambda _: None)
    with connect() as con, tempfile.TemporaryDirectory() as spill:
        con.execute(f"SET temp_directory = {literal(spill)}")
        tell("opening the sources")
        opened = open_sources(con, config, Path(spill))
        accounts, parts = _read_all(con, opened, config, tell, decimals or {})
    tell("joining the sources")
    given = accounts is not None
    accounts = accounts or accounts_of([p.ids for p in parts])
    placed = [place(p, accounts.ids) for p in parts]
    raise_all(unmet(placed, accounts_given=given))
    history = _history(accounts, [p for p, _ in placed])
    flags = {
        f"{p.opened.name}.{name.removeprefix('flag ')}": _spread(p, name, accounts)
        for p in parts
        for name in p.columns
        if name.startswith("flag ")
    }
    found = noticed(placed, accounts.ids, accounts_given=given)
    return Loaded(
        history=history,
        findings=(*found, *leavers_left_out(parts, accounts.ids, config.question)),
        sources=config.sources,
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
            part = unfilled(con, part, "typed")
        else:
            part = unfilled(con, _read_one(con, one, config, scale), "typed")
            part = count_deleted(con, part)
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
            what=f"{one.title}: {many(again.size, 'row repeats', 'rows repeat')} an"
            f" account_id, the first is"
            f" {ids[again[0]]!r}",
            fix="give one row per account; values that change belong into states",
        )
    ]


def _unusable(part: Part) -> list[Problem]:
    title = part.opened.title
    problems = []
    wrong = [c for c in part.categories if c is not None and c not in CATEGORIES]
    if part.vocabulary and (wrong or None in part.categories):
        problems.append(
            Problem(
                code="CH109",
                what=f"{title}: {len(wrong) + part.categories.count(None)} of"
                f" {len(part.vocabulary)} names have no category that we know",
                fix=f"the category column may hold only {', '.join(CATEGORIES)}",
            )
        )
    seats = getattr(part.opened.source, "seats", None)
    if seats is not None and seats not in part.vocabulary:
        problems.append(
            Problem(
                code="CH118",
                what=f"{title}: no row is of the state {seats!r}, which `seats` names",
                fix=f"name one of its states: {', '.join(part.vocabulary[:12])}",
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


def _history(accounts: Accounts, parts: Sequence[Part]) -> History:
    contracts = [contracts_of(p) for p in parts if p.opened.table == "contracts"]
    return History(
        accounts=accounts,
        contracts=contracts[0] if contracts else None,
        events=tuple(_events(p) for p in parts if p.opened.table == "events"),
        states=tuple(_states(p) for p in parts if p.opened.table == "states"),
    )


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


def _spread(part: Part, name: str, accounts: Accounts) -> Ints:
    """Give a flag that was read per id of one source to all accounts."""
    by_id = dict(zip(part.ids, part.columns[name].tolist(), strict=True))
    return np.array([by_id.get(i, -1) for i in accounts.ids], dtype=np.int64)


def _digest(history: History, sources: Sources) -> str:
    mapped = sources.model_dump(mode="json", exclude={"root", "store"})
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
