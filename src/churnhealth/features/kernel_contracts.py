"""Features of the contract in force and of the account's profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from churnhealth.features.kernel_moments import Moment, Moments, quotient, read, where
from churnhealth.features.numbers import as_numbers
from churnhealth.snapshots.cover import Cover, cover_at
from churnhealth.sources.contract import (
    FAR,
    MONTH_DAYS,
    Accounts,
    Contracts,
    Floats,
    Texts,
)

__all__ = [
    "CONTRACT_KINDS",
    "ContractKind",
    "Terms",
    "ends_within",
    "level",
    "number_noted",
    "on_plan",
]

_WHOLE = 0.9  # months: February is one


class Terms:
    """The contract rows of a batch and, per snapshot, which of them are in force."""

    def __init__(
        self, contracts: Contracts, moments: Moments, *, gap_days: int
    ) -> None:
        self.contracts, self.moments = contracts, moments
        alone = isinstance(moments, Moment)
        at = moments.alone if isinstance(moments, Moment) else moments
        cover = cover_at(
            contracts, account=at.account, as_of=at.as_of, gap_days=gap_days
        )
        self.cover: Cover = cover.first() if alone else cover

    def now(self, column: Floats) -> Floats:
        """Read a column of the main contract in force at each snapshot."""
        return read(column, self.cover.row)

    def months(self) -> Floats:
        """Give the term of every row: as written, or from its agreed days.

        A month or more counts in whole months, so that 28 and 31 days are one term.
        """
        rows = self.contracts
        agreed = (rows.end - rows.start) / MONTH_DAYS
        agreed = np.where(agreed >= _WHOLE, np.round(agreed), agreed)
        agreed = np.where(rows.end == FAR, rows.renews_months or np.nan, agreed)
        written = self.contracts.term_months
        return np.where(np.isnan(written), agreed, written)


ContractKind = Callable[[Terms], Floats]


def _tenure(terms: Terms) -> Floats:
    cover = terms.cover
    return where(cover.covered, terms.moments.as_of - cover.start, np.nan)


def _days_to_renewal(terms: Terms) -> Floats:
    cover = terms.cover
    ends = cover.covered & (cover.end != FAR)
    return where(ends, cover.end - terms.moments.as_of, np.nan)


def ends_within(terms: Terms, days: int) -> Floats:
    """Say whether a known end of cover lies in ``[as_of, as_of + days)``."""
    cover, as_of = terms.cover, terms.moments.as_of
    soon = (cover.end < as_of + days).astype(np.float64)
    return where(cover.covered, soon, np.nan)


def _renewals(terms: Terms) -> Floats:
    return where(terms.cover.row >= 0, terms.cover.renewals, np.nan)


def _change(now: Floats, before: Floats) -> Floats:
    """Compare what is in force with what was before the newest term began."""
    return quotient(now, before) - 1.0


CONTRACT_KINDS: Mapping[str, ContractKind] = {
    "tenure": _tenure,
    "days_to_renewal": _days_to_renewal,
    "renewals": _renewals,
    "value": lambda terms: terms.cover.value,
    "value_change": lambda t: _change(t.cover.value, t.cover.value_before),
    "seats": lambda terms: terms.cover.seats,
    "seats_change": lambda t: _change(t.cover.seats, t.cover.seats_before),
    "price": lambda terms: terms.cover.price,
    "price_change": lambda t: _change(t.cover.price, t.cover.price_before),
    "term_months": lambda terms: terms.now(terms.months()),
    "discount": lambda terms: terms.now(terms.contracts.discount),
}


def level(accounts: Accounts, moments: Moments, item: str) -> Floats:
    """Say whether an account has an attribute level, ``item`` being ``name=level``.

    Missing where the profile was not known before ``as_of`` or does not say.
    """
    name, _, wanted = item.partition("=")
    return _when_known(accounts, moments, _has(_texts(accounts, name), wanted))


def number_noted(accounts: Accounts, moments: Moments, name: str) -> Floats:
    """Give an attribute as a number; missing where it is none, or not yet known."""
    return _when_known(accounts, moments, as_numbers(_texts(accounts, name)))


def _texts(accounts: Accounts, name: str) -> Texts:
    return accounts.segment if name == "segment" else accounts.attributes[name]


def _when_known(accounts: Accounts, moments: Moments, of_account: Floats) -> Floats:
    known = accounts.known_at[moments.account] < moments.as_of
    return where(known, of_account[moments.account], np.nan)


def on_plan(terms: Terms, item: str) -> Floats:
    """Say whether the contract in force is on a plan, ``item`` being ``plan=level``.

    Missing where no contract is in force or its plan is not known.
    """
    return terms.now(_has(terms.contracts.plan, item.partition("=")[2]))


def _has(texts: Texts, wanted: str) -> Floats:
    return np.array([np.nan if t is None else t == wanted for t in texts], np.float64)
