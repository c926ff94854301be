"""What the events of a source are called: many of them, and one.

A source named in the plural (``tickets``) names its events; any other (``product``) is
where they happen. An item may be no noun at all (``urgent``): it stands before the
source's, unless it names its events itself (``phone call``, ``logins``).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Nouns", "nouns_of"]

_NO_PLURALS = ("ss", "us", "is", "ics", "news", "series", "sms")
_SIBILANTS = ("ches", "shes", "sses", "xes")


class Nouns(NamedTuple):
    """How many events are called, and how one is."""

    many: str
    one: str


def nouns_of(source: str, item: str | None = None) -> Nouns:
    """Name the events of a source, or those of one of its items, in plain words.

    >>> nouns_of("tickets", "urgent")
    Nouns(many='urgent tickets', one='urgent ticket')
    >>> nouns_of("calls", "phone call")
    Nouns(many='phone calls', one='phone call')
    >>> nouns_of("product"), nouns_of("product", "export")
    (Nouns(many='product events', one='product event'), Nouns(many='export', one='export'))
    """  # noqa: E501 - a value stands on one line
    many = source if _is_plural(source) else f"{source} events"
    one = _singular(many)
    if item is None:
        return Nouns(many, one)
    before, _, last = item.rpartition(" ")
    noun, nouns = one.rpartition(" ")[2], many.rpartition(" ")[2]
    if last.lower() == noun.lower() and _is_plural(source):
        return Nouns(f"{before} {nouns}".strip(), item)
    if last.lower() == nouns.lower():
        return Nouns(item, f"{before} {noun}".strip())
    if _is_plural(last):
        return Nouns(item, f"{item} {noun}")
    own = not _is_plural(source) or {noun, nouns} & set(item.lower().split())
    return Nouns(item, item) if own else Nouns(f"{item} {many}", f"{item} {one}")


def _is_plural(words: str) -> bool:
    last = words.lower().rpartition(" ")[2]
    return len(last) > 2 and last.endswith("s") and not last.endswith(_NO_PLURALS)


def _singular(words: str) -> str:
    """Take the plural off the last word.

    >>> [_singular(w) for w in ("tickets", "activities", "searches", "purchases")]
    ['ticket', 'activity', 'search', 'purchase']
    """
    if words.endswith("ies"):
        return words.removesuffix("ies") + "y"
    return words.removesuffix("es" if words.endswith(_SIBILANTS) else "s")
