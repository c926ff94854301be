"""Which rung to trust, judged by the log losses on later dates inside training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from churnhealth.said import many
from churnhealth.scorers.curves import level_shift
from churnhealth.sources.contract import Floats, Ints

__all__ = [
    "ALONE",
    "FEW",
    "Held",
    "cautious_weights",
    "choose",
    "clustered_error",
    "holds_its_own",
    "rules_share",
    "sharpened",
    "trust_in_prior",
    "weights_of",
]

FEW = 20  # distinct accounts that churned: below it, nothing is learned from usage
_BEHIND = 2.0  # standard errors by which the blend may look worse than the best
_MANY = 500.0  # outcomes from which the best is no longer the best by chance
_CAUTIOUS = {"rules": 0.4, "hazard": 0.8, "lifetime": 0.4}  # weights with few outcomes
ALONE = _CAUTIOUS["rules"]  # of a learned card without hazard or lifetime
_USUAL = 0.2  # a written card's share of the blend where the evidence leaves it open
_LEARNED = 0.1  # the same of a card that was learned from the same rows
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_PRIORS = ("hazard", "lifetime")  # few parameters, each with a prior
_TRUST = 20.0  # outcomes at which one of these and what learns from usage weigh alike
_FLAT, _FLAT_TRUST = 1e-4, 5.0  # a hazard that gains less in log loss, and its trust
_LATER = "later dates inside the training period"
_OTHERS = "accounts left out of training"
_NO_LATER = (
    "the training period is too short to judge on later dates inside it: whole accounts"
    " were left out instead, so what changes with time was not seen"
)
_NOTHING = 1e-6  # of log loss: what gains less tells nobody apart
_FADING = 100.0  # outcomes at which half of a learned card's share is left


@dataclass(slots=True)
class Held:
    """Margins on later dates, collected over the inner folds, one item per fold."""

    row: list[Ints] = field(default_factory=list)
    y: list[Floats] = field(default_factory=list)
    margin: dict[str, list[Floats]] = field(default_factory=dict)

    def levelled(self, margins: Sequence[Floats], *, last: int | None = None) -> Floats:
        """Shift every fold's margins to its own churn rate, and join the last of them.

        The level of the later rows is drift between two parts of the training period,
        and the scorer that is kept has seen both.
        """
        shifted = [z + level_shift(z, y) for z, y in zip(margins, self.y, strict=True)]
        kept = shifted if last is None else shifted[-last:]
        return np.concatenate([np.zeros(0), *kept])

    def weighed(self, weights: Mapping[str, float]) -> list[Floats]:
        """Sum margins times their weights, fold by fold."""
        return [
            np.sum([w * self.margin[n][k] for n, w in weights.items()], axis=0)
            for k in range(len(self.row))
        ]

    def losses(self, margins: Sequence[Floats]) -> Floats:
        """Give each later row's log loss, every fold at its own churn rate."""
        z, y = self.levelled(margins), np.concatenate([np.zeros(0), *self.y])
        return np.asarray(np.logaddexp(0.0, z) - y * z)


def rules_share(
    held: Held,
    slope: Mapping[str, float],
    account: Ints,
    *,
    written: bool,
    outcomes: float = 0.0,
    trust: float = _TRUST,
) -> float:
    """Choose what share the rules have in the blend with logistic and gbm.

    A card that somebody wrote knows what few outcomes cannot tell, and helps most
    where they are few: of the shares within one standard error of the best, it is the
    one nearest to a fifth. (Over 52 simulated companies of two kinds a fifth gained
    where the card was good and cost nothing where it was not.) A card that was
    learned has no knowledge of its own: its usual share is a tenth that fades with the
    ``outcomes``, and nothing where it does not beat the constant. ``slope`` calibrates
    each margin; ``account`` is that of every later row.
    """
    usual = _USUAL if written else _LEARNED * _FADING / (_FADING + outcomes)
    if not held.row:
        return usual
    if not written:
        level = held.losses([np.zeros_like(y) for y in held.y])
        card = held.losses([slope["rules"] * z for z in held.margin["rules"]])
        if not _is_proven(level - card, account):
            return 0.0
    parts = {s: weights_of(s, slope, outcomes=outcomes, trust=trust) for s in _SHARES}
    blended = {share: held.losses(held.weighed(part)) for share, part in parts.items()}
    best = min(blended, key=lambda share: float(blended[share].mean()))
    for share in sorted(_SHARES, key=lambda share: abs(share - usual)):
        behind = blended[share] - blended[best]
        if behind.mean() <= clustered_error(behind, account):
            return share
    return best


def trust_in_prior(held: Held) -> float:
    """Say at how many outcomes the prior and what learns from usage weigh alike.

    A hazard that tells nobody apart on later dates, as where every row has one
    decision, only holds the others back; fewer outcomes then outweigh it.

    >>> y = np.tile([0.0, 1.0], 50)
    >>> row = [np.arange(100)]
    >>> helds = [Held(row=row, y=[y], margin={"hazard": [z]}) for z in (y, 0.0 * y)]
    >>> [trust_in_prior(held) for held in helds]
    [20.0, 5.0]
    """
    if not held.row or "hazard" not in held.margin:
        return _TRUST
    gain = held.losses([0.0 * y for y in held.y]) - held.losses(held.margin["hazard"])
    return _TRUST if gain.mean() > _FLAT else _FLAT_TRUST


def weights_of(
    share: float,
    slope: Mapping[str, float],
    *,
    outcomes: float,
    trust: float = _TRUST,
) -> dict[str, float]:
    """Give the weight of every member's margin in the blend.

    Beside the rules' ``share`` logistic, gbm and lifetime weigh alike. The hazard, or
    where there is none the lifetime, knows something before any outcome is seen: the
    fewer the outcomes, the more of the blend is that one alone: half at ``trust``.

    >>> weights_of(0.2, {"rules": 2.0, "logistic": 1.0, "gbm": 1.0}, outcomes=100)
    {'rules': 0.4, 'logistic': 0.4, 'gbm': 0.4}
    >>> slopes = dict.fromkeys(["hazard", "logistic", "gbm"], 1.0)
    >>> few = weights_of(0.0, slopes, outcomes=20)
    >>> {name: round(weight, 2) for name, weight in few.items()}
    {'hazard': 0.5, 'logistic': 0.25, 'gbm': 0.25}
    >>> slopes = dict.fromkeys(["lifetime", "logistic", "gbm"], 1.0)
    >>> few = weights_of(0.0, slopes, outcomes=20)
    >>> {name: round(weight, 2) for name, weight in few.items()}
    {'lifetime': 0.67, 'logistic': 0.17, 'gbm': 0.17}
    """
    prior = next((n for n in _PRIORS if n in slope), None)
    below = 0.0 if prior is None else trust / (trust + outcomes)
    learned = [n for n in ("lifetime", "logistic", "gbm") if n in slope]
    each = (1.0 - share) * (1.0 - below) / len(learned)
    parts = {"rules": share, "hazard": 0.0, **dict.fromkeys(learned, each)}
    if prior is not None:
        parts[prior] += (1.0 - share) * below
    return {
        name: part * slope[name]
        for name, part in parts.items()
        if name in slope and part > 0.0
    }


def sharpened(
    weights: Mapping[str, float],
    slope: Mapping[str, float],
    margin: Mapping[str, Floats],
) -> dict[str, float]:
    """Give a blend back what averaging took from it, without asking any outcome.

    The mean of calibrated forecasts that differ is too cautious (for probabilities:
    Ranjan and Gneiting 2010). What is true moves with each calibrated member as much as
    the member does, so with their mean by the mean of their variances; the mean itself
    varies less, the more its members differ. The slope it lacks is the quotient; its
    square root is believed, for members also differ by noise. ``margin`` are the
    members' on the same rows, ``slope`` calibrates them.

    >>> slopes = {"logistic": 1.0, "gbm": 1.0}
    >>> halves = dict.fromkeys(slopes, 0.5)
    >>> one, other = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    >>> sharpened(halves, slopes, {"logistic": one, "gbm": one})
    {'logistic': 0.5, 'gbm': 0.5}
    >>> found = sharpened(halves, slopes, {"logistic": one, "gbm": other})
    >>> {name: round(weight, 2) for name, weight in found.items()}  # of 1.0
    {'logistic': 0.71, 'gbm': 0.71}
    """
    mean = np.sum([w * margin[n] for n, w in weights.items()], axis=0)
    moved = sum(w * slope[n] * float(margin[n].var()) for n, w in weights.items())
    lacks = moved / float(mean.var()) if mean.var() > 0.0 else 1.0
    return {name: float(np.sqrt(lacks)) * weight for name, weight in weights.items()}


def holds_its_own(
    name: str, held: Held, slope: Mapping[str, float], account: Ints
) -> bool:
    """Say whether a scorer is not clearly behind the logistic on later dates.

    Clearly is one standard error of the paired difference, by account. Where there is
    no logistic, gbm takes its place.

    >>> y = np.tile([0.0, 1.0], 50)
    >>> held = Held(row=[np.arange(100)], y=[y])
    >>> held.margin = {"logistic": [y], "lifetime": [-y], "gbm": [y * 1.01]}
    >>> slope = dict.fromkeys(held.margin, 1.0)
    >>> [holds_its_own(n, held, slope, np.arange(100)) for n in ("lifetime", "gbm")]
    [False, True]
    """
    beside = "logistic" if "logistic" in slope else "gbm"
    mine, usual = (
        held.losses([slope[n] * z for z in held.margin[n]]) for n in (name, beside)
    )
    behind = mine - usual
    return bool(behind.mean() <= clustered_error(behind, account))


def cautious_weights(slope: Mapping[str, float]) -> dict[str, float]:
    """Give the blend's weights where too few outcomes are known to learn more.

    The hazard has few parameters, each with a prior, and is held back a little; the
    rules, often learned from these very outcomes, and the lifetime much. Empty without
    both rules and one of the two.

    >>> cautious_weights({"rules": 1.0, "hazard": 1.0})
    {'rules': 0.4, 'hazard': 0.8}
    >>> cautious_weights({"rules": 1.0, "lifetime": 1.0, "recency": 1.0})
    {'rules': 0.4, 'lifetime': 0.4}
    >>> cautious_weights({"rules": 1.0})
    {}
    """
    prior = next((n for n in _PRIORS if n in slope), None)
    if prior is None or "rules" not in slope:
        return {}
    return {n: _CAUTIOUS[n] * slope[n] for n in ("rules", prior)}


def choose(
    losses: Mapping[str, Floats], account: Ints, *, outcomes: int, later: bool = True
) -> tuple[str, tuple[str, ...]]:
    """Take the rung that gains most over the constant, if beyond its noise.

    Without a constant it is compared with the rules, without both with the first.

    The blend is taken unless it is clearly behind: an average is hurt less by having
    been chosen by chance. The more outcomes there are, the less chance is left, and
    the less behind it may be. ``account`` is that of every later row; noise is one
    standard error of the paired gain, by account. Without ``later`` dates the losses
    are those of accounts that were left out, and it is said.
    """
    rules = "rules" if "rules" in losses else next(iter(losses))
    nothing = "constant" if "constant" in losses else rules
    if outcomes < FEW or not account.size:
        return _uncompared(losses, rules, outcomes)
    gains = {n: losses[nothing] - loss for n, loss in losses.items() if n != nothing}
    least = "the constant" if nothing == "constant" else nothing
    proven = {
        name: float(gain.mean())
        for name, gain in gains.items()
        if _is_proven(gain, account)
    }
    where = _LATER if later else _OTHERS
    warned = () if later else (_NO_LATER,)
    if not proven:
        return nothing, (
            f"{nothing} is kept: no scorer gains more than its noise over {least}"
            f" on {where}"
            if gains
            else f"{nothing} is the only scorer that may be used",
            *warned,
        )
    best = max(proven, key=lambda name: proven[name])
    if "blend" in gains and gains["blend"].mean() > 0.0:
        behind = gains[best] - gains["blend"]
        allowed = _BEHIND * max(0.0, 1.0 - outcomes / _MANY)
        if behind.mean() <= allowed * clustered_error(behind, account):
            best = "blend"
    noise = clustered_error(gains[best], account)
    return best, (
        f"{best} gains {gains[best].mean():.4f} in log loss (standard error"
        f" {noise:.4f}) over {least} on {where}, and no scorer gains clearly more",
        *warned,
    )


def _uncompared(
    losses: Mapping[str, Floats], rules: str, outcomes: int
) -> tuple[str, tuple[str, ...]]:
    """Take what needs no comparison: there are too few outcomes for one."""
    left = "blend" if "blend" in losses else rules
    prior = "renewal hazard" if "hazard" in losses else "lifetime"
    what = f"rules and {prior}, held back" if left == "blend" else left
    if outcomes < FEW:
        return left, (
            f"only {many(outcomes, 'account')} churned in training (fewer than"
            f" {FEW}): {what} only",
        )
    return left, (f"too few outcomes on later dates to compare scorers: {what}",)


def _is_proven(gain: Floats, account: Ints) -> bool:
    return bool(gain.mean() > max(clustered_error(gain, account), _NOTHING))


def clustered_error(values: Floats, account: Ints) -> float:
    """Give the standard error of a mean whose rows cluster by account."""
    _, whose = np.unique(account, return_inverse=True)
    sums = np.bincount(whose, weights=values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / values.size)
