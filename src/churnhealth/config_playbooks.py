"""What is to be done about which accounts: the owner's playbooks."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from churnhealth.config_sections import Section

__all__ = ["Between", "Playbook", "When"]

Colour = Literal["green", "yellow", "orange", "red", "grey"]
Move = Literal["worse", "same", "better"]


def _rising(between: tuple[float, float]) -> tuple[float, float]:
    low, high = between
    if math.isnan(low) or math.isnan(high) or low >= high:
        raise ValueError("must be [from, below] with from < below; `inf` is no limit")
    return between


def _shares(between: tuple[float, float]) -> tuple[float, float]:
    low, high = between
    if low >= 1.0 or 1.0 < high < math.inf:
        raise ValueError("chances are shares: [0.2, 1] is from 20 % on")
    return between


Between = Annotated[tuple[float, float], AfterValidator(_rising)]
Days = tuple[Annotated[int, Field(ge=0, le=36_500)], ...]


class When(Section):
    """Which scored accounts: all that is given must hold, of each list any."""

    movement: tuple[Move, ...] = ()
    band: tuple[Colour, ...] = ()
    previous_band: tuple[Colour, ...] = ()
    health_usage: tuple[Colour, ...] = ()
    health_value: tuple[Colour, ...] = ()
    health_experience: tuple[Colour, ...] = ()
    health_contract: tuple[Colour, ...] = ()
    stage: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    churn_probability: Annotated[Between, AfterValidator(_shares)] | None = None
    value: Between | None = None
    expected_loss: Between | None = None
    days_to_renewal: Between | None = None
    reached_after_start: Days = ()
    reached_before_renewal: Days = ()

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any(value not in ((), None) for _, value in self):
            raise ValueError("give at least one condition, or everybody is meant")
        return self


class Playbook(Section):
    """What is to be done, about whom, by when, and how often at most.

    >>> book = Playbook(name="call", do="Call the sponsor", when={"band": ["red"]})
    >>> book.within_days, book.cooldown_days, book.capacity
    (7, 30, None)
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    do: Annotated[str, Field(min_length=1, max_length=500)]
    when: When
    within_days: Annotated[int, Field(ge=0, le=365)] = 7
    cooldown_days: Annotated[int, Field(ge=0, le=3650)] = 30
    capacity: Annotated[int, Field(ge=1)] | None = None
