"""One style for every picture: the canvas, the colours, and the finished picture.

The only file that knows matplotlib, through figures of its own: no global state, no
window. Titles say the finding, so that a picture can be passed on alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churnhealth.errors import ChurnHealthError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "LINE", "QUIET", "SMALL", "Picture", "canvas", "caption",
           "in_percent"]  # fmt: skip

COLOURS = {
    "green": "#00796B",
    "yellow": "#FBC02D",
    "orange": "#E8710A",
    "red": "#8E1B3A",
}
INK, QUIET, LINE = "#1A1A1A", "#5F6368", "#1F5FA8"
_GRID = "#E3E5E8"
_FONT = "DejaVu Sans"  # comes with matplotlib: the same picture on every machine
SMALL: Mapping[str, Any] = {"fontsize": 9, "color": QUIET, "family": _FONT}
_LEFT = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A finished picture: notebooks show it, ``save`` writes it as PNG."""

    figure: Figure

    @property
    def title(self) -> str:
        """Read the finding, where the picture cannot be seen."""
        return str(self.figure.axes[0].get_title(loc="left"))

    def save(self, path: Path) -> Path:
        """Write the picture as PNG; equal numbers make equal files."""
        path.write_bytes(self._repr_png_())
        return path

    def _repr_png_(self) -> bytes:
        held = io.BytesIO()
        # Without the version of matplotlib in it, equal pictures are equal files.
        self.figure.savefig(held, format="png", metadata={"Software": None})
        return held.getvalue()

    def __repr__(self) -> str:
        return f"Picture({self.title!r})"


def canvas(title: str, x: str, y: str, *, left: float = _LEFT) -> tuple[Figure, Axes]:
    """Make an empty picture in the one style; ``left`` leaves room for long names."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ChurnHealthError(
            "CH612",
            "matplotlib is not installed, so nothing can be drawn",
            why="a run is kept with its pictures",
            fix='pip install "churnhealth[track]"',
        ) from error
    figure = Figure(figsize=(6.4, 4.8), dpi=144, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left, 0.15, 0.96 - left, 0.72))
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=12, family=_FONT)
    axes.set_xlabel(x, fontsize=10, color=QUIET, family=_FONT)
    axes.set_ylabel(y, fontsize=10, color=QUIET, family=_FONT)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.tick_params(length=0, pad=6, colors=QUIET, labelsize=9, labelfontfamily=_FONT)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def caption(figure: Figure, words: str) -> None:
    """Say under a picture how to read it."""
    figure.text(_LEFT, 0.02, words, **SMALL)


def in_percent(axes: Axes, *, x_only: bool = False) -> None:
    """Write the ticks as shares."""
    from matplotlib.ticker import PercentFormatter

    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if not x_only:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
