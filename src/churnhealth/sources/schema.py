"""What a loaded history looked like, kept with the model, so that later rows fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from churnhealth.config import Config
from churnhealth.errors import SourceError
from churnhealth.sources.contract import Coverage, EventLog, History, StateLog

__all__ = ["EventsShape", "Schema", "StatesShape", "extended", "schema_of"]

_OPTIONAL = {
    "amount": "amount",
    "users": "users",
    "user": "user_id",
    "ended_at": "ended_at",
    "item": "item",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventsShape:
    """One events source: its words, its optional columns, its fixed-point scale."""

    name: str
    planned: bool
    vocabulary: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[str, ...]
    decimals: int
    unrepeated: bool
    coverage: Coverage

    @property
    def category(self) -> str:
        """The category of a word that was never seen: the one most words have."""
        return _commonest(self.categories)


@dataclass(frozen=True, kw_only=True, slots=True)
class StatesShape:
    """One states source: its words."""

    name: str
    vocabulary: tuple[str, ...]
    categories: tuple[str, ...]
    coverage: Coverage

    @property
    def category(self) -> str:
        """The category of a word that was never seen: the one most words have."""
        return _commonest(self.categories)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """What a model expects of every history that it is shown."""

    contracts: bool
    attributes: tuple[str, ...] = ()
    events: tuple[EventsShape, ...] = ()
    states: tuple[StatesShape, ...] = ()
    known_at_lag_days: int = 0
    renews_months: int = 0

    @property
    def decimals(self) -> Mapping[str, int]:
        """The scale of each events source, for `load(config, decimals=...)`."""
        return {e.name: e.decimals for e in self.events}

    def to_json(self) -> dict[str, Any]:
        """Give the schema as plain values; `from_json` reads them back."""
        return {
            "contracts": self.contracts,
            "attributes": list(self.attributes),
            "known_at_lag_days": self.known_at_lag_days,
            "renews_months": self.renews_months,
            "events": [
                {
                    "name": e.name,
                    "planned": e.planned,
                    "vocabulary": list(e.vocabulary),
                    "categories": list(e.categories),
                    "columns": list(e.columns),
                    "decimals": e.decimals,
                    "unrepeated": e.unrepeated,
                    "coverage": _plain(e.coverage),
                }
                for e in self.events
            ],
            "states": [
                {
                    "name": s.name,
                    "vocabulary": list(s.vocabulary),
                    "categories": list(s.categories),
                    "coverage": _plain(s.coverage),
                }
                for s in self.states
            ],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Schema:
        """Read what `to_json` wrote.

        >>> Schema.from_json(
        ...     Schema(contracts=True).to_json()
        ... )  # doctest: +NORMALIZE_WHITESPACE
        Schema(contracts=True, attributes=(), events=(), states=(), known_at_lag_days=0,
               renews_months=0)
        """
        return cls(
            contracts=bool(raw["contracts"]),
            attributes=tuple(raw["attributes"]),
            known_at_lag_days=int(raw["known_at_lag_days"]),
            renews_months=int(raw.get("renews_months", 0)),
            events=tuple(
                EventsShape(
                    name=e["name"],
                    planned=bool(e["planned"]),
                    vocabulary=tuple(e["vocabulary"]),
                    categories=tuple(e["categories"]),
                    columns=tuple(e["columns"]),
                    decimals=int(e["decimals"]),
                    unrepeated=bool(e["unrepeated"]),
                    coverage=_coverage(e["coverage"]),
                )
                for e in raw["events"]
            ),
            states=tuple(
                StatesShape(
                    name=s["name"],
                    vocabulary=tuple(s["vocabulary"]),
                    categories=tuple(s["categories"]),
                    coverage=_coverage(s["coverage"]),
                )
                for s in raw["states"]
            ),
        )

    def vouched(self, as_of: int, *, alive_at: int) -> Schema:
        """Give the schema as seen from a later day: who sends rows vouches for them.

        A request holds one account's rows, so that its sources still run cannot be
        seen from it. The steps of training stay; from the newest on, each source that
        had not stopped before ``alive_at`` (the day of training) counts as recorded
        until the day before ``as_of``.

        >>> seen = Coverage(known=(10,), first=(3,), last=(9,))
        >>> shape = StatesShape(name="nps", vocabulary=("nps",),
        ...                     categories=("experience",), coverage=seen)
        >>> later = Schema(contracts=True, states=(shape,)).vouched(21, alive_at=12)
        >>> later.states[0].coverage
        Coverage(known=(10, 17, 20), first=(3, 3, 3), last=(9, 17, 20))
        """
        return replace(
            self,
            events=tuple(
                replace(e, coverage=_until(e.coverage, as_of, alive_at))
                for e in self.events
            ),
            states=tuple(
                replace(s, coverage=_until(s.coverage, as_of, alive_at))
                for s in self.states
            ),
        )

    def apply(self, history: History) -> History:
        """Give the same history with amounts on the scale of this schema.

        Amounts that need more than six decimals must be loaded on the right scale from
        the start (`load(config, decimals=schema.decimals)`), or they are rounded twice.

        Raises
        ------
        SourceError
            CH113 a source or column that the model learned from is not there.
        """
        missing = self._missing(history)
        if missing:
            raise SourceError(
                "CH113",
                f"the model learned from what is not configured: {', '.join(missing)}",
                why="it would be read as silence",
                fix="configure the same sources and columns as in training, or retrain",
            )
        scale = self.decimals
        events = (e.rescaled(scale.get(e.name, e.decimals)) for e in history.events)
        return replace(history, events=tuple(events))

    def unmapped(self, config: Config) -> list[str]:
        """Name what a configuration does not map, as far as it alone can tell.

        A source without ``columns`` has those of our names: its files know which.

        >>> from churnhealth.config import parse_config
        >>> config = parse_config({"sources": {"contracts": {"path": "c.csv"}}},
        ...                       folder=".")
        >>> Schema(contracts=True, attributes=("size",)).unmapped(config)
        ['accounts.size']
        """
        given = config.sources
        events = {e.name: e.columns for e in given.events}
        states = {s.name for s in given.states}
        has = () if given.accounts is None else given.accounts.attributes
        return [
            *(f"states {s.name}" for s in self.states if s.name not in states),
            *(f"events {e.name}" for e in self.events if e.name not in events),
            *(
                f"{e.name}.{column}"
                for e in self.events
                for column in e.columns
                if events.get(e.name) and column not in events[e.name]
            ),
            *(["contracts"] if self.contracts and given.contracts is None else ()),
            *(f"accounts.{name}" for name in self.attributes if name not in has),
        ]

    def _missing(self, history: History) -> list[str]:
        events = {e.name: e for e in history.events}
        states = {s.name for s in history.states}
        missing = [f"states {s.name}" for s in self.states if s.name not in states]
        for shape in self.events:
            if shape.name not in events:
                missing.append(f"events {shape.name}")
                continue
            has = _columns(events[shape.name])
            missing += [f"{shape.name}.{c}" for c in shape.columns if c not in has]
        if self.contracts and history.contracts is None:
            missing.append("contracts")
        elif history.contracts is not None:
            found = history.contracts.renews_months
            if self.contracts and found != self.renews_months:
                missing.append(
                    f"contracts with renews_months = {self.renews_months}"
                    if self.renews_months
                    else "contracts without renews_months"
                )
        return missing


def schema_of(history: History, config: Config) -> Schema:
    """Describe a loaded history."""
    return Schema(
        contracts=history.contracts is not None,
        attributes=tuple(history.accounts.attributes),
        events=tuple(_events_shape(e) for e in history.events),
        states=tuple(_states_shape(s) for s in history.states),
        known_at_lag_days=config.sources.known_at_lag_days,
        renews_months=0
        if history.contracts is None
        else history.contracts.renews_months,
    )


def extended(
    shape: EventsShape | StatesShape, seen: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Extend the vocabulary by the words it lacks, with the usual category."""
    new = sorted(seen.difference(shape.vocabulary))
    categories = (*shape.categories, *(shape.category for _ in new))
    return (*shape.vocabulary, *new), categories


def _events_shape(log: EventLog) -> EventsShape:
    return EventsShape(
        name=log.name,
        planned=log.planned,
        vocabulary=log.vocabulary,
        categories=log.categories,
        columns=_columns(log),
        decimals=log.decimals,
        unrepeated=log.unrepeated,
        coverage=log.coverage,
    )


def _states_shape(log: StateLog) -> StatesShape:
    return StatesShape(
        name=log.name,
        vocabulary=log.vocabulary,
        categories=log.categories,
        coverage=log.coverage,
    )


def _columns(log: EventLog) -> tuple[str, ...]:
    return tuple(o for n, o in _OPTIONAL.items() if getattr(log, n) is not None)


def _commonest(categories: Sequence[str]) -> str:
    return max(sorted(set(categories)), key=list(categories).count)


def _plain(coverage: Coverage) -> dict[str, list[int]]:
    return {
        "known": list(coverage.known),
        "first": list(coverage.first),
        "last": list(coverage.last),
    }


def _until(coverage: Coverage, as_of: int, alive_at: int) -> Coverage:
    """Carry a coverage on; the last is kept, as requests ask for one day for long."""
    asked, found = coverage.kept.get("until", (None, coverage))
    if asked != (as_of, alive_at):
        found = _carried(coverage, as_of, alive_at)
        coverage.kept["until"] = (as_of, alive_at), found
    later: Coverage = found
    return later


def _carried(coverage: Coverage, as_of: int, alive_at: int) -> Coverage:
    known = coverage.known
    if not known or known[-1] >= as_of - 1:
        return coverage
    longest = max((b - a for a, b in pairwise(known)), default=0)
    if max(known[-1], coverage.last[-1]) + max(7, 2 * longest) < alive_at - 1:
        return coverage  # it had fallen silent: nobody vouches for it
    days = (*range(coverage.known[-1] + 7, as_of - 1, 7), as_of - 1)
    return Coverage(
        known=(*coverage.known, *days),
        first=(*coverage.first, *(coverage.first[-1] for _ in days)),
        last=(*coverage.last, *(max(coverage.last[-1], day) for day in days)),
    )


def _coverage(raw: Mapping[str, Sequence[int]]) -> Coverage:
    return Coverage(
        known=tuple(raw["known"]), first=tuple(raw["first"]), last=tuple(raw["last"])
    )
