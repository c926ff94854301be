"""Which sections and keys a ``churnhealth.toml`` may have, and what each may say."""

from __future__ import annotations

import codecs
import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from churnhealth.categories import Category

__all__ = [
    "AccountsSource",
    "Backtest",
    "Bands",
    "Calibration",
    "CategoryColumn",
    "Check",
    "Company",
    "ContractsSource",
    "EventsSource",
    "Features",
    "Model",
    "Question",
    "Rules",
    "ScorerName",
    "Section",
    "Serve",
    "Snapshots",
    "Source",
    "Sources",
    "StatesSource",
    "Tracking",
]

Days = Annotated[int, Field(ge=0, le=36_500)]
Few = Annotated[int, Field(ge=1)]
Kind = Literal["renewal", "horizon", "inactivity"]


class Section(BaseModel):
    """Part of the file: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class Company(Section):
    """Whose data this is; ``rates`` say what one of each currency is worth.

    Of all recurring value less than ``at_risk_goal`` should be expected to be lost.
    """

    name: str = "Company"
    at_risk_goal: Annotated[float, Field(gt=0, le=1)] = 0.05
    rates: Mapping[str, Annotated[float, Field(gt=0, lt=1e9)]] = Field(
        default_factory=dict
    )


class CategoryColumn(Section):
    """A category that is read from a column instead of being constant."""

    column: str


class Source(Section):
    """One table: a ``path`` or a ``sql`` text, and how its columns map to ours."""

    path: str | None = None
    sql: str | None = None
    columns: Mapping[str, str] = Field(default_factory=dict)
    where: str | None = None
    formats: Mapping[str, str] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    skip: Annotated[int, Field(ge=0, le=1000)] = 0
    sheet: str | None = None
    timezone: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.sql is None):
            raise ValueError("give either `path` or `sql`, not both and not neither")
        if self.path is None and (self.encoding or self.skip or self.sheet):
            raise ValueError("`encoding`, `skip` and `sheet` say how to read a `path`")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError as error:
                raise ValueError(
                    "there is no such encoding; usual are 'windows-1252' and 'utf-16'"
                ) from error
        return value


class AccountsSource(Source):
    """One row per account; ``attributes`` names the further columns to use."""

    attributes: tuple[str, ...] = ()


class ContractsSource(Source):
    """One row per contract term, or open-ended ones that renew every so many months."""

    renews_months: Annotated[int, Field(ge=1, le=120)] | None = None


class EventsSource(Source):
    """Things that happened. ``planned`` rows may lie ahead and still be known."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    category: Category | CategoryColumn = "usage"
    planned: bool = False


class StatesSource(Source):
    """Values that hold until they change; ``levels`` are what words stand for.

    ``higher`` says whether more is better, where that is known; ``seats`` names the
    state that says how many seats an account has.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    category: Category | CategoryColumn = "experience"
    higher: Literal["better", "worse"] | None = None
    seats: str | None = None
    levels: Mapping[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict
    )

    @field_validator("levels")
    @classmethod
    def _told_apart(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        words = [word.strip().lower() for word in value]
        if "" in words or len(set(words)) < len(words):
            raise ValueError("words are compared without case, and each stands once")
        return dict(zip(words, value.values(), strict=True))


class Sources(Section):
    """Where the business's tables are."""

    root: str = "."
    known_at_lag_days: Days = 0
    store: str | None = None
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
        of_seats = [s.name for s in self.states if s.seats is not None]
        if len(of_seats) > 1:
            raise ValueError(f"`seats` stands on one source of states: {of_seats}")
        return self


class Question(Section):
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


class Snapshots(Section):
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
        if self.anchor == "calendar" and (self.first_day or self.last_day_before_end):
            raise ValueError(
                "`first_day` and `last_day_before_end` count from an account's own"
                " dates: they need `anchor`"
            )
        if self.from_ and self.until and self.from_ > self.until:
            raise ValueError("`from` lies after `until`, so nobody is looked at")
        return self


class OwnFeature(Section):
    """A feature that is asked for beside the defaults."""

    source: str
    kind: str
    item: str | None = None
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    category: Category | None = None
    label: str | None = None
    direction: Literal[-1, 0, 1] | None = None
    actionable: bool | None = None


class Features(Section):
    """Which features."""

    windows_days: tuple[Annotated[int, Field(ge=1, le=3650)], ...] = (7, 28, 90)
    top_events: Annotated[int, Field(ge=0, le=200)] = 12
    most: Annotated[int, Field(ge=1, le=2000)] = 200
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    own: tuple[OwnFeature, ...] = ()

    @field_validator("windows_days")
    @classmethod
    def _sorted(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("give at least one window")
        return tuple(sorted(set(value)))


class Rules(Section):
    """The scorecard; made from the training data when none is given."""

    card: str | None = None


ScorerName = Literal[
    "constant",
    "recency",
    "calendar",
    "rules",
    "hazard",
    "lifetime",
    "logistic",
    "gbm",
    "blend",
]


class Model(Section):
    """The seed, the rungs of the ladder that may be used, and their settings.

    Without a ``penalty`` (of logistic) or ``leaves`` (of a gbm tree) they are chosen
    from the training rows. ``monotone`` says when trees keep to the direction that is
    expected of a feature: never, with few outcomes or always. Of more than ``max_rows``
    training rows whole accounts are drawn by the seed.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7
    max_rows: Annotated[int, Field(ge=1_000)] = 500_000
    ladder: tuple[ScorerName, ...] = get_args(ScorerName)
    penalty: Annotated[float, Field(gt=0, le=1e6)] | None = None
    leaves: Annotated[int, Field(ge=2, le=31)] | None = None
    learning_rate: Annotated[float, Field(ge=0.001, le=0.5)] = 0.04
    l2: Annotated[float, Field(ge=0, le=1e4)] = 20.0
    monotone: Literal["never", "few", "always"] = "never"


class Calibration(Section):
    """How margins become probabilities, and whether their level follows the newest."""

    method: Literal["affine", "temperature", "isotonic"] = "affine"
    base_rate: Literal["watched", "corrected"] = "watched"

    @property
    def corrects(self) -> bool:
        """Say whether the level is moved."""
        return self.base_rate == "corrected"


class Backtest(Section):
    """How the past is replayed."""

    test_from: date | None = None
    origins: Literal["one", "each"] = "one"
    disjoint_groups: bool = False


class Bands(Section):
    """How probability becomes colour; numbers stand as yellow, orange, red."""

    policy: Literal["base-odds", "fixed", "capacity", "cost"] = "base-odds"
    cuts: tuple[float, float, float] | None = None
    capacity: tuple[Few, Few, Few] | None = None
    costs: Mapping[str, float] | None = None
    hysteresis: Annotated[float, Field(ge=0, le=2)] = 0.0

    @model_validator(mode="after")
    def _key_of_its_policy(self) -> Self:
        own = {"fixed": "cuts", "capacity": "capacity", "cost": "costs"}
        if self.policy in own and getattr(self, own[self.policy]) is None:
            raise ValueError(f"policy {self.policy!r} needs `{own[self.policy]}`")
        read = {own.get(self.policy, "cuts"), "policy", "hysteresis"}
        idle = [key for key in own.values() if getattr(self, key) is not None]
        if idle := [key for key in idle if key not in read]:
            raise ValueError(f"policy {self.policy!r} does not read `{idle[0]}`")
        if self.cuts is not None:
            most = 1.0 if self.policy == "fixed" else math.inf
            if not 0.0 < self.cuts[0] < self.cuts[1] < self.cuts[2] < most:
                kind = "shares, 0.05 for 5 %," if most == 1.0 else "multiples"
                raise ValueError(f"`cuts` are {kind} that rise from yellow to red")
        if self.costs is not None:
            _refuse_costs(self.costs)
        return self


def _refuse_costs(costs: Mapping[str, float]) -> None:
    if set(costs) != {"loss", "saved", "yellow", "orange", "red"}:
        raise ValueError("`costs` are loss, saved, yellow, orange and red; all of them")
    if not 0.0 < costs["saved"] <= 1.0:
        raise ValueError("`saved` of `costs` is a share: 0.2 for 20 %")
    if not 0.0 < costs["yellow"] < costs["orange"] < costs["red"] < math.inf:
        raise ValueError("the prices of `costs` rise from yellow to red, above 0")
    worth = costs["loss"] * costs["saved"]
    if not costs["red"] < worth:
        raise ValueError(
            f"`costs` of red stay below loss x saved = {worth:g}, or it never pays"
        )


class Check(Section):
    """Findings the owner has read and accepts."""

    allow: tuple[str, ...] = ()


class Serve(Section):
    """The service."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 3000
    keys_file: str | None = None
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = 8
    max_accounts: Annotated[int, Field(ge=1, le=10_000)] = 500
    deadline_ms: Annotated[int, Field(ge=10, le=600_000)] = 10_000
    max_waiting: Annotated[int, Field(ge=1, le=10_000)] = 64
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    log: Literal["text", "json"] = "text"
    path_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""


class Tracking(Section):
    """MLflow: its store and experiment. An empty ``uri`` means none."""

    uri: str = "sqlite:///mlflow.db"
    experiment: str = "churnhealth"
