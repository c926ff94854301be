"""Where a backtest holds and where not: by segment, age, value and lead, in money.

All of it looks at the test rows of the chosen scorer; nothing is chosen by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.evaluate.quarters import by_quarter
from churnhealth.evaluate.shown import rule_colours
from churnhealth.evaluate.terms import terms_due, terms_seen, unseen_terms
from churnhealth.health.bands import BandCuts
from churnhealth.health.draws import rate_interval
from churnhealth.snapshots.cover import cover_at
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import FAR, Flags, Floats, Ints, Texts

__all__ = ["quadrants", "slices_of", "yearly_value"]

_FEWEST = 30  # accounts of a slice
_MOST_SEGMENTS = 8
_PARTS, _OUTCOMES_A_PART = 10, 5
_ALARMS = ("red", "orange")


def slices_of(
    judged: Judged,
    panel: Panel,
    cuts: BandCuts,
    *,
    shown: NDArray[np.object_],
    seed: int,
) -> dict[str, Any]:
    """Look at the chosen scorer's test rows from several sides.

    ``shown`` is the colour that people would have seen of each (``shown_colours``).

    ``calibration``: predicted and observed rate per tenth of the rows, from the least
    likely up. ``reliability``: the same per segment, tenure, value and lead,
    with the 95 % interval by account. ``too_small``: the segments left out of that, for
    want of accounts. ``recurring_loss``: expected and actual yearly
    value lost per quarter (of snapshots that ask about the same days or renewal the
    first), and whether the actual lies in the 95 % range that the probabilities give.
    ``leavers``: the same, counted instead of valued. ``value_lead``: the share of the
    lost value that was red or orange. ``agreement``: where the rules and the scorer
    agree or not, and what happened. ``starts``: by the quarter of the start.
    ``new_terms``: terms coming up for renewal like none that did in training.
    ``unread``: sources that no feature is made of. ``crowded_out``: features beyond
    the most.
    """
    p, y = judged.p["chosen"], judged.y.astype(np.float64)
    value = yearly_value(judged, panel)
    rows = [
        _slice(kind, name, keep, p, y, judged, seed=seed)
        for kind, name, keep in _groups(judged, panel, value)
    ]
    return {
        "calibration": _calibration(p, y, judged.account, seed=seed),
        "reliability": [row for row in rows if row is not None],
        "too_small": _too_small(judged, panel),
        "recurring_loss": _by_quarter(judged, panel, value, seed=seed),
        "leavers": _by_quarter(judged, panel, np.ones(y.size), seed=seed),
        "value_lead": _value_lead(shown, y, value, judged.account),
        "agreement": _agreement(judged, panel, y, cuts),
        "starts": _starts(judged, panel, p, y),
        "new_terms": _new_terms(judged, panel),
        "unread": _unread(panel),
        "crowded_out": list(panel.crowded_out),
    }


def _unread(panel: Panel) -> list[str]:
    """Name the sources that no feature is made of, such as one switched on lately."""
    history, read = panel.history, {spec.source for spec in panel.specs}
    events = [log.name for log in history.events]
    states = [log.name for log in history.states]
    return sorted({*events, *states} - read)


def yearly_value(judged: Judged, panel: Panel) -> Floats:
    """Give the yearly value in force on each test row, NaN where it is not known."""
    contracts = panel.history.contracts
    if contracts is None:
        return np.full(judged.y.size, np.nan)
    cover = cover_at(contracts, account=judged.account, as_of=judged.as_of, gap_days=0)
    return 12.0 * cover.value


def _calibration(
    p: Floats, y: Floats, account: Ints, *, seed: int
) -> list[dict[str, Any]]:
    """Compare predicted and observed rates in tenths of the rows; ties stay together.

    Fewer parts where churn is rare, so that each may expect some accounts to leave.
    """
    parts = int(np.clip(distinct(account[y == 1]) // _OUTCOMES_A_PART, 2, _PARTS))
    edges = np.unique(np.quantile(p, np.arange(1, parts) / parts))
    part = np.searchsorted(edges, p, side="right")
    lines = []
    for k in np.unique(part):
        mine = part == k
        low, high = rate_interval(y[mine], account[mine], seed=seed)
        predicted = float(p[mine].mean())
        lines.append(
            {
                "from": float(p[mine].min()),
                "to": float(p[mine].max()),
                "n": int(mine.sum()),
                "predicted": predicted,
                "observed": float(y[mine].mean()),
                "interval": [low, high],
                "holds": bool(low <= predicted <= high),
            }
        )
    return lines


def _groups(
    judged: Judged, panel: Panel, value: Floats
) -> Iterator[tuple[str, str, Flags]]:
    segment: Texts = panel.history.accounts.segment[judged.account]
    names, many = np.unique([s or "" for s in segment], return_counts=True)
    for name in names[np.argsort(-many, kind="stable")][:_MOST_SEGMENTS]:
        if name:
            yield "segment", str(name), np.asarray(segment == name)
    cohort = panel.cohort
    start, end = cohort.start[judged.row], cohort.end[judged.row]
    tenure = np.where(start < FAR, judged.as_of - start, np.nan)
    lead = np.where(end < FAR, end - judged.as_of, np.nan)
    yield from _thirds("tenure_days", tenure)
    yield from _thirds("yearly_value", value)
    yield from _thirds("days_to_renewal", lead)


def _thirds(kind: str, x: Floats) -> Iterator[tuple[str, str, Flags]]:
    known = x[np.isfinite(x)]
    if np.unique(known).size < 3:
        return
    # limits that rows have, so that their names are true of days
    low, high = np.quantile(known, (1 / 3, 2 / 3), method="higher").tolist()
    least, most = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in (low, high))
    yield kind, f"below {least}", np.asarray(x < low)
    yield kind, f"{least} to {most}", np.asarray((x >= low) & (x < high))
    yield kind, f"{most} and more", np.asarray(x >= high)


def _slice(
    kind: str,
    name: str,
    keep: Flags,
    p: Floats,
    y: Floats,
    judged: Judged,
    *,
    seed: int,
) -> dict[str, Any] | None:
    account = judged.account[keep]
    if np.unique(account).size < _FEWEST:
        return None
    low, high = rate_interval(y[keep], account, seed=seed)
    predicted = float(p[keep].mean())
    return {
        "by": kind,
        "slice": name,
        "n": int(keep.sum()),
        "outcomes": distinct(account[y[keep] == 1]),
        "predicted": predicted,
        "observed": float(y[keep].mean()),
        "interval": [low, high],
        "holds": bool(low <= predicted <= high),
    }


def _too_small(judged: Judged, panel: Panel) -> dict[str, int]:
    """Count the segments that have too few accounts to be judged apart."""
    accounts = np.unique(judged.account)
    segment = [name or "" for name in panel.history.accounts.segment[accounts]]
    names, many = np.unique(segment, return_counts=True)
    small = many[(many < _FEWEST) & (names != "")]
    return {
        "segments": int(small.size),
        "accounts": int(small.sum()),
        "fewest": _FEWEST,
    }


def _by_quarter(
    judged: Judged, panel: Panel, value: Floats, *, seed: int
) -> list[dict[str, Any]]:
    return by_quarter(
        panel.question,
        account=judged.account,
        as_of=judged.as_of,
        end=panel.cohort.end[judged.row],
        p=judged.p["chosen"],
        y=judged.y.astype(np.float64),
        value=value,
        seed=seed,
    )


def _value_lead(
    shown: NDArray[np.object_], y: Floats, value: Floats, account: Ints
) -> dict[str, float | None]:
    """Say how much of the lost value stood in red or orange, and of the kept one.

    Each account counts once, spread over the rows that say what it did, as in
    ``gains_of``: terms of a year are scored in more months than those of one.
    """
    alarm, known = np.isin(shown, _ALARMS), np.isfinite(value)

    def share(outcome: int) -> float | None:
        mine = known & (y == outcome)
        _, whose, times = np.unique(
            account[mine], return_inverse=True, return_counts=True
        )
        worth = value[mine] / times[whose]
        total = float(worth.sum())
        return float(worth[alarm[mine]].sum()) / total if total > 0 else None

    return {"lost": share(1), "kept": share(0)}


def _agreement(
    judged: Judged, panel: Panel, y: Floats, cuts: BandCuts
) -> list[dict[str, Any]]:
    """Hold the model's colours beside those that the rules' points have everywhere."""
    rule = rule_colours(judged, panel)
    if rule is None:
        return []
    model, alarm = cuts.level(judged.p["chosen"]) >= 2, np.isin(rule, _ALARMS)
    return quadrants(model, alarm, account=judged.account, y=y)


def quadrants(
    model: Flags, rule: Flags, *, account: Ints, y: Floats
) -> list[dict[str, Any]]:
    """Say what happened where model and rule both raised an alarm, one, or neither."""
    rows = []
    for says_model in (True, False):
        for says_rule in (True, False):
            mine = (model == says_model) & (rule == says_rule)
            rows.append(
                {
                    "model_alarm": says_model,
                    "rules_alarm": says_rule,
                    "n": int(mine.sum()),
                    "outcomes": distinct(account[mine & (y == 1)]),
                    "observed": float(y[mine].mean()) if mine.any() else None,
                }
            )
    return rows


def _starts(judged: Judged, panel: Panel, p: Floats, y: Floats) -> list[dict[str, Any]]:
    start = panel.cohort.start[judged.row]
    known = start < FAR
    quarter = np.where(
        known,
        start.astype("datetime64[D]").astype("datetime64[M]").astype(int) // 3,
        -1,
    )
    rows = []
    for q in np.unique(quarter[known]):
        mine = quarter == q
        accounts = distinct(judged.account[mine])
        rows.append(
            {
                "started": f"{1970 + q // 4}-Q{q % 4 + 1}",
                "accounts": accounts,
                "churned": distinct(judged.account[mine & (y == 1)]),
                "predicted": float(p[mine].mean()),
                "observed": float(y[mine].mean()),
            }
        )
    return rows


def _new_terms(judged: Judged, panel: Panel) -> list[dict[str, Any]]:
    due = terms_due(panel.X, panel.names, panel.question)
    found = [np.empty(0)]
    for result in judged.folds:
        trained = result.train[np.isin(result.train_codes, (NO, YES))]
        found.append(unseen_terms(due[result.test], terms_seen(due[trained])))
    new = np.concatenate(found)
    return [
        {"term_months": months, "n": int((new == months).sum())}
        for months in terms_seen(new)
    ]
