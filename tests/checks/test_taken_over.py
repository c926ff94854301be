"""Customers that go on under another id are told, and those who leave are not."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import loaded

from churnhealth.checks.taken_over import taken_over
from churnhealth.sources.contract import FAR


def renamed(history, how_many, *, named=True):
    """Give the later terms of some accounts a new id, with the same name or group."""
    c, people = history.contracts, history.accounts
    n = people.ids.size
    begun = c.start[1:] == c.end[:-1]
    follows = np.r_[False, begun & (c.account[1:] == c.account[:-1])]
    whom = np.unique(c.account[follows])[:how_many]
    assert whom.size == how_many
    account = c.account.copy()
    for new, old in enumerate(whom, start=n):
        at = np.flatnonzero(follows & (c.account == old))[0]
        account[(c.account == old) & (np.arange(account.size) >= at)] = new
    order = np.argsort(account, kind="stable")
    more = people.rows(np.r_[np.arange(n), whom])
    ids = np.array([f"id {i}" for i in range(n + how_many)], dtype=object)
    nobody = np.full(ids.size, None, dtype=object)
    group = nobody if named else more.name
    name = np.array([f" {x.upper()}" for x in more.name]) if named else nobody
    name[:n] = people.name if named else None
    people = replace(more, ids=ids, name=name.astype(object), group=group)
    moved = replace(c, account=account).rows(order)
    return replace(history, accounts=people, contracts=moved)


@pytest.mark.parametrize("named", [True, False])
def test_customers_that_got_a_new_id_are_counted(named):
    history = renamed(loaded().history, 6, named=named)
    told = taken_over(history, gap_days=30)
    assert (told.code, told.count) == ("CH254", 6)
    assert taken_over(renamed(loaded().history, 2), gap_days=30) is None


@pytest.mark.parametrize("size", [1, 2, 5, 15])
def test_groups_in_which_some_leave_and_others_come_are_not_accused(size):
    history = loaded().history
    n = history.accounts.ids.size
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(0, n // size, n)
        group = np.array([f"g{i}" for i in drawn], dtype=object)
        accounts = replace(history.accounts, group=group)
        assert taken_over(replace(history, accounts=accounts), gap_days=30) is None


def test_where_all_begin_and_end_on_one_day_it_says_nothing():
    history = loaded().history
    c, n = history.contracts, history.accounts.ids.size
    account = np.arange(n)
    left = account % 2 == 0  # to the end of the year, and the other half from then on
    rows = c.rows(np.zeros(n, int))
    begun = np.where(left, 19_000, 19_365)
    begun[-1] = 19_500  # so that the ends are known to be ends
    never = np.full(n, FAR)
    terms = replace(rows, account=account, start=begun,
                    end=np.where(left, 19_365, 20_500), cancelled_at=never,
                    notice_at=never, replaced_at=never,
                    known_at=begun)  # fmt: skip
    group = np.array([f"g{i // 2}" for i in range(n)], dtype=object)
    accounts = replace(history.accounts, group=group)
    year = replace(history, accounts=accounts, contracts=terms)
    assert taken_over(year, gap_days=30) is None
