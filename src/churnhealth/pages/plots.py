"""The plots of the proof, each from the figures of the table that it stands beside.

A plot that has too little to show is ``None``: the table says as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from churnhealth.pages.canvas import (
    LEFT,
    RIGHT,
    SEEN,
    STRETCHED,
    TOP,
    WIDE,
    Block,
    Dot,
    Key,
    Plot,
    Scale,
    Stroke,
    Word,
    axes,
    look_of,
    polyline,
    reach,
    ring,
    shares,
    steps,
    whisker,
)
from churnhealth.pages.colour_plots import bands_plot, lead_plot
from churnhealth.pages.words import amount, percent, short

__all__ = ["WAYS", "proof_plots"]

Row = Mapping[str, Any]

WAYS = {"chosen": "Model", "rules": "Rule", "renewal_date": "Next renewal first"}
_BY = {"chosen": "(model)", "rules": "(rule)", "renewal_date": "(next renewal first)"}


def proof_plots(report: Row) -> dict[str, Plot | None]:
    """Draw what the report of a backtest holds, by the name of each plot."""
    slices = report["slices"]
    gains = report.get("gains")
    return {
        "bands": bands_plot(report["bands"]),
        "lead": lead_plot(report["lead_time"]),
        "found": gains_plot(gains, "churners") if gains else None,
        "saved": gains_plot(gains, "value") if gains else None,
        "lost": quarters_plot(slices.get("recurring_loss") or (), money=True),
        "left": quarters_plot(slices.get("leavers") or (), money=False),
        "chances": chances_plot(slices.get("calibration") or ()),
        "learning": learning_plot(report.get("learning") or ()),
    }


def chances_plot(parts: Sequence[Row]) -> Plot | None:
    """Draw expected against seen rates, the diagonal, and how many scores each has."""
    if len(parts) < 2 or not any(part["observed"] for part in parts):
        return None
    top = reach([v for p in parts for v in (p["predicted"], *p["interval"])], most=1.0)
    x = Scale(0.0, top, LEFT, RIGHT, root=True)
    y = Scale(0.0, top, 222.0, TOP, root=True)
    grid, words = axes(x, y, along=shares(x, apart=42.0), up=shares(y, apart=22.0),
                       say_along=percent, say_up=percent)  # fmt: skip
    places = [x.at(part["predicted"]) for part in parts]
    counts = [int(part["n"]) for part in parts]
    few, many = amount(min(counts)), amount(max(counts))
    words += [
        Word(2, 14, "Left", "start"),
        Word(RIGHT, 256, "Expected to leave", "end"),
        Word(LEFT, 272, f"{few if few == many else f'{few} to {many}'} scores a dot",
             "start"),
    ]  # fmt: skip
    held = sum(part["holds"] for part in parts)
    dots = [
        Dot(at, y.at(part["observed"]), look_of(inside=part["holds"]))
        for at, part in zip(places, parts, strict=True)
    ]
    return Plot(
        name="chances",
        title="Expected and seen rates of leaving, by chance",
        told="; ".join(
            f"{percent(p['predicted'], 1)} expected, {percent(p['observed'], 1)} left"
            for p in parts
        ),
        caption="On the dashed line as many left as expected:"
        f" {held} of {len(parts)} dots reach it with their interval (95\u00a0%);"
        f" {STRETCHED}.",
        height=306.0,
        grid=grid,
        blocks=_counts(places, counts, floor=302.0),
        strokes=[
            Stroke(polyline([(x.at(0), y.at(0)), (x.at(top), y.at(top))]), "even"),
            Stroke(
                "".join(
                    whisker(at, part["interval"], y)
                    for at, part in zip(places, parts, strict=True)
                ),
                "whisker",
            ),
        ],
        dots=dots,
        words=words,
        keys=[SEEN, *ring(dots, "seen, off the line")],
    )


def _counts(
    places: Sequence[float], counts: Sequence[int], *, floor: float
) -> list[Block]:
    """Stand a bar under each dot, as high as it has scores."""
    near = min(b - a for a, b in pairwise(places))
    wide = min(max(near - 1.5, 1.5), 12.0)
    tall = [round(24.0 * n / (max(counts) or 1), 1) for n in counts]
    return [
        Block(round(at - wide / 2, 2), round(floor - t, 1), wide, t, "count")
        for at, t in zip(places, tall, strict=True)
    ]


def gains_plot(gains: Row, what: str) -> Plot | None:
    """Draw what share of those who left each list finds, by how much is looked at."""
    found = {
        name: way[what]
        for name, way in gains["ways"].items()
        if name in WAYS and way[what]
    }
    if not found:
        return None
    x, y = Scale(0.0, 1.0, LEFT, RIGHT), Scale(0.0, 1.0, 222.0, TOP)
    ticks = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    grid, words = axes(x, y, along=ticks, up=ticks, say_along=percent, say_up=percent)
    whose = "accounts that left" if what == "churners" else "yearly value that left"
    tenth = gains["seen"].index(0.1)
    told = [f"{percent(line[tenth])} {_BY[name]}" for name, line in found.items()]
    words += [
        Word(2, 14, "Found of the " + whose, "start"),
        Word(RIGHT, 256, "Looked at, from the top of the list", "end"),
    ]
    return Plot(
        name=f"gains-{what}",
        title=f"Share of the {whose} found, by share of scores looked at",
        told=f"The first tenth of a list holds {', '.join(told)}",
        caption="The higher a line, the sooner its list finds who leaves: its first"
        f" tenth holds {', '.join(told)} of the {whose}; the thin line is chance.",
        height=264.0,
        grid=grid,
        strokes=[
            Stroke(polyline([(x.at(0), y.at(0)), (x.at(1), y.at(1))]), "even"),
            *(
                Stroke(
                    polyline(
                        [
                            (x.at(seen), y.at(part))
                            for seen, part in zip(gains["seen"], line, strict=True)
                        ]
                    ),
                    f"way {name}",
                )
                for name, line in reversed(found.items())
            ),
        ],
        words=words,
        keys=[Key("line", f"way {name}", WAYS[name]) for name in found],
    )


def quarters_plot(rows: Sequence[Row], *, money: bool) -> Plot | None:
    """Draw what the chances made likely in each quarter, and what was lost."""
    if len(rows) < 2:
        return None
    say = _money if money else amount
    what = "Yearly value" if money else "Accounts"
    top = reach([1.0, *(v for r in rows for v in (*r["range"], r["actual"]))])
    whole = [tick for tick in steps(0.0, top) if tick == round(tick)]
    slot = (RIGHT - LEFT) / len(rows)
    x, y = Scale(0.0, 1.0, LEFT, RIGHT), Scale(0.0, top, 222.0, TOP)
    grid, words = axes(x, y, up=whole, say_up=say)
    each = -int(-62.0 // slot)
    wide = round(min(0.5 * slot, 44.0), 1)
    blocks, strokes, dots = [], [], []
    for place, row in enumerate(rows):
        middle = round(LEFT + (place + 0.5) * slot, 1)
        left = round(middle - wide / 2, 1)
        low, high = (y.at(end) for end in row["range"])
        blocks.append(Block(left, high, wide, round(low - high, 1), "likely"))
        expected = y.at(row["expected"])
        strokes.append(Stroke(f"M{left} {expected}L{left + wide} {expected}", "mean"))
        dots.append(Dot(middle, y.at(row["actual"]), look_of(inside=row["inside"])))
        if place % each == 0 and middle + 30.0 <= WIDE:
            words.append(Word(middle, 240, row["quarter"]))
    words.append(Word(2, 14, f"{what} lost", "start"))
    inside = sum(row["inside"] for row in rows)
    return Plot(
        name="lost" if money else "left",
        title=f"{what} lost by quarter, expected and seen",
        told="; ".join(
            f"{row['quarter']}: {say(row['expected'])} expected,"
            f" {say(row['actual'])} lost"
            for row in rows
        ),
        caption="A dot inside its block was within what the chances made likely"
        f" (95 of 100 cases): {inside} of {len(rows)} quarters were.",
        height=248.0,
        grid=grid,
        blocks=blocks,
        strokes=strokes,
        dots=dots,
        words=words,
        keys=[Key("block", "likely", "likely"), Key("line", "mean", "expected"),
              Key("dot", "in", "lost"), *ring(dots, "lost, beyond what was likely")],
    )  # fmt: skip


def learning_plot(points: Sequence[Row]) -> Plot | None:
    """Draw the gain over the average chance by how many leavers were learned from."""
    if len(points) < 2:
        return None
    ends = [v for p in points for v in (p["gain"], *(p["interval"] or ()))]
    low, high = min(0.0, *ends), max(0.0, *ends)
    spare = max(0.06 * (high - low), 0.0005)
    x = Scale(0.0, reach([p["outcomes"] for p in points]), LEFT + 14, RIGHT)
    y = Scale(low - spare, high + spare, 222.0, TOP)
    grid, words = axes(x, y, along=steps(0.0, x.high), up=steps(y.low, y.high),
                       say_along=_money, say_up=_gain)  # fmt: skip
    places = [(x.at(p["outcomes"]), y.at(p["gain"])) for p in points]
    words += [
        Word(2, 14, "Gain in log loss", "start"),
        Word(RIGHT, 256, "Accounts that left, learned from", "end"),
    ]
    whiskers = (
        whisker(at, p["interval"], y) for (at, _), p in zip(places, points, strict=True)
    )
    return Plot(
        name="learning",
        title="Gain in log loss by how many accounts that left were learned from",
        told="; ".join(f"{p['outcomes']}: {_gain(p['gain'])}" for p in points),
        caption="Where the line still climbs at its right end, more history will help;"
        " at the bold line, nought, the average chance for everybody does as well.",
        height=264.0,
        grid=grid,
        strokes=[
            Stroke(f"M{x.begin} {y.at(0.0)}L{x.end} {y.at(0.0)}", "nought"),
            Stroke("".join(whiskers), "whisker"),
            Stroke(polyline(places), "way chosen"),
        ],
        dots=[Dot(at, height, "in") for at, height in places],
        words=words,
    )


def _money(value: float) -> str:
    r"""Write money short, without a decimal that says nothing.

    >>> _money(50_000.0), _money(1_550_000.0)
    ('50\xa0k', '1.55\xa0M')
    """
    return short(value).replace(".00\xa0", "\xa0").replace(".0\xa0", "\xa0")


def _gain(value: float) -> str:
    """Write a gain in log loss as short as it can be told from the next.

    >>> _gain(0.005), _gain(-0.01), _gain(0.0)
    ('0.005', '−0.01', '0')
    """
    return f"{value:.4g}".replace("-", "\u2212")
