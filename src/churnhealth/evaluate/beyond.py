"""What is foretold beyond what needs no model: whose term ends, and who is silent.

With terms of a year most accounts cannot leave soon, and where churn is silence most of
those who count as lost have been silent for long. Knowing which gives a high AUC and a
large gain over the constant.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from churnhealth.evaluate.metrics import log_losses
from churnhealth.health.draws import Draws
from churnhealth.sources.contract import Floats, Ints

__all__ = ["beyond_the_obvious"]

_OBVIOUS = {
    "contracts": (
        "the dates of the contracts",
        "more is known than whose term ends",
        "shown is who can leave, whose term ends, and not who of them will",
    ),
    "recency": (
        "the days since each was last there",
        "more is known than how long each has been silent",
        "shown is how long each has been silent, and no more",
    ),
}


def beyond_the_obvious(p: Mapping[str, Floats], y: Ints, draws: Draws) -> str | None:
    """Say what the chosen scorer gains over the one that knows only the obvious.

    That is the hazard, or without it the calendar, and where no term ends the days of
    silence; ``None`` where it tells no two accounts apart. The gain is paired, its
    interval drawn by account.
    """
    name = next((n for n in ("hazard", "calendar", "recency") if n in p), None)
    if name is None or np.ptp(p[name]) == 0.0:
        return None
    gain = log_losses(p[name], y) - log_losses(p["chosen"], y)
    both = np.column_stack([gain, np.ones_like(gain)])
    low, high = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
    known, more, less = _OBVIOUS["recency" if name == "recency" else "contracts"]
    told = (
        f"the gain over {known} alone ({name}) is {gain.mean():.4f}"
        f" (95 % interval {low:.4f} to {high:.4f})"
    )
    better = f"; {name} alone did better" if high < 0.0 else ""
    return f"{told}: {more if low > 0.0 else less}{better}"
