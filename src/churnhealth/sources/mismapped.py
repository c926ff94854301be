"""Columns that hold something else than they are mapped to: ids where people are meant.

Worked example: `user_id` is mapped to the id of the event. Every row then has a person
of its own, so "active users" counts rows, and each top user falls silent the next day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from churnhealth.said import many
from churnhealth.sources.contract import FAR, Floats, Ints, Texts
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.packed import Words
from churnhealth.sources.tables import Part
from churnhealth.sources.written import folded

__all__ = ["mismapped"]

_ROWS = 50  # from which on it is no chance
_NEARLY_ALL = 0.99
_OFTEN = 10  # rows an account: invitations and surveys have each person once, and few
_NAMES = 100
_MANY_ROWS = 200
_DENSE = 5  # times as many numbers as rows, from the least to the largest
_OWN = 100  # accounts of which each has its own number
_COSTS = 0.5  # correlation of ranks
_EVENLY = 0.25  # of the way from the least to the largest: the median of ids
_ACCOUNTS = 10
_DAYS = 20
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?:\D.*)?")
_OF_ONE = re.compile(
    r"(?:^|[^a-z])(?:unit[ _]?(?:amount|price|cost)|"
    r"per[ _]?(?:seat|user|unit|licen[cs]e)|einzelpreis|stückpreis|"
    r"preis[ _]?pro[ _](?:lizenz|nutzer|platz))"
)
_OF_ALL = re.compile(r"(?:^|[^a-z])(?:total|sum|gesamt\w*|summe)(?:$|[^a-z])")
_LOOKED_AT = 1 << 22
_MONTH = 30.44
_LONGEST = 120.0  # months
_OTHERWISE = 6.0  # times the months between start and end: days are 30, years a 12th
_SHORT = 12.5  # months that are billed of a term that was agreed for longer
_AGREED = (6.0, 12.0, 24.0, 36.0, 48.0, 60.0)


def mismapped(part: Part, ids: Texts) -> Iterator[Finding]:
    """Tell columns by their values; ``ids`` are the accounts of the placed part."""
    if part.opened.table == "contracts":
        yield from _told(part, "CH272", "seats", _no_seats(part))
        yield from _told(part, "CH272", "term_months", _no_term(part))
        yield from _told(part, "CH272", "value", _price_of_one(part))
    elif part.words is not None and part.words.size:
        yield from _told(part, "CH270", "user_id", _no_people(part, part.words, ids))
        yield from _told(part, "CH271", "event", _no_names(part, part.words.size))
        for ours in ("count", "amount", "users"):
            yield from _told(part, "CH272", ours, _ids_of_rows(part.words, ours))
    elif "state" in part.columns:
        names = _no_names(part, part.columns["state"].size)
        yield from _told(part, "CH271", "state", names)
        yield from _told(part, "CH272", "value", _of_versions(part))


def _told(part: Part, code: str, ours: str, words: Iterator[str]) -> Iterator[Finding]:
    if ours not in part.opened.columns or (how := next(words, None)) is None:
        return
    theirs, rows = part.opened.columns[ours], part.counts["rows"]
    what = f"{part.opened.title}: {theirs!r} (our `{ours}`) {how}"
    yield finding(code, what, count=rows, example=part.opened.name)


def _no_people(part: Part, words: Words, ids: Texts) -> Iterator[str]:
    people = part.people
    if people is None or not words.has("user") or words.size < _ROWS:
        return
    if people.size == 1 and part.ids.size > 2 and not part.counts.get("no_user"):
        yield f"is one and the same in all rows of {part.ids.size:,} accounts"
    if _are_accounts(words, people, ids):
        yield "is the account in nearly every row"
    if people.size >= _NEARLY_ALL * words.size >= _OFTEN * part.ids.size:
        yield f"is another in nearly every one of {words.size:,} rows, as an id of rows"


def _are_accounts(words: Words, people: Texts, ids: Texts) -> bool:
    place = {name: i for i, name in enumerate(ids.tolist())}
    account_of = np.array([place.get(name, -1) for name in people.tolist()])
    if people.size < 2 or (account_of < 0).mean() > 1 - _NEARLY_ALL / 2:
        return False
    looked = words.rows(slice(0, _LOOKED_AT))
    user, account = looked.column("user"), looked.column("account")
    same = account_of[user[user >= 0]] == account[user >= 0]
    return bool(same.size and same.mean() >= _NEARLY_ALL)


def _no_names(part: Part, rows: int) -> Iterator[str]:
    names = part.vocabulary
    if len(names) >= _DAYS and all(map(_DAY.fullmatch, names)):
        yield f"holds days or times, {len(names):,} different ones"
    if len(names) < _NAMES or not rows:
        return
    if len(names) > rows / 2:
        yield f"has {len(names):,} different names in {many(rows, 'row')}"
    code, account = _named(part)
    if np.unique(account).size >= _ACCOUNTS and _one_each(code, account):
        yield f"has {len(names):,} names, nearly each of them of one account alone"


def _named(part: Part) -> tuple[Ints, Ints]:
    if part.words is None:
        return part.columns["state"], part.columns["account"]
    looked = part.words.rows(slice(0, _LOOKED_AT))
    return looked.column("event"), looked.column("account")


def _one_each(number: Ints | Floats, account: Ints) -> bool:
    """Say whether no two accounts share a number, but for one in a hundred."""
    different, code = np.unique(number, return_inverse=True)
    pairs = np.unique(code * (account.max() + 1) + account)
    return bool(different.size >= _NEARLY_ALL * pairs.size)


def _ids_of_rows(words: Words, ours: str) -> Iterator[str]:
    """See whether each row has a number of its own, and all lie close together."""
    field = next((f for f in words.fields if f.name == ours), None)
    if field is None or field.decimals or words.size < _MANY_ROWS:
        return
    if _NEARLY_ALL * words.size <= field.high - field.low + 1 <= _DENSE * words.size:
        looked = words.rows(slice(0, _LOOKED_AT)).column(ours)
        if np.unique(looked).size >= _NEARLY_ALL * looked.size:
            yield "is another number in nearly every row, as an id of rows is"


def _of_versions(part: Part) -> Iterator[str]:
    if text := part.examples["version"]:
        yield f"holds {text} beside {text[:-2]}9, as versions do: it is read as less"


def _price_of_one(part: Part) -> Iterator[str]:
    words = folded(re.sub(r"([a-z])([A-Z])", r"\1_\2", part.opened.columns["value"]))
    one = _OF_ONE.search(words) and not _OF_ALL.search(words)
    if one and "seats" in part.opened.columns:
        yield "is named as the price of one seat; `value` is that of all of them"


def _no_seats(part: Part) -> Iterator[str]:
    seats, value = part.columns["seats"], part.columns["value"]
    told = seats > 0
    if told.sum() < _ROWS:
        return
    odd = int((seats[told] % 1 != 0).sum())
    if odd > told.sum() / 2:
        yield f"is no whole number in {odd:,} of {many(int(told.sum()), 'row')}"
    priced = told & (value > 0)
    same = seats[priced] == value[priced]
    if same.size >= _ROWS and same.mean() >= _NEARLY_ALL and np.ptp(seats[priced]):
        yield "is the same number as `value`"
    yield from _ids_of_accounts(part, seats)


def _ids_of_accounts(part: Part, number: Floats) -> Iterator[str]:
    told = np.isfinite(number)
    account = part.columns["account"][told]
    if np.unique(account).size < _OWN or not _one_each(number[told], account):
        return
    if _spread_evenly(number[told]) and not _priced(part, number):
        yield "is another number for every account, as an id is"


def _spread_evenly(number: Floats) -> bool:
    """Say whether numbers are spread as ids are: of companies most are small."""
    least, half, most = np.quantile(number, (0.0, 0.5, 1.0))
    return bool(_EVENLY * (most - least) < min(half - least, most - half))


def _priced(part: Part, number: Floats) -> bool:
    """Say whether larger numbers cost more, as heads do and ids do not."""
    paid = (part.columns["value"] > 0) & (number > 0)
    both = np.argsort(np.argsort([part.columns["value"][paid], number[paid]]))
    return paid.sum() > 1 and bool(np.asarray(np.corrcoef(both))[0, 1] > _COSTS)


def _no_term(part: Part) -> Iterator[str]:
    c = part.columns
    term, end = c["term_months"], c["end"]
    told = term > 0
    if told.sum() < _ROWS:
        return
    yield from _ids_of_accounts(part, term)
    ended = told & (end < FAR) & (end > c["start"])
    months = (end[ended] - c["start"][ended]) / _MONTH
    times = term[ended] / months
    odd = (times > _OTHERWISE) | (times < 1 / _OTHERWISE)
    odd &= (months > _SHORT) | ~np.isin(term[ended], _AGREED)
    if ended.sum() >= _ROWS and odd.mean() > 0.5:
        yield (
            f"is far from the months between start and end in {int(odd.sum()):,} of"
            f" {many(int(ended.sum()), 'row')}: {np.median(times[odd]):.2g} times as"
            " many"
        )
    if (long := int((term > _LONGEST).sum())) > told.sum() / 2:
        yield f"is above {_LONGEST:g} in {long:,} of {many(int(told.sum()), 'row')}"
