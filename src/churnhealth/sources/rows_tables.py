"""The contracts and states of a request as tables, sorted as loading sorts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Contracts, Floats, Ints, StateLog
from churnhealth.sources.given import DAY
from churnhealth.sources.renewing import stopped_by_notice
from churnhealth.sources.schema import StatesShape, extended

__all__ = ["ContractRow", "StateRow", "contract_table", "floats", "ints", "state_table"]

T = TypeVar("T")

_NONE = np.empty(0, dtype=np.int64)


class ContractRow(NamedTuple):
    """One contract to the microsecond; a missing number is -inf, so that rows sort."""

    account: int
    start: int
    end: int
    known_at: int
    value: float
    seats: float
    term_months: float
    discount: float
    plan: str
    contract_id: str  # "" where there is none
    notice_at: int
    cancelled_at: int
    replaced_at: int


class StateRow(NamedTuple):
    """One state of an account from the microsecond it became known."""

    account: int
    state: str
    known_at: int
    value: float


def ints(rows: Sequence[T], of: Callable[[T], int]) -> Ints:
    """Take one whole number of each row.

    >>> ints(["a", "abc"], len)
    array([1, 3])
    """
    return np.fromiter((of(r) for r in rows), dtype=np.int64, count=len(rows))


def floats(rows: Sequence[T], of: Callable[[T], float]) -> Floats:
    """Take one number of each row; -inf was missing and becomes NaN.

    >>> floats([2.5, -np.inf], float)
    array([2.5, nan])
    """
    found = np.fromiter((of(r) for r in rows), dtype=np.float64, count=len(rows))
    found[found == -np.inf] = np.nan
    return found


def _replaced(given: Sequence[ContractRow]) -> list[ContractRow]:
    """Say of each row of a contract and start when the next one was known."""
    known: dict[tuple[object, ...], list[int]] = {}
    for r in given:
        known.setdefault((r.account, r.contract_id, r.start), []).append(r.known_at)
    settled = []
    for r in given:
        days = known[r.account, r.contract_id, r.start]
        later = [k for k in days if k > r.known_at] if r.contract_id else []
        settled.append(r._replace(replaced_at=min(later)) if later else r)
    return settled


def _numbered(rows: Sequence[ContractRow]) -> Ints:
    """Count every account's contracts, in the order of their ids."""
    first: dict[int, int] = {}
    place: dict[tuple[int, str], int] = {}
    for i, (account, name) in enumerate(
        sorted({(r.account, r.contract_id) for r in rows})
    ):
        place[account, name] = i - first.setdefault(account, i)
    return ints(rows, lambda r: place[r.account, r.contract_id])


def contract_table(
    given: Sequence[ContractRow], *, renews_months: int = 0
) -> Contracts:
    """Sort the contracts of all accounts; moments become whole days.

    Of rows with the same account, contract id and start the one known last holds from
    when it was known, as in loading.

    >>> from churnhealth.sources.given import NEVER
    >>> row = ContractRow(account=0, start=3 * DAY + 1, end=9 * DAY, known_at=3 * DAY,
    ...     cancelled_at=9 * DAY, notice_at=9 * DAY, replaced_at=NEVER, value=50.0,
    ...     seats=-np.inf, term_months=12.0, discount=-np.inf, plan="",
    ...     contract_id="")
    >>> table = contract_table([row])
    >>> table.start, table.seats, table.plan
    (array([3]), array([nan]), array([None], dtype=object))
    """
    rows = sorted(_replaced(given))
    table = Contracts(
        account=ints(rows, lambda r: r.account),
        start=ints(rows, lambda r: r.start // DAY),
        end=ints(rows, lambda r: r.end // DAY),
        cancelled_at=ints(rows, lambda r: r.cancelled_at // DAY),
        notice_at=ints(rows, lambda r: r.notice_at // DAY),
        replaced_at=ints(rows, lambda r: r.replaced_at // DAY),
        known_at=ints(rows, lambda r: r.known_at // DAY),
        value=floats(rows, lambda r: r.value),
        seats=floats(rows, lambda r: r.seats),
        term_months=floats(rows, lambda r: r.term_months),
        discount=floats(rows, lambda r: r.discount),
        plan=texts(r.plan or None for r in rows),
        contract=_numbered(rows),
        renews_months=renews_months,
    )
    return stopped_by_notice(table)


def state_table(shape: StatesShape, given: Sequence[StateRow]) -> StateLog:
    """Sort the states of one source; words the model never saw come behind its own.

    >>> from churnhealth.sources.contract import Coverage
    >>> shape = StatesShape(name="pulse", vocabulary=("nps",),
    ...     categories=("experience",), coverage=Coverage())
    >>> rows = [StateRow(account=0, state=s, known_at=DAY, value=9.0)
    ...         for s in ("nps", "csm")]
    >>> table = state_table(shape, rows)
    >>> table.vocabulary, table.state
    (('nps', 'csm'), array([1, 0]))
    """
    if not given:
        return StateLog(
            name=shape.name,
            vocabulary=shape.vocabulary,
            categories=shape.categories,
            account=_NONE,
            known_at=_NONE,
            state=_NONE,
            value=_NONE.astype(np.float64),
            coverage=shape.coverage,
        )
    rows = sorted(given)
    vocabulary, categories = extended(shape, {r.state for r in rows})
    code = {word: i for i, word in enumerate(vocabulary)}
    return StateLog(
        name=shape.name,
        vocabulary=vocabulary,
        categories=categories,
        account=ints(rows, lambda r: r.account),
        known_at=ints(rows, lambda r: r.known_at // DAY),
        state=ints(rows, lambda r: code[r.state]),
        value=floats(rows, lambda r: r.value),
        coverage=shape.coverage,
    )
