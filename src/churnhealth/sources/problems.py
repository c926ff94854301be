"""What keeps a source from being read, collected so that all is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from churnhealth.errors import SourceError

__all__ = ["Problem", "raise_all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that keeps a source from being read."""

    code: str
    what: str
    fix: str


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise every problem as one error; do nothing when there is none.

    >>> raise_all([Problem(code="CH103", what="[sources.accounts]: no rows",
    ...                    fix="give a file with rows")])
    Traceback (most recent call last):
    ...
    churnhealth.errors.SourceError: [CH103] [sources.accounts]: no rows
      Why it matters: nothing can be learned from a source that is not read right
      Fix: give a file with rows
    """
    if not problems:
        return
    what = problems[0].what
    if len(problems) > 1:
        lines = "".join(f"\n    {p.code} {p.what}" for p in problems)
        what = f"the sources have {len(problems)} problems:{lines}"
    raise SourceError(
        problems[0].code,
        what,
        why="nothing can be learned from a source that is not read right",
        fix="; ".join(dict.fromkeys(p.fix for p in problems)),
    )
