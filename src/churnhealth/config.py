"""What the owner asks for: one ``churnhealth.toml``, read once and frozen."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from churnhealth.errors import ConfigError

__all__ = [
    "AccountsSource",
    "Bands",
    "Config",
    "ContractsSource",
    "EventsSource",
    "Question",
    "Snapshots",
    "Source",
    "StatesSource",
    "parse_config",
    "read_config",
]

Days = Annotated[int, Field(ge=0, le=36_500)]
Kind = Literal["renewal", "horizon", "inactivity"]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class Company(_Section):
    """Whose data this is."""

    name: str = "Company"


class CategoryColumn(_Section):
    """A category that is read from a column instead of being constant."""

    column: str


class Source(_Section):
    """One table: a ``path`` or a ``sql`` text, and how its columns map to ours."""

    path: str | None = None
    sql: str | None = None
    columns: Mapping[str, str] = Field(default_factory=dict)
    where: str | None = None
    formats: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.sql is None):
            raise ValueError("give either `path` or `sql`, not both and not neither")
        return self


class AccountsSource(Source):
    """One row per account; ``attributes`` names the further columns to use."""

    attributes: tuple[str, ...] = ()


class ContractsSource(Source):
    """One row per contract term."""


class EventsSource(Source):
    """Things that happened. ``planned`` rows may lie ahead and still be known."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    category: Literal["usage", "value", "experience", "contract"] | CategoryColumn = (
        "usage"
    )
    planned: bool = False


class StatesSource(Source):
    """Values that hold until they change."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    category: Literal["usage", "value", "experience", "contract"] | CategoryColumn = (
        "experience"
    )


class Sources(_Section):
    """Where the business's tables are."""

    root: str = "."
    known_at_lag_days: Days = 0
    accounts: AccountsSource | None = None
    contracts: ContractsSource | None = None
    events: tuple[EventsSource, ...] = ()
    states: tuple[StatesSource, ...] = ()

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [e.name for e in self.events] + [s.name for s in self.states]
        double = sorted({n for n in names if names.count(n) > 1})
        if double:
            raise ValueError(f"source names must differ; used twice: {double}")
        return self


class Question(_Section):
    """What is predicted (design: three questions)."""

    kind: Kind = "renewal"
    lead_days: Days = 0
    lead_max_days: Annotated[int, Field(ge=1, le=3650)] = 180
    horizon_days: Annotated[int, Field(ge=1, le=3650)] = 90
    gap_days: Days = 30
    active_days: Annotated[int, Field(ge=1, le=3650)] = 90
    min_age_days: Days = 0
    churn_when: tuple[Literal["not_renewed", "cancelled"], ...] = (
        "not_renewed",
        "cancelled",
    )
    data_until: date | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = self.model_fields_set
        if self.kind == "inactivity" and "gap_days" in given:
            raise ValueError("`gap_days` has no meaning for inactivity: remove it")
        if not self.churn_when:
            raise ValueError("`churn_when` is empty: nothing would count as churn")
        if self.kind == "renewal" and "not_renewed" not in self.churn_when:
            raise ValueError(
                "a renewal question with churn_when = ['cancelled'] can never be"
                " answered yes by a missed renewal: add 'not_renewed' or use horizon"
            )
        return self


class Snapshots(_Section):
    """When we look."""

    every: (
        Literal["day", "week", "month", "quarter", "half-year"]
        | Annotated[int, Field(ge=1, le=3650)]
    ) = "month"
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None
    anchor: Literal["calendar", "start", "renewal"] = "calendar"
    first_day: Days = 0
    last_day_before_end: Days = 0
    train_every: (
        Literal["day", "week", "month", "quarter", "half-year"]
        | Annotated[int, Field(ge=1, le=3650)]
        | None
    ) = None

    @model_validator(mode="after")
    def _anchored_in_days(self) -> Self:
        if self.anchor != "calendar" and not isinstance(self.every, int):
            raise ValueError(
                f"anchor = '{self.anchor}' counts days from each account's own date:"
                " give `every` as a number of days"
            )
        return self


class Features(_Section):
    """Which features."""

    windows_days: tuple[Annotated[int, Field(ge=1, le=3650)], ...] = (7, 28, 90)
    top_events: Annotated[int, Field(ge=0, le=200)] = 12
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @field_validator("windows_days")
    @classmethod
    def _sorted(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("give at least one window")
        return tuple(sorted(set(value)))


class Rules(_Section):
    """The scorecard; made from the training data when none is given."""

    card: str | None = None


ScorerName = Literal[
    "constant", "recency", "calendar", "rules", "hazard", "logistic", "gbm", "blend"
]


class Model(_Section):
    """The seed, and the rungs of the ladder that may be used."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7
    ladder: tuple[ScorerName, ...] = get_args(ScorerName)


class Backtest(_Section):
    """How the past is replayed."""

    test_from: date | None = None
    origins: Literal["one", "each"] = "one"
    disjoint_groups: bool = False


class Bands(_Section):
    """How probability becomes colour."""

    policy: Literal["base-odds", "fixed", "capacity", "cost"] = "base-odds"
    cuts: tuple[float, float, float] | None = None
    capacity: tuple[int, int, int] | None = None
    costs: Mapping[str, float] | None = None


class Check(_Section):
    """Findings the owner has read and accepts."""

    allow: tuple[str, ...] = ()


class Serve(_Section):
    """The service."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 3000
    keys_file: str | None = None
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = 8
    max_accounts: Annotated[int, Field(ge=1, le=10_000)] = 500
    deadline_ms: Annotated[int, Field(ge=10, le=600_000)] = 10_000
    workers: Annotated[int, Field(ge=1, le=64)] = 1


class Tracking(_Section):
    """MLflow: its store and experiment. An empty ``uri`` means none."""

    uri: str = "sqlite:///mlflow.db"
    experiment: str = "churnhealth"


class Config(_Section):
    """The whole file."""

    company: Company = Company()
    sources: Sources = Sources()
    question: Question = Question()
    snapshots: Snapshots = Snapshots()
    features: Features = Features()
    rules: Rules = Rules()
    model: Model = Model()
    backtest: Backtest = Backtest()
    bands: Bands = Bands()
    check: Check = Check()
    serve: Serve = Serve()
    tracking: Tracking = Tracking()
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def root(self) -> Path:
        """The absolute folder that relative source paths start from."""
        return (self.folder / self.sources.root).resolve()

    @model_validator(mode="after")
    def _question_has_its_sources(self) -> Self:
        if self.question.kind == "inactivity":
            if not any(not s.planned for s in self.sources.events):
                raise ValueError("inactivity needs at least one [[sources.events]]")
        elif self.sources.contracts is None:
            raise ValueError(f"{self.question.kind} needs [sources.contracts]")
        if self.snapshots.anchor != "calendar" and self.sources.contracts is None:
            raise ValueError("anchored snapshots need [sources.contracts]")
        return self


def read_config(path: Path) -> Config:
    """Read and validate ``path``.

    Raises
    ------
    ConfigError
        CH001 no such file, CH002 not TOML, CH003 a key or value we cannot accept.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "CH001",
            f"cannot read the configuration {path.name}: {type(error).__name__}",
            why="everything else starts from it",
            fix="give an existing file with --config FILE",
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "CH002",
            f"{path.name} is not valid TOML: {error}",
            why="it cannot be read",
            fix="correct the line named above; text needs quotes",
        ) from error
    return parse_config(raw, folder=path.resolve().parent)


def parse_config(raw: Mapping[str, Any], *, folder: Path) -> Config:
    """Validate a configuration that was already read.

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
        lines = [_sentence(dict(e)) for e in error.errors(include_url=False)]
    unknown = [line for line in lines if "no such key" in line]
    lines = unknown or lines
    plural = "problem" if len(lines) == 1 else "problems"
    raise ConfigError(
        "CH003",
        f"the configuration has {len(lines)} {plural}:\n    " + "\n    ".join(lines),
        why="a setting that is misread is worse than one that is missing",
        fix="correct the lines above; docs/configuration.md lists all keys",
    )


def _sentence(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] != "extra_forbidden":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
    known = _keys_at(problem["loc"][:-1])
    near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0)
    hint = f"; the nearest is `{near[0]}`" if near else ""
    return f"{where}: there is no such key{hint}"


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    """List the keys that are allowed at a place in the file."""
    model: Any = Config
    for part in loc:
        if isinstance(part, int):
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
