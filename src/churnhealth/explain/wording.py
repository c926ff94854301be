"""What a driver is called in plain words (texts: ``phrases.py``).

Sentences state what was measured, beside the account's own past and its peers. They
never say why: a model knows what goes together, not what brings what about.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from churnhealth.explain.numbers import count, duration, figure
from churnhealth.explain.phrases import (
    ALONE,
    ATTRIBUTE,
    DONE,
    ENDING,
    NINE_IN_TEN,
    NO_ATTRIBUTE,
    NO_DONE,
    NO_ENDING,
    WORDS,
    Level,
    Move,
)
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import (
    FeatureSpec,
    as_words,
    spoken_nouns,
    window_words,
    with_acronyms,
)
from churnhealth.said import change_of, percent, signed_percent

__all__ = [
    "Say",
    "among_few",
    "capital",
    "clause",
    "clean",
    "label_words",
    "number_of",
    "sentence",
    "speaker",
    "uncapital",
]

Say = Callable[[float, float, float, float], str]
"""(value, past, peers, effect) -> sentence; NaN where not known."""


def _trend(value: float) -> str:
    if abs(value) >= 1:
        return "new" if value > 0 else percent(-1)
    change = change_of(value)
    return f"+{percent(change)}" if change > 0 else percent(change)


_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "share": percent,
    "trend": _trend,
    "points": lambda v: count(100 * v, "point"),
    "days": duration,
    "months": lambda v: count(v, "month"),
}
_FACTS = {
    "is": (ATTRIBUTE, NO_ATTRIBUTE),
    "ends_within": (ENDING, NO_ENDING),
    "done_by": (DONE, NO_DONE),
}
_MANY_TIMES = 3.0
_MEDIANS = 64  # of similar accounts: a segment has one


def sentence(
    spec: FeatureSpec, value: float, past: float, peers: float, effect: float
) -> str:
    """Say one driver: the value, the account's own past, similar accounts.

    ``past`` is the same feature one window earlier (at ``as_of - spec.days``),
    ``peers`` the median of similar accounts, ``effect`` in log-odds; NaN = not known.

    >>> from churnhealth.features.spec import feature
    >>> nan = float("nan")
    >>> users = feature("active_users", source="app", days=7)
    >>> sentence(users, 8, 14, 12, 0.61)
    'Active users of app fell from 14 to 8 in the last week; similar accounts have 12.'
    >>> logins = feature("trend", source="product", item="logins", days=28)
    >>> sentence(logins, -0.25, nan, nan, 0.2)
    'Logins fell by 40 % against the 4 weeks before.'
    >>> sentence(feature("latest", source="surveys", item="nps"), nan, 9, 8, 0.1)
    'No record of NPS, associated with higher risk.'
    """
    return speaker(spec)(value, past, peers, effect)


def clause(spec: FeatureSpec, before: float, value: float) -> str:
    """Say in a few words how one feature moved between two dates, for a list.

    >>> from churnhealth.features.spec import feature
    >>> clause(feature("active_users", source="app", days=7), 14.0, 8.0)
    'active users of app, last week, fell from 14 to 8'
    >>> clause(feature("latest", source="surveys", item="nps"), 9.0, float("nan"))
    'no record of NPS'
    >>> clause(feature("oldest_open", source="tickets"), float("nan"), 21.0)
    'the oldest open ticket is 21 days old'
    """
    moves = WORDS.get(spec.kind, Level())
    told = before == before and value == value and before != value
    if KINDS[spec.kind].unit == "yes" or isinstance(moves, Move) or not told:
        said = speaker(spec)(value, math.nan, math.nan, 0.0).rstrip(".")
        return uncapital(said, name=spec.item)
    number = number_of(spec)
    subject = label_words(spec)
    comma = "," if "," in subject else ""
    verb = "rose" if value > before else "fell"
    return f"{subject}{comma} {verb} from {number(before)} to {number(value)}"


@lru_cache(maxsize=4096)
def speaker(spec: FeatureSpec) -> Say:
    """Prepare the words of one feature, so that many accounts are told fast."""
    fixed = _fixed_words(spec)
    if spec.kind in _FACTS:
        return _fact(*_FACTS[spec.kind], fixed)
    words = WORDS.get(spec.kind, Level())
    if isinstance(words, Move):
        return _move(words, fixed, spec)
    return _level(words, fixed, spec)


def among_few(text: str, *, below: bool) -> str:
    """Add to a driver's sentence that few similar accounts are where this one is.

    >>> among_few("Logins stayed at 8; similar accounts have 40.", below=True)
    'Logins stayed at 8; similar accounts have 40, nine in ten of them more.'
    """
    return text.removesuffix(".") + NINE_IN_TEN[below] + "." if ";" in text else text


def label_words(spec: FeatureSpec) -> str:
    """Give a feature's label as it stands inside a sentence."""
    return uncapital(with_acronyms(clean(spec.label)), name=spec.item)


def number_of(spec: FeatureSpec, *, labelled: bool = True) -> Callable[[float], str]:
    """Give the way in which a feature's values are written, beside its label or not.

    >>> from churnhealth.features.spec import feature
    >>> noted = feature("days_since", source="tickets")
    >>> f"{noted.label}: {number_of(noted)(8.0)}"
    'Days since the last ticket: 8'
    >>> number_of(noted, labelled=False)(8.0)
    '8 days'
    """
    if spec.words:
        return _named(spec.words)
    if labelled and spec.label.lower().startswith("days "):
        return figure
    return _NUMBERS.get(spec.unit, figure)


def _named(words: Iterable[tuple[str, float]]) -> Callable[[float], str]:
    """Give the way in which values are told that have names; others lie between two.

    >>> pulse = _named([("red", 1.0), ("yellow", 2.0), ("green", 3.0)])
    >>> pulse(1.0), pulse(2.5), pulse(4.0)
    ('red', 'yellow to green', '4')
    """
    names = {value: clean(word) for word, value in reversed(list(words))}
    levels = sorted(names)

    def say(value: float) -> str:
        if value in names:
            return names[value]
        at = bisect(levels, value)
        between = 0 < at < len(levels)
        ends = (names[level] for level in levels[at - 1 : at + 1])
        return " to ".join(ends) if between else figure(value)

    return say


def _fixed_words(spec: FeatureSpec) -> dict[str, str]:
    """Fill in what does not depend on the account."""
    before, told, _ = spec.phrase.partition(" {moved} ")
    subject = before.replace("{{", "{").replace("}}", "}") if told else spec.label
    # "Trend of logins fell by 40 %" would say it twice.
    subject = subject.removeprefix("Trend of ").removesuffix(" against own habit")
    subject = subject.removesuffix(" against whole past")
    subject = with_acronyms(clean(subject))
    nouns = spoken_nouns(spec.kind, source=spec.source, item=spec.item)
    what, one = (with_acronyms(clean(noun)) for noun in nouns)
    attribute, _, level = (spec.item or spec.label).partition("=")
    name = with_acronyms(clean(as_words(attribute)))
    window = "" if spec.days is None else window_words(spec.days)
    return {
        "subject": capital(subject),
        "lower": uncapital(subject, name=spec.item),
        "what": what,
        "What": capital(what),
        "one": one,
        "name": uncapital(name),
        "attribute": capital(name),
        "level": clean(level),
        "window": window,
        "during": f" {KINDS[spec.kind].during} {window}" if window else "",
    }


def _level(words: Level, fixed: Mapping[str, str], spec: FeatureSpec) -> Say:
    own = words.moved is None
    number = number_of(spec, labelled=own)
    moved = with_acronyms(clean(spec.phrase)) if own else words.moved or ""
    same, missing = words.same, words.missing.format(**fixed)
    of_peers = lru_cache(maxsize=_MEDIANS)(number)
    now = _around("value", words.now, fixed)
    today = words.today.format(**fixed)
    beside = _around("peers", words.beside, fixed)

    def say(value: float, past: float, peers: float, effect: float) -> str:
        if value != value:
            return missing + _alone(effect) + "."
        told = number(value)
        text, placed = "", False
        if moved and past == past:
            before = number(past)
            placed = before != told or peers != peers
            verb = "rose" if value > past else "fell"
            template = same if before == told else moved
            text = template.format(moved=verb, past=before, value=told, **fixed)
        else:
            text = today if today and value == 0 else told.join(now)
        if peers == peers:
            theirs = of_peers(peers)
            text += theirs.join(beside)
            if theirs == told:
                text += " too"
            else:
                placed = True
        return text + ("." if placed else _alone(effect) + ".")

    return say


def _around(place: str, template: str, fixed: Mapping[str, str]) -> list[str]:
    """Give what stands around the one number that is told of each account."""
    # what is filled in beside it was cleaned of all that is no letter or sign
    return template.format(**{**fixed, place: "\0"}).split("\0")


def _move(words: Move, fixed: Mapping[str, str], spec: FeatureSpec) -> Say:
    trend = spec.unit == "trend"
    number = _NUMBERS.get("share" if trend else spec.unit, figure)
    missing = words.missing.format(**fixed)

    def say(value: float, _past: float, peers: float, effect: float) -> str:
        if value != value:
            return missing + _alone(effect) + "."
        if trend and abs(value) >= 1:
            text = (words.began if value > 0 else words.stopped).format(**fixed)
        else:
            text = _moved_by(words, fixed, change_of(value) if trend else value, number)
        if peers == peers and not (trend and abs(peers) >= 1):
            theirs = change_of(peers) if trend else peers
            text += words.beside.format(peers=_signed(theirs, number))
        return text + "."

    return say


def _moved_by(
    words: Move,
    fixed: Mapping[str, str],
    change: float,
    number: Callable[[float], str],
) -> str:
    size = number(abs(change))
    if size == number(0.0):
        return words.same.format(**fixed)
    if words.times and change + 1 >= _MANY_TIMES:
        return words.times.format(size=figure(round(change + 1, 1)), **fixed)
    verb = "rose" if change > 0 else "fell"
    return words.by.format(moved=verb, size=size, **fixed)


def _signed(change: float, number: Callable[[float], str]) -> str:
    if number is percent:
        return signed_percent(change)
    return f"+{number(change)}" if change > 0 else number(change)


def _fact(facts: Mapping[float, str], unknown: str, fixed: Mapping[str, str]) -> Say:
    told = {value: text.format(**fixed) for value, text in facts.items()}
    missing = unknown.format(**fixed)

    def say(value: float, _past: float, _peers: float, effect: float) -> str:
        return told.get(value, missing) + _alone(effect) + "."

    return say


def _alone(effect: float) -> str:
    if effect == 0 or math.isnan(effect):
        return ""
    return ALONE.format("higher" if effect > 0 else "lower")


def clean(text: str) -> str:
    """Take out what is no letter or sign: names come from files, and may hold ESC."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def uncapital(text: str, *, name: str | None = None) -> str:
    """Put a phrase inside a sentence; capitals that are a name's stay.

    >>> uncapital("Urgent tickets"), uncapital("NPS"), uncapital("Report Created, 90 d")
    ('urgent tickets', 'NPS', 'Report Created, 90 d')
    >>> uncapital("Login, 4 weeks", name="login"), uncapital("Umsatz", name="Umsatz")
    ('login, 4 weeks', 'Umsatz')
    """
    second = text.partition(" ")[2]
    if text[1:2].isupper() or second[:1].isupper() or (name and text.startswith(name)):
        return text
    return text[:1].lower() + text[1:]
