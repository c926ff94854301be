"""The contract terms of a run of accounts, and the seats they tell, or a state does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np

from churnhealth.features.kernel_contracts import Terms
from churnhealth.features.kernel_moments import Moments, quotient, where
from churnhealth.features.kernel_states import States
from churnhealth.sources.contract import FAR, Contracts, Days, Floats

__all__ = ["SEAT_KINDS", "InForce"]

Noted = tuple[str, str]
"""The source and the state that say how many seats there are."""


class InForce:
    """The terms in force at every snapshot, looked at when they are first asked."""

    def __init__(
        self,
        contracts: Contracts | None,
        moments: Moments,
        gap_days: int,
        states: Mapping[str, States],
    ) -> None:
        self._contracts, self._moments = contracts, moments
        self._gap_days, self._states = gap_days, states
        self._terms: Terms | None = None

    def terms(self) -> Terms:
        """Give the terms in force at every snapshot."""
        if self._terms is None:
            contracts = cast("Contracts", self._contracts)  # refused if absent
            self._terms = Terms(contracts, self._moments, gap_days=self._gap_days)
        return self._terms

    def started(self) -> Days | None:
        """Give the day cover began, ``FAR`` where there is none."""
        if self._contracts is None:
            return None
        cover = self.terms().cover
        return where(cover.covered, cover.start, np.int64(FAR))

    def seats(self, noted: Noted | None) -> Floats:
        """Give the seats of the contracts in force, or else those that a state says."""
        if noted is None:
            return self.terms().cover.seats
        source, state = noted
        states, missing = self._states[source], self._moments.missing()
        said = missing if states.none else states.value(state)
        agreed = missing if self._contracts is None else self.terms().cover.seats
        return where(agreed == agreed, agreed, said)

    def price(self, noted: Noted) -> Floats:
        """Give the price of a seat, of those a state says where contracts say none."""
        cover = self.terms().cover
        agreed = cover.seats == cover.seats
        return where(agreed, cover.price, quotient(cover.value, self.seats(noted)))


SEAT_KINDS: Mapping[str, Callable[[InForce, Noted], Floats]] = {
    "seats": InForce.seats,
    "price": InForce.price,
}
"""What is told of an account's seats where a state says them."""
