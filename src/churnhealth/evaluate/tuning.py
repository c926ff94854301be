"""A search for better settings of logistic and gbm, inside the training period only.

The only file that knows Optuna, and it asks for it late.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from churnhealth.config import Config
from churnhealth.errors import RequestError, TrainingError
from churnhealth.evaluate.backtest import fold_plan, training_rows
from churnhealth.evaluate.choosing import FEW, clustered_error
from churnhealth.evaluate.inner import TrainingRows, inner_origins, later_margins
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.evaluate.panel import Panel
from churnhealth.sources.contract import Floats, Ints, date_of

__all__ = ["Budget", "tuned"]

_SEARCHED = ("logistic", "gbm")
_NEEDED = ("hazard", *_SEARCHED)  # gbm stands on logistic, logistic on hazard


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How long to search: a number of ``trials``, or ``minutes``.

    >>> Budget.read("20"), Budget.read("1.5m")
    (Budget(trials=20, minutes=None), Budget(trials=None, minutes=1.5))
    """

    trials: int | None = None
    minutes: float | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what was typed: ``"20"`` trials, ``"5m"`` minutes.

        Raises
        ------
        RequestError
            CH508 for anything else.
        """
        if re.fullmatch(r"0*[1-9]\d{0,3}", text):
            return cls(trials=int(text))
        if re.fullmatch(r"\d{1,4}(\.\d+)?m", text) and float(text[:-1]) > 0:
            return cls(minutes=float(text[:-1]))
        raise RequestError(
            "CH508",
            "--tune takes a number of trials or of minutes",
            why="a search without an end would never give a model",
            fix="give for example --tune 20 (trials) or --tune 5m (minutes)",
        )


def tuned(
    config: Config,
    panel: Panel,
    budget: Budget,
    *,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Config, dict[str, Any]]:
    """Search settings; give the configuration with the found ones, and what was found.

    Every trial fits at the ladder's inner origins on what was known then, and is judged
    by the log loss of logistic and gbm together on the rows that follow. Only rows are
    seen that the first fold of the backtest trains on, so that its test dates stay
    unseen. The best trial is kept where it gains more than one standard error over the
    settings as they are, paired by account. The same number of trials gives the same
    bits; a budget in minutes does not.

    Raises
    ------
    TrainingError
        CH310 without Optuna; and as ``fold_plan`` and ``training_rows`` do.
    """
    optuna = _optuna()
    fold = fold_plan(panel, config)[0]
    rows, _ = training_rows(panel, fold.judged_at)
    origins = inner_origins(rows)
    told: dict[str, Any] = {
        "before": str(date_of(fold.judged_at)),
        "budget": {"trials": budget.trials, "minutes": budget.minutes},
        "reproducible": budget.minutes is None,
        "tried": 0,
        "settings": {},
    }
    searched = [name for name in _SEARCHED if name in config.model.ladder]
    if rows.outcomes < FEW or not origins or not searched:
        return config, {**told, "why": "too few outcomes, or nothing to search"}
    usual, account = _losses(config, panel, rows, origins)
    found: dict[int, Floats] = {}

    def loss(trial: Any) -> float:
        changed = _with(config, _asked(trial, searched))
        found[trial.number], _ = _losses(changed, panel, rows, origins)
        advance()
        return float(found[trial.number].mean())

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="minimize", sampler=optuna.samplers.TPESampler(seed=config.model.seed)
    )
    seconds = None if budget.minutes is None else 60.0 * budget.minutes
    study.optimize(loss, n_trials=budget.trials, timeout=seconds)
    best = study.best_trial
    gain = usual - found[best.number]
    noise = clustered_error(gain, account)
    told |= {
        "tried": len(found),
        "best": dict(best.params),
        "gain": float(gain.mean()),
        "gain_error": noise,
    }
    if gain.mean() <= noise:
        why = "the best gains no more than its noise: settings stay as they are"
        return config, {**told, "why": why}
    settings = dict(best.params)
    why = "it gains more than its noise over the settings as they were"
    return _with(config, settings), {**told, "settings": settings, "why": why}


def _asked(trial: Any, searched: Sequence[str]) -> dict[str, float | int]:
    """Draw the settings of one trial: the few that matter, within what is sane."""
    asked: dict[str, float | int] = {}
    if "logistic" in searched:
        asked["penalty"] = trial.suggest_float("penalty", 3.0, 3000.0, log=True)
    if "gbm" in searched:
        asked["leaves"] = trial.suggest_int("leaves", 3, 15)
        asked["learning_rate"] = trial.suggest_float(
            "learning_rate", 0.01, 0.1, log=True
        )
        asked["l2"] = trial.suggest_float("l2", 1.0, 200.0, log=True)
    return asked


def _with(config: Config, settings: Mapping[str, Any]) -> Config:
    model = config.model.model_copy(update=settings)
    return config.model_copy(update={"model": model})


def _losses(
    config: Config, panel: Panel, rows: TrainingRows, origins: list[int]
) -> tuple[Floats, Ints]:
    """Give the log loss of each later row, and the row's account."""
    made = {make().name: make for make in scorer_makers(config, panel.specs)}
    names = [name for name in _NEEDED if name in made]
    held = later_margins(rows, made, names, origins)
    judged = [name for name in names if name in _SEARCHED]
    together = held.weighed(dict.fromkeys(judged, 1.0 / len(judged)))
    return held.losses(together), rows.account[np.concatenate(held.row)]


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise TrainingError(
            "CH310",
            "Optuna is not installed, so there is nothing to search with",
            why="--tune was asked for, and a model without it is another one",
            fix='pip install "churnhealth[tune]", or leave --tune out',
        ) from error
    return optuna
