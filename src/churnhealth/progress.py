"""How far along we are and where the time went; drawn for whoever can see it.

The only file that knows rich.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from churnhealth.progress_cell import CellBars, in_notebook

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

__all__ = ["Progress"]


class Progress:
    """Stages with their times, shown as bars while they run.

    They appear on a terminal (``stream``, stderr unless given) or, where none is given,
    under a notebook's cell; elsewhere nothing is ever written. The times are collected
    all the same. Stages may be nested: an inner one is named
    ``outer / inner``, and only outer ones are added up at the end.

    >>> ticks = iter([0.0, 2.5])
    >>> progress = Progress(clock=lambda: next(ticks))
    >>> with progress.stage("read"):
    ...     pass
    >>> progress.times()
    {'read': 2.5}
    >>> progress.line()
    'read 2.5 s · total 2.5 s'
    """

    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._in_cell = stream is None and in_notebook()
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._times: dict[str, float] = {}
        self._open: list[tuple[str, Any]] = []
        self._bars: Bars | CellBars | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._times and self._stream.isatty():
            self._stream.write(self.line() + "\n")

    @contextmanager
    def stage(self, name: str, *, total: int | None = None) -> Iterator[None]:
        """Time what happens inside; ``total`` steps make a bar, none a spinner."""
        path = f"{self._open[-1][0]} / {name}" if self._open else name
        self._open.append((path, self._draw(name, total)))
        began = self._clock()
        try:
            yield
        finally:
            spent = self._clock() - began
            self._times[path] = self._times.get(path, 0.0) + spent
            self._erase(self._open.pop()[1])

    def advance(self, steps: int = 1) -> None:
        """Say that the innermost stage is ``steps`` further."""
        if self._bars is not None and self._open:
            task = self._open[-1][1]
            if task is not None:
                self._bars.advance(task, steps)

    def times(self) -> Mapping[str, float]:
        """Give the seconds of every stage, in the order they were first finished."""
        return dict(self._times)

    def line(self) -> str:
        """Say in one line where the time went."""
        outer = {k: v for k, v in self._times.items() if " / " not in k}
        parts = [f"{name} {spent:.1f} s" for name, spent in outer.items()]
        return " · ".join([*parts, f"total {sum(outer.values()):.1f} s"])

    def _draw(self, name: str, total: int | None) -> Any:
        if not (self._in_cell or self._stream.isatty()):
            return None
        if self._bars is None:
            self._bars = CellBars() if self._in_cell else _bars(self._stream)
            self._bars.start()
        indent = "  " * len(self._open)
        return self._bars.add_task(indent + name, total=total)

    def _erase(self, task: Any) -> None:
        if self._bars is None or task is None:
            return
        self._bars.remove_task(task)
        if not self._open:
            self._bars.stop()
            self._bars = None


def _bars(stream: TextIO) -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    return Bars(
        SpinnerColumn(),
        # markup=False: a stage may be named after an account
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
