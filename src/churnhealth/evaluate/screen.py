"""What looks too good to be true: columns that tell the outcome, sources of leavers.

The checks of the files see single rows; these see rows beside outcomes. Each asks what
an honest column could not do: rank leavers alone, be there only for them, or know on
the first day what became of an account. Calendar features (renewals are known ahead)
are left out: that churn happens at renewals is no secret; and where silence is the
question, so are events: that silence goes on is none either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from churnhealth.checks.columns import undated
from churnhealth.evaluate.export_totals import export_totals
from churnhealth.evaluate.lost_rows import lost_rows
from churnhealth.evaluate.metrics import auc
from churnhealth.evaluate.only_leavers import only_leavers
from churnhealth.evaluate.only_stayers import only_stayers
from churnhealth.evaluate.panel import Panel, distinct
from churnhealth.evaluate.term_ends import shortened_ends
from churnhealth.evaluate.twins import twins
from churnhealth.features.kinds import KINDS
from churnhealth.features.numbers import as_numbers
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import (
    FAR,
    EventLog,
    Flags,
    Floats,
    Ints,
    StateLog,
    Texts,
    date_of,
)
from churnhealth.sources.findings import Finding, finding

__all__ = ["screen", "single_days", "unread_attributes"]

_BEYOND = (0.9, 0.8)  # no honest column ranks leavers so well alone, and surely
_MUCH_SAID = (0.75, 0.65)  # hardly an attribute says so much that never changes
_SURELY = 2.0  # standard errors that it must lie above the second
_SURE = 0.95
_FEWEST = 10  # leavers: with fewer anything can look perfect
_MOST_ROWS = 20_000  # stayers that are looked at
_ORDERED = 0.85
_MUCH = 0.25
_LATE_DAYS = 30
_STILL, _EARLY = 0.9, 0.9  # of the accounts with a state: unchanged, and so early
_CALENDAR = ("tenure", "days_to_renewal", "ends_within", "renewals", "term_months")
_NUMBERS = 0.5  # share of the accounts for whom an attribute is a number


class _Outcome(NamedTuple):
    """Who was ever seen leaving, by account, among those with a known outcome."""

    judged: Flags
    left: Flags


def screen(panel: Panel) -> tuple[Finding, ...]:
    """Find what tells the outcome in the snapshots, or in the sources behind them.

    Looks at every snapshot whose outcome is known; with fewer than ten accounts that
    left only totals up to the export and accounts that are there twice are found.
    Tells too when not all training rows are learned from, and of patterns in vain.
    """
    code = panel.labels().code
    known = (code == YES) | (code == NO)
    n = panel.history.accounts.ids.size
    left, judged = np.zeros(n, bool), np.zeros(n, bool)
    left[panel.cohort.account[code == YES]] = True
    judged[panel.cohort.account[known]] = True
    judged &= left | ~_gone(panel)
    anyway = (
        *_not_drawn(panel),
        *_idle(panel),
        *export_totals(panel),
        *twins(panel.history),
    )
    if left.sum() < _FEWEST or (judged & ~left).sum() < _FEWEST:
        return anyway
    who = _Outcome(judged=judged, left=left)
    attributes = tuple(_telling_attributes(panel, who))
    told = {f.example for f in attributes if f.code == "CH225"}
    asked = {name: v for name, v in _undated(panel).items() if name not in told}
    levels = tuple(only_leavers(panel, asked, left=who.left, judged=who.judged))
    plainer = {f.example for f in levels}
    features = tuple(_telling_features(panel, np.flatnonzero(known), code == YES))
    return (
        *anyway,
        *features,
        *(f for f in attributes if f"one level of {f.example}" not in plainer),
        *_ordered_ids(panel, who),
        *levels,
        *only_stayers(panel, told={f.example for f in features}),
        *lost_rows(panel, left=who.left, judged=who.judged),
        *shortened_ends(panel, left=who.left, judged=who.judged),
        *_backdated_states(panel, who),
        *_groups_that_leave(panel, who),
        *single_days(panel),
    )


def _gone(panel: Panel) -> Flags:
    """Mark who has left, also where no snapshot saw it: such are no stayers.

    Of renewals nobody is asked who cancels in the middle of a term, and an outcome is
    known a gap after the end; what was written when they left stands beside them as
    beside the others.
    """
    gone = np.zeros(panel.history.accounts.ids.size, bool)
    terms = panel.history.contracts
    if terms is None or not terms.start.size:
        return gone
    terms = terms.rows(terms.replaced_at == FAR)
    stop = np.minimum(terms.end, terms.cancelled_at)
    order = np.lexsort((stop, terms.account))
    last = order[np.append(np.diff(terms.account[order]) != 0, True)]
    early = terms.cancelled_at[last] < terms.end[last]
    churns = panel.question.churn_when
    counts = np.where(early, "cancelled" in churns, "not_renewed" in churns)
    over = stop[last] <= panel.data_until  # be it so lately that some may come back
    gone[terms.account[last]] = counts & (over | early)
    return gone


def _not_drawn(panel: Panel) -> Iterator[Finding]:
    """Tell that the training grid holds more than is learned from."""
    if panel.not_drawn:
        drawn = int(panel.trains.sum())
        known = drawn + panel.not_drawn
        what = f"{drawn:,} of {known:,} training rows are learned from"
        yield finding("CH235", what, count=panel.not_drawn)


def _idle(panel: Panel) -> Iterator[Finding]:
    """Tell of patterns that fit no feature: what was to be left out is still there."""
    for pattern in panel.idle:
        what = f"[features]: {pattern!r} fits no feature"
        yield finding("CH287", what, count=1, example=pattern)


def unread_attributes(panel: Panel) -> Iterator[Finding]:
    """Name attributes of many values that are neither numbers nor groups of accounts.

    One "1,200" among numbers is enough to make texts of them all. Dates are such too.
    """
    if any(name.startswith("accounts__") for name in panel.crowded_out):
        return
    for name, texts in panel.history.accounts.attributes.items():
        values = np.array(sorted({t for t in texts if t is not None}), dtype=object)
        if values.size < 2 or _is_read(panel, name):
            continue
        odd = int(np.isnan(as_numbers(values)).sum())
        what = f"attribute {name}: no feature reads its {values.size} different values"
        if odd < _NUMBERS * values.size:
            what += f", because {odd} of them are no plain numbers"
        yield finding("CH216", what, count=int(values.size), example=name)


def _is_read(panel: Panel, name: str) -> bool:
    """Say whether a feature is made of an attribute, or of one of its levels."""
    read = (spec.item or "" for spec in panel.specs if spec.source == "accounts")
    return any(item == name or item.startswith(f"{name}=") for item in read)


def _undated(panel: Panel) -> dict[str, Texts]:
    """Give what is said of accounts without a day and read: else it cannot tell."""
    given = undated(panel.history.accounts)
    return {name: texts for name, texts in given.items() if _is_read(panel, name)}


def _telling_features(panel: Panel, known: Ints, left: Flags) -> Iterator[Finding]:
    """Rank leavers by each feature alone, and by whether it is measured at all."""
    stay = known[~left[known]]
    rows = np.union1d(known[left[known]], stay[:: max(1, stay.size // _MOST_ROWS)])
    y = left[rows].astype(np.int64)
    account = panel.cohort.account[rows]
    silence = panel.question.kind == "inactivity"
    honest = ("events", "planned") if silence else ()
    for j, spec in enumerate(panel.specs):
        if spec.kind in _CALENDAR or KINDS[spec.kind].family in honest:
            continue
        x = panel.X[rows, j]
        there = ~np.isnan(x)
        told = _claim(x[there], y[there], account[there])
        if told is not None:
            what = f"{spec.name} alone ranks leavers with an AUC of {told:.2f}"
            yield finding("CH225", what, count=1, example=spec.name)
            continue
        told = _claim(there.astype(np.float64), y, account)
        if told is not None:
            what = f"whether {spec.name} is measured tells leavers: AUC {told:.2f}"
            yield finding("CH225", what, count=1, example=spec.name)


def _telling_attributes(panel: Panel, who: _Outcome) -> Iterator[Finding]:
    """Rank accounts by the share of each level that left; levels of few say nothing."""
    left = who.left[who.judged].astype(np.int64)
    account = np.arange(left.size)
    for name, levels in _undated(panel).items():
        texts = np.array([str(v) for v in levels[who.judged]])
        _, level = np.unique(texts, return_inverse=True)
        size = np.bincount(level)
        share = np.bincount(level, left) / size
        usual = np.where(size >= _FEWEST, share, left.mean())
        x = as_numbers(levels[who.judged])
        there = ~np.isnan(x)
        told = _claim(usual[level], left, account)
        if told is not None:
            what = f"the attribute {name} alone ranks leavers with an AUC of {told:.2f}"
            # a level holds for all time: nothing honest ranks leavers so
            stops, n = told > _SURE, int(left.size)
            yield finding("CH225", what, count=n, example=name, stops=stops)
            continue
        told = _claim(x[there], left[there], account[there])
        if there.mean() > _NUMBERS and told is not None:
            what = f"the attribute {name}, as a number, ranks leavers: AUC {told:.2f}"
            yield finding("CH225", what, count=int(there.sum()), example=name)
            continue
        weaker = _claim(usual[level], left, account, beyond=_MUCH_SAID)
        if weaker is None and there.mean() > _NUMBERS:
            weaker = _claim(x[there], left[there], account[there], beyond=_MUCH_SAID)
        if weaker is not None:
            what = (
                f"the attribute {name}, which says no date, ranks those who ever left"
                f" with an AUC of {weaker:.2f}"
            )
            yield finding("CH290", what, count=int(left.size), example=name)


def _claim(
    x: Floats, y: Ints, account: Ints, *, beyond: tuple[float, float] = _BEYOND
) -> float | None:
    """Give the AUC of a column where it is beyond what an honest one reaches."""
    leavers = distinct(account[y == 1])
    if leavers < _FEWEST or distinct(account[y == 0]) < _FEWEST:
        return None
    found = auc(x, y)
    found = max(found, 1.0 - found)
    error = np.sqrt(found * (1.0 - found) / leavers)
    least, surely = beyond
    return found if found > least and found - _SURELY * error > surely else None


def _ordered_ids(panel: Panel, who: _Outcome) -> Iterator[Finding]:
    """See whether account ids sort by outcome, as in a file written class by class."""
    ids = panel.history.accounts.ids[who.judged]
    orders = [np.argsort(np.argsort(ids.astype(str))).astype(np.float64)]
    digits = [re.search(r"(\d+)\D*$", i) for i in ids.tolist()]
    if all(digits):
        orders.append(np.array([float(d.group(1)) for d in digits if d]))
    left = who.left[who.judged].astype(np.int64)
    found = max(max(a, 1.0 - a) for a in (auc(order, left) for order in orders))
    if found > _ORDERED:
        what = f"account ids alone rank leavers with an AUC of {found:.2f}"
        yield finding("CH226", what, count=int(who.judged.sum()), example="account_id")


def _backdated_states(panel: Panel, who: _Outcome) -> Iterator[Finding]:
    """Find states known on the first day that say what became of the account."""
    cover = _first_day(panel)
    read = {(spec.source, spec.item) for spec in panel.specs}
    for log in panel.history.states:
        for k, word in enumerate(log.vocabulary):
            if (log.name, word) not in read:
                continue
            rows = np.flatnonzero(log.state == k)
            account, first = np.unique(log.account[rows], return_index=True)
            keep = who.judged[account]
            account, row = account[keep], rows[first[keep]]
            left = who.left[account]
            if left.sum() < _FEWEST or (~left).sum() < _FEWEST:
                continue
            still = _never_changes(log, rows) > _STILL
            early = np.mean(log.known_at[row] <= cover[account] + 1)
            found = auc(log.value[row], left.astype(np.int64))
            found = max(found, 1.0 - found)
            if still and early > _EARLY and found > 0.75:
                name = f"{log.name}: {word}"
                what = f"{name}, known on the first day, ranks leavers: AUC {found:.2f}"
                yield finding("CH229", what, count=int(account.size), example=name)


def _never_changes(log: StateLog, rows: Ints) -> float:
    """Give the share of accounts with one and the same value in all their rows."""
    account, value = log.account[rows], log.value[rows]
    first = np.flatnonzero(np.diff(account, prepend=-1))
    lowest = np.minimum.reduceat(value, first)
    return float(np.mean(lowest == np.maximum.reduceat(value, first)))


def _first_day(panel: Panel) -> Ints:
    terms = panel.history.contracts
    first = np.full(panel.history.accounts.ids.size, FAR, np.int64)
    if terms is not None:
        np.minimum.at(first, terms.account, terms.start)
    return first


def _groups_that_leave(panel: Panel, who: _Outcome) -> Iterator[Finding]:
    """See whether the accounts of one group leave together: a split would leak."""
    names = panel.history.accounts.group[who.judged]
    left = who.left[who.judged]
    named = np.array([name is not None for name in names])
    if named.sum() < 2 * _FEWEST:
        return
    _, group = np.unique(names[named].astype(str), return_inverse=True)
    left = left[named].astype(np.float64)
    size, gone = np.bincount(group), np.bincount(group, left)
    several = size[group] > 1
    if several.sum() < 2 * _FEWEST:
        return
    others = (gone[group] - left)[several] / (size[group] - 1.0)[several]
    mine = left[several]
    if not 0.0 < mine.mean() < 1.0 or others.std() == 0.0:
        return
    together = float(np.corrcoef(mine, others)[0, 1])
    if together > 0.5:
        what = f"accounts of one group leave together (correlation {together:.2f})"
        yield finding("CH230", what, count=int(several.sum()), example="group")


def single_days(panel: Panel) -> Iterator[Finding]:
    """Find sources much of which was known on one day: a dump, not a history.

    So it is with the day on which rows were loaded, where years of them were loaded at
    once: before that day nobody could have seen them.
    """
    logs: list[EventLog | StateLog] = [*panel.history.events, *panel.history.states]
    for log in logs:
        rows = int(log.account.size)
        if rows < 5 * _FEWEST:
            continue
        first = int(log.known_at.min())
        day = first + int(np.bincount(log.known_at - first).argmax())
        at_once = log.known_at == day
        count = int(at_once.sum())
        happened = log.happened_at if isinstance(log, EventLog) else log.known_at
        late = np.median(day - happened[at_once]) > _LATE_DAYS
        if count == rows or (late and count >= _MUCH * rows):
            many_of = f"all {rows:,}" if count == rows else f"{count:,} of {rows:,}"
            what = f"{many_of} rows of {log.name} were known on one day, {date_of(day)}"
            yield finding("CH231", what, count=count, example=log.name)
