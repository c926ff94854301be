"""What hardly anybody has but who left: events, values, plans, prices, levels, users.

Such a thing is part of leaving, or was written when it was over. What no feature reads,
as it was left out, can do no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from churnhealth.evaluate.panel import Panel
from churnhealth.features.spec import FeatureSpec
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import (
    FAR,
    Contracts,
    EventLog,
    Flags,
    Floats,
    Ints,
    Texts,
)
from churnhealth.sources.findings import Finding, finding

__all__ = ["only_leavers"]

_FEWEST = 10  # accounts that have it: with fewer anything can look odd
_ONLY, _MUCH = 0.9, 0.3  # of those who have it left; of those who left have it
_KINDS = {  # what reads a number of contracts
    "value": ("value", "price"),
    "seats": ("seats", "price", "users_share", "mean_users_share"),
    "discount": ("discount",),
}
_MOST_LEFT = 0.6  # of all accounts: where most have left, so have most of any group


def only_leavers(
    panel: Panel, attributes: Mapping[str, Texts], *, left: Flags, judged: Flags
) -> Iterator[Finding]:
    """Find what hardly anybody has but who left, of what the features read.

    ``attributes`` are those to look at; ``left`` and ``judged`` mark accounts: ever
    seen leaving, and ever with an outcome.
    """
    base = left[judged].mean()
    for name, account in _items(panel, attributes):
        has = np.zeros(left.size, bool)
        has[account] = True
        has &= judged
        if has.sum() < _FEWEST or base > _MOST_LEFT:
            continue
        share = left[has].mean()
        covered = (has & left).sum() / left.sum()
        if share >= _ONLY and covered >= _MUCH:
            what = (
                f"{share:.0%} of the accounts with {name} left, {base:.0%} of all did"
            )
            yield finding("CH227", what, count=int(has.sum()), example=name)


def _items(panel: Panel, attributes: Mapping[str, Texts]) -> Iterator[tuple[str, Ints]]:
    """Give each event, state, plan, price and level, with the accounts it is of."""
    read = {(spec.source, spec.item) for spec in panel.specs}
    for log in _looked_at(panel):
        yield from _of_events(log, {item for name, item in read if name == log.name})
    for states in panel.history.states:
        for k, word in enumerate(states.vocabulary):
            if (states.name, word) not in read:
                continue
            mine = states.state == k
            account, name = states.account[mine], f"{states.name}: {word}"
            yield name, account
            for value, accounts in _values(states.value[mine], account):
                yield f"{name} at {value:g}", accounts
    if panel.history.contracts is not None:
        yield from _terms(panel.history.contracts, panel.specs)
    for name, texts in attributes.items():
        for _, accounts in _levels(texts):
            # which one is not said: levels may be names of people
            yield f"one level of {name}", accounts


def _looked_at(panel: Panel) -> Iterator[EventLog]:
    """Give the events; where churn is silence, those before the account's last look.

    What happened in its window made it a stay: who has cancelled was there to do so,
    and what became of those who did it last is not known yet.
    """
    if panel.question.kind != "inactivity":
        yield from panel.history.events
        return
    code = panel.labels().code
    known = (code == YES) | (code == NO)
    last = np.full(panel.history.accounts.ids.size, -FAR)
    np.maximum.at(last, panel.cohort.account[known], panel.cohort.as_of[known])
    for log in panel.history.events:
        yield log.rows(log.happened_at < last[log.account])


def _of_events(
    log: EventLog, read: Collection[str | None]
) -> Iterator[tuple[str, Ints]]:
    """Give what there is in a source; ``read`` are its events, ``None`` = all."""
    if not read:
        return
    for k, word in enumerate(log.vocabulary):
        if None in read or word in read:
            yield f"{log.name}: {word}", log.account[log.event == k]
    if (amount := log.amount) is not None:
        yield f"amounts of 0 or less in {log.name}", log.account[amount <= 0]
    if (ended := log.ended_at) is not None:
        at_once = log.account[ended == log.happened_at]
        yield f"rows of {log.name} that ended on the day they began", at_once
    if log.user is not None:
        named = log.user >= 0
        yield f"rows of {log.name} without a user", log.account[~named]
        wide = int(log.account.max(initial=0)) + 1
        # of millions of rows these are few
        pair = np.unique(log.user[named] * wide + log.account[named])
        for _, accounts in _values(pair // wide, pair % wide):
            # which one is not said: it may be a person
            yield f"one and the same user of {log.name}", accounts


def _terms(
    terms: Contracts, specs: Sequence[FeatureSpec]
) -> Iterator[tuple[str, Ints]]:
    """Give each plan and number of contracts, with the accounts that ever had it."""
    if any((spec.item or "").startswith("plan=") for spec in specs):
        for plan, rows in _levels(terms.plan):
            yield f"the plan {plan}", terms.account[rows]
    for name, kinds in _KINDS.items():
        if not any(spec.kind.startswith(kinds) for spec in specs):
            continue
        numbers: Floats = getattr(terms, name)
        given = ~np.isnan(numbers)
        for number, accounts in _values(numbers[given], terms.account[given]):
            yield f"contracts of {name} {number:g}", accounts


def _values(value: Ints | Floats, account: Ints) -> Iterator[tuple[float, Ints]]:
    """Give each value that occurs in enough accounts to tell, with these accounts."""
    order = np.lexsort((account, value))
    value, account = value[order], account[order]
    new = np.append(True, (np.diff(value) != 0) | (np.diff(account) != 0))
    new = new[: value.size]
    value, account = value[new], account[new]
    first = np.flatnonzero(np.append(True, np.diff(value) != 0)[: value.size])
    last = np.append(first[1:], value.size)
    for k in np.flatnonzero(last - first >= _FEWEST).tolist():
        yield float(value[first[k]]), account[first[k] : last[k]]


def _levels(values: Texts) -> Iterator[tuple[str, Ints]]:
    """Give each text that occurs often enough to tell, and where."""
    given = np.flatnonzero([v is not None for v in values.tolist()])
    found, level = np.unique(values[given].astype(str), return_inverse=True)
    many = np.bincount(level, minlength=found.size)
    where = np.split(given[np.argsort(level, kind="stable")], np.cumsum(many))
    for k in np.flatnonzero(many >= _FEWEST).tolist():
        yield str(found[k]), where[k]
