"""How sure a figure is: whole accounts drawn again and again, never single rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnhealth.sources.contract import Floats, Ints

__all__ = ["Draws", "Range", "account_draws", "percentiles", "rate_interval"]

_TAILS = (0.025, 0.975)
_CHUNK = 64  # samples multiplied at a time, so memory stays small
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Draws:
    """Bootstrap samples of accounts: ``weight[r, a]`` = times account ``a`` was drawn.

    ``account`` numbers the account of each row from 0. Make it once and share it
    between scorers: then their intervals are paired.
    """

    account: Ints
    weight: NDArray[np.uint8]

    def sums(self, values: Floats) -> Floats:
        """Add up per-row values (n, k) in every sample: (samples, k)."""
        wide = values[:, None] if values.ndim == 1 else values
        count = self.weight.shape[1]
        per_account = np.column_stack(
            [np.bincount(self.account, weights=v, minlength=count) for v in wide.T]
        )
        parts = [
            self.weight[i : i + _CHUNK].astype(np.float64) @ per_account
            for i in range(0, self.weight.shape[0], _CHUNK)
        ]
        return np.vstack(parts)

    def interval(self, values: Floats, of: Callable[[Floats], Floats]) -> Range:
        """Give the 95 % interval of a figure made from the sums of ``values``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = of(self.sums(values))
        return percentiles(figures)


def account_draws(groups: Ints, *, seed: int, samples: int = 1000) -> Draws:
    """Draw as many accounts as there are, with replacement, ``samples`` times.

    >>> draws = account_draws(np.array([7, 7, 9]), seed=1, samples=5)
    >>> draws.weight.sum(axis=1).tolist()
    [2, 2, 2, 2, 2]
    """
    names, account = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(seed)
    weight = np.empty((samples, names.size), np.uint8)
    for sample in weight:
        drawn = random.integers(names.size, size=names.size)
        sample[:] = np.bincount(drawn, minlength=names.size)
    return Draws(account=account.astype(np.int64), weight=weight)


def rate_interval(y: Floats, groups: Ints, *, seed: int, samples: int = 1000) -> Range:
    """Give the account-clustered 95 % interval of a rate.

    Where all rows or none are positive a bootstrap would claim certainty; there the
    far end is the rule of three on accounts: the rate at which so many accounts
    without an exception would come up once in twenty.

    >>> low, high = rate_interval(np.zeros(100), np.arange(100), seed=1)
    >>> low, round(high, 4)
    (0.0, 0.0295)
    """
    accounts = np.unique(groups).size
    far = 1.0 - 0.05 ** (1.0 / accounts)
    if not y.any():
        return 0.0, far
    if y.all():
        return 1.0 - far, 1.0
    draws = account_draws(groups, seed=seed, samples=samples)
    both = np.column_stack([y, np.ones_like(y)])
    return draws.interval(both, lambda s: s[:, 0] / s[:, 1])


def percentiles(figures: Floats) -> Range:
    """Give the middle 95 % of the samples in which the figure exists."""
    known = figures[np.isfinite(figures)]
    if known.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, _TAILS).tolist()
    return low, high
