"""Which colour people would have seen of each test row: the model's, or the rule's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.panel import Panel
from churnhealth.health.bands import BandCuts, shown_bands
from churnhealth.scorers.rules import RuleScorer

__all__ = ["rule_colours", "shown_colours"]


def shown_colours(
    judged: Judged, panel: Panel, cuts: BandCuts, *, skill: bool
) -> NDArray[np.object_]:
    """Give the colour of each test row, grey where too little was measured.

    Without skill it is that of the rules fold by fold, as a portfolio has it; the
    model's where the ladder has no rules.
    """
    X = panel.X[judged.row]
    measured = np.isfinite(X).sum(axis=1) / max(X.shape[1], 1)
    own = None if skill else rule_colours(judged, panel)
    return shown_bands(cuts.band(judged.p["chosen"]) if own is None else own, measured)


def rule_colours(judged: Judged, panel: Panel) -> NDArray[np.object_] | None:
    """Give the colour that the rules' points have, fold by fold; none without rules."""
    rules = [fold.ladder.rungs.get("rules") for fold in judged.folds]
    if None in rules:
        return None
    told = [
        rung.scorer.bands(panel.X[fold.test])
        for rung, fold in zip(rules, judged.folds, strict=True)
        if rung is not None and isinstance(rung.scorer, RuleScorer) and fold.test.size
    ]
    return np.concatenate(told)
