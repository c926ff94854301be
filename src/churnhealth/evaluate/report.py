"""The backtest as one plain dict (``backtest --json``), a table of predictions.

The dict comes first; text (`report_text.py`) and pages are renderings of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.config import Config, Question
from churnhealth.evaluate.backtest import Judged, fold_rows
from churnhealth.evaluate.beyond import beyond_the_obvious
from churnhealth.evaluate.chances import untrue_chances
from churnhealth.evaluate.choosing import FEW
from churnhealth.evaluate.gains import gains_of
from churnhealth.evaluate.longer_test import longer_test
from churnhealth.evaluate.metrics import auc, defined, figures, lead_time, log_loss
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.evaluate.shown import shown_colours
from churnhealth.evaluate.slices import slices_of, yearly_value
from churnhealth.health.bands import BandCuts, band_cuts
from churnhealth.health.draws import Draws, Range, account_draws
from churnhealth.health.drift import rate_of_today
from churnhealth.health.promises import (
    LEVEL_DOUBT,
    Promise,
    broken,
    promised_ranges,
    promises,
)
from churnhealth.said import many
from churnhealth.sources.contract import Floats, Texts

__all__ = ["backtest_report", "prediction_table", "refuse_cuts"]

_DAYS_BEFORE = (180, 120, 90, 60, 30)
_BY_CHANCE = 0.52  # an AUC below ranks hardly anybody
_NEAR = 0.005  # an AUC that differs less from one half reads as one half
_LEAST_SHOWN = 10  # churned accounts in the test period
ISOTONIC = (
    "isotonic calibration costs: accounts on one step share one probability, and what"
    " moves them inside it has no effect; drivers add up, scaled by a factor of each"
    " account's own, so they compare less well between accounts"
)
_STEP = {"day": 1, "week": 7, "month": 31, "quarter": 92, "half-year": 184}


def backtest_report(
    judged: Judged,
    panel: Panel,
    config: Config,
    *,
    leaky: Mapping[str, Any] | None,
    shuffled: Mapping[str, Any],
) -> dict[str, Any]:
    """Judge all scorers on the test rows (design, section 9: ``backtest --json``)."""
    draws = account_draws(judged.account, seed=config.model.seed)
    constant = judged.p.get("constant", judged.rate)
    scorers: dict[str, dict[str, Any]] = {
        name: dict(figures(p, judged.y, draws, constant=constant))
        for name, p in judged.p.items()
    }
    scorers["chosen"] = {"name": judged.chosen, **scorers["chosen"]}
    cuts = _cuts(judged, config)
    told = promises(
        cuts,
        judged.p["chosen"],
        judged.y,
        judged.account,
        seed=config.model.seed,
        ranges=_promised(judged, cuts, seed=config.model.seed),
    )
    verdict = _verdict(judged, panel, scorers, told, config, draws)
    shown = shown_colours(judged, panel, cuts, skill=verdict["skill"])
    return {
        "schema_version": 1,
        "question": config.question.model_dump(mode="json"),
        "data": _data(panel),
        "folds": fold_rows(judged, panel),
        "scorers": scorers,
        "group_disjoint": _disjoint(judged),
        "cuts": cuts.to_json(),
        "bands": [promise.to_json() for promise in told],
        "lead_time": _lead_time(judged, panel, shown, config),
        "gains": gains_of(judged, panel, yearly_value(judged, panel), draws),
        "leaky": leaky,
        "shuffled_dates": shuffled,
        "base_rate": _base_rate(judged),
        "slices": slices_of(judged, panel, cuts, shown=shown, seed=config.model.seed),
        "verdict": verdict,
    }


def _data(panel: Panel) -> dict[str, Any]:
    counts = panel.counts()
    in_lead = counts.pop("in_lead")
    return {
        "accounts": int(panel.history.accounts.ids.size),
        "events": sum(int(log.account.size) for log in panel.history.events),
        **counts,
        "excluded": {**panel.left_out, "in_lead": in_lead},
    }


def refuse_cuts(config: Config, panel: Panel) -> None:
    """Refuse [bands] that cannot be made of any of these dates, before any work.

    Raises
    ------
    TrainingError
        CH341 the capacity is larger than every date's accounts, or costs never pay.
    """
    _, sizes = np.unique(panel.cohort.as_of, return_counts=True)
    all_unlike = np.linspace(0.01, 0.99, int(sizes.max(initial=0)))
    _asked(config, base_rate=0.5, p=all_unlike)


def _cuts(judged: Judged, config: Config) -> BandCuts:
    """Make the cuts as the newest fold would have: from its own training rows."""
    fold = judged.folds[-1]
    rate = rate_of_today(fold.ladder.base_rate, fold.newest_p, fold.year_before_p)
    return _asked(config, base_rate=rate, p=fold.newest_p)


def _asked(config: Config, *, base_rate: float, p: Floats) -> BandCuts:
    return band_cuts(
        config.bands.policy,
        base_rate=base_rate,
        p=p,
        cuts=config.bands.cuts,
        capacity=config.bands.capacity,
        costs=config.bands.costs,
    )


def _promised(judged: Judged, cuts: BandCuts, *, seed: int) -> tuple[Range, ...]:
    """Say what could be promised of the accounts that are judged, without outcomes."""
    drift = judged.folds[-1].ladder.best.drift
    seen = 0.0 if drift is None else drift.believed
    doubt = float(np.hypot(LEVEL_DOUBT, seen))
    p = judged.p["chosen"]
    return promised_ranges(cuts, p, judged.account, doubt=doubt, seed=seed)


def _disjoint(judged: Judged) -> dict[str, float | None]:
    if judged.disjoint is None:
        return {"auc": None, "log_loss": None}
    return {
        "auc": defined(auc(judged.disjoint, judged.y)),
        "log_loss": log_loss(judged.disjoint, judged.y),
    }


def _base_rate(judged: Judged) -> dict[str, Any] | None:
    """Say whether the newest outcomes before the last fold fitted the model's level."""
    rung = judged.folds[-1].ladder.rungs.get(judged.chosen)
    if rung is None or rung.drift is None:
        return None
    return {**rung.drift.to_json(), "corrected": rung.corrected}


def _reach(question: Question) -> int:
    """Give how many days before its churn an account can still be in the cohort."""
    if question.kind == "renewal":
        return question.lead_max_days - 1
    return question.lead_days + question.horizon_days - 1


def _lead_time(
    judged: Judged, panel: Panel, shown: NDArray[np.object_], config: Config
) -> list[dict[str, Any]]:
    """Say what colour the churners had before they left, for the days covered."""
    every = config.snapshots.every
    step = every if isinstance(every, int) else _STEP[every]
    if panel.question.kind == "inactivity":
        return []  # a silence has no day on which it happened
    days = [d for d in _DAYS_BEFORE if d <= _reach(panel.question)]
    until = np.where(judged.outcome >= 0, judged.outcome - judged.as_of, np.nan)
    rows = lead_time(
        shown,
        judged.y,
        judged.account,
        until,
        days_before=days,
        value=yearly_value(judged, panel),
        tolerance_days=step,
    )
    return [dict(row.to_json()) for row in rows]


def _verdict(
    judged: Judged,
    panel: Panel,
    scorers: Mapping[str, Any],
    told: Sequence[Promise],
    config: Config,
    draws: Draws,
) -> dict[str, Any]:
    """Say whether there is skill: the whole gain interval above zero.

    Another level for everybody gains too where rates move, but it tells nobody apart.
    """
    chosen = scorers["chosen"]
    interval = chosen["gain_interval"]
    outcomes = distinct(judged.account[judged.y == 1])
    # An interval drawn from a handful of churned accounts cannot tell its own width.
    enough = outcomes >= _LEAST_SHOWN
    apart = (chosen["auc"] or 0.0) > 0.5
    skill = enough and apart and interval is not None and interval[0] > 0
    reasons = [*judged.reasons, *_of_folds(judged), *_of_levels(judged, scorers)]
    reasons += _of_gain(chosen, outcomes)
    if outcomes and not apart:
        reasons.append("it tells nobody apart: those who left did not rank higher")
    if enough:
        corrects, seed = config.calibration.corrects, config.model.seed
        reasons += untrue_chances(judged, corrects=corrects, skill=skill, seed=seed)
    if not skill:
        reasons.append(f"no skill shown: colours are the rules', {_of_rules(scorers)}")
    if 0 < outcomes < FEW:
        short = "" if enough else f": fewer than {_LEAST_SHOWN} can show no skill"
        reasons.append(
            f"only {many(outcomes, 'account')} churned in the test period{short}"
        )
    if outcomes and apart and not skill:
        since = judged.folds[0].fold.test_from
        longer = longer_test(panel, test_from=since, outcomes=outcomes)
        reasons += [] if longer is None else [longer]
    if config.calibration.method == "isotonic":
        reasons.append(ISOTONIC)
    if skill:
        beyond = beyond_the_obvious(judged.p, judged.y, draws)
        reasons += [] if beyond is None else [beyond]
        reasons += broken(told, skill=True)
    return {"skill": skill, "chosen": judged.chosen, "reasons": reasons}


def _of_folds(judged: Judged) -> list[str]:
    """Say that folds chose different scorers: no figure is then of one scorer alone."""
    chose = Counter(fold.ladder.chosen for fold in judged.folds)
    if len(chose) < 2:
        return []
    told = ", ".join(f"{name} {n}" for name, n in chose.most_common())
    return [
        f"the folds chose different scorers ({told}): all figures of what was"
        " chosen are by fold, each from its own"
    ]


def _of_levels(judged: Judged, scorers: Mapping[str, Any]) -> list[str]:
    """Say that a moving level ranks the rows of several folds, where it does."""
    ranked = scorers.get("constant", {}).get("auc")
    if len(judged.folds) < 2 or ranked is None or abs(ranked - 0.5) < _NEAR:
        return []
    return [
        f"all figures are of the rows of {len(judged.folds)} folds together, and the"
        " level that is learned moves from fold to fold: by that alone the constant"
        f" has an AUC of {ranked:.3f}"
    ]


def _of_gain(chosen: Mapping[str, Any], outcomes: int) -> list[str]:
    """Say what was gained over the constant, how surely, and what would make it sure.

    Where nobody left, less risk for everybody gains, and no interval tells chance.
    """
    if not outcomes:
        return [
            "no account churned in the test period, so it can show nothing: set an"
            " earlier [backtest] test_from, or wait until more outcomes are known"
        ]
    interval, gain = chosen["gain_interval"], chosen["log_loss_gain_over_constant"]
    if interval is None:
        return ["the gain over the constant has no interval: too few outcomes"]
    low, high = interval
    side = "lies above zero" if low > 0 else "does not lie above zero"
    told = [
        f"the gain in log loss over the constant is {gain:.4f} (95 % interval"
        f" {low:.4f} to {high:.4f}): it {side}"
    ]
    if low < high:  # its width falls with the root of the outcomes
        told.append(
            f"{3 * outcomes:,} more accounts that leave would narrow that interval to"
            f" {(high - low) / 4.0:.4f} on either side"
        )
    return told


def _of_rules(scorers: Mapping[str, Any]) -> str:
    """Say what the colours are worth that stand in for a model without skill.

    >>> _of_rules({"rules": {"auc": 0.48}})
    'unproven, and they rank by chance (AUC 0.480): act on none of them'
    """
    rules = scorers.get("rules")
    if rules is None or rules["auc"] is None:
        return "unproven"
    worth = f"(AUC {rules['auc']:.3f})"
    if rules["auc"] <= _BY_CHANCE:
        return f"unproven, and they rank by chance {worth}: act on none of them"
    return f"unproven {worth}"


def prediction_table(
    judged: Judged, report: Mapping[str, Any], ids: Texts
) -> dict[str, NDArray[Any]]:
    """Give one row per test snapshot: outcome, every scorer's probability, band."""
    cuts = BandCuts.from_json(report["cuts"])
    order = np.lexsort((judged.account, judged.as_of))
    columns: dict[str, NDArray[Any]] = {
        "account_id": ids[judged.account],
        "as_of": judged.as_of.astype("datetime64[D]"),
        "label": judged.y,
        **{f"p_{name}": p for name, p in judged.p.items() if name != "chosen"},
        "p_chosen": judged.p["chosen"],
        "band": cuts.band(judged.p["chosen"]),
    }
    return {name: column[order] for name, column in columns.items()}
