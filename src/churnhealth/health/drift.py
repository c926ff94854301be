"""Has the base rate moved: the newest outcomes against what the model expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnhealth.scorers.curves import level_shift, log_odds, sigmoid
from churnhealth.sources.contract import Days, Floats, Ints, date_of
from churnhealth.sources.findings import Finding, finding

__all__ = ["Drift", "beyond_chance", "drifted", "rate_drift", "rate_of_today"]

_SURE = 1.96  # standard errors
_SWAYS = 0.3  # log-odds by which cohorts differ though nothing has moved


def beyond_chance(shift: float, error: float) -> float:
    """Give the part of a shift that is not noise (positive-part James-Stein).

    None of it up to one standard error, nearly all of it from five on: nothing
    jumps where a threshold is passed.

    >>> beyond_chance(0.1, 0.2), round(beyond_chance(-0.4, 0.2), 9)
    (0.0, -0.3)
    """
    return 0.0 if abs(shift) <= error else shift * (1.0 - (error / shift) ** 2)


def rate_of_today(
    base_rate: float, newest: Floats, year_before: Floats | None = None
) -> float:
    """Give the rate that colours are measured by: what is usual for today's accounts.

    That is the training period's, unless the accounts that are left are others: where
    the mean of the ``newest`` cohort's probabilities lies further from it than
    cohorts of a steady business do, it follows them. (Of CDNOW's training rows 70 %
    fell silent, most of them newcomers of the first months; on two inner dates 61 and
    58 % were expected of the cohort, and 58 and 55 % followed.) What the cohort of a
    ``year_before`` shared is the season: where all terms end in January, nobody can
    leave in June, and a limit of that month's chances would make everybody red later.

    >>> round(rate_of_today(0.7, np.full(50, 0.55)), 3), rate_of_today(0.1, np.zeros(0))
    (0.584, 0.1)
    >>> round(rate_of_today(0.1, np.full(50, 0.12)), 3)
    0.1
    >>> round(rate_of_today(0.1, np.full(50, 0.001), np.full(50, 0.001)), 3)
    0.1
    """
    if not newest.size:
        return base_rate
    usual, now = log_odds(np.array([base_rate, newest.mean()])).tolist()
    shift = now - usual
    if year_before is not None and year_before.size:
        since = now - float(log_odds(np.array([year_before.mean()]))[0])
        shift = min(shift, since, key=abs) if shift * since > 0.0 else 0.0
    moved = beyond_chance(shift, _SWAYS)
    return float(sigmoid(np.array([usual + moved]))[0]) if moved else base_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How far the newest outcomes lie from the probabilities given to the same rows.

    ``shift`` is what would have to be added to all log-odds for the mean to be right,
    ``error`` its standard error clustered by account, ``since`` the first day (days
    since 1970) that counts as new.

    >>> found = {"since": 0, "rows": 900, "expected": 0.1, "observed": 0.2}
    >>> sure = Drift(shift=0.8, error=0.1, **found)
    >>> sure.beyond_noise, round(sure.believed, 3)
    (True, 0.788)
    >>> Drift(shift=0.8, error=0.9, **found).believed
    0.0
    """

    since: int
    rows: int
    expected: float
    observed: float
    shift: float
    error: float

    @property
    def beyond_noise(self) -> bool:
        """Say whether the 95 % interval of the shift leaves out zero."""
        return abs(self.shift) > _SURE * self.error

    @property
    def believed(self) -> float:
        """Give the part of the shift that is not noise: see ``beyond_chance``."""
        return beyond_chance(self.shift, self.error)

    def to_json(self) -> dict[str, object]:
        """Say it as a JSON object, with the 95 % interval of the shift."""
        reach = _SURE * self.error
        return {
            "since": str(date_of(self.since)),
            "rows": self.rows,
            "expected": self.expected,
            "observed": self.observed,
            "shift": self.shift,
            "interval": [self.shift - reach, self.shift + reach],
            "beyond_noise": self.beyond_noise,
        }


def rate_drift(
    z: Floats, y: Ints, account: Ints, as_of: Days, *, since: int
) -> Drift | None:
    """Compare calibrated log-odds ``z`` (n,) with outcomes, on the rows from a day on.

    The model has learned from all rows, so it says what the whole period's rate makes
    of the accounts that are there now: a change of their mix is no drift. ``None``
    without both outcomes among the new rows.

    >>> z, y = np.full(400, -2.0), np.arange(400) % 4 == 0
    >>> found = rate_drift(z, y.astype(int), np.arange(400), np.arange(400), since=200)
    >>> round(found.expected, 3), found.observed, found.beyond_noise
    (0.119, 0.25, True)
    """
    new = as_of >= since
    z, seen = z[new], y[new].astype(np.float64)
    if not seen.any() or seen.all():
        return None
    shift = level_shift(z, seen)
    p = sigmoid(z + shift)
    # Sandwich estimate of an intercept: one account's rows stand or fall together.
    _, whose = np.unique(account[new], return_inverse=True)
    scatter = float(np.sum(np.bincount(whose, weights=seen - p) ** 2))
    return Drift(
        since=since,
        rows=int(new.sum()),
        expected=float(sigmoid(z).mean()),
        observed=float(seen.mean()),
        shift=shift,
        error=float(np.sqrt(scatter) / np.sum(p * (1.0 - p))),
    )


def drifted(drift: Drift | None, corrected: float) -> Finding | None:
    """Find a base rate that has moved beyond noise; ``corrected`` is what was added."""
    if drift is None or not drift.beyond_noise:
        return None
    what = (
        f"{drift.observed:.1%} of the rows since {date_of(drift.since)} churned,"
        f" {drift.expected:.1%} was expected of them"
    )
    if corrected:
        what += f"; {corrected:+.2f} was added to all log-odds"
    return finding("CH240", what, count=drift.rows)
