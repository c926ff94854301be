"""What the owner asks for: one ``churnhealth.toml``, read once and frozen."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from churnhealth.config_playbooks import Playbook
from churnhealth.config_sections import (
    AccountsSource,
    Backtest,
    Bands,
    Calibration,
    CategoryColumn,
    Check,
    Company,
    ContractsSource,
    EventsSource,
    Features,
    Model,
    OwnFeature,
    Question,
    Rules,
    ScorerName,
    Section,
    Serve,
    Snapshots,
    Source,
    Sources,
    StatesSource,
    Tracking,
)
from churnhealth.errors import ConfigError
from churnhealth.said import nearest

__all__ = [
    "AccountsSource",
    "Backtest",
    "Bands",
    "Calibration",
    "CategoryColumn",
    "Check",
    "Company",
    "Config",
    "ContractsSource",
    "EventsSource",
    "Features",
    "Model",
    "OwnFeature",
    "Playbook",
    "Question",
    "Rules",
    "ScorerName",
    "Serve",
    "Snapshots",
    "Source",
    "Sources",
    "StatesSource",
    "Tracking",
    "parse_config",
    "read_config",
]

# what the validator calls each of several kinds that may stand at a place
_NAMED = "\0"  # before an entry's own name, which is no key
_ONE_OF = re.compile(r"literal\[.*\]|constrained-\w+|str|int|float|[A-Z][a-z]+[A-Z]\w*")


_TABLES = ("sources.events", "sources.states", "playbooks")  # of which many may stand
_DAY = "write a day without a time: 2025-01-31"
_WRITTEN = {
    "dict_type": 'write names and what they stand for, { name = "..." }',
    "mapping_type": 'write names and what they stand for, { name = "..." }',
    "string_type": 'write one text, "..."',
    "date_from_datetime_inexact": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_type": _DAY,
}


class Config(Section):
    """The whole file."""

    company: Company = Company()
    sources: Sources = Sources()
    question: Question = Question()
    snapshots: Snapshots = Snapshots()
    features: Features = Features()
    rules: Rules = Rules()
    model: Model = Model()
    calibration: Calibration = Calibration()
    backtest: Backtest = Backtest()
    bands: Bands = Bands()
    check: Check = Check()
    serve: Serve = Serve()
    tracking: Tracking = Tracking()
    playbooks: tuple[Playbook, ...] = ()
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def root(self) -> Path:
        """The absolute folder that relative source paths start from."""
        return (self.folder / self.sources.root).resolve()

    @property
    def store(self) -> Path | None:
        """The absolute folder of the sorted store, ``None`` where nothing is kept."""
        folder = self.sources.store
        return None if folder is None else (self.folder / folder).resolve()

    @field_validator("playbooks")
    @classmethod
    def _names_once(cls, playbooks: tuple[Playbook, ...]) -> tuple[Playbook, ...]:
        names = [book.name for book in playbooks]
        if again := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two playbooks are named {again[0]!r}")
        return playbooks

    @model_validator(mode="after")
    def _days_can_be_reached(self) -> Self:
        asked = self.question
        most = asked.lead_max_days if asked.kind == "renewal" else None
        for book in self.playbooks:
            first = min(book.when.reached_after_start, default=asked.min_age_days)
            if first < asked.min_age_days:
                raise ValueError(
                    f"playbook {book.name!r} waits for day {first} after the start,"
                    f" and nobody is scored before {asked.min_age_days}"
                    " (`min_age_days`)"
                )
            last = max(book.when.reached_before_renewal, default=0)
            if most is not None and last > most:
                raise ValueError(
                    f"playbook {book.name!r} waits for {last} days before the renewal,"
                    f" and nobody is scored before {most} (`lead_max_days`)"
                )
        return self

    @model_validator(mode="after")
    def _question_has_its_sources(self) -> Self:
        if "sources" not in self.model_fields_set:
            return self  # a service reads no tables; who does refuses (`open_sources`)
        if self.question.kind == "inactivity":
            if not any(not s.planned for s in self.sources.events):
                raise ValueError("inactivity needs at least one [[sources.events]]")
        elif self.sources.contracts is None:
            raise ValueError(
                f"{self.question.kind} needs [sources.contracts]; where there are none,"
                ' ask [question] kind = "inactivity": who falls silent?'
            )
        if self.snapshots.anchor != "calendar" and self.sources.contracts is None:
            raise ValueError("anchored snapshots need [sources.contracts]")
        return self


def read_config(path: str | Path) -> Config:
    """Read and validate ``path``.

    Raises
    ------
    ConfigError
        CH001 no such file, CH002 not TOML, CH003 a key or value we cannot accept.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "CH001",
            f"cannot read the configuration {path}: {_unread(error)}",
            why="everything else starts from it",
            fix="give the file with --config FILE; `churnhealth init FOLDER` writes a"
            " project to begin from",
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "CH002",
            f"{path.name} is not valid TOML: {error}",
            why="it cannot be read",
            fix=_untangled(str(error)),
        ) from error
    return parse_config(raw, folder=path.resolve().parent)


def _untangled(error: str) -> str:
    if "overwrite" in error:
        return (
            "write `[[sources.events]]`, `[[sources.states]]` and `[[playbooks]]` with"
            " two brackets on each side, the first one too; write each key once"
        )
    if "twice" in error:
        return "put the keys of both under one heading"
    return "correct the line named above; text needs quotes"


def _unread(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (error.strerror or type(error).__name__).lower()


def parse_config(raw: Mapping[str, Any], *, folder: Path) -> Config:
    """Validate a configuration that was already read.

    >>> parse_config({"serve": {"workers": 2}}, folder=Path(".")).serve.workers
    2
    >>> parse_config({"sources": {"contract": {}}}, folder=Path("."))
    Traceback (most recent call last):
    ...
    churnhealth.errors.ConfigError: [CH003] the configuration has 1 problem:
        sources.contract: there is no such key; the nearest is `contracts`
      Why it matters: a setting that is misread is worse than one that is missing
      Fix: correct the lines above; docs/configuration.md lists all keys
    """
    try:
        return Config.model_validate({**raw, "folder": folder})
    except ValidationError as error:
        lines = _sentences(
            {**e, "loc": _by_name(raw, e["loc"])}
            for e in error.errors(include_url=False)
        )
    # what is missing beside a misspelt key is most often that key
    beside = {_parent(line) for line in lines if "there is no such key" in line}
    lines = [
        line
        for line in lines
        if "there is no such key" in line
        or not {_parent(line), line.partition(": ")[0]} & beside
    ]
    plural = "problem" if len(lines) == 1 else "problems"
    raise ConfigError(
        "CH003",
        f"the configuration has {len(lines)} {plural}:\n    " + "\n    ".join(lines),
        why="a setting that is misread is worse than one that is missing",
        fix="correct the lines above; docs/configuration.md lists all keys",
    )


def _parent(line: str) -> str:
    return line.partition(": ")[0].rpartition(".")[0]


def _by_name(raw: Mapping[str, Any], loc: tuple[str | int, ...]) -> list[str | int]:
    """Say `events`, `tickets` in place of `events`, 1: who reads counts from one."""
    here: Any = raw
    told: list[str | int] = []
    for at, part in enumerate(loc):
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return [*told, *loc[at:]]
        name = here.get("name") if isinstance(here, Mapping) else None
        known = isinstance(part, int) and loc[-1] != "name" and isinstance(name, str)
        told.append(f"{_NAMED}{name}" if known else part)
    return told


def _sentences(problems: Iterable[dict[str, Any]]) -> list[str]:
    """Tell each place once; where one of several kinds may stand, each says what."""
    told: dict[str, list[str]] = {}
    for problem in problems:
        parts = [str(p) for p in problem["loc"] if not _ONE_OF.fullmatch(str(p))]
        parts = [part.removeprefix(_NAMED) for part in parts]
        where = ".".join(parts) or "the file"
        told.setdefault(where, []).append(_sentence(problem, where))
    return [f"{where}: {'; or: '.join(told[where])}" for where in told]


def _sentence(problem: dict[str, Any], where: str) -> str:
    if problem["type"] == "tuple_type":
        tables = where in _TABLES or isinstance(problem["input"], dict)
        one = f"`[[{where}]]`" if tables else "a list, [...]"
        return f"there may be several; write {one}"
    if problem["type"] == "model_type":
        outer = where.rpartition(".")[0]
        if outer in _TABLES:
            return f"it is no table; write `[[{outer}]]`, and its keys below it"
        of_category = where.endswith("category")
        one = '{ column = "..." }' if of_category else f"one table, [{where}]"
        return f"write {one}"
    if problem["type"] in _WRITTEN:
        return _WRITTEN[problem["type"]]
    if problem["type"] == "less_than_equal" and problem["ctx"]["le"] == 1:
        return "it is a share: 0.05 is 5 %"
    if problem["type"] == "string_pattern_mismatch" and where.endswith(".name"):
        made = re.sub("[^a-z0-9]+", "_", str(problem["input"]).lower()).strip("_")
        hint = f", such as {made!r}" if made[:1].isalpha() and made.isascii() else ""
        if where.startswith("playbooks"):
            return f"a name has small letters, digits, - and _{hint}"
        return f"a name has small letters, digits and _, a letter first{hint}"
    if problem["type"] != "extra_forbidden":
        return str(problem["msg"]).removeprefix("Value error, ")
    known = _keys_at(problem["loc"][:-1])
    key = str(problem["loc"][-1])
    if where == key and key in Sources.model_fields:
        one = f"[[sources.{key}]]" if f"sources.{key}" in _TABLES else "[sources]"
        return f"there is no such key here; it belongs to `{one}`"
    return f"there is no such key{nearest(key, known, cutoff=0.0)}"


def _keys_at(loc: Sequence[str | int]) -> list[str]:
    """List the keys that are allowed at a place in the file."""
    model: Any = Config
    for part in loc:
        if isinstance(part, int) or part.startswith(_NAMED):
            continue
        fields = model.model_fields
        named = {f.alias or n: f for n, f in fields.items()}
        if part not in named:
            return []
        kinds = [named[part].annotation, *get_args(named[part].annotation)]
        models = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not models:
            return []
        model = models[0]
    return [f.alias or n for n, f in model.model_fields.items() if n != "folder"]
