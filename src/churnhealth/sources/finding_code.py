"""How bad a finding is, why it matters and how to mend it: what all of a kind share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Code", "Severity", "code"]

Severity = Literal["error", "warning", "advice"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What is the same for every finding of a kind."""

    title: str
    severity: Severity
    stops: bool
    why: str
    fix: str


def code(severity: Severity, stops: bool, title: str, why: str, fix: str) -> Code:  # noqa: FBT001
    """Make a code, as a line of a list."""
    return Code(title=title, severity=severity, stops=stops, why=why, fix=fix)
