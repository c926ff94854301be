"""The categories of health: every feature, source and line of a card has one."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["CATEGORIES", "Category"]

Category = Literal["usage", "value", "experience", "contract"]
CATEGORIES: tuple[str, ...] = get_args(Category)
