"""A year's price where a month's is meant, by the name of its column or its numbers.

Worked example: a customer paid 1,200 for twelve months and 2,400 for the next 24, or
monthly contracts cost 10 and yearly ones 120. A month's price does not grow so. Where
seats are given it is that of a seat: large customers sign for longer than small ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from churnhealth.sources.contract import FAR, Floats
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.tables import Part
from churnhealth.sources.written import folded

__all__ = ["years_price"]

_YEAR = re.compile(
    r"(?:^|[^a-z])(?:arr|acv|tcv|annual(?:i[sz]ed)?|yearly|per[ _]?year|per[ _]?annum|"
    r"jahres\w*|jährlich\w*|annuel\w*|anual\w*|annuo|årlig\w*)(?:$|[^a-z])"
)
_DEALS = ("stagename", "dealstage", "deal stage")  # of Salesforce, of HubSpot

_MONTH = 30.44
_SAME = 10  # customers whose terms differ in length, from which on it is no chance
_MANY = 20  # rows of one length of term
_MOSTLY = 0.9  # of the rows say their seats
_FAR_APART = 6.0  # customers of monthly and of yearly terms, not of one year and of two
_AS_THE_TERM = (0.85, 1.15)  # the slope of log price in log months


def years_price(part: Part) -> Finding | None:
    """See whether `value` of the contracts is the price of a year or a whole term."""
    if part.opened.table != "contracts":
        return None
    theirs, kinds = part.opened.columns.get("value", ""), part.opened.kinds
    words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", theirs))
    if _YEAR.search(words):
        how = "is named as a year's or a whole term's"
    elif folded(theirs) == "amount" and any(folded(k) in _DEALS for k in kinds):
        how = "is that of a whole deal, in a table of deals"
    elif how := next(_growing(part), ""):
        how = f"seems to be that of a whole term: {how}"
    else:
        return None
    what = f"{part.opened.title}: {theirs!r} (our `value`, money per month) {how}"
    rows = part.counts["rows"]
    return finding("CH278", what, count=rows, example=part.opened.name)


def _growing(part: Part) -> Iterator[str]:
    """Say in words where `value` is as many times larger as the term is longer."""
    c = part.columns
    days = (c["end"] - c["start"]).astype(np.float64)
    days[c["end"] >= FAR] = np.nan
    months = np.where(np.isnan(c["term_months"]), days / _MONTH, c["term_months"])
    told = (c["seats"] > 0).sum() > _MOSTLY * days.size
    seats = c["seats"] if told else np.ones(days.size)
    good = (months > 0.5) & (c["value"] > 0) & (seats > 0)
    account, start, end = (c[n][good] for n in ("account", "start", "end"))
    term, price = np.round(months[good]), np.log(c["value"][good] / seats[good])
    follows = (account[1:] == account[:-1]) & (start[1:] >= end[:-1] - _MONTH)
    pairs = np.flatnonzero(follows & (term[1:] != term[:-1]))
    if pairs.size >= _SAME:
        longer = np.log(term[pairs + 1] / term[pairs])
        if _like_the_term((price[pairs + 1] - price[pairs]) / longer):
            yield f"it grew with the term when that was longer, {pairs.size} times"
    length, size = np.unique(term, return_counts=True)
    length = length[size >= _MANY]
    if length.size > 1 and length[-1] >= _FAR_APART * length[0]:
        low, high = (float(np.median(price[term == m])) for m in length[[0, -1]])
        slope = (high - low) / np.log(length[-1] / length[0])
        if _like_the_term(np.array([slope])):
            times = np.exp(high - low)
            yield (
                f"terms of {length[-1]:g} months cost {times:.1f} times those of"
                f" {length[0]:g}{', for each seat' if told else ''}"
            )


def _like_the_term(slopes: Floats) -> bool:
    return bool(_AS_THE_TERM[0] <= np.median(slopes) <= _AS_THE_TERM[1])
