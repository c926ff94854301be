"""Which of their columns is read as what: a text, a time, a number."""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.config import (
    AccountsSource,
    CategoryColumn,
    EventsSource,
    StatesSource,
)
from churnhealth.sources.reading import Opened
from churnhealth.sources.written import Family, family_of, folded

__all__ = [
    "BLANK",
    "FAMILIES",
    "KINDS",
    "LABEL",
    "NUMBER",
    "OPEN_TIME",
    "TEXT",
    "TIME",
    "WHOLE",
    "attribute_column",
    "format_of",
    "wanted_columns",
]

TEXT, LABEL, TIME, OPEN_TIME = "text", "label", "time", "open time"
NUMBER, WHOLE, BLANK = "number", "whole", "blank"

KINDS: Mapping[str, str] = {
    "known_at": TIME,
    "happened_at": TIME,
    "start": TIME,
    "end": OPEN_TIME,
    "cancelled_at": OPEN_TIME,
    "notice_at": OPEN_TIME,
    "ended_at": OPEN_TIME,
    "discount": NUMBER,
    "value": NUMBER,
    "seats": NUMBER,
    "term_months": NUMBER,
    "amount": NUMBER,
    "users": NUMBER,
    "count": WHOLE,
}
"""How each of our columns is read; what is not listed is text."""

FAMILIES: Mapping[str, Family] = {
    TIME: "dates",
    OPEN_TIME: "dates",
    LABEL: "dates",
    NUMBER: "numbers",
    WHOLE: "numbers",
    TEXT: "ids",
}
"""Which patterns may say how a kind is written."""


def attribute_column(number: int) -> str:
    """Name the typed column of the n-th attribute."""
    return f"attribute_{number}"


def wanted_columns(opened: Opened) -> dict[str, tuple[str, str]]:
    """Pair the name of each typed column with their column and its kind."""
    wanted = {o: (t, KINDS.get(o, TEXT)) for o, t in opened.columns.items()}
    source = opened.source
    for o in ("segment", "plan"):
        if o in wanted:
            wanted[o] = (wanted[o][0], LABEL)
    theirs = {folded(k): k for k in opened.kinds}
    if isinstance(source, AccountsSource):
        for i, name in enumerate(source.attributes):
            wanted[attribute_column(i)] = (theirs[folded(name)], LABEL)
    if isinstance(source, EventsSource | StatesSource) and isinstance(
        source.category, CategoryColumn
    ):
        wanted["category"] = (theirs[folded(source.category.column)], LABEL)
    for i, name in enumerate(opened.flags):
        wanted[f"flag_{i}"] = (name, LABEL)
    if opened.currency is not None:
        wanted["unmapped_currency"] = (opened.currency, TEXT)
    return wanted


def format_of(opened: Opened, theirs: str, kind: str) -> str | None:
    """Give the pattern that says how a column is written, if it is one for this kind.

    One column may be read as a text and as a time.
    """
    for name, pattern in opened.source.formats.items():
        if folded(name) == folded(theirs):
            return pattern if family_of(pattern) == FAMILIES[kind] else None
    return None
