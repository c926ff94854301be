"""Customers that go on under another id are told, and those who leave are not."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import loaded
from tests.sources.checked import found

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


POLICIES = "account_id,contract_id,start,end,cancelled_at\n"


@pytest.mark.parametrize(("merged", "told"), [(4, [(4, "a1")]), (2, [])])
def test_policies_that_go_on_in_another_account_are_told(company, merged, told):
    # each of six was there with one of its own when the other's came over in May
    rows = [f"b{i},Q{i},2024-01-{i + 1:02d},2026-01-01,\n" for i in range(6)]
    for i in range(6):
        moved = f"2025-05-{i + 1:02d}" if i < merged else ""
        rows.append(f"a{i + 1},P{i},2025-01-01,2026-01-01,{moved}\n")
        rows += [f"b{i},P{i},{moved},2026-01-01,\n"] * (i < merged)
    config = company(files={"contracts.csv": POLICIES + "".join(rows)})
    assert [(f.count, f.example) for f in found(config, "CH254")] == told


def test_part_of_a_customer_that_moves_and_ids_counted_anew_accuse_nobody(company):
    stays = "".join(
        f"a{i},P{i},2025-01-01,2026-01-01,2025-05-01\na{i},R{i},2025-01-01,2026-01-01,\n"
        f"b{i},P{i},2025-05-01,2026-01-01,\n"
        for i in range(5)
    )
    anew = ""
    for i in range(6):
        year, month = 2024 + i % 2, f"0{1 + i // 2}-01"
        anew += f"a{i},{i // 2},{year}-{month},{year + 1}-{month},\n"
        anew += f"z{i},{i + 9},2025-{month},,\ny{i},{i + 9},2024-03-01,2025-09-01,\n"
    for rows in (stays, anew):
        config = company(files={"contracts.csv": POLICIES + rows})
        assert found(config, "CH254") == []


@pytest.mark.parametrize(("moved", "told"), [(3, [(3, "a0")]), (2, [])])
def test_contracts_that_run_on_in_two_accounts_at_once_are_told(company, moved, told):
    # a ledger of domains: of a transfer it says only where the domain came to
    rows = [f"a{i},d{i}.com,2025-01-01,2026-01-01,\n" for i in range(7)]
    rows += [f"b{i},d{i}.com,2025-05-0{i + 1},2027-01-01,\n" for i in range(moved)]
    config = company(files={"contracts.csv": POLICIES + "".join(rows)})
    assert [(f.count, f.example) for f in found(config, "CH254")] == told


def test_ids_counted_anew_in_every_account_are_not_held_twice(company):
    rows = [
        f"a{i},{n},2025-0{1 + (i + n) % 9}-01,2026-01-01,\n"
        for i in range(5)
        for n in range(1 + i)
    ]
    config = company(files={"contracts.csv": POLICIES + "".join(rows)})
    assert found(config, "CH254") == []
