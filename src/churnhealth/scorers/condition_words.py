"""How a condition is said: as a rule, as what met it, and as what it lacks."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import feature as spec_of
from churnhealth.features.spec import parse_name
from churnhealth.scorers.condition_row import row_test
from churnhealth.scorers.conditions import plain

__all__ = ["Words", "spoken_value"]

Row = Mapping[str, float]
_COUNTED = ("times", "people", "kinds", "items", "days", "weeks", "terms")
_NOT_COUNTED = ("tenure", "oldest_open", "term_months")  # an age is not a number of
_SHARES = ("share", "trend")
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
                return _joined(op, [self._nested(self.rule(p), p) for p in parts])
            case ast.UnaryOp(operand=inner):
                return f"not {self._nested(self.rule(inner), inner)}"
            case ast.Compare():
                return self._compared(node, None)
            case ast.Call(args=[ast.Name(id=name)]):
                return f"{self.noun(name)} not measured"
            case _:
                raise AssertionError("a parsed condition holds nothing else")

    def met(self, node: ast.expr, row: Row) -> str:
        """Say what of a condition that holds made it hold."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                holding = [p for p in parts if _test(p)(row)]
                return _joined(op, [self._nested(self.met(p, row), p) for p in holding])
            case ast.Compare():
                return self._compared(node, row)
            case _:
                return self.rule(node)

    def lacking(self, node: ast.expr, row: Row) -> str:
        """Say what of a condition that does not hold was not met."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                failing = [p for p in parts if not _test(p)(row)]
                told = [self._nested(self.lacking(p, row), p) for p in failing]
                return _joined(op, told)
            case ast.Compare():
                return f"{self._compared(node, None)} ({self._here(node, row)})"
            case _:
                return self.rule(node)

    def _here(self, node: ast.Compare, row: Row) -> str:
        values = [
            spoken_value(side.id, row[side.id])
            for side in (node.left, *node.comparators)
            if isinstance(side, ast.Name)
        ]
        return ", ".join(values)

    def _nested(self, text: str, node: ast.expr) -> str:
        many = isinstance(node, ast.BoolOp) and (" AND " in text or " OR " in text)
        return f"({text})" if many else text

    def _compared(self, node: ast.Compare, row: Row | None) -> str:
        own = self.phrases.get(_written(node))
        if own is not None:
            return own
        sides = [node.left, *node.comparators]
        pairs = zip(sides[:-1], node.ops, sides[1:], strict=True)
        return " AND ".join(self._pair(a, op, b, row) for a, op, b in pairs)

    def _pair(self, a: ast.expr, op: ast.cmpop, b: ast.expr, row: Row | None) -> str:
        kind = type(op)
        if not isinstance(a, ast.Name):
            a, b, kind = b, a, _TURNED.get(kind, kind)
        if not isinstance(a, ast.Name):  # two numbers cannot be parsed
            raise AssertionError("one side of a comparison is a feature")
        noun = self.noun(a.id)
        if isinstance(b, ast.Name):
            return f"{noun} {_OF_NUMBERS[kind]} {self.noun(b.id)}"
        limit, unit = float(ast.literal_eval(b)), _unit(a.id)
        if unit == "yes":
            return noun if (limit == 1) == (kind is ast.Eq) else f"not: {noun}"
        if unit in _COUNTED:
            if kind in (ast.GtE, ast.Gt) and row is not None:
                return f"{row[a.id]:.4g} {noun}"
            none = limit == 0 and kind in (ast.Eq, ast.LtE)
            return f"no {noun}" if none else f"{_OF_COUNTS[kind]} {limit:.4g} {noun}"
        here = "" if row is None else f" ({spoken_value(a.id, row[a.id])})"
        return f"{noun} {_OF_NUMBERS[kind]} {spoken_value(a.id, limit)}{here}"


def spoken_value(feature: str, value: float) -> str:
    """Say a value in the unit of its feature.

    >>> spoken_value("product__all__users_share__28d", 0.8), spoken_value("nps", 9.0)
    ('80 %', '9')
    """
    if math.isnan(value):
        return "not measured"
    return f"{100 * value:.3g} %" if _unit(feature) in _SHARES else f"{value:.4g}"


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
    try:
        kind = parse_name(feature).kind
    except ValueError:
        return "number"
    return "number" if kind in _NOT_COUNTED else KINDS[kind].unit


_written = lru_cache(maxsize=4096)(ast.unparse)


def _joined(op: ast.boolop, parts: list[str]) -> str:
    return (" AND " if isinstance(op, ast.And) else " OR ").join(parts)


@lru_cache(maxsize=4096)
def _test(node: ast.expr) -> Callable[[Row], bool]:
    names = (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return row_test(node, {name: name for name in names})


def _lowered(label: str) -> str:
    """Begin in small letters, unless the label begins with an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
