"""JSON as its standard has it: read strictly, written for every reader to trust.

orjson reads fast but takes a field that is named twice; Python's reader is slow and can
be told everything. So the fast one reads, a count tells whether it can be believed, and
where it cannot, the slow one reads again and says what is wrong.
"""

from __future__ import annotations

import json
import re
from itertools import chain, groupby
from typing import Any, NamedTuple, NoReturn

import numpy as np
import orjson

from churnhealth.serve.refusal import refused

__all__ = ["Unproven", "json_bytes", "strict_json", "unproven_json"]

_DEEPEST = 16
_LARGEST_INTEGER = 2.0**63  # orjson gives integers beyond it as floats
_LARGE = 2**18  # bytes
_LONG_NUMBER = b"0" * 19  # as many digits as that
_DIGITS = bytes(ord("0") if chr(i) in "0123456789" else i for i in range(256))
_NUMBERS = {float, int, type(None)}


def json_bytes(value: object) -> bytes:
    """Write an answer as JSON, in UTF-8, numbers to their last bit.

    >>> json_bytes({"a": [0.1, None, "å"]}).decode()
    '{"a":[0.1,null,"å"]}'
    """
    return orjson.dumps(value)


class Unproven(NamedTuple):
    """What was read of a body, and its colons: as many as it must have if it is right.

    One is there for every field, and those within texts. If fewer are needed, a field
    was there twice. Whoever asks has to look for nesting and for numbers in doubt.
    """

    value: Any
    colons: int


class _NotJSONError(ValueError):
    """A text that Python's reader takes, but that is no JSON we can trust."""


def strict_json(body: bytes) -> object:
    """Read JSON as its standard has it: nothing twice, nothing that is no number.

    Raises
    ------
    RequestError
        CH514 for anything else, without repeating any of it.

    >>> strict_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> strict_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    churnhealth.errors.RequestError: [CH514] the body names a field twice
      Why it matters: an answer to a misread question would look like any other
      Fix: send strict JSON (RFC 8259) in UTF-8
    """
    what = "the body is not JSON"
    try:
        if (known := _plainly(body)) is not None:
            return known
        if _too_deep(body):
            raise _NotJSONError("the body is nested too deeply")
        text = body.decode("utf-8")
        value: object = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant
        )
        if re.search(r"\\u[dD][89a-fA-F]", text):
            # half a character: could be compared, but never be written again
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except UnicodeError:
        what = "the body is not text in UTF-8"
    except _NotJSONError as error:
        what = str(error)
    except (ValueError, RecursionError):
        pass
    raise refused("CH514", what, fix="send strict JSON (RFC 8259) in UTF-8")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotJSONError("the body names a field twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise _NotJSONError("the body holds NaN or Infinity, which are no numbers")


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _too_deep(body: bytes) -> bool:
    """Say whether brackets are nested deeper than any request of ours.

    Innermost pairs are taken away as often as the depth that is allowed: a few passes
    over the brackets alone. Brackets inside texts are only looked for if they disturb.

    >>> _too_deep(b"[" * 17 + b"]" * 17), _too_deep(b"[" * 16 + b"]" * 16)
    (True, False)
    >>> _too_deep(b'["[[[[[[[[[[[[[[[[[[[["]')
    False
    """
    return _left_over(body) and _left_over(_STRING.sub(b"", body))


def _left_over(body: bytes) -> bool:
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(_DEEPEST):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return bool(brackets)


def unproven_json(body: bytes) -> Unproven | None:
    """Read JSON fast, whatever is there twice; ``None`` where the slow reader must.

    >>> unproven_json(b'{"a": 1, "a": ":"}')
    Unproven(value={'a': ':'}, colons=3)
    """
    if b"\\" in body:  # an escaped colon would upset the count
        return None
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    # where so many are found, bytes.count takes three times as long
    there = np.count_nonzero(np.frombuffer(body, np.uint8) == ord(":"))
    return Unproven(value, int(there))


def _plainly(body: bytes) -> object:
    """Read fast what is beyond doubt; ``None`` for all else, ``null`` included.

    A body holds one colon per field and those within its texts. If as many are found
    in what was read, no field got lost, so none was there twice. Where no number is
    long enough to be in doubt, they are counted in the same written again; of a large
    body, in which some number is, looking for it would be in vain.
    """
    if (found := unproven_json(body)) is None:
        return None
    value, there = found
    try:
        if len(body) > _LARGE or _LONG_NUMBER in body.translate(_DIGITS):
            return value if _colons([value]) == there else None
        if _too_deep(body) or orjson.dumps(value).count(b":") != there:
            return None
        return value
    except OverflowError:
        return None


def _colons(values: list[Any]) -> int:
    """Count the colons that values need; OverflowError for what is in doubt.

    That is a number that may have been an integer, and nesting that is too deep. Level
    by level: all texts of a level are one text to count in, and neighbours with the
    same fields in the same order are one object.
    """
    found = depth = 0
    while values:
        kinds = set(map(type, values))
        if float in kinds:
            alone = kinds <= _NUMBERS  # null becomes NaN, which is larger than nothing
            floats = values if alone else [v for v in values if type(v) is float]
            if (np.abs(np.array(floats, np.float64)) >= _LARGEST_INTEGER).any():
                raise OverflowError
        if str in kinds:
            found += "".join([v for v in values if type(v) is str]).count(":")
        dicts = [v for v in values if type(v) is dict] if dict in kinds else []
        lists = [v for v in values if type(v) is list] if list in kinds else []
        if (dicts or lists) and (depth := depth + 1) > _DEEPEST:
            raise OverflowError
        for names, same in groupby(map(tuple, dicts)):
            many = sum(1 for _ in same)
            found += many * (len(names) + "".join(names).count(":"))
        values = [
            *chain.from_iterable(map(dict.values, dicts)),
            *chain.from_iterable(lists),
        ]
    return found
