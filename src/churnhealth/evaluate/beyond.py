"""What is foretold beyond the dates of contracts: who leaves of those whose term ends.

With terms of a year most accounts cannot leave soon. Knowing which can gives a high AUC
and a large gain over the constant, and needs no model.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from churnhealth.evaluate.metrics import log_losses
from churnhealth.health.draws import Draws
from churnhealth.sources.contract import Floats, Ints

__all__ = ["beyond_dates"]


def beyond_dates(p: Mapping[str, Floats], y: Ints, draws: Draws) -> str | None:
    """Say what the chosen scorer gains over the one that knows only contracts.

    That is the hazard, or without it the calendar; ``None`` where neither tells any two
    accounts apart. The gain is paired, its interval drawn by account.
    """
    name = next((n for n in ("hazard", "calendar") if n in p), None)
    if name is None or np.ptp(p[name]) == 0.0:
        return None
    gain = log_losses(p[name], y) - log_losses(p["chosen"], y)
    both = np.column_stack([gain, np.ones_like(gain)])
    low, high = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
    told = (
        f"the gain over the dates of the contracts alone ({name}) is {gain.mean():.4f}"
        f" (95 % interval {low:.4f} to {high:.4f})"
    )
    if low > 0.0:
        return f"{told}: more is known than whose term ends"
    return f"{told}: shown is who can leave, whose term ends, and not who of them will"
