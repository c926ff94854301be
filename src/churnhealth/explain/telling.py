"""One account told in plain words: its colour, its reasons, what moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churnhealth.explain.numbers import about, between, count, figure, is_told, points
from churnhealth.explain.phrases import AGREEMENT, BAND_WORDS, NOT_CAUSES, STATUS_WORDS
from churnhealth.explain.wording import capital, clean, label_words, number_of
from churnhealth.features.spec import FeatureSpec
from churnhealth.said import percent

__all__ = [
    "account_text",
    "change_text",
    "changed_text",
    "points_by_category",
    "rule_text",
    "suggestion_text",
]

_WELL_COVERED = 0.8
_CHANGES = 6  # told of a move
_ROUNDED = 0.1  # points: what tiny drivers that are not stored may add up to


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
    ...        "churn_probability_low": 0.08, "churn_probability_high": 0.33,
    ...        "rules_band": "yellow", "rules_score": 62,
    ...        "agreement": "same", "coverage": 0.92}
    >>> why = [{"sentence": "Logins fell from 14 to 8.", "effect_points": 11.0}]
    >>> print(account_text(row, why))
    a1 on 2026-01-01
    Watch (yellow): about 1 in 6 accounts like this leave (18.0 %).
    Likely between 1 in 12 and 1 in 3: 8 of 10 such ranges hold true.
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
    lines += [_headline(score, p, outcome), *_likely(score), *_facts(score), ""]
    lines += _both_sides(score, p, drivers, top)
    return "\n".join([*lines, "", *_second_opinion(score), NOT_CAUSES])


def changed_text(
    move: Mapping[str, object] | None, changes: Sequence[Mapping[str, object]]
) -> str:
    """Tell what moved an account between two dates, in lines that add up.

    ``move`` and ``changes`` are rows of ``moves.parquet`` and ``changes.parquet``.

    >>> move = {"since": "2025-12-01", "line": "Critical, was Watch: logins fell",
    ...         "previous_probability": 0.1, "churn_probability": 0.3,
    ...         "other_points": 0.0}
    >>> why = [{"sentence": "logins fell", "effect_points": 20.0}]
    >>> print(changed_text(move, why))
    Since 2025-12-01: Critical, was Watch: logins fell.
      +20.0  Logins fell.
    From 10.0 %: these +20.0, others 0.0, together 30.0 %.
    """
    if move is None:
        return "There is no score on the earlier day to compare with."
    was = 100 * (_number(move, "previous_probability") or 0.0)
    now = 100 * (_number(move, "churn_probability") or 0.0)
    told = [(_number(c, "effect_points") or 0.0, _text(c, "sentence")) for c in changes]
    told = [pair for pair in told if is_told(pair[0])][:_CHANGES]
    total = sum(effect for effect, _ in told)
    return "\n".join(
        [
            f"Since {_text(move, 'since')[:10]}: {_text(move, 'line')}.",
            *(f"  {points(effect):>5}  {capital(text)}." for effect, text in told),
            f"From {was:.1f} %: these {points(total)}, others"
            f" {points(now - was - total)}, together {now:.1f} %.",
        ]
    )


def change_text(spec: FeatureSpec, value: float, to: float, share: float) -> str:
    """Say one change that is supposed, beside how many similar accounts are there.

    >>> from churnhealth.features.spec import feature
    >>> change_text(feature("active_users", source="app", days=7), 8.0, 14.0, 0.62)
    'active users of app, last week: 14 instead of 8, as in 62 % of similar accounts'
    >>> logins = feature("trend", source="app", item="logins", days=28)
    >>> change_text(logins, -0.6, 0.2, 0.5).partition(": ")[2]
    '+50 % instead of −75 %, as in 50 % of similar accounts'
    """
    number = number_of(spec)
    told = f"{label_words(spec)}: {number(to)} instead of {number(value)}"
    return f"{told}, as in {percent(share)} of similar accounts"


def suggestion_text(
    target: str | None, probability: float | None, changes: Sequence[str]
) -> str:
    """Say what would reach a better colour, or that nothing was found.

    >>> suggestion_text("yellow", 0.11, ["logins: 14 instead of 8"])
    'It would be Watch (yellow), about 1 in 9, with logins: 14 instead of 8.'
    >>> print(suggestion_text("yellow", None, []))
    No three changes within what similar accounts show reach Watch (yellow).
    """
    if target is None:
        return "Healthy (green) already: nothing to suggest."
    if probability is None:
        return (
            "No three changes within what similar accounts show reach"
            f" {_colour(target)}."
        )
    return (
        f"It would be {_colour(target)}, {about(probability)}, with"
        f" {'; and '.join(changes)}."
    )


def _headline(score: Mapping[str, object], p: float, outcome: str) -> str:
    band, health = _text(score, "band"), _number(score, "health_score")
    tail = "." if health is None else f"; health score {health:.0f} of 100."
    said = f"{about(p)} accounts like this {outcome} ({100 * p:.1f} %)"
    return f"{_colour(band)}: {said}{tail}"


def _likely(score: Mapping[str, object]) -> list[str]:
    ends = (_number(score, f"churn_probability_{end}") for end in ("low", "high"))
    told = between(*ends)
    return [] if told is None else [f"Likely {told}: 8 of 10 such ranges hold true."]


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
    return [capital(" · ".join(facts))] if facts else []


def _both_sides(
    score: Mapping[str, object],
    p: float,
    drivers: Sequence[Mapping[str, object]],
    top: int,
) -> list[str]:
    """List the strongest drivers each way, and show that all of them add up."""
    effects = [(_number(d, "effect_points") or 0.0, d) for d in drivers]
    effects.sort(key=lambda pair: -abs(pair[0]))
    if any(_text(d, "sentence") for _, d in effects):  # the others are told by these
        effects = [pair for pair in effects if _text(pair[1], "sentence")]
    effects = [pair for pair in effects if is_told(pair[0])]
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
    parts = points_by_category(start, p, drivers)
    if len(parts) > 1:
        told = ", ".join(f"{name} {points(x)}" for name, x in parts.items())
        lines.append(f"By part: {told}.")
    return lines


def points_by_category(
    start: float | None, end: float | None, drivers: Sequence[Mapping[str, object]]
) -> dict[str, float]:
    """Add up the points of each category, most first; none where some are not known.

    >>> some = {"category": "usage", "effect_points": 10.0}
    >>> rest = {"category": "contract", "effect_points": -3.0}
    >>> points_by_category(0.03, 0.10, [rest, some])
    {'usage': 10.0, 'contract': -3.0}
    >>> points_by_category(0.03, 0.10, [some])  # as in a report of the strongest few
    {}
    """
    if start is None or end is None:
        return {}
    total: dict[str, float] = {}
    for row in drivers:
        name = _text(row, "category")
        total[name] = total.get(name, 0.0) + (_number(row, "effect_points") or 0.0)
    if abs(sum(total.values()) - 100 * (end - start)) > _ROUNDED:
        return {}
    return dict(sorted(total.items(), key=lambda part: -abs(part[1])))


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
    alone = [
        f"{name} {_text(score, f'health_{name}')}"
        for name in ("usage", "value", "experience", "contract")
        if _text(score, f"health_{name}") in BAND_WORDS
    ]
    if alone:
        lines.append(f"Each category alone would be: {', '.join(alone)}.")
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
    return "" if str(value) == "NaT" else clean(str(value))


def _number(row: Mapping[str, object], key: str) -> float | None:
    """Read a number; missing in any dress is ``None``."""
    value = row.get(key)
    if value is None or value != value:
        return None
    return float(value)  # type: ignore[arg-type]


def rule_text(reason: str) -> str:
    """Say why the rules gave their colour; `account_text` has said which it is.

    >>> rule_text("yellow because: NPS 4 (50 of 100 points)")
    'Why the rules say so: NPS 4 (50 of 100 points)'
    """
    return f"Why the rules say so: {reason.partition(' because: ')[2] or reason}"
