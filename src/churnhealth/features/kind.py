"""What a kind of feature says about itself: its unit, its words, its direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from churnhealth.categories import CATEGORIES

__all__ = ["USE", "Family", "Kind"]

Family = Literal["events", "planned", "states", "contracts", "accounts"]


USE = ("usage", "value")
"""The categories in which more use is sure to mean less risk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a kind is computed in one sentence, and how it is said.

    ``unit``: times, days, weeks, months, people, kinds, items, terms, money, number,
    share (0 to 1 and above), trend (-1 to 1), yes (0 or 1). ``direction`` holds only in
    the categories ``sure_in``. ``moves``: a sentence may say that it rose or fell.
    ``subject`` has places for ``{what}`` (urgent tickets), ``{one}`` (urgent ticket)
    and ``{of}`` (as ``{what}``, but the source alone where all its events are meant).
    """

    family: Family
    means: str
    subject: str
    unit: str
    windowed: bool = False
    direction: int = 0
    sure_in: tuple[str, ...] = CATEGORIES
    actionable: bool = True
    when: str = "last"
    during: str = "in the last"
    moves: bool = True
