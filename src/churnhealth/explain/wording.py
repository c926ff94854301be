"""What a driver and an account are called in plain words (texts: ``phrases.py``).

Sentences state what was measured, beside the account's own past and its peers. They
never say why: a model knows what goes together, not what brings what about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from churnhealth.explain.numbers import (
    about,
    count,
    duration,
    figure,
    percent,
    points,
    signed_percent,
)
from churnhealth.explain.phrases import (
    ACRONYMS,
    AGREEMENT,
    ALONE,
    ATTRIBUTE,
    BAND_WORDS,
    ENDING,
    NO_ATTRIBUTE,
    NO_ENDING,
    NOT_CAUSES,
    STATUS_WORDS,
    WORDS,
    Level,
    Move,
)
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec, window_words

__all__ = ["account_text", "probability_words", "sentence", "speaker"]

Say = Callable[[float, float, float, float], str]
"""(value, past, peers, effect) -> sentence; NaN where not known."""


_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "share": percent,
    "days": duration,
    "months": lambda v: count(v, "month"),
}
_PLAIN_DAYS = ("active_days",)  # their label says "days" already
_MANY_TIMES = 3.0
_WELL_COVERED = 0.8


def probability_words(p: float) -> str:
    """Say a churn probability as people do.

    >>> probability_words(0.2)
    'about 1 in 5'
    """
    return about(p)


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
    'No NPS on record, associated with higher risk.'
    """
    return speaker(spec)(value, past, peers, effect)


@lru_cache(maxsize=4096)
def speaker(spec: FeatureSpec) -> Say:
    """Prepare the words of one feature, so that many accounts are told fast."""
    if spec.kind == "is":
        return _attribute(spec)
    if spec.kind == "ends_within":
        return _ending(spec)
    words = WORDS.get(spec.kind, Level())
    fixed = _fixed_words(spec)
    if isinstance(words, Move):
        return _move(words, fixed, spec)
    return _level(words, fixed, spec)


def _fixed_words(spec: FeatureSpec) -> dict[str, str]:
    """Fill in what does not depend on the account."""
    before, told, _ = spec.phrase.partition(" {moved} ")
    subject = before.replace("{{", "{").replace("}}", "}") if told else spec.label
    # "Trend of logins fell by 40 %" would say it twice.
    subject = subject.removeprefix("Trend of ").removesuffix(" against own habit")
    subject = _acronyms(_clean(subject))
    source = spec.source.replace("_", " ")
    item = None if spec.item is None else _clean(spec.item.replace("_", " "))
    what = _acronyms(item if item is not None else f"{source} events")
    window = "" if spec.days is None else window_words(spec.days)
    return {
        "subject": _capital(subject),
        "lower": _uncapital(subject),
        "what": what,
        "What": _capital(what),
        "one": _acronyms(item if item is not None else f"{source} event"),
        "window": window,
        "during": f" {KINDS[spec.kind].during} {window}" if window else "",
    }


def _level(words: Level, fixed: Mapping[str, str], spec: FeatureSpec) -> Say:
    number = figure if spec.kind in _PLAIN_DAYS else _NUMBERS.get(spec.unit, figure)
    own = words.moved is None
    moved = _acronyms(_clean(spec.phrase)) if own else words.moved or ""
    same, now, beside = words.same, words.now, words.beside
    missing = words.missing.format(**fixed)

    def say(value: float, past: float, peers: float, effect: float) -> str:
        if value != value:
            return missing + _alone(effect) + "."
        told = number(value)
        text = ""
        if moved and past == past:
            before = number(past)
            verb = "rose" if value > past else "fell"
            template = same if before == told else moved
            text = template.format(moved=verb, past=before, value=told, **fixed)
        else:
            text = now.format(value=told, **fixed)
        if peers == peers:
            text += beside.format(peers=number(peers))
        elif not (moved and past == past):
            text += _alone(effect)
        return text + "."

    return say


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
            text = _moved_by(words, fixed, _change(value) if trend else value, number)
        if peers == peers and not (trend and abs(peers) >= 1):
            theirs = _change(peers) if trend else peers
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


def _change(trend: float) -> float:
    """Turn (now - before) / (now + before) into now / before - 1."""
    return 2 * trend / (1 - trend)


def _signed(change: float, number: Callable[[float], str]) -> str:
    if number is percent:
        return signed_percent(change)
    return f"+{number(change)}" if change > 0 else number(change)


def _attribute(spec: FeatureSpec) -> Say:
    attribute, _, level = (spec.item or spec.label).partition("=")
    name = _acronyms(_clean(attribute.replace("_", " ")))
    fixed = {
        "attribute": _capital(name),
        "lower": _uncapital(name),
        "level": _clean(level),
    }

    def say(value: float, _past: float, _peers: float, effect: float) -> str:
        fact = ATTRIBUTE.get(value, NO_ATTRIBUTE).format(**fixed)
        return fact + _alone(effect) + "."

    return say


def _ending(spec: FeatureSpec) -> Say:
    window = window_words(spec.days or 0)

    def say(value: float, _past: float, _peers: float, effect: float) -> str:
        fact = ENDING.get(value, NO_ENDING).format(window=window)
        return fact + _alone(effect) + "."

    return say


def _alone(effect: float) -> str:
    if effect == 0 or math.isnan(effect):
        return ""
    return ALONE.format("higher" if effect > 0 else "lower")


_ACRONYM = re.compile(rf"\b({'|'.join(ACRONYMS.split())})\b", re.IGNORECASE)


def _acronyms(text: str) -> str:
    return _ACRONYM.sub(lambda found: found[0].upper(), text)


def _clean(text: str) -> str:
    """Take out what is no letter or sign: names come from files, and may hold ESC."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapital(text: str) -> str:
    """Put a phrase inside a sentence; a word in capitals keeps them."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def account_text(
    score: Mapping[str, object],
    drivers: Sequence[Mapping[str, object]],
    *,
    outcome: str = "leave",
    top: int = 5,
) -> str:
    """Tell one account in plain words, as ``churnhealth explain`` prints it.

    ``score`` is a row of ``scores.parquet`` (with ``base_probability`` if it is to add
    up) or an answer of the service; ``drivers`` are rows of ``drivers.parquet``.
    ``outcome`` says what the probability is of; ``top`` drivers are told each way.

    >>> row = {"account_id": "a1", "as_of": "2026-01-01", "status": "scored",
    ...        "churn_probability": 0.18, "base_probability": 0.07, "band": "yellow",
    ...        "rules_band": "yellow", "rules_score": 62,
    ...        "agreement": "same", "coverage": 0.92}
    >>> why = [{"sentence": "Logins fell from 14 to 8.", "effect_points": 11.0}]
    >>> print(account_text(row, why))
    a1 on 2026-01-01
    Watch (yellow): about 1 in 6 accounts like this leave (18.0 %).
    <BLANKLINE>
    What raises the risk, in percentage points:
      +11.0  Logins fell from 14 to 8.
    From 7.0 %: raising +11.0, lowering 0.0, others 0.0, together 18.0 %.
    <BLANKLINE>
    The rules say Watch (yellow), 62 of 100: agrees with the model.
    Measured: 92 % of what the model reads.
    Associations, not causes: changing one need not change the outcome.
    """
    name, ident = _text(score, "name"), str(score["account_id"])
    title = f"{name} ({ident})" if name and name != ident else ident
    lines = [f"{title} on {str(score['as_of'])[:10]}"]
    p = _number(score, "churn_probability")
    if p is None:
        status = _text(score, "status")
        reason = STATUS_WORDS.get(status, "Nothing is known that would allow one.")
        return "\n".join([*lines, f"No probability. {reason}"])
    lines += [_headline(score, p, outcome), *_facts(score), ""]
    lines += _both_sides(score, p, drivers, top)
    return "\n".join([*lines, "", *_second_opinion(score), NOT_CAUSES])


def _headline(score: Mapping[str, object], p: float, outcome: str) -> str:
    band, health = _text(score, "band"), _number(score, "health_score")
    tail = "." if health is None else f"; health score {health:.0f} of 100."
    said = f"{probability_words(p)} accounts like this {outcome} ({100 * p:.1f} %)"
    return f"{_colour(band)}: {said}{tail}"


def _colour(band: str) -> str:
    return f"{BAND_WORDS[band]} ({band})" if band in BAND_WORDS else "No colour"


def _facts(score: Mapping[str, object]) -> list[str]:
    facts = []
    renewal, days = _text(score, "renewal_date"), _number(score, "days_to_renewal")
    if renewal and days is not None:
        facts.append(f"renewal on {renewal[:10]}, in {count(days, 'day')}")
    value, loss = _number(score, "value"), _number(score, "expected_loss")
    if value is not None:
        facts.append(f"{figure(round(value))} a month")
    if loss is not None:
        facts.append(f"expected loss {figure(round(loss))} a year")
    before, band = _text(score, "previous_band"), _text(score, "band")
    if before in BAND_WORDS and before != band:
        facts.append(f"before: {_colour(before)}")
    return [_capital(" · ".join(facts))] if facts else []


def _both_sides(
    score: Mapping[str, object],
    p: float,
    drivers: Sequence[Mapping[str, object]],
    top: int,
) -> list[str]:
    """List the strongest drivers each way, and show that all of them add up."""
    effects = [(_number(d, "effect_points") or 0.0, d) for d in drivers]
    effects.sort(key=lambda pair: -abs(pair[0]))
    raising = [pair for pair in effects if pair[0] > 0][:top]
    lowering = [pair for pair in effects if pair[0] < 0][:top]
    lines = []
    for title, side in (("raises", raising), ("lowers", lowering)):
        if side:
            lines.append(f"What {title} the risk, in percentage points:")
            lines += [f"  {points(x):>5}  {_told(d)}" for x, d in side]
    start = _number(score, "base_probability")
    if start is None:
        return lines or ["No feature moves it."]
    up, down = (sum(x for x, _ in side) for side in (raising, lowering))
    rest = 100 * (p - start) - up - down
    lines.append(
        f"From {100 * start:.1f} %: raising {points(up)}, lowering {points(down)},"
        f" others {points(rest)}, together {100 * p:.1f} %."
    )
    return lines


def _told(driver: Mapping[str, object]) -> str:
    told = _text(driver, "sentence")
    if told:
        return told
    value = _number(driver, "value")
    known = "no record" if value is None else figure(value)
    return f"{_text(driver, 'label') or _text(driver, 'feature')}: {known}."


def _second_opinion(score: Mapping[str, object]) -> list[str]:
    rules = score.get("rules")
    if not isinstance(rules, Mapping):
        rules = {"score": score.get("rules_score"), "band": score.get("rules_band")}
    lines = []
    band, mark = _text(rules, "band"), _number(rules, "score")
    if band in BAND_WORDS:
        of = "" if mark is None else f", {mark:.0f} of 100"
        agreement = AGREEMENT.get(_text(score, "agreement"))
        tail = f": {agreement}." if agreement else "."
        lines.append(f"The rules say {_colour(band)}{of}{tail}")
    coverage = _number(score, "coverage")
    if coverage is not None:
        few = "; the rest had no record" if coverage < _WELL_COVERED else ""
        lines.append(f"Measured: {percent(coverage)} of what the model reads{few}.")
    return lines


def _text(row: Mapping[str, object], key: str) -> str:
    """Read a text; missing in any dress is empty."""
    value = row.get(key)
    if value is None or value != value:
        return ""
    return "" if str(value) == "NaT" else _clean(str(value))


def _number(row: Mapping[str, object], key: str) -> float | None:
    """Read a number; missing in any dress is ``None``."""
    value = row.get(key)
    if value is None or value != value:
        return None
    return float(value)  # type: ignore[arg-type]
