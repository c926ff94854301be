"""A scorecard read aloud: the card as a table, and one account's colour in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from churnhealth.scorers.card import Card, Flag, Measure, Stage
from churnhealth.scorers.condition_words import Words, spoken_limit

__all__ = ["card_rows", "card_text", "colour_because"]

_HEADS = ("line", "category", "weight", "green", "yellow", "red")
_WIDEST = 40
_MOST_LINES = 3  # of a score that many lines make together


def card_rows(card: Card, words: Words) -> list[dict[str, str]]:
    """Give the card as rows: one per line and per red flag, stage by stage."""
    rows = []
    for stage in card.stages:
        worth = card.worth(stage)
        whole = sum(worth[c] for c in {m.category for m in stage.measures})
        for line in stage.measures:
            own = sum(m.weight for m in stage.measures if m.category == line.category)
            share = worth[line.category] / whole * line.weight / own
            green, yellow, red = _colours(line, words)
            rows.append(
                {
                    "stage": stage.name,
                    "line": line.label,
                    "category": line.category,
                    "weight": f"{share:.0%}",
                    "green": green,
                    "yellow": yellow,
                    "red": red,
                }
            )
        rows += [_flag_row(stage, flag, words) for flag in stage.flags]
    return rows


def card_text(card: Card, words: Words) -> str:
    """Print the card as a table that can be read aloud, one part per stage."""
    rows = card_rows(card, words)
    parts = [card.name]
    for stage in card.stages:
        mine = [row for row in rows if row["stage"] == stage.name]
        who = "everyone else" if len(card.stages) > 1 else "everyone"
        if stage.condition is not None:
            who = words.rule(stage.condition.tree)
        how = "the worst line wins" if card.mode_of(stage) == "worst" else "points"
        parts += ["", f"{stage.name}: {who} ({how})", *_table(mine)]
    least = f"{card.least_measured:.0%}"
    parts += [
        "",
        "75 points and more green, 50 yellow, 25 orange, below red; grey when less than"
        f" {least} of the weight is measured.",
    ]
    return "\n".join(parts)


def colour_because(
    card: Card,
    stage: Stage,
    row: Mapping[str, float],
    *,
    here: Sequence[str],
    earned: Sequence[float],
    weight: Sequence[float],
    raised: Sequence[Flag],
    words: Words,
    band: str,
) -> str:
    """Say one account's colour and why, as one sentence.

    ``row`` holds its features, ``here`` says the value of each line that reads one,
    ``earned`` and ``weight`` are the lines' points and shares,
    ``raised`` the red flags that hold. A red flag says it all; where one line alone
    decides, its rule is said; else the lines that took most points.
    """
    if band == "grey":
        absent = [
            m.label for m, x in zip(stage.measures, earned, strict=True) if x != x
        ]
        return f"grey because: too little is measured, without {'; '.join(absent)}"
    if raised:
        told = " AND ".join(words.met(f.condition.tree, row) for f in raised)
        return f"{band} because: {told}"
    counted = [i for i, share in enumerate(weight) if share > 0]
    if len(counted) == 1 or card.mode_of(stage) == "worst":
        told = " AND ".join(
            _decided(stage.measures[i], earned[i], here[i], words, row) for i in counted
        )
        return f"{band} because: {told}"
    short = [i for i in counted if earned[i] < 75.0] if band != "green" else []
    short.sort(key=lambda i: weight[i] * (earned[i] - 100.0))
    chosen = (short or counted)[:_MOST_LINES]
    points = sum([weight[i] * earned[i] for i in counted])
    told = "; ".join(
        _decided(stage.measures[i], earned[i], here[i], words, row) for i in chosen
    )
    return f"{band} because: {told} ({points:.0f} of 100 points)"


def _decided(
    line: Measure, points: float, here: str, words: Words, row: Mapping[str, float]
) -> str:
    """Say why one line has its points."""
    if line.feature is not None:
        return f"{line.label} {here}"
    green, red = line.conditions
    if points == 0.0 and red is not None:
        return words.met(red.tree, row)
    if points == 100.0 and green is not None:
        return words.met(green.tree, row)
    lacks = [
        f"not {colour} (it would take {words.lacking(c.tree, row)})"
        for colour, c in (("red", red), ("green", green))
        if c is not None
    ]
    return f"{line.label} is " + " and ".join(lacks)


def _colours(line: Measure, words: Words) -> tuple[str, str, str]:
    if line.points:
        ends = ", ".join(
            f"{spoken_limit(line.feature or '', v)}: {p:g}" for v, p in line.points
        )
        return f"points by value: {ends}", "", ""
    if line.feature is not None:
        green, red = float(line.green or 0.0), float(line.red or 0.0)
        up, down = ("at least", "at most") if green > red else ("at most", "at least")
        between = "by a line between" if line.graded else "between"
        return (
            f"{up} {spoken_limit(line.feature, green)}",
            between,
            f"{down} {spoken_limit(line.feature, red)}",
        )
    when_green, when_red = (
        "never" if c is None else words.rule(c.tree) for c in line.conditions
    )
    return when_green, "neither", when_red


def _flag_row(stage: Stage, flag: Flag, words: Words) -> dict[str, str]:
    return {
        "stage": stage.name,
        "line": f"Red flag: {flag.label}",
        "category": "",
        "weight": f"at most {flag.ceiling:g} points",
        "green": "",
        "yellow": "",
        "red": words.rule(flag.condition.tree),
    }


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Set rows in columns; long cells are wrapped."""
    cells = [{h: wrap(row[h], _WIDEST) or [""] for h in _HEADS} for row in rows]
    wide = {h: max(len(h), *(len(t) for c in cells for t in c[h])) for h in _HEADS}
    lines = [[h.ljust(wide[h]) for h in _HEADS], ["-" * wide[h] for h in _HEADS]]
    for cell in cells:
        for i in range(max(map(len, cell.values()))):
            texts = ((cell[h][i : i + 1] or [""])[0].ljust(wide[h]) for h in _HEADS)
            lines.append(list(texts))
    return ["  ".join(line).rstrip() for line in lines]
