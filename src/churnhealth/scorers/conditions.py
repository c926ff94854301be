"""Conditions anyone can read aloud: ``a < 3 and (b >= 2 or missing(c))``.

Comparisons of a feature with a number (chains too: ``30 <= x < 90``), joined by
``and``, ``or``, ``not`` and brackets. Python's own grammar reads the text; nothing
of it is ever run. A comparison with a missing value is not met, nor is its contrary:
``not`` is carried into what it denies (``not a < 3`` is ``a >= 3``), or whoever was not
measured would meet it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from churnhealth.sources.contract import Flags, Floats

__all__ = ["COMPARISONS", "Condition", "holds", "parse_condition", "plain"]

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
"""Every comparison that a condition may hold, of numbers or of columns."""

_CONTRARY: Mapping[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.GtE(),
    ast.LtE: ast.Gt(),
    ast.Gt: ast.LtE(),
    ast.GtE: ast.Lt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A parsed condition: its text, the features it names, and how to hold it.

    ``comparisons`` are the texts of those it was written with, plainly written.
    """

    text: str
    features: tuple[str, ...]
    comparisons: tuple[str, ...]
    tree: ast.expr

    def holds(self, columns: Mapping[str, Floats], rows: int) -> Flags:
        """Say for each row whether it is met; ``columns`` by feature name."""
        return holds(self.tree, columns, rows)


def plain(text: str) -> str:
    """Write a comparison as Python would, so that two spellings of it are one.

    >>> plain("nps<0"), plain("no comparison at all")
    ('nps < 0', 'no comparison at all')
    """
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text


def parse_condition(text: str) -> Condition:
    """Read a condition; anything but the grammar above is a ``ValueError``.

    >>> when = parse_condition("days < 90 and not missing(nps)")
    >>> when.features
    ('days', 'nps')
    >>> columns = {"days": np.array([10.0, 200.0]), "nps": np.array([9.0, np.nan])}
    >>> when.holds(columns, 2).tolist()
    [True, False]
    >>> parse_condition("__import__('os')")
    Traceback (most recent call last):
    ...
    ValueError: "__import__('os')" is not a condition: compare features with numbers
    """
    problem = f"{text!r} is not a condition: compare features with numbers"
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(problem) from error
    if not _is_condition(tree):
        raise ValueError(problem)
    named = dict.fromkeys(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id != "missing"
    )
    written = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Compare)]
    return Condition(
        text=text.strip(),
        features=tuple(named),
        comparisons=tuple(written),
        tree=_carried(tree, denied=False),
    )


def _carried(node: ast.expr, *, denied: bool) -> ast.expr:
    """Carry every ``not`` into the comparisons; before ``missing`` it stays."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _carried(inner, denied=not denied)
        case ast.BoolOp(op=op, values=values):
            turned = ast.Or() if isinstance(op, ast.And) else ast.And()
            parts = [_carried(value, denied=denied) for value in values]
            return ast.BoolOp(op=turned if denied else op, values=parts)
        case ast.Compare(left=left, ops=ops, comparators=rest) if denied:
            sides = [left, *rest]
            links = [
                ast.Compare(left=a, ops=[_CONTRARY[type(op)]], comparators=[b])
                for a, op, b in zip(sides[:-1], ops, rest, strict=True)
            ]
            if len(links) == 1:
                return links[0]
            return ast.BoolOp(op=ast.Or(), values=list[ast.expr](links))
        case _:
            return ast.UnaryOp(op=ast.Not(), operand=node) if denied else node


def _is_condition(node: ast.expr) -> bool:
    match node:
        case ast.BoolOp(values=values):
            return all(_is_condition(v) for v in values)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _is_condition(inner)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            sides = [left, *rest]
            return (
                all(type(op) in COMPARISONS for op in ops)
                and all(
                    isinstance(s, ast.Name) or _number(s) is not None for s in sides
                )
                and any(isinstance(s, ast.Name) for s in sides)
            )
        case ast.Call(func=ast.Name(id="missing"), args=[ast.Name()], keywords=[]):
            return True
        case _:
            return False


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value) if value is not True:
            return None if value is False else float(value)
        case ast.UnaryOp(
            op=ast.USub(), operand=ast.Constant(value=int() | float() as v)
        ):
            return -float(v)
        case _:
            return None


def holds(node: ast.expr, columns: Mapping[str, Floats], rows: int) -> Flags:
    """Say for each row whether a part of a parsed condition is met."""
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [holds(v, columns, rows) for v in values]
            both = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return np.asarray(both.reduce(parts), np.bool_)
        case ast.UnaryOp(operand=inner):
            return ~holds(inner, columns, rows)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            return _compared(left, ops, rest, columns, rows)
        case ast.Call(args=[ast.Name(id=name)]):
            return np.isnan(columns[name])
        case _:
            raise AssertionError("a parsed condition holds nothing else")


def _compared(
    left: ast.expr,
    ops: list[ast.cmpop],
    rest: list[ast.expr],
    columns: Mapping[str, Floats],
    rows: int,
) -> Flags:
    met = np.ones(rows, np.bool_)
    sides = [_side(node, columns, rows) for node in (left, *rest)]
    for op, a, b in zip(ops, sides[:-1], sides[1:], strict=True):
        met &= COMPARISONS[type(op)](a, b) & ~np.isnan(a) & ~np.isnan(b)
    return met


def _side(node: ast.expr, columns: Mapping[str, Floats], rows: int) -> Floats:
    if isinstance(node, ast.Name):
        return columns[node.id]
    return np.full(rows, _number(node))
