"""Where the marks of our charts stand: numbers only, the templates draw them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from churnhealth.health.bands import BANDS

__all__ = ["bars", "columns", "span", "spark"]

_STEP = 100.0  # width of one column of a chart


def spark(values: Sequence[float | None], *, width: int = 72, height: int = 18) -> str:
    """Draw a line through chances as a path; gaps stay gaps, higher is riskier.

    The scale is that of the odds, so that 1 to 2 % looks like 10 to 18 %, and never
    shorter than a doubling: noise must not look like a story.

    >>> spark([0.1, 0.1, None, 0.1])
    'M1 9L24.3 9M71 9'
    >>> spark([0.1, None])
    ''
    """
    logits = [
        None if v is None else math.log(max(v, 1e-6) / (1 - min(v, 1 - 1e-6)))
        for v in values
    ]
    known = [v for v in logits if v is not None]
    if not known:
        return ""
    middle = (max(known) + min(known)) / 2
    reach = max(max(known) - min(known), 2 * math.log(2))
    step = (width - 2) / max(len(values) - 1, 1)
    path, pen = "", "M"
    for at, value in enumerate(logits):
        if value is None:
            pen = "M"
            continue
        y = height / 2 - (value - middle) / reach * (height - 4)
        path += f"{pen}{1 + at * step:.3g} {y:.3g}"
        pen = "L"
    return path if "L" in path else ""  # a point alone is drawn as nothing


def columns(
    lines: Sequence[Mapping[str, Any]], key: str, *, height: float = 100.0
) -> list[dict[str, Any]]:
    """Stack the colours of each run in a column; all columns share one scale.

    >>> lines = [{"as_of": "2026-01-01", key: {"green": 3, "red": 1}}
    ...          for key in ("accounts",)]
    >>> columns(lines, "accounts")[0]["parts"]
    [('red', 0.0, 25.0), ('green', 25.0, 75.0)]
    """
    most = max((sum(line[key].values()) for line in lines), default=0) or 1
    drawn = []
    for at, line in enumerate(lines):
        top = height * (1 - sum(line[key].values()) / most)
        parts = []
        for band in ("grey", *reversed(BANDS)):
            size = height * line[key].get(band, 0) / most
            if size:
                parts.append((band, round(top, 1), round(size, 1)))
            top += size
        left = at * _STEP
        drawn.append({"x": left + 12, "width": _STEP - 24, "left": left,
                      "parts": parts, "line": line})  # fmt: skip
    return drawn


def bars(values: Sequence[float | None], *, height: float = 40.0) -> str:
    """Draw a bar per value as one path; what is not known leaves a gap.

    >>> bars([2.0, None, 1.0])
    'M1 0h8v40h-8zM21 20h8v20h-8z'
    """
    most = max((v for v in values if v is not None), default=0.0) or 1.0
    path = ""
    for at, value in enumerate(values):
        if value is not None:
            size = round(height * value / most, 1)
            path += f"M{10 * at + 1} {height - size:g}h8v{size:g}h-8z"
    return path


def span(begin: float, end: float, first: float, last: float) -> tuple[float, float]:
    """Lay a period on a line of length 1000: (left, width).

    >>> span(0, 50, 0, 100), span(-10, 200, 0, 100)
    ((0.0, 500.0), (0.0, 1000.0))
    """
    long = max(last - first, 1.0)
    left = min(max((begin - first) / long, 0.0), 1.0)
    right = min(max((end - first) / long, 0.0), 1.0)
    return round(1000 * left, 1), round(1000 * (right - left), 1)
