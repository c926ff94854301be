"""Accounts that are there twice are told from those that merely do alike."""

import numpy as np
import pytest

import churnhealth.evaluate.twins as twins_module
from churnhealth.evaluate.twins import twins
from churnhealth.sources.contract import Accounts, EventLog, History

DAYS = 400


def history(account, day, count=None, n=None):
    order = np.lexsort((day, account))
    account, day = account[order], day[order]
    n = int(account.max()) + 1 if n is None else n
    ids = np.array([f"a{i:04d}" for i in range(n)], dtype=object)
    none = np.full(n, None, dtype=object)
    log = EventLog(
        name="product",
        planned=False,
        vocabulary=("login",),
        categories=("usage",),
        account=account,
        happened_at=day,
        known_at=day,
        event=np.zeros(account.size, np.int64),
        count=np.ones(account.size, np.int64) if count is None else count[order],
    )
    accounts = Accounts(ids=ids, name=none, segment=none, owner=none, group=none,
                        known_at=np.zeros(n, np.int64))  # fmt: skip
    return History(accounts=accounts, contracts=None, events=(log,))


def seldom(n=200, seed=1):
    """Accounts that come on one day in ten, each on days of its own."""
    there = np.random.default_rng(seed).random((n, DAYS)) < 0.1
    return np.nonzero(there)


def repeated(account, day, many):
    """Write the first accounts once more, under ids after all others."""
    again = account < many
    n = account.max() + 1
    return np.r_[account, account[again] + n], np.r_[day, day[again]]


@pytest.mark.parametrize("chunk", [300, 1 << 20])
def test_copied_accounts_are_counted_however_rows_are_cut(monkeypatch, chunk):
    monkeypatch.setattr(twins_module, "_CHUNK", chunk)
    (found,) = twins(history(*repeated(*seldom(), many=7)))
    assert (found.code, found.count, found.example) == ("CH252", 7, "a0200")


def test_accounts_that_do_much_alike_are_no_copies():
    account, day = seldom()
    assert list(twins(history(account, day))) == []
    # all but one day the same, as children of one parent may be
    account, day = repeated(account, day, many=20)
    other = np.r_[True, account[1:] != account[:-1]] & (account >= 200)
    assert list(twins(history(account, np.where(other, day + 1, day)))) == []


def test_a_nightly_row_of_everybody_makes_no_copies():
    account, day = (a.ravel() for a in np.indices((90, DAYS)))
    assert list(twins(history(account, day))) == []
    # nor where a few were there long before all others
    late = (account < 5) | (day > 300)
    assert list(twins(history(account[late], day[late]))) == []


def test_rows_that_tell_of_nothing_make_no_copies():
    account, day = (a.ravel() for a in np.indices((90, DAYS)))
    busy = (np.random.default_rng(2).random(account.size) < 0.1) & (account < 40)
    assert list(twins(history(account, day, count=busy.astype(np.int64)))) == []


def test_charges_that_follow_from_the_day_of_the_first_make_no_copies():
    # 120 customers, of whom 20 began on the day of another: charged every 30 days,
    # and half of them left after half a year
    began = np.random.default_rng(3).choice(150, 100, replace=False)
    began = np.r_[began, began[:20]]
    times = np.where(np.arange(120) % 2, 25, 20)
    account = np.repeat(np.arange(120), times)
    day = began[account] + 30 * np.concatenate([np.arange(k) for k in times])
    assert list(twins(history(account, day))) == []
