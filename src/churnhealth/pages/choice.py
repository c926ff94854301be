"""Which accounts a reader asked for: filters, search, order, a page at a time, CSV."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

from churnhealth.archive.flat import COLUMNS
from churnhealth.archive.plain import Row, harmless

__all__ = ["MOVEMENTS", "ORDERS", "PAGE", "WITHIN", "Choice", "as_csv", "choose_rows"]

PAGE = 50
WITHIN = (30, 90, 180)
MOVEMENTS = ("worse", "better", "same")
ORDERS: Mapping[str, tuple[str, int]] = {
    "urgency": ("urgency", -1),
    "chance": ("churn_probability", -1),
    "value": ("value", -1),
    "loss": ("expected_loss", -1),
    "renewal": ("days_to_renewal", 1),
    "name": ("name", 1),
}
"""What one may sort by: the column, and -1 where the highest comes first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was asked for; its address is a view that can be kept."""

    owner: str = ""
    segment: str = ""
    stage: str = ""
    task: str = ""
    bands: tuple[str, ...] = ()
    movement: str = ""
    within: int = 0
    text: str = ""
    order: str = "urgency"
    page: int = 1

    def but(self, **changed: Any) -> Self:
        """Give the same choice with something changed, from its first page."""
        return replace(self, **{"page": 1, **changed})

    @property
    def query(self) -> str:
        """Write the choice as the query of an address; nothing where all is usual.

        >>> Choice(owner="A & B", bands=("red", "orange"), page=2).query
        '?owner=A+%26+B&band=red&band=orange&page=2'
        >>> Choice().query
        ''
        """
        named = [
            ("owner", self.owner),
            ("segment", self.segment),
            ("stage", self.stage),
            ("task", self.task),
            *(("band", band) for band in self.bands),
            ("movement", self.movement),
            ("within", str(self.within or "")),
            ("q", self.text),
            ("sort", "" if self.order == "urgency" else self.order),
            ("page", "" if self.page == 1 else str(self.page)),
        ]
        given = [(name, value) for name, value in named if value]
        return f"?{urlencode(given)}" if given else ""


def choose_rows(rows: Sequence[Row], choice: Choice) -> list[Row]:
    """Take the rows that were asked for, in the order asked for; unknown comes last.

    ``rows`` stand in order of urgency.

    >>> rows = [{"account_id": i, "name": n, "band": b, "urgency": u}
    ...         for i, n, b, u in (("a3", "Nordic", "green", 9.0),
    ...                            ("a2", None, "red", 3.0),
    ...                            ("a1", "Nord", "red", 1.0))]
    >>> [r["account_id"] for r in choose_rows(rows, Choice(text="nord"))]
    ['a3', 'a1']
    >>> [r["account_id"] for r in choose_rows(rows, Choice(bands=("red",)))]
    ['a2', 'a1']
    """
    sought = _bare(choice.text)
    same = [(k, v) for k in ("owner", "segment", "stage", "movement")
            if (v := getattr(choice, k))]  # fmt: skip

    def wanted(row: Row) -> bool:
        if choice.bands and row["band"] not in choice.bands:
            return False
        if any(row[name] != value for name, value in same):
            return False
        if choice.task and all(t["playbook"] != choice.task for t in row["tasks"]):
            return False
        if choice.within:
            days = row["days_to_renewal"]
            if days is None or not 0 <= days < choice.within:
                return False
        return not sought or any(
            sought in _bare(str(row[name] or "")) for name in ("name", "account_id")
        )

    column, sign = ORDERS[choice.order]

    def place(row: Row) -> tuple[bool, Any, str]:
        value = row[column]
        if value is None:
            return True, 0, row["account_id"]
        key = _bare(value) if isinstance(value, str) else sign * value
        return False, key, row["account_id"]

    found = [row for row in rows if wanted(row)]
    return found if choice.order == "urgency" else sorted(found, key=place)


def _bare(text: str) -> str:
    """Leave out capitals and accents: not every keyboard has those of a name.

    >>> _bare("Süd"), _bare("Åsa"), _bare("Straße")
    ('sud', 'asa', 'strasse')
    """
    if text.isascii():
        return text.casefold()
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parted if not unicodedata.combining(c))


def as_csv(rows: Sequence[Row]) -> str:
    """Write rows as CSV that no spreadsheet runs: the columns of docs/scores.md.

    >>> row = dict.fromkeys(COLUMNS) | {"account_id": "=1+1", "value": -2.0}
    >>> as_csv([row]).splitlines()[1].startswith("'=1+1,")
    True
    """
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(COLUMNS)
    out.writerows([[harmless(row[name]) for name in COLUMNS] for row in rows])
    return text.getvalue()
