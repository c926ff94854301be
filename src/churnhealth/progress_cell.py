"""Progress as a notebook shows it: one output under the cell, gone when it ends.

The only file that knows IPython. It is never imported for its own sake: a notebook's
process has it already.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["CellBars", "in_notebook"]

_EVERY = 0.2  # seconds between two drawings: each one is sent to the browser


def in_notebook() -> bool:
    """Say whether what is displayed appears under a notebook's cell."""
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


class CellBars:
    """Bars of nested stages in one output of a cell, as ``rich.progress`` has them."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._stages: dict[int, list[Any]] = {}
        self._last = 0
        self._drawn = 0.0
        self._handle: Any = None

    def start(self) -> None:
        """Open the output."""
        shown = _shown()
        self._handle = shown.display(shown.HTML(""), display_id=True)

    def stop(self) -> None:
        """Leave nothing behind."""
        self._show("")

    def add_task(self, name: str, *, total: int | None) -> int:
        """Show a stage; without ``total`` its end is not known."""
        self._last += 1
        self._stages[self._last] = [name, 0, total, self._clock()]
        self._draw(now=True)
        return self._last

    def advance(self, task: int, steps: int) -> None:
        """Move a stage's bar."""
        self._stages[task][1] += steps
        self._draw(now=False)

    def remove_task(self, task: int) -> None:
        """Take a stage away."""
        del self._stages[task]

    def _draw(self, *, now: bool) -> None:
        if not now and self._clock() - self._drawn < _EVERY:
            return
        self._drawn = self._clock()
        self._show("".join(self._line(*stage) for stage in self._stages.values()))

    def _line(self, name: str, done: int, total: int | None, began: float) -> str:
        known = f' value="{done}" max="{total}"' if total else ""
        told = f"{done:,} of {total:,}" if total else ""
        spent = self._clock() - began
        return (
            '<div style="font-family:monospace;white-space:pre">'
            f"{html.escape(name):<24} <progress{known}></progress>"
            f" {told} {spent:.0f} s</div>"
        )

    def _show(self, text: str) -> None:
        self._handle.update(_shown().HTML(text))


def _shown() -> Any:
    from IPython import display

    return display
