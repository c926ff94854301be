"""What the pages' plain dict looks like, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

__all__ = [
    "Account",
    "BandLine",
    "Driver",
    "Model",
    "Movement",
    "Points",
    "Promise",
    "Summary",
]


class Driver(TypedDict):
    """One reason: a feature, its value beside two yardsticks, and its effect."""

    feature: str | None
    label: str
    category: str | None
    value: float | None
    own_past: float | None
    peers_median: float | None
    effect_log_odds: float | None
    effect_points: float
    sentence: str | None


class Points(TypedDict):
    """Percentage points: start + raising + lowering + other = end."""

    start: float
    raising: float
    lowering: float
    other: float
    end: float


class Account(TypedDict):
    """One account on one date; what is unknown is ``None``."""

    account_id: str
    name: str
    owner: str | None
    segment: str | None
    value: float | None
    as_of: str
    scored_at: str | None
    status: str
    outcome: str
    band: str | None
    word: str | None
    churn_probability: float | None
    about: str | None
    between: str | None
    health_score: float | None
    previous_band: str | None
    move: str | None
    renewal_date: str | None
    days_to_renewal: int | None
    expected_loss: float | None
    categories: Mapping[str, str | None]
    rules: Mapping[str, Any]
    agreement: str | None
    coverage: float | None
    warnings: list[str]
    top_driver: str | None
    main_reason: str | None
    raising: list[Driver]
    lowering: list[Driver]
    points: Points | None
    category_points: Mapping[str, float]
    model_version: str | None
    bands_version: str | None


class Promise(TypedDict):
    """The churn rate a colour states, and what later time showed."""

    low: float | None
    high: float | None
    n: int
    predicted: float | None
    observed: float | None
    interval: list[float] | None
    kept: bool | None


class BandLine(TypedDict):
    """One colour of the portfolio."""

    band: str
    word: str
    accounts: int
    share: float
    value: float | None
    expected_loss: float | None
    promise: Promise | None


class Movement(TypedDict):
    """Where accounts were before: ``table[before][now]``, green to red."""

    known: int
    worse: int
    better: int
    table: list[list[int]]


class Model(TypedDict):
    """Which model spoke, and whether it may be believed."""

    version: str | None
    bands_version: str | None
    scorer: str | None
    skill: bool | None
    reasons: list[str]
    base_probability: float | None
    metrics: dict[str, Any]
    trained_on: dict[str, Any]


class Summary(TypedDict):
    """The portfolio and its accounts."""

    schema_version: int
    company: str
    as_of: str | None
    scored_at: str | None
    question: dict[str, Any]
    outcome: str
    model: Model
    totals: dict[str, Any]
    bands: list[BandLine]
    statuses: list[dict[str, Any]]
    movement: Movement | None
    agreement: list[dict[str, Any]]
    renewals: list[dict[str, Any]]
    owners: list[dict[str, Any]]
    accounts: list[Account]
