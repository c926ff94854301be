"""What is true in the simulated company, and the best forecast anyone could make.

Days are whole numbers since 1970-01-01, weeks are rows of a grid that starts on a
Monday. Nothing here reads the tables a model sees: the truth is judged against them.

Worked example: a yearly contract ends on 2025-06-30. On 2025-04-01 nobody has signed
and nobody has given notice. The forecast for 90 days holds the state of 2025-04-01,
adds the small daily chance of an early exit up to 2025-06-29 and the renewal decision
of 2025-06-30, and weighs both by how likely it is that nothing is known yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from churnhealth.simulated.calendar import (
    DAILY_HAZARD,
    LONGEST_NOTICE,
    RENEWAL_HAZARD,
    SETTLING_DAYS,
    SPAN,
    Contracts,
    Timeline,
    ahead,
    by_term,
    chance,
    daily_hazard,
    unannounced,
    unsigned,
)
from churnhealth.sources.contract import Flags, Floats, Ints

__all__ = ["Measures", "Truth", "auc", "measure"]


_ROWS = 20_000  # snapshots per block of a forecast, to bound memory


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Truth:
    """The hidden state of every account, week by week, and its real contracts.

    ``effects`` maps each state part of the hazard to a table (account, week) of what
    it adds to the log of the hazard; the ninth part, the contract calendar, multiplies
    them. ``automated_on`` is the day an account began to automate (NaT: never).
    """

    account_id: NDArray[np.object_]
    timeline: Timeline
    effects: Mapping[str, NDArray[np.float32]]
    contracts: Contracts
    automated_on: NDArray[np.datetime64]

    def _index(self, account: Sequence[str]) -> Ints:
        place = {name: row for row, name in enumerate(self.account_id)}
        return np.array([place[name] for name in account], dtype=np.int64)

    def risk(self, account: Ints, day: Ints) -> Floats:
        """Sum of all state effects of account rows on the given days (log hazard)."""
        week = self.timeline.week(day)
        total = np.zeros(np.broadcast(account, week).shape)
        for table in self.effects.values():
            total += table[account, week]
        return total

    def hazard(self, account: Sequence[str], day: Sequence[date]) -> Floats:
        """Give the true chance that cover ends for good on each day; 0 without cover.

        >>> from churnhealth.simulated.company import simulate
        >>> truth = simulate(accounts=20, years=1).truth
        >>> bool(truth.hazard(["A00001"], [date(1999, 1, 1)])[0] == 0)
        True
        """
        rows, days = self._index(account), _days(day)
        return daily_hazard(self.contracts, rows, days, self.risk(rows, days))

    def churn_probability(
        self,
        account: Sequence[str],
        as_of: Sequence[date],
        *,
        lead_days: int,
        horizon_days: int,
    ) -> Floats:
        """Best possible forecast made at ``as_of``: cover ends for good in the window.

        The window is ``[as_of + lead, as_of + lead + horizon)``. States are held as
        they stand on ``as_of``, the contract calendar moves on, and what nobody had
        signed or announced by then counts. NaN where there is nothing to forecast:
        no cover, or churn already announced.

        >>> from churnhealth.simulated.company import simulate
        >>> truth = simulate(accounts=20, years=1).truth
        >>> p = truth.churn_probability(["A00001"], [date(1999, 1, 1)],
        ...                             lead_days=0, horizon_days=90)
        >>> bool(np.isnan(p[0]))
        True
        """
        rows, days = self._index(account), _days(as_of)
        out = np.empty(rows.size)
        for at in range(0, rows.size, _ROWS):
            part = slice(at, at + _ROWS)
            out[part] = self._forecast(rows[part], days[part], lead_days, horizon_days)
        return out

    def _known(self, account: Ints, as_of: Ints) -> tuple[Ints, Flags]:
        """Row of the newest contract known at ``as_of``, and whether to forecast."""
        rows = self.contracts
        key = rows.account * SPAN + rows.signed
        order = np.argsort(key, kind="stable")
        at = np.searchsorted(key[order], account * SPAN + as_of) - 1
        known = order[np.maximum(at, 0)]
        mine = (at >= 0) & (rows.account[known] == account)
        told = (rows.notice[known] >= 0) & (rows.notice[known] < as_of)
        over = ~rows.upgraded[known] & (rows.stop[known] < as_of)
        covered = (rows.since[known] < as_of) & (as_of <= rows.end[known])
        return known, mine & covered & ~told & ~over

    def _forecast(self, account: Ints, as_of: Ints, lead: int, horizon: int) -> Floats:
        rows = self.contracts
        known, valid = self._known(account, as_of)
        term, end = rows.term[known][:, None], rows.end[known][:, None]
        now = as_of[:, None]
        day = now + np.arange(max(lead + horizon, LONGEST_NOTICE))
        at_end = ahead(rows.end[known], rows.term[known], as_of, days=day.shape[1])
        power = np.exp(self.risk(account, as_of))[:, None]
        free = (day > rows.start[known][:, None]) & (
            day > rows.since[known][:, None] + SETTLING_DAYS
        )
        # a customer who signs the renewal early stays until the old end
        open_still = unsigned(np.maximum(end - day, 0), term) / unsigned(
            np.maximum(end - now, 0), term
        )
        calm = np.where(free, by_term(DAILY_HAZARD, term), 0.0) * open_still
        rate = np.where(at_end, by_term(RENEWAL_HAZARD, term), calm)
        leaving = chance(rate * power)
        stays = 1.0 - leaving
        stays = np.where(day == end, stays * unsigned(end - now, term), stays)
        alive = np.cumprod(stays, axis=1)
        before = np.concatenate([np.ones_like(alive[:, :1]), alive[:, :-1]], axis=1)
        leaves = before * leaving * unannounced(day - now, term, at_end)
        inside = leaves[:, lead : lead + horizon].sum(axis=1)
        other = leaves[:, lead + horizon :].sum(axis=1) + alive[:, -1]
        return np.where(valid, inside / (inside + other), np.nan)

    def outcome(
        self,
        account: Sequence[str],
        as_of: Sequence[date],
        *,
        lead_days: int,
        horizon_days: int,
        gap_days: int = 30,
    ) -> Floats:
        """Tell what happened: 1 cover ended for good in the window, 0 it did not.

        NaN where `churn_probability` is NaN, where cover ended inside the lead, or
        where the window and the gap after it reach past the end of the history.

        >>> from churnhealth.simulated.company import simulate
        >>> truth = simulate(accounts=20, years=1).truth
        >>> bool(np.isnan(truth.outcome(["A00001"], [date(1999, 1, 1)], lead_days=0,
        ...                             horizon_days=90)[0]))
        True
        """
        rows, day = self._index(account), _days(as_of)
        known, valid = self._known(rows, day)
        last = self._last_days(gap_days)[known]
        left = last - day
        label = (left >= lead_days) & (left < lead_days + horizon_days)
        closes = day + lead_days + horizon_days + gap_days
        seen = valid & (left >= lead_days) & (closes <= self.timeline.until)
        return np.where(seen, label.astype(float), np.nan)

    def _last_days(self, gap_days: int) -> Ints:
        """Last day of the unbroken cover that each contract row belongs to."""
        final = np.flatnonzero(self._final(gap_days))
        rows = np.arange(self.contracts.account.size)
        return self.contracts.stop[final[np.searchsorted(final, rows)]]

    def _final(self, gap_days: int) -> Flags:
        rows = self.contracts
        follows = rows.account[1:] == rows.account[:-1]
        follows &= rows.start[1:] <= rows.stop[:-1] + gap_days
        return np.append(~follows, True)

    def lost(self, *, gap_days: int = 30) -> int:
        """How many lives ended for good inside the history, the gap after it seen.

        >>> from churnhealth.simulated.company import simulate
        >>> simulate(accounts=100, years=2).truth.lost() > 0
        True
        """
        stop = self.contracts.stop[self._final(gap_days)]
        line = self.timeline
        return int(((stop >= line.first) & (stop + gap_days < line.until)).sum())


def _days(dates: Sequence[date]) -> Ints:
    return np.asarray(dates, dtype="M8[D]").astype(np.int64)


def auc(score: Floats, label: Floats) -> float:
    """Chance that a random positive stands above a random negative, ties counting half.

    >>> auc(np.array([0.1, 0.4, 0.4]), np.array([0.0, 0.0, 1.0]))
    0.75
    """
    _, place, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[place]
    positives = float(label.sum())
    negatives = label.size - positives
    wins = float(rank[label == 1].sum()) - positives * (positives + 1) / 2
    return wins / (positives * negatives)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What a simulated company turned out to be, judged by its truth."""

    annual_churn: float  # accounts lost for good per account-year of cover
    snapshots: int  # covered accounts on the first of each month, label known
    positives: int
    outcomes: int  # distinct accounts among the positives
    predicted: float  # mean of the best possible forecast
    best_auc: float

    def __str__(self) -> str:
        return (
            f"annual churn {self.annual_churn:.1%}, {self.snapshots} snapshots, "
            f"{self.positives} positive ({self.positives / self.snapshots:.2%}, "
            f"{self.outcomes} accounts), mean best forecast {self.predicted:.2%}, "
            f"best possible AUC {self.best_auc:.3f}"
        )


def measure(truth: Truth, *, lead_days: int = 0, horizon_days: int = 90) -> Measures:
    """Measure churn and the best possible AUC on the first of every month.

    >>> from churnhealth.simulated.company import simulate
    >>> 0.5 < measure(simulate(accounts=300, years=2).truth).best_auc < 1
    True
    """
    line, rows = truth.timeline, truth.contracts
    month = np.timedelta64(1, "M")
    first = np.datetime64(line.first + 28, "D").astype("M8[M]") + month
    last = np.datetime64(line.until, "D").astype("M8[M]")
    dates = np.arange(first, last).astype("M8[D]").astype(object)
    account = list(np.repeat(truth.account_id, dates.size))
    as_of = list(np.tile(dates, truth.account_id.size))
    ask = {"lead_days": lead_days, "horizon_days": horizon_days}
    label = truth.outcome(account, as_of, **ask)
    seen = ~np.isnan(label)
    score = truth.churn_probability(account, as_of, **ask)[seen]
    seen_until = line.until - 30
    covered = np.minimum(rows.stop, seen_until) - np.maximum(rows.start, line.first)
    return Measures(
        annual_churn=truth.lost() / (np.maximum(covered, 0).sum() / 365.25),
        snapshots=int(seen.sum()),
        positives=int(label[seen].sum()),
        outcomes=len({a for a, y in zip(account, label, strict=True) if y == 1}),
        predicted=float(score.mean()),
        best_auc=auc(score, label[seen]),
    )
