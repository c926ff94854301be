"""Pictures of a backtest and of scores: folds, scorers, lead time, drivers, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from churnhealth.evaluate.plot_style import (
    COLOURS,
    INK,
    LINE,
    QUIET,
    SMALL,
    Picture,
    canvas,
    caption,
    in_percent,
)
from churnhealth.evaluate.report_text import scorer_rows, sentence
from churnhealth.said import many

__all__ = [
    "drivers_plot",
    "history_plot",
    "lead_time_plot",
    "learning_plot",
    "scorers_plot",
    "timeline_plot",
]

_MOST = 12  # bars that can still be read
_WIDE = 0.42

Row = Mapping[str, Any]


def timeline_plot(folds: Sequence[Row]) -> Picture:
    """Draw what each fold was trained on and tested on, and the gap between.

    ``folds`` are those of ``backtest --json``.
    """
    rows = sum(int(f["outcomes_train"]) for f in folds[-1:])
    learnt = f"the newest learns from {many(rows, 'account')} that left"
    title = f"{many(len(folds), 'fold')}; {learnt}"
    figure, axes = canvas(title, "snapshots", "")
    for place, fold in enumerate(folds):
        for name, colour in (("train", LINE), ("test", COLOURS["orange"])):
            low, high = _day(fold[f"{name}_from"]), _day(fold[f"{name}_to"])
            axes.barh(place, high - low + 1, left=low, height=0.5, color=colour)
            where = (low, place - 0.32)
            axes.annotate(many(fold[f"n_{name}"], "row"), where, **SMALL)
    axes.set_ylim(len(folds) - 0.4, -0.6)
    axes.set_yticks(range(len(folds)), [f"fold {i + 1}" for i in range(len(folds))])
    _dates_along(axes)
    caption(figure, "blue: learned from · orange: judged on, once labels had closed")
    return Picture(figure)


def scorers_plot(scorers: Mapping[str, Row]) -> Picture:
    """Draw how much log loss each scorer gains over the constant, with its interval.

    ``scorers`` are those of ``backtest --json``.
    """
    named = {n: s for n, s in scorer_rows(scorers) if n != "constant"}
    chosen = next((sentence(n) for n, s in named.items() if s["chosen"]), "Constant")
    chosen = "What each fold chose" if chosen == "By fold" else chosen
    low = float(scorers["chosen"]["gain_interval"][0])
    beaten = "beats" if low > 0 else "does not clearly beat"
    figure, axes = canvas(f"{chosen} {beaten} the constant", "log loss"
                          " gained over the constant", "")  # fmt: skip
    for place, row in enumerate(named.values()):
        colour = LINE if row["chosen"] else QUIET
        axes.hlines(place, *row["gain_interval"], color=colour, lw=2)
        axes.plot(row["log_loss_gain_over_constant"], place, "o", color=colour)
    axes.axvline(0.0, color=INK, lw=1)
    axes.set_ylim(len(named) - 0.4, -0.6)
    axes.set_yticks(range(len(named)), list(named))
    caption(figure, "dot: gain on later time · line: 95 %, by account · blue: chosen")
    return Picture(figure)


def lead_time_plot(rows: Sequence[Row]) -> Picture:
    """Draw how many of the churners were red or orange so many days before.

    ``rows`` are ``lead_time`` of ``backtest --json``.
    """
    known = [row for row in rows if row["churners"]]
    title = "The question covers no day before churn"
    if rows:
        title = "Nobody who left had a score so many days before"
    if known:
        first = known[0]
        title = (
            f"Of {first['churners']} that left,"
            f" {many(first['red_or_orange'], 'was', 'were')} red or"
            f" orange {first['days_before']} days before"
        )
    figure, axes = canvas(title, "days before", "share of the churners")
    places = np.arange(len(known))
    shares = [
        ("red or orange", "red", [r["red_or_orange"] / r["churners"] for r in known]),
        ("green", "green", [r["green"] / r["churners"] for r in known]),
    ]
    for k, (name, colour, heights) in enumerate(shares):
        axes.bar(places + (k - 0.5) * _WIDE, heights, _WIDE, color=COLOURS[colour],
                 label=name)  # fmt: skip
    if known:
        alarms = known[0]["false_alarm_rate"] or 0.0
        axes.axhline(alarms, color=INK, lw=1, linestyle=(0, (4, 3)))
        axes.legend(frameon=False, fontsize=9, labelcolor=QUIET)
    axes.set_xticks(places, [str(r["days_before"]) for r in known])
    axes.set_ylim(0, 1)
    _shares_up(axes)
    caption(figure, "dashed: red or orange among those that stayed")
    return Picture(figure)


def drivers_plot(drivers: Sequence[Row]) -> Picture:
    """Draw what moves a cohort most: shares of all movement, and the folds' range.

    ``drivers`` are those of a model card.
    """
    shown = list(drivers[:_MOST])
    title = "Nothing moves these scores"
    if shown:
        title = f"{shown[0]['label']} moves most: {100 * shown[0]['share']:.0f} %"
    figure, axes = canvas(title, "share of all movement", "", left=0.46)
    for place, row in enumerate(shown):
        colour = COLOURS["red"] if row["direction"] > 0 else COLOURS["green"]
        axes.barh(place, row["share"], height=0.6, color=colour, alpha=0.75)
        axes.hlines(place, *row["share_range"], color=INK, lw=1.5)
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.set_yticks(range(len(shown)), [_short(r["label"]) for r in shown])
    axes.grid(visible=False, axis="y")
    in_percent(axes, x_only=True)
    caption(figure, "red: more goes with more risk · green: less · line: other folds")
    return Picture(figure)


def history_plot(
    days: Sequence[date], probability: Sequence[float], *, cuts: Sequence[float]
) -> Picture:
    """Draw one account's scores over time, the colours behind them."""
    latest = f"{100 * probability[-1]:.1f} %" if len(days) else "never scored"
    figure, axes = canvas(f"Risk over time, now {latest}", "", "churn probability")
    top = max([*probability, cuts[-1]], default=1.0) * 1.15
    edges = [0.0, *cuts, max(top, cuts[-1])]
    for name, low, high in zip(COLOURS, edges[:-1], edges[1:], strict=True):
        axes.axhspan(low, high, color=COLOURS[name], alpha=0.18, lw=0)
    axes.plot([_day(d) for d in days], list(probability), "o-", color=INK, lw=1.5)
    axes.set_ylim(0, top)
    _dates_along(axes)
    _shares_up(axes)
    return Picture(figure)


def learning_plot(points: Sequence[Row]) -> Picture:
    """Draw the gain over the constant against the outcomes learned from.

    ``points`` are those of ``learning_curve``.
    """
    last = points[-1]
    title = (
        f"{many(last['outcomes'], 'account')} that left:"
        f" {last['gain']:+.4f} log loss gained"
    )
    figure, axes = canvas(title, "accounts that left, in training", "log loss gained")
    x = [p["outcomes"] for p in points]
    axes.fill_between(x, [p["interval"][0] for p in points],
                      [p["interval"][1] for p in points], color=LINE, alpha=0.15,
                      lw=0)  # fmt: skip
    axes.plot(x, [p["gain"] for p in points], "o-", color=LINE)
    axes.axhline(0.0, color=INK, lw=1)
    caption(figure, "band: 95 % on the same test rows, by account")
    return Picture(figure)


def _day(day: str | date) -> float:
    when = date.fromisoformat(day) if isinstance(day, str) else day
    return float((when - date(1970, 1, 1)).days)  # matplotlib counts days from 1970


def _short(label: str) -> str:
    return label if len(label) <= 44 else label[:43] + "…"


def _dates_along(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    where = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(where)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(where))


def _shares_up(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
