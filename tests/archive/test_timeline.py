"""Timelines against plain loops over the same rows, and blind to the future."""

from collections import defaultdict

import numpy as np
from tests.made import AS_OF, loaded

from churnhealth.archive.timeline import WEEKS, people_table, records_table, usage_table
from churnhealth.sources.contract import FAR

HISTORY = loaded(60).history
ACCOUNT = np.arange(3, 60, 2)
FIRST = AS_OF - 7 * WEEKS


def rows(log, *more):
    """Walk a log's rows that were known: account, day, and ``more`` columns."""
    known = (log.known_at < AS_OF) & np.isin(log.account, ACCOUNT)
    columns = [getattr(log, name) for name in ("account", "happened_at", *more)]
    for account, *row in zip(*(c[known].tolist() for c in columns), strict=True):
        yield HISTORY.accounts.ids[account], *row


def log_named(name):
    return next(log for log in HISTORY.events if log.name == name)


def test_weekly_use_equals_a_plain_loop_over_the_rows():
    table = usage_table(HISTORY, account=ACCOUNT, as_of=AS_OF)
    weeks = np.stack([table[f"w{w + 1:02d}"] for w in range(WEEKS)], axis=1)
    product = log_named("product")
    counts, people = defaultdict(int), defaultdict(set)
    for account, day, event, user, count in rows(product, "event", "user", "count"):
        if FIRST <= day < AS_OF:
            week = (day - FIRST) // 7
            counts[account, product.vocabulary[event], week] += count
            if user >= 0:
                people[account, week].add(user)
    told = 0
    for row, account in enumerate(table["account_id"]):
        if table["source"][row] != "product":
            continue
        event = table["event"][row]
        for week in range(WEEKS):
            right = counts[account, event, week]
            if event == "active users":
                right = len(people[account, week])
            assert weeks[row, week] == right
            told += right
    assert told > 1000


def test_a_week_that_the_source_does_not_cover_is_missing():
    first = int(log_named("product").happened_at.min())
    early = usage_table(HISTORY, account=ACCOUNT, as_of=first + 30)
    product = early["source"] == "product"
    assert np.isnan(early["w01"][product]).all()
    assert not np.isnan(early["w26"][product]).any()


def test_nothing_known_later_is_told():
    def told(history):
        return [
            make(history, account=ACCOUNT, as_of=AS_OF)
            for make in (usage_table, records_table, people_table)
        ]

    for now, then in zip(told(HISTORY), told(HISTORY.as_known(AS_OF)), strict=True):
        for name, column in now.items():
            nan = column.dtype.kind in "fM"
            assert np.array_equal(column, then[name], equal_nan=nan), name


def test_open_tickets_and_their_ends_are_told_as_known():
    table = records_table(HISTORY, account=ACCOUNT, as_of=AS_OF)
    tickets = log_named("tickets")
    right = defaultdict(list)
    for account, day, end in rows(tickets, "ended_at"):
        if AS_OF - 365 <= day < AS_OF:
            right[account].append((-day, end if end < AS_OF else FAR))
    mine = table["source"] == "tickets"
    assert table["endable"][mine].all()
    told = defaultdict(list)
    for account, day, end in zip(
        table["account_id"][mine],
        table["happened_at"][mine].astype(int),
        table["ended_at"][mine],
        strict=True,
    ):
        end_day = FAR if np.isnat(end) else int(end.astype(int))
        told[account].append((-int(day), end_day))
    assert any(end == FAR for lines in told.values() for _, end in lines)
    for account, lines in told.items():
        newest = sorted(right[account])
        assert [d for d, _ in lines] == [d for d, _ in newest][:20]
        if len(newest) <= 20:
            assert sorted(lines) == newest


def test_people_are_those_most_active_and_the_silent_are_marked():
    table = people_table(HISTORY, account=ACCOUNT, as_of=AS_OF)
    product = log_named("product")
    days = defaultdict(set)
    for account, day, user in rows(product, "user"):
        if user >= 0 and AS_OF - 112 <= day < AS_OF:
            days[account, product.people[user]].add(day)
    assert table["silent"].any()
    assert not table["silent"].all()
    for row, account in enumerate(table["account_id"]):
        seen = days[account, table["person"][row]]
        now = {d for d in seen if d >= AS_OF - 28}
        assert table["days_now"][row] == len(now)
        assert table["days_before"][row] == len(seen) - len(now)
        assert int(table["last_seen"][row].astype(int)) == max(seen)
        weeks = {(d - AS_OF) // 7 for d in seen}
        assert table["silent"][row] == (not now and len(weeks) >= 2)
    for account in set(table["account_id"]):
        mine = table["account_id"] == account
        total = (table["days_now"] + table["days_before"])[mine]
        assert (np.diff(total) <= 0).all()
        sizes = sorted((len(d) for (a, _), d in days.items() if a == account),
                       reverse=True)  # fmt: skip
        assert total.tolist() == sizes[:6]


def test_an_account_without_rows_and_no_account_at_all_give_tables():
    for make in (usage_table, records_table, people_table):
        assert make(HISTORY, account=np.zeros(0, np.int64), as_of=AS_OF)[
            "account_id"
        ].size == 0  # fmt: skip
