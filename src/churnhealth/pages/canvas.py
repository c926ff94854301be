"""What a plot is made of: scales, and marks in a box of our own units.

Numbers only; ``templates/plots.html`` draws them, ``style.css`` colours them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "LEFT",
    "RIGHT",
    "SEEN",
    "STRETCHED",
    "TOP",
    "WIDE",
    "Block",
    "Dot",
    "Key",
    "Plot",
    "Scale",
    "Sign",
    "Stroke",
    "Word",
    "axes",
    "look_of",
    "polyline",
    "reach",
    "ring",
    "shares",
    "steps",
    "whisker",
]

WIDE = 360.0  # units across; about a phone's width, so that letters stay readable
LEFT, RIGHT, TOP = 53.0, WIDE - 22.0, 28.0  # of the marks; words stand around
STRETCHED = "the scale is stretched near 0\u00a0%"
_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Block:
    """A filled rectangle; ``look`` is its class in the style sheet, as of all marks."""

    x: float
    y: float
    width: float
    height: float
    look: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points, absolute moves only."""

    d: str
    look: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point; the look ``off`` is a ring: outside of what was likely."""

    x: float
    y: float
    look: str


@dataclass(frozen=True, slots=True)
class Sign:
    """The shape of a colour, for eyes and printers that do not tell colours apart.

    ``look`` is ``on`` where it stands on its own colour.
    """

    x: float
    y: float
    band: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A text on its base line; ``anchor`` is start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Key:
    """What a look stands for.

    ``kind`` is a ``dot``, a dot ``seen`` with its interval, a ``block``, a ``line``, or
    a ``band`` with its shape.
    """

    kind: str
    look: str
    word: str


SEEN = Key("seen", "in", "seen, with its interval")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A finished plot: its marks, its legend, and what is said of it.

    ``title`` and ``told`` are for who cannot see it, ``caption`` says what to read off.
    """

    name: str
    title: str
    told: str
    caption: str
    height: float
    grid: str = ""
    blocks: Sequence[Block] = ()
    strokes: Sequence[Stroke] = ()
    dots: Sequence[Dot] = ()
    signs: Sequence[Sign] = ()
    words: Sequence[Word] = ()
    keys: Sequence[Key] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value stands between two places; what lies beyond stands at the edge.

    >>> across = Scale(0.0, 0.5, 100.0, 200.0)
    >>> across.at(0.25), across.at(2.0)
    (150.0, 200.0)
    >>> Scale(0.0, 1.0, 0.0, 100.0, root=True).at(0.04)  # shares near 0 need room
    20.0
    """

    low: float
    high: float
    begin: float
    end: float
    root: bool = False

    def at(self, value: float) -> float:
        """Give the place of a value, to a tenth of a unit."""
        part = (value - self.low) / ((self.high - self.low) or 1.0)
        part = min(max(part, 0.0), 1.0)
        if self.root:
            part = math.sqrt(part)
        return round(self.begin + part * (self.end - self.begin), 1)


def reach(values: Sequence[float | None], *, most: float = math.inf) -> float:
    """Give the end of a scale that all values fit on, with some air.

    >>> reach([0.5, None]), reach([0.99], most=1.0), reach([0.0])
    (0.54, 1.0, 1.0)
    """
    highest = max((v for v in values if v is not None), default=0.0)
    return min(1.08 * highest, most) if highest > 0.0 else 1.0


def steps(low: float, high: float, *, most: int = 5) -> list[float]:
    """Give round values from ``low`` to ``high``, at most so many and nought of them.

    >>> steps(0.0, 133_000.0)
    [0.0, 50000.0, 100000.0]
    >>> steps(-0.004, 0.011)
    [0.0, 0.005, 0.01]
    >>> steps(0.0, 0.0)
    [0.0]
    """
    reach = high - low
    if not reach > 0.0:
        return [low]
    unit = 10.0 ** math.floor(math.log10(reach))
    sizes = [unit * k for k in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)]
    for size in sizes:
        first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
        if last - first < most:
            return [float(f"{k * size:.6g}") for k in range(first, last + 1)]
    return [0.0]


def shares(scale: Scale, *, apart: float) -> list[float]:
    """Give round shares on a scale, at least so many units from each other.

    >>> shares(Scale(0.0, 0.36, 0.0, 300.0, root=True), apart=40.0)
    [0.0, 0.02, 0.05, 0.1, 0.2, 0.3]
    """
    kept: list[float] = []
    for share in reversed(_SHARES):
        room = [abs(scale.at(share) - scale.at(k)) for k in (*kept, 0.0)]
        if share <= scale.high and min(room) >= apart:
            kept.append(share)
    return [0.0, *reversed(kept)]


def axes(
    x: Scale,
    y: Scale,
    *,
    up: Sequence[float] = (),
    along: Sequence[float] = (),
    say_up: Callable[[float], str] = str,
    say_along: Callable[[float], str] = str,
) -> tuple[str, list[Word]]:
    """Draw the lines of a grid, and write the values beside and below them."""
    lines, words = "", []
    for value in up:
        lines += f"M{x.begin} {y.at(value)}L{x.end} {y.at(value)}"
        words.append(Word(x.begin - 5, y.at(value) + 4, say_up(value), "end"))
    for value in along:
        lines += f"M{x.at(value)} {y.begin}L{x.at(value)} {y.end}"
        words.append(Word(x.at(value), y.begin + 19, say_along(value)))
    return lines, words


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Lead a path through points.

    >>> polyline([(1.0, 2.0), (3.0, 4.0)])
    'M1.0 2.0L3.0 4.0'
    """
    return "".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(points))


def whisker(place: float, ends: Sequence[float] | None, y: Scale) -> str:
    """Draw an interval as an upright line; nothing where it is not known."""
    if ends is None:
        return ""
    low, high = ends
    return f"M{place} {y.at(low)}L{place} {y.at(high)}"


def look_of(*, inside: bool) -> str:
    """Name the look of a dot: a ring where it lies outside of what was likely."""
    return "in" if inside else "off"


def ring(dots: Sequence[Dot], word: str) -> list[Key]:
    """Explain the ring in a legend, where one is drawn."""
    return [Key("dot", "off", word)] if any(d.look == "off" for d in dots) else []
