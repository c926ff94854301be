"""The scorecard: stages, measures, weights and red flags, read from TOML.

docs/rules.md describes the file. A card is checked whole before it scores anything.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churnhealth.categories import Category
from churnhealth.errors import TrainingError
from churnhealth.said import nearest
from churnhealth.scorers.conditions import Condition, parse_condition, plain
from churnhealth.sources.contract import Floats

__all__ = ["Card", "Flag", "Measure", "Stage", "parse_card", "read_card"]

Mode = Literal["points", "worst"]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class Measure(_Part):
    """One line of the card: 100 points when green, 0 when red, 50 between.

    Either ``feature`` with ``green`` and ``red`` thresholds (which is larger says the
    direction; ``graded`` joins them by a line), or ``feature`` with ``points`` as
    [value, points] pairs joined by lines, or ``green_when`` and ``red_when``.
    """

    label: str
    category: Category
    weight: Weight = 1.0
    feature: str | None = None
    green: Finite | None = None
    red: Finite | None = None
    graded: bool = False
    points: tuple[tuple[Finite, Points], ...] = ()
    green_when: str | None = None
    red_when: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Measure:
        thresholds = self.green is not None and self.red is not None
        half = (self.green is None) != (self.red is None)
        spoken = self.green_when is not None or self.red_when is not None
        if half or [thresholds, bool(self.points), spoken].count(True) != 1:
            raise ValueError(
                "give `green` and `red`, or `points`, or `green_when` / `red_when`"
            )
        if (self.feature is None) != spoken:
            raise ValueError(
                "`feature` belongs to thresholds and points, and only there"
            )
        if thresholds and self.green == self.red:
            raise ValueError("`green` and `red` must differ")
        values = [value for value, _ in self.points]
        if len(values) == 1 or values != sorted(set(values)):
            raise ValueError("`points` needs two or more pairs with rising values")
        _ = self.conditions
        return self

    @cached_property
    def conditions(self) -> tuple[Condition | None, Condition | None]:
        """The parsed (green, red) conditions."""
        return _parsed(self.green_when), _parsed(self.red_when)

    @property
    def features(self) -> tuple[str, ...]:
        """The features this line reads, each once."""
        if self.feature is not None:
            return (self.feature,)
        named = [f for c in self.conditions if c is not None for f in c.features]
        return tuple(dict.fromkeys(named))

    def scored(self, columns: Mapping[str, Floats], rows: int) -> Floats:
        """Give 0 to 100 points per row; NaN where nothing it reads was measured."""
        if self.feature is not None:
            return self._by_value(columns[self.feature])
        green, red = (
            np.zeros(rows, np.bool_) if c is None else c.holds(columns, rows)
            for c in self.conditions
        )
        earned = np.where(red, 0.0, np.where(green, 100.0, 50.0))
        absent = np.all([np.isnan(columns[f]) for f in self.features], axis=0)
        silent = absent & ~green & ~red  # `missing(x)` may hold, and then it counts
        return np.where(silent, np.nan, earned)

    def _by_value(self, x: Floats) -> Floats:
        if self.points:
            values, points = zip(*self.points, strict=True)
            return np.asarray(np.interp(x, values, points), np.float64)
        green, red = float(self.green or 0.0), float(self.red or 0.0)
        if self.graded:
            low, high = sorted((green, red))
            ends = (0.0, 100.0) if green > red else (100.0, 0.0)
            return np.asarray(np.interp(x, (low, high), ends), np.float64)
        sign = 1.0 if green > red else -1.0
        is_green, is_red = sign * (x - green) >= 0, sign * (x - red) <= 0
        earned = np.where(is_green, 100.0, np.where(is_red, 0.0, 50.0))
        return np.where(np.isnan(x), np.nan, earned)


class Flag(_Part):
    """A red flag: while ``when`` holds, no more than ``ceiling`` points."""

    label: str
    when: str
    ceiling: Points = 25.0

    @model_validator(mode="after")
    def _readable(self) -> Flag:
        _ = self.condition
        return self

    @cached_property
    def condition(self) -> Condition:
        """The parsed condition."""
        return parse_condition(self.when)


class Stage(_Part):
    """Lines for accounts in one stage of life or segment; no ``when`` = all others."""

    name: str
    when: str | None = None
    mode: Mode | None = None
    categories: Mapping[Category, Weight] | None = None
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    flags: tuple[Flag, ...] = ()

    @model_validator(mode="after")
    def _readable(self) -> Stage:
        _ = self.condition
        return self

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed condition; ``None`` takes everyone."""
        return _parsed(self.when)


class Card(_Part):
    """The whole scorecard; the first stage whose condition holds scores an account.

    ``mode`` says what the lines make together: their weighed ``points``, or the points
    of the ``worst`` one. ``words`` holds a noun per feature, or a phrase per comparison
    just as it stands in a condition.
    """

    name: str = "Scorecard"
    mode: Mode = "points"
    words: Mapping[str, str] = Field(default_factory=dict)
    categories: Mapping[Category, Weight]
    least_measured: Annotated[float, Field(ge=0, le=1)] = 0.5
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    learned: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Card:
        if self.stages[-1].when is not None:
            raise ValueError("the last stage must have no `when`: it takes the others")
        if any(stage.when is None for stage in self.stages[:-1]):
            raise ValueError("a stage without `when` hides those below: put it last")
        for stage in self.stages:
            worth = self.worth(stage)
            without = sorted({m.category for m in stage.measures} - set(worth))
            if without:
                raise ValueError(
                    f"stage {stage.name!r} has measures of {without} without a weight"
                )
        said = {plain(text) for c in self.conditions for text in c.comparisons}
        idle = [
            w for w in self.words if w not in self.features and plain(w) not in said
        ]
        if idle:
            raise ValueError(
                f"`words` speaks of {idle}, which is no feature and no comparison of"
                " this card"
            )
        return self

    def worth(self, stage: Stage) -> Mapping[Category, float]:
        """Give the category weights of a stage."""
        return self.categories if stage.categories is None else stage.categories

    def mode_of(self, stage: Stage) -> Mode:
        """Say how the lines of a stage are put together."""
        return self.mode if stage.mode is None else stage.mode

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition of the card, in the order it is read."""
        found: list[Condition | None] = []
        for stage in self.stages:
            found.append(stage.condition)
            found += [c for m in stage.measures for c in m.conditions]
            found += [flag.condition for flag in stage.flags]
        return tuple(c for c in found if c is not None)

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature the card reads, each once."""
        named: list[str] = []
        for stage in self.stages:
            named += stage.condition.features if stage.condition else ()
            named += [f for m in stage.measures for f in m.features]
            named += [f for flag in stage.flags for f in flag.condition.features]
        return tuple(dict.fromkeys(named))

    def check(self, feature_names: Sequence[str]) -> None:
        """Refuse (CH332) features that do not exist, naming the nearest of each."""
        unknown = [f for f in self.features if f not in set(feature_names)]
        if not unknown:
            return
        lines = [f"{f}{nearest(f, feature_names, cutoff=0.0)}" for f in unknown]
        raise TrainingError(
            "CH332",
            f"the scorecard reads {len(unknown)} feature(s) that do not exist:\n    "
            + "\n    ".join(lines),
            why="a line that is never measured would give its weight away in silence",
            fix="correct the names; `churnhealth features` lists what there is",
        )


def read_card(path: Path) -> Card:
    """Read a card file; CH330 when it cannot be read, CH331 when it makes no sense."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        detail = str(error) if isinstance(error, tomllib.TOMLDecodeError) else ""
        if isinstance(error, OSError):
            detail = (error.strerror or "").lower()
        raise TrainingError(
            "CH330",
            f"cannot read the scorecard {path.name}: {detail or type(error).__name__}",
            why="the rule score stands beside every colour",
            fix="correct the file named under [rules] card, or remove that line",
        ) from error
    return parse_card(raw)


def parse_card(raw: Mapping[str, Any]) -> Card:
    """Build a card from plain values, reporting every problem at once (CH331)."""
    try:
        return Card.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    lines = []
    told = [p for p in problems if p["type"] != "too_short"]
    for problem in told or problems:  # what is refused is no longer there: an echo
        where = ".".join(str(part) for part in problem["loc"]) or "the card"
        what = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            what = "there is no such key"
        lines.append(f"{where}: {what}")
    raise TrainingError(
        "CH331",
        f"the scorecard has {len(lines)} problem(s):\n    " + "\n    ".join(lines),
        why="a rule that is misread is worse than none",
        fix="correct the lines above; docs/rules.md shows every form",
    )


def _parsed(text: str | None) -> Condition | None:
    return None if text is None else parse_condition(text)
