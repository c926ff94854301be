"""Which scorers a configuration asks for, ready to be made anew for every fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from churnhealth.config import Config, Question
from churnhealth.errors import TrainingError
from churnhealth.features.spec import FeatureSpec
from churnhealth.scorers import SCORERS, scorer_class
from churnhealth.scorers.card import Card, read_card
from churnhealth.scorers.estimator import Scorer
from churnhealth.snapshots.labels import closing_day

__all__ = ["configured_card", "outcome_window", "scorer_makers"]

_MANY = 250  # outcomes, from which on they know directions better than we do


def scorer_makers(
    config: Config, specs: tuple[FeatureSpec, ...], *, card: Card | None = None
) -> list[Callable[[], Scorer]]:
    """List the rungs that are allowed and apply to these features.

    ``card`` replaces the configured scorecard; without either one is learned.
    """
    names = tuple(spec.name for spec in specs)
    question, model = config.question, config.model
    longest = np.array([question.lead_max_days])  # a renewal closes after its own end
    zero = np.zeros(1, np.int64)
    embargo = int(closing_day(question, as_of=zero, end=longest)[0])
    own: dict[str, dict[str, Any]] = {
        "calendar": {"window": outcome_window(question)},
        "hazard": {
            "window": _decision_window(question),
            "repeats": question.kind == "horizon",
        },
        "lifetime": {"horizon_days": question.horizon_days},
        "rules": {
            "card": configured_card(config) if card is None else card,
            "specs": specs,
        },
        "logistic": {
            "embargo_days": embargo,
            **({} if model.penalty is None else {"penalties": (model.penalty,)}),
        },
        "gbm": {
            "embargo_days": embargo,
            "seed": model.seed,
            "num_leaves": model.leaves,
            "learning_rate": model.learning_rate,
            "lambda_l2": model.l2,
            **_monotone(model.monotone, specs),
        },
    }
    answers = {
        "calendar": question.kind == "horizon",
        "hazard": _ends_at_renewals(question),
        "lifetime": question.kind == "inactivity",
    }
    applies = [
        name
        for name in SCORERS
        if name in model.ladder
        and answers.get(name, True)
        and scorer_class(name).applies(names)
    ]
    if not set(applies) - {"blend"}:
        raise TrainingError(
            "CH308",
            "no scorer is left that applies to this question and these sources",
            why="without a scorer there is no probability",
            fix="allow more under [model] ladder; leave the key out for all",
        )

    def maker(name: str) -> Callable[[], Scorer]:
        build: Any = scorer_class(name)
        return lambda: build(feature_names=names, **own.get(name, {}))

    return [maker(name) for name in applies]


def _monotone(kept: str, specs: tuple[FeatureSpec, ...]) -> dict[str, Any]:
    """Say whether trees keep to the directions that are expected of features."""
    if kept == "never":
        return {}
    expected = tuple(spec.direction for spec in specs)
    return {"monotone": expected, "free_from": _MANY if kept == "few" else None}


def outcome_window(question: Question) -> tuple[int, int]:
    """Give the days from as_of that the outcome window spans."""
    return question.lead_days, question.lead_days + question.horizon_days


def _ends_at_renewals(question: Question) -> bool:
    """Say whether an agreed end without new cover counts as churn."""
    return question.kind != "inactivity" and "not_renewed" in question.churn_when


def _decision_window(question: Question) -> tuple[int, int]:
    """Give the days from as_of in which a renewal decision counts."""
    if question.kind == "renewal":
        return 0, question.lead_max_days
    return outcome_window(question)


def configured_card(config: Config) -> Card | None:
    """Read the scorecard that [rules] names, if it names one."""
    if config.rules.card is None:
        return None
    return read_card((config.folder / config.rules.card).resolve())
