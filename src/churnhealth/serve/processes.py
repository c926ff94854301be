"""Which of the processes beside us still live, and what the dead leave behind."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["forget_the_dead", "lives"]


def lives(process: int) -> bool:
    """Say whether there is such a process, whoever owns it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def forget_the_dead(gauges: Path) -> None:
    """Take out how much those waited who waited in workers that were killed.

    Prometheus keeps such a number in a file per process until it is told of its end;
    of a kill nobody tells, and the queue of the dead would be shown for ever.
    """
    for file in gauges.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdecimal() and not lives(int(process)):
            file.unlink(missing_ok=True)
