"""How a condition is said: as a rule, as what met it, and as what it lacks."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import feature as spec_of
from churnhealth.features.spec import parse_name, unit_of
from churnhealth.said import change_of, percent, signed_percent
from churnhealth.scorers.condition_row import row_test
from churnhealth.scorers.conditions import plain

__all__ = ["Words", "spoken_limit", "spoken_value", "value_speaker"]

Row = Mapping[str, float]
_Tell = Callable[[Row], str]
_COUNTED = ("times", "people", "kinds", "items", "days", "weeks", "terms")
_SHARES = ("share", "points", "trend")
_MOST_PLACES = 3
_OF_NUMBERS = {
    ast.Lt: "below",
    ast.LtE: "at most",
    ast.Gt: "above",
    ast.GtE: "at least",
    ast.Eq: "equal to",
    ast.NotEq: "other than",
}
_OF_COUNTS = _OF_NUMBERS | {
    ast.Lt: "fewer than",
    ast.Gt: "more than",
    ast.Eq: "exactly",
    ast.NotEq: "not",
}
_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The words of a card: a noun per feature, a phrase per plain comparison.

    >>> when = ast.parse("visits < 4 and (nps < 0 or calls > 2)", mode="eval").body
    >>> words = Words(nouns={"visits": "academy visits"},
    ...               phrases={"nps < 0": "negative survey"})
    >>> words.rule(when)
    'academy visits below 4 AND (negative survey OR calls above 2)'
    >>> words.met(when, {"visits": 3, "nps": -1, "calls": 0})
    'academy visits below 4 (3) AND negative survey'
    >>> words.lacking(when, {"visits": 9, "nps": -1, "calls": 0})
    'academy visits below 4 (9)'
    """

    nouns: Mapping[str, str]
    phrases: Mapping[str, str]
    _tellers: dict[tuple[ast.expr, bool], _Tell] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, given: Mapping[str, str], labels: Mapping[str, str]) -> Words:
        """Take a card's own words, and the labels of features for the rest."""
        nouns = {name: _lowered(label) for name, label in labels.items()}
        own = {k: text for k, text in given.items() if k.isidentifier()}
        said = {plain(k): t for k, t in given.items() if not k.isidentifier()}
        return cls(nouns=nouns | own, phrases=said)

    def noun(self, feature: str) -> str:
        """Name a feature: by the card's word, its label, or what its name says."""
        return self.nouns.get(feature) or _lowered(_label(feature))

    def rule(self, node: ast.expr) -> str:
        """Say a condition as a rule, whoever it is asked of."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                return _between(op).join(map(self._nested, parts))
            case ast.UnaryOp(operand=inner):
                return f"not {self._nested(inner)}"
            case ast.Compare():
                return self._compared(node, here=False)({})
            case ast.Call(args=[ast.Name(id=name)]):
                return f"{self.noun(name)} not measured"
            case _:
                raise AssertionError("a parsed condition holds nothing else")

    def _nested(self, node: ast.expr) -> str:
        return _bracketed(self.rule(node), many=isinstance(node, ast.BoolOp))

    def met(self, node: ast.expr, row: Row) -> str:
        """Say what of a condition that holds made it hold."""
        return self._teller(node, holds=True)(row)

    def lacking(self, node: ast.expr, row: Row) -> str:
        """Say what of a condition that does not hold was not met."""
        return self._teller(node, holds=False)(row)

    def _teller(self, node: ast.expr, *, holds: bool) -> _Tell:
        """Prepare the words of a condition once, for all rows it is told of."""
        kept = self._tellers.get((node, holds))
        if kept is None:
            kept = self._tellers[node, holds] = self._told(node, holds=holds)
        return kept

    def _told(self, node: ast.expr, *, holds: bool) -> _Tell:
        match node:
            case ast.BoolOp(op=op, values=values):
                join = _between(op).join
                parts = [
                    (_test(p), self._teller(p, holds=holds), isinstance(p, ast.BoolOp))
                    for p in values
                ]
                return lambda row: join(
                    _bracketed(tell(row), many=many)
                    for test, tell, many in parts
                    if test(row) is holds
                )
            case ast.Compare() if holds:
                return self._compared(node, here=True)
            case ast.Compare():
                tell = self._compared(node, here=False)
                return _followed(tell, _values_of(node), _limits_of(node))
            case _:
                text = self.rule(node)
                return lambda _: text

    def _compared(self, node: ast.Compare, *, here: bool) -> _Tell:
        """Say a comparison; ``here`` tells the row's own value beside its limit."""
        own = self.phrases.get(_written(node))
        if own is not None:
            return lambda _: own
        sides = [node.left, *node.comparators]
        pairs = zip(sides[:-1], node.ops, sides[1:], strict=True)
        tells = [self._pair(a, op, b, here=here) for a, op, b in pairs]
        return tells[0] if len(tells) == 1 else _joined(tells)

    def _pair(self, a: ast.expr, op: ast.cmpop, b: ast.expr, *, here: bool) -> _Tell:
        kind = type(op)
        if not isinstance(a, ast.Name):
            a, b, kind = b, a, _TURNED.get(kind, kind)
        if not isinstance(a, ast.Name):  # two numbers cannot be parsed
            raise AssertionError("one side of a comparison is a feature")
        name, noun = a.id, self.noun(a.id)
        if isinstance(b, ast.Name):
            return _always(f"{noun} {_OF_NUMBERS[kind]} {self.noun(b.id)}")
        limit, unit = float(ast.literal_eval(b)), _unit(name)
        if unit == "yes":
            yes = (limit == 1) == (kind is ast.Eq)
            return _always(noun if yes else f"not: {noun}")
        if unit in _COUNTED:
            if kind in (ast.GtE, ast.Gt) and here:
                return lambda row: f"{_figure(row[name])} {noun}"
            none = limit == 0 and kind in (ast.Eq, ast.LtE)
            told = "no" if none else f"{_OF_COUNTS[kind]} {_figure(limit)}"
            return _always(f"{told} {noun}")
        rule = _always(f"{noun} {_OF_NUMBERS[kind]} {spoken_limit(name, limit)}")
        return _followed(rule, [name], [limit]) if here else rule


def _always(text: str) -> _Tell:
    return lambda _: text


def _joined(tells: Sequence[_Tell]) -> _Tell:
    return lambda row: " AND ".join(tell(row) for tell in tells)


def _followed(tell: _Tell, names: Sequence[str], limits: Sequence[float]) -> _Tell:
    """Put a row's own values in brackets behind what is told."""

    def told(row: Row) -> str:
        here = ", ".join(spoken_value(n, row[n], beside=limits) for n in names)
        return f"{tell(row)} ({here})"

    return told


def _values_of(node: ast.Compare) -> list[str]:
    sides = (node.left, *node.comparators)
    return [side.id for side in sides if isinstance(side, ast.Name)]


def _limits_of(node: ast.Compare) -> list[float]:
    sides = (node.left, *node.comparators)
    return [ast.literal_eval(side) for side in sides if not isinstance(side, ast.Name)]


def _bracketed(text: str, *, many: bool) -> str:
    return f"({text})" if many and (" AND " in text or " OR " in text) else text


def _between(op: ast.boolop) -> str:
    return " AND " if isinstance(op, ast.And) else " OR "


def spoken_value(feature: str, value: float, *, beside: Sequence[float] = ()) -> str:
    """Say a value in the unit of its feature, as reasons and pages do.

    A share that would read as a limit ``beside`` it, and is not, has more decimals.

    >>> share, trend = "product__all__users_share__28d", "product__all__trend__28d"
    >>> spoken_value(share, 0.369), spoken_value("nps", 9.0), spoken_value(share, 0.8)
    ('37 %', '9', '80 %')
    >>> spoken_value(trend, -0.2), spoken_value(trend, 0.2), spoken_value(trend, 1.0)
    ('−33 %', '+50 %', 'new')
    >>> [spoken_value(share, x, beside=[0.3]) for x in (0.2996, 0.3)]
    ['29.96 %', '30 %']
    >>> spoken_value("contracts__all__value", 14_792.4)
    '14,792'
    """
    unit = _unit(feature)
    if not beside or value != value or unit not in _SHARES:
        return value_speaker(feature)(value)
    for places in range(_MOST_PLACES):
        told = _share(unit, value, places)
        if all(told != _share_of_limit(unit, x, places) for x in beside if x != value):
            return told
    return _share(unit, value, _MOST_PLACES)


@lru_cache(maxsize=4096)
def value_speaker(feature: str) -> Callable[[float], str]:
    """Prepare how a feature's values are said beside nothing: of many rows, fast."""
    unit = _unit(feature)

    def say(value: float) -> str:
        if value != value:
            return "not measured"
        return _share(unit, value, 0) if unit in _SHARES else _figure(value)

    return say


def _share(unit: str, value: float, places: int) -> str:
    if unit != "trend":
        return percent(value, places)
    return "new" if value >= 1 else signed_percent(change_of(value), places)


_share_of_limit = lru_cache(maxsize=4096)(_share)  # a card has few


def spoken_limit(feature: str, value: float) -> str:
    """Say what a card sets: a share as exactly as it is written there."""
    if _unit(feature) == "share":
        return f"{_figure(100 * value)} %"
    return spoken_value(feature, value)


def _figure(value: float) -> str:
    text = f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−", 1) if value < 0 else text


@lru_cache(maxsize=4096)
def _label(feature: str) -> str:
    try:
        named = parse_name(feature)
        item = None if named.slug == "all" else named.slug
        return spec_of(
            named.kind, source=named.source, item=item, days=named.days
        ).label
    except ValueError:
        return feature


@lru_cache(maxsize=4096)
def _unit(feature: str) -> str:
    unit = unit_of(feature)
    if unit is None:
        return "number"
    # an age is not a number of: "5 days since", but "age at least 5"
    subject = KINDS[parse_name(feature).kind].subject
    return "number" if unit == "days" and not subject.startswith("days ") else unit


_written = lru_cache(maxsize=4096)(ast.unparse)


@lru_cache(maxsize=4096)
def _test(node: ast.expr) -> Callable[[Row], bool]:
    names = (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return row_test(node, {name: name for name in names})


def _lowered(label: str) -> str:
    """Begin in small letters, unless the label begins with an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
