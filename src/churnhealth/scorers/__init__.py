"""Who gives a probability: one protocol, from the base rate to boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from churnhealth.scorers.matrix import refuse

if TYPE_CHECKING:
    from churnhealth.scorers.estimator import Scorer

__all__ = ["SCORERS", "scorer_class", "scorer_from_json"]

SCORERS: Mapping[str, tuple[str, str]] = {
    "constant": ("churnhealth.scorers.baselines", "ConstantScorer"),
    "recency": ("churnhealth.scorers.baselines", "RecencyScorer"),
    "calendar": ("churnhealth.scorers.baselines", "CalendarScorer"),
    "rules": ("churnhealth.scorers.rules", "RuleScorer"),
    "hazard": ("churnhealth.scorers.hazard", "HazardScorer"),
    "lifetime": ("churnhealth.scorers.lifetime", "LifetimeScorer"),
    "logistic": ("churnhealth.scorers.logistic", "LogisticScorer"),
    "gbm": ("churnhealth.scorers.gbm", "GbmScorer"),
    "blend": ("churnhealth.scorers.blend", "BlendScorer"),
}
"""Where each scorer lives; nothing is imported before it is asked for."""


def scorer_class(name: str) -> type[Scorer]:
    """Load the class of the scorer called ``name``.

    >>> scorer_class("constant").__name__
    'ConstantScorer'
    """
    if name not in SCORERS:
        raise refuse(
            "CH326",
            f"there is no scorer {name!r}",
            fix=f"use one of {', '.join(SCORERS)}",
        )
    module, attribute = SCORERS[name]
    found: type[Scorer] = getattr(import_module(module), attribute)
    return found


def scorer_from_json(
    saved: Mapping[str, Any], *, model_text: str | None = None
) -> Scorer:
    """Rebuild any fitted scorer from its ``to_json`` (gbm: and its model text).

    >>> from churnhealth.scorers.baselines import ConstantScorer
    >>> fitted = ConstantScorer().fit([[1.0], [2.0]], [0, 1])
    >>> scorer_from_json(fitted.to_json()).decision_function([[5.0]])
    array([0.])
    """
    kind: Any = scorer_class(str(saved["scorer"]))
    if saved["scorer"] in ("gbm", "blend"):
        scorer: Scorer = kind.from_json(saved, model_text=model_text)
    else:
        scorer = kind.from_json(saved)
    return scorer
