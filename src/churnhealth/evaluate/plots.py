"""Pictures of a model on later time: is it true, does it rank, do colours keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from churnhealth.sources.contract import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bands_plot", "calibration_plot", "lift_plot"]

_GROUPS = 10


def calibration_plot(y: Ints | Floats, p: Floats) -> Picture:
    """Draw what was predicted against what happened, in ten groups of equal size.

    ``y`` is 0 or 1, ``p`` the probability, one per row. The whiskers are 95 % Wilson
    intervals; rows of one account are not independent, so they are a little short.

    """
    groups = _groups(np.asarray(y, np.float64), np.asarray(p, np.float64))
    figure, axes = canvas(_calibration_title(y, p), "predicted", "observed")
    top = min(1.0, 1.08 * max((g.high for g in groups), default=1.0))
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    x = [g.predicted for g in groups]
    axes.vlines(x, [g.low for g in groups], [g.high for g in groups], color=LINE)
    axes.plot(x, [g.observed for g in groups], "o", color=LINE, markersize=6)
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    caption(figure, "dashed: as predicted · whiskers: 95 %, rows taken as independent")
    in_percent(axes)
    return Picture(figure)


def lift_plot(y: Ints | Floats, p: Floats) -> Picture:
    """Draw the share of all churn found when the riskiest accounts are looked at first.

    Ties in ``p`` share their churn evenly, so a constant draws the diagonal.
    """
    seen, found = _gains(np.asarray(y, np.float64), np.asarray(p, np.float64))
    tenth = float(np.interp(0.1, seen, found))
    title = "No churn in these rows"
    if found[-1] > 0:
        title = f"The riskiest tenth holds {100 * tenth:.0f} % of the churn"
    figure, axes = canvas(title, "rows looked at, riskiest first", "churn found")
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(seen, found, color=LINE, linewidth=2)
    axes.plot([0.1], [tenth], "o", color=LINE, markersize=7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.annotate("by chance", (0.74, 0.66), **SMALL)
    in_percent(axes)
    return Picture(figure)


def bands_plot(promises: Sequence[Mapping[str, Any]]) -> Picture:
    """Draw each colour's promised range, and the churn that later time showed.

    ``promises`` are the rows of ``bands`` in the backtest: band, low, high, n,
    predicted, observed, interval, kept.
    """
    figure, axes = canvas(_bands_title(promises), "share that churned", "")
    shown = [_shown(row) for row in promises]
    reach = min(1.0, 1.15 * max((x for row in shown for x in row), default=1.0))
    for place, row in enumerate(promises):
        _band_line(axes, place, row, reach)
    axes.set_xlim(0, reach)
    axes.set_ylim(len(promises) - 0.4, -0.6)
    axes.set_yticks(
        range(len(promises)),
        [f"{str(r['band']).capitalize()}\n{r['n']:,} rows" for r in promises],
    )
    axes.grid(visible=False, axis="y")
    caption(figure, "block: promised · dot: observed, 95 % interval · bar: predicted")
    in_percent(axes, x_only=True)
    return Picture(figure)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    predicted: float
    observed: float
    low: float
    high: float


def _groups(y: Floats, p: Floats) -> list[_Group]:
    """Cut rows into groups of about equal size; equal probabilities stay together."""
    if not y.size:
        return []
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _GROUPS + 1)[1:-1]))
    group = np.searchsorted(edges, p, side="left")
    made = []
    for at in np.unique(group):
        mine = group == at
        rate, n = float(y[mine].mean()), int(mine.sum())
        low, high = _wilson(rate, n)
        made.append(
            _Group(predicted=float(p[mine].mean()), observed=rate, low=low, high=high)
        )
    return made


def _wilson(rate: float, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share seen in ``n`` rows.

    >>> low, high = _wilson(0.0, 36)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.096)
    """
    z = 1.959964
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _calibration_title(y: Ints | Floats, p: Floats) -> str:
    if not len(p):
        return "No rows to judge"
    said, seen = 100 * float(np.mean(p)), 100 * float(np.mean(y))
    return f"Predicted {said:.1f} % on average, {seen:.1f} % churned"


def _gains(y: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Give the share of rows seen and of churn found, one point per distinct ``p``."""
    if not y.size:
        return np.array([0.0, 1.0]), np.array([0.0, 0.0])
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    found = np.cumsum(y[order])[last]
    total = max(float(y.sum()), 1.0)
    seen = (last + 1) / y.size
    return np.append(0.0, seen), np.append(0.0, found / total)


def _bands_title(promises: Sequence[Mapping[str, Any]]) -> str:
    judged = [row for row in promises if row.get("kept") is not None]
    broken = [str(row["band"]).capitalize() for row in judged if not row["kept"]]
    if not judged:
        return "No colour could be judged"
    if broken:
        verb = "breaks its promise" if len(broken) == 1 else "break their promise"
        return f"{' and '.join(broken)} {verb}"
    if len(judged) < len(promises):
        each = "it" if len(judged) == 1 else "each"
        told = f"{len(judged)} of {len(promises)} colours can be judged"
        return f"{told}; {each} keeps its promise"
    return "Every colour keeps its promise"


def _shown(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Give the numbers of a row that must fit in; an open upper end need not."""
    interval = row.get("interval") or ()
    ends = [row["low"], row.get("predicted"), row.get("observed"), *interval]
    if row["high"] < 1:
        ends.append(row["high"])
    return tuple(float(x) for x in ends if x is not None)


def _band_line(axes: Axes, place: int, row: Mapping[str, Any], reach: float) -> None:
    colour = COLOURS.get(str(row["band"]), QUIET)
    low, high = float(row["low"]), min(float(row["high"]), reach)
    axes.barh(
        place, high - low, left=low, height=0.52, color=colour, alpha=0.35, linewidth=0
    )
    axes.barh(
        place, high - low, left=low, height=0.52, fill=False, edgecolor=colour, lw=1.2
    )
    if row.get("predicted") is not None:
        axes.vlines(row["predicted"], place - 0.26, place + 0.26, color=INK, lw=2.5)
    if row.get("interval"):
        axes.hlines(place, *row["interval"], color=INK, lw=1.5)
    if row.get("observed") is not None:
        axes.plot(row["observed"], place, "o", color=INK, markersize=7)
