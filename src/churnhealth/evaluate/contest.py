"""Whether a challenger is better than what it would replace, beyond noise.

Pure functions of arrays: every rival's probability of the same rows, which were later
than anything it had learned from. Gains are paired row by row, their 95 % intervals
come from drawing whole accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from churnhealth.evaluate.choosing import FEW
from churnhealth.evaluate.metrics import auc, log_losses
from churnhealth.evaluate.panel import distinct
from churnhealth.health.draws import account_draws
from churnhealth.said import many
from churnhealth.sources.contract import Floats, Ints, Texts

__all__ = ["LEAST_SHOWN", "contest"]

LEAST_SHOWN = 10  # churned accounts: an interval from fewer cannot tell its own width


def contest(
    p: Mapping[str, Floats],
    y: Ints,
    account: Ints,
    segment: Texts,
    *,
    incumbent: str,
    broken: Sequence[str],
    tolerance: float,
    refresh: bool = False,
    seed: int,
) -> dict[str, Any]:
    """Judge ``p["challenger"]`` against every other entry of ``p`` on the same rows.

    It must beat each: the whole 95 % interval of the paired gain in log loss above
    zero. A ``refresh`` must only not be worse than the champion: not the whole
    interval below zero. No segment may lose more than ``tolerance`` of the incumbent's
    log loss where enough accounts churned to tell (20), nor any at all beyond noise.
    ``broken`` are band promises that were not kept. Gives reasons against it; none =
    it may pass.

    >>> y = np.tile([0, 0, 0, 1], 50)
    >>> p = {"challenger": np.where(y, 0.6, 0.1), "constant": np.full(200, 0.25)}
    >>> told = contest(p, y, np.arange(200), np.full(200, None), incumbent="constant",
    ...                broken=(), tolerance=0.05, seed=1)
    >>> told["reasons"], told["against"]["constant"]["beaten"]
    ([], True)
    """
    outcomes = distinct(account[y == 1])
    losses = {name: log_losses(mine, y) for name, mine in p.items()}
    against = {
        name: _paired(loss, losses["challenger"], account, seed=seed)
        for name, loss in losses.items()
        if name != "challenger"
    }
    segments = _segments(
        losses[incumbent],
        losses["challenger"],
        y,
        account,
        segment,
        tolerance=tolerance,
        seed=seed,
    )
    reasons = []
    if outcomes < LEAST_SHOWN:
        reasons.append(
            f"only {many(outcomes, 'account')} churned in the test period: fewer than"
            f" {LEAST_SHOWN} cannot show that anything is better"
        )
    for name, row in against.items():
        if refresh and name == "champion":
            if row["interval"][1] < 0.0:
                reasons.append(_behind(row))
        elif not row["beaten"]:
            reasons.append(_not_beaten(name, row))
    reasons += [f"a promise is not kept: {line}" for line in broken]
    reasons += [_worse(row, tolerance) for row in segments if row["worse"]]
    challenger = losses["challenger"]
    return {
        "rows": int(y.size),
        "positives": int(y.sum()),
        "outcomes": outcomes,
        "challenger": {
            "log_loss": float(challenger.mean()),
            "auc": _said(auc(p["challenger"], y)),
        },
        "incumbent": incumbent,
        "against": {
            name: {"auc": _said(auc(p[name], y)), **row}
            for name, row in against.items()
        },
        "segments": segments,
        "reasons": reasons,
    }


def _paired(
    rival: Floats, challenger: Floats, account: Ints, *, seed: int
) -> dict[str, Any]:
    gain = rival - challenger
    both = np.column_stack([gain, np.ones_like(gain)])
    draws = account_draws(account, seed=seed)
    low, high = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
    return {
        "log_loss": float(rival.mean()),
        "gain": float(gain.mean()),
        "interval": [low, high],
        "beaten": bool(low > 0.0),
    }


def _segments(
    incumbent: Floats,
    challenger: Floats,
    y: Ints,
    account: Ints,
    segment: Texts,
    *,
    tolerance: float,
    seed: int,
) -> list[dict[str, Any]]:
    told = []
    for name in sorted({s for s in segment.tolist() if s is not None}):
        mine = np.asarray(segment == name)
        row = _paired(incumbent[mine], challenger[mine], account[mine], seed=seed)
        outcomes = distinct(account[mine & (y == 1)])
        lost = -row["gain"] / row["log_loss"] if row["log_loss"] else 0.0
        beyond = row["interval"][1] < 0.0 and outcomes >= LEAST_SHOWN
        told.append(
            {
                "segment": str(name),
                "rows": int(mine.sum()),
                "outcomes": outcomes,
                "log_loss": float(challenger[mine].mean()),
                "gain": row["gain"],
                "interval": row["interval"],
                "worse": bool(beyond or (lost > tolerance and outcomes >= FEW)),
            }
        )
    return told


def _not_beaten(name: str, row: Mapping[str, Any]) -> str:
    return (
        f"it does not beat the {name} beyond noise: the gain in log loss is"
        f" {row['gain']:.4f} (95 % interval {row['interval'][0]:.4f} to"
        f" {row['interval'][1]:.4f})"
    )


def _behind(row: Mapping[str, Any]) -> str:
    return (
        "it is worse than the champion beyond noise: the gain in log loss is"
        f" {row['gain']:.4f} (95 % interval {row['interval'][0]:.4f} to"
        f" {row['interval'][1]:.4f})"
    )


def _worse(row: Mapping[str, Any], tolerance: float) -> str:
    return (
        f"segment {row['segment']} gets worse: log loss {row['log_loss']:.4f}, gain"
        f" {row['gain']:.4f}; at most {tolerance:.0%} may be lost, and nothing beyond"
        " noise"
    )


def _said(figure: float) -> float | None:
    return figure if np.isfinite(figure) else None
