"""A year's price where a month's is meant, by the name of its column."""

from __future__ import annotations

import re

from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part
from churnhealth.sources.written import folded

__all__ = ["years_price"]

_YEAR = re.compile(
    r"(?:^|[^a-z])(?:arr|acv|tcv|annual(?:i[sz]ed)?|yearly|per[ _]?year|per[ _]?annum|"
    r"jahres\w*|jährlich\w*|annuel\w*|anual\w*|annuo|årlig\w*)(?:$|[^a-z])"
)


def years_price(part: Part) -> Finding | None:
    """See whether `value` of the contracts is mapped to a column named as a year's."""
    theirs = part.opened.columns.get("value", "")
    words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", theirs))
    if part.opened.table != "contracts" or not _YEAR.search(words):
        return None
    what = (
        f"{part.opened.title}: {theirs!r} (our `value`, money per month) is named as a"
        " year's or a whole term's"
    )
    rows = part.counts["rows"]
    return finding("CH278", what, count=rows, example=part.opened.name)
