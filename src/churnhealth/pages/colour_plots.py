"""The plots of the colours: what they promised and kept, and how early they warned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.pages.canvas import (
    LEFT,
    RIGHT,
    SEEN,
    STRETCHED,
    Block,
    Dot,
    Key,
    Plot,
    Scale,
    Sign,
    Stroke,
    Word,
    axes,
    look_of,
    reach,
    ring,
    shares,
)
from churnhealth.pages.words import percent

__all__ = ["bands_plot", "lead_plot"]

Row = Mapping[str, Any]

_SIGN = 16.0  # units that a colour's shape needs


def bands_plot(bands: Sequence[Row]) -> Plot | None:
    """Draw each colour's promised range, what was expected in it, and what was seen."""
    shown = [b for b in bands if b["observed"] is not None]
    if not any(b["observed"] for b in shown):
        return None
    ends = [v for b in bands for v in (b["low"], b["observed"], b["predicted"])]
    ends += [v for b in shown for v in b["interval"] or ()]
    ends += [b["high"] for b in bands if b["high"] < 1.0]
    floor = 20.0 + 38.0 * len(bands)
    x = Scale(0.0, reach(ends, most=1.0), 94.0, RIGHT, root=True)
    y = Scale(0.0, 1.0, floor, 12.0)
    grid, words = axes(x, y, along=shares(x, apart=42.0), say_along=percent)
    blocks, strokes, dots, signs = [], [], [], []
    for place, band in enumerate(bands):
        at = 32.0 + 38.0 * place
        low, high = x.at(band["low"]), x.at(band["high"])
        blocks.append(
            Block(low, at - 12, round(high - low, 1), 24.0, f"promise {band['band']}")
        )
        signs.append(Sign(10.0, at, band["band"]))
        words.append(Word(22, at + 4, BAND_WORDS[band["band"]], "start"))
        if band["observed"] is None:
            continue
        expected = x.at(band["predicted"])
        strokes.append(Stroke(f"M{expected} {at - 12}L{expected} {at + 12}", "mean"))
        if band["interval"]:
            left, right = (x.at(end) for end in band["interval"])
            strokes.append(Stroke(f"M{left} {at}L{right} {at}", "whisker"))
        dots.append(
            Dot(x.at(band["observed"]), at, look_of(inside=band["kept"] is not False))
        )
    words.append(Word(RIGHT, floor + 36, "Share that left", "end"))
    return Plot(
        name="bands",
        title="What each colour promised and what was seen",
        told="; ".join(
            f"{BAND_WORDS[b['band']]}: {percent(b['low'], 1)} to"
            f" {percent(b['high'], 1)} promised, {percent(b['observed'], 1)} left"
            for b in bands
        ),
        caption="A colour keeps its promise where the dot lies in the block, or its"
        " interval (95\u00a0%) reaches into it and is no wider than the block;"
        f" {STRETCHED}.",
        height=floor + 44.0,
        grid=grid,
        blocks=blocks,
        strokes=strokes,
        dots=dots,
        signs=signs,
        words=words,
        keys=[Key("block", "likely", "promised"), Key("line", "mean", "expected"),
              SEEN, *ring(dots, "seen, promise broken")],
    )  # fmt: skip


def lead_plot(rows: Sequence[Row]) -> Plot | None:
    """Stack the colours that those who left had before, beside the false alarms."""
    rows = [row for row in rows if row["churners"]]
    if not rows:
        return None
    alarm = rows[0]["false_alarm_rate"]
    slot = (RIGHT - LEFT) / (len(rows) + (alarm is not None))
    y = Scale(0.0, 1.0, 222.0, 34.0)
    x = Scale(0.0, 1.0, LEFT, RIGHT)
    grid, words = axes(x, y, up=(0.0, 0.25, 0.5, 0.75, 1.0), say_up=percent)
    wide = round(min(0.66 * slot, 60.0), 1)
    blocks: list[Block] = []
    for place, row in enumerate(rows):
        middle = round(LEFT + (place + 0.5) * slot, 1)
        blocks += _stack(row, left=round(middle - wide / 2, 1), wide=wide, y=y)
        words.append(Word(middle, 28, f"{row['red_or_orange']}/{row['churners']}"))
        words.append(Word(middle, 238, str(row["days_before"])))
    words.append(Word(round(LEFT + len(rows) * slot / 2, 1), 256, "days before"))
    keys = [Key("band", band, BAND_WORDS[band]) for band in _used(blocks)]
    if any(b.look == "rest" for b in blocks):
        keys.append(Key("block", "rest", "yellow or grey"))
    strokes = []
    if alarm is not None:
        middle = round(RIGHT - slot / 2, 1)
        strokes.append(Stroke(f"M{LEFT} {y.at(alarm)}L{RIGHT} {y.at(alarm)}", "even"))
        words += [Word(middle, y.at(alarm) - 7, percent(alarm)),
                  Word(middle, 238, "stayed")]  # fmt: skip
        blocks.append(_block(round(middle - wide / 2, 1), wide, 0.0, alarm, y, "alarm"))
        keys.append(Key("block", "alarm", "red or orange"))
    return Plot(
        name="lead",
        title="Colours of those who left, by days before they left",
        told="; ".join(
            f"{row['days_before']} days before: {row['red_or_orange']} of"
            f" {row['churners']} red or orange, {row.get('yellow', '–')} yellow,"
            f" {row['green']} green, {row.get('grey', '–')} grey"
            for row in rows
        ),
        caption="The part that was red or orange so many days before they left (counted"
        " above) should reach far beyond the dashed line, the same part of those who"
        " stayed: false alarms.",
        height=262.0,
        grid=grid,
        blocks=blocks,
        strokes=strokes,
        signs=[
            Sign(
                round(b.x + b.width / 2, 1), round(b.y + b.height / 2, 1), b.look, "on"
            )
            for b in blocks
            if b.look in BAND_WORDS and b.height >= _SIGN
        ],
        words=words,
        keys=keys,
    )


def _stack(row: Row, *, left: float, wide: float, y: Scale) -> list[Block]:
    """Stack a row's colours, the worst lowest; reports of before know two parts."""
    parts: tuple[str, ...] = ("red", "orange", "yellow", "green", "grey")
    if "yellow" not in row:
        told = row["churners"] - row["red_or_orange"] - row["green"]
        row = {"alarm": row["red_or_orange"], "rest": told, "green": row["green"]}
        parts = ("alarm", "rest", "green")
    total, below, stack = sum(row[part] for part in parts), 0, []
    for part in parts:
        if row[part]:
            low, high = below / total, (below + row[part]) / total
            stack.append(_block(left, wide, low, high, y, part))
        below += row[part]
    return stack


def _block(
    left: float, wide: float, low: float, high: float, y: Scale, look: str
) -> Block:
    top, floor = y.at(high), y.at(low)
    return Block(left, top, wide, round(floor - top, 1), look)


def _used(blocks: Sequence[Block]) -> list[str]:
    return [band for band in BAND_WORDS if any(b.look == band for b in blocks)]
