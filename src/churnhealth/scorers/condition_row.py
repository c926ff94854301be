"""A condition as a plain function of one account's numbers.

For one row the arrays of ``conditions.py`` would cost several small ones per
comparison; what holds is the same, to the last bit.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from churnhealth.scorers.conditions import COMPARISONS

__all__ = ["row_test"]

K = TypeVar("K", bound=Hashable)
_Test = Callable[[Any], bool]


def row_test(node: ast.expr, at: Mapping[str, K]) -> Callable[[Any], bool]:
    """Turn a parsed condition into a test of one row of numbers.

    ``at`` says where a row keeps each feature: its place in a list, its key in a dict.

    >>> when = ast.parse("visits < 4 and not missing(nps)", mode="eval").body
    >>> row_test(when, {"visits": 0, "nps": 1})([3.0, 9.0])
    True
    """
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = tuple(row_test(v, at) for v in values)
            if isinstance(op, ast.And):
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        case ast.UnaryOp(operand=inner):
            met = row_test(inner, at)
            return lambda row: not met(row)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            return _comparison([left, *rest], [COMPARISONS[type(op)] for op in ops], at)
        case ast.Call(args=[ast.Name(id=name)]):
            i = at[name]
            return lambda row: row[i] != row[i]
        case _:
            raise AssertionError("a parsed condition holds nothing else")


def _comparison(
    sides: Sequence[ast.expr],
    compare: Sequence[Callable[[float, float], bool]],
    at: Mapping[str, K],
) -> _Test:
    def side(node: ast.expr) -> Callable[[Any], float]:
        if isinstance(node, ast.Name):
            return operator.itemgetter(at[node.id])
        number = float(ast.literal_eval(node))
        return lambda _: number

    pairs = tuple(
        (side(a), test, side(b))
        for a, test, b in zip(sides[:-1], compare, sides[1:], strict=True)
    )

    def met(row: Any) -> bool:
        for one, test, other in pairs:
            a, b = one(row), other(row)
            if a != a or b != b or not test(a, b):
                return False
        return True

    return met
