"""Events that stop for everybody: told once they are surely gone, with their heir."""

from datetime import date, timedelta

import pytest

from churnhealth.checks.check import check
from churnhealth.checks.stopped import stopped_events
from churnhealth.sources.contract import day_of
from churnhealth.sources.load import load

FIRST = date(2025, 1, 1)


@pytest.fixture
def log(company):
    """Load rows ``(account number, day, event)`` beside logins of every day."""

    def build(rows):
        every = [(a, d, "login") for a in range(15) for d in range(150)]
        text = "account_id,happened_at,event\n" + "".join(
            f"a{a},{FIRST + timedelta(d)},{event}\n" for a, d, event in every + rows
        )
        config = company(files={"events.csv": text})
        loaded = load(config)
        found = check(config, loaded, today=date(2026, 1, 1))
        return loaded.history.events[0], [f for f in found if f.code == "CH245"]

    return build


def report(days, accounts=15, name="report"):
    return [(a, d, name) for a in range(accounts) for d in days]


def test_an_event_that_stops_for_all_is_told_with_its_heir(log):
    newer = report(range(100, 150), name="Report") + report(range(98, 150), name="ai")
    events, [told] = log(report(range(100)) + newer)
    assert told.count == 1
    assert "'report' (last on 2025-04-10, about when 'Report' begins)" in told.what
    before = day_of(FIRST + timedelta(110))
    assert stopped_events(events, before=before) == []


def test_events_of_a_tool_that_was_replaced_have_an_heir_each(log):
    older = [
        row
        for name in ("Bug", "Billing", "Question")
        for row in report(range(100), name=name)
    ]
    newer = [
        row
        for name in ("bug_report", "invoice_issue", "how_to_question")
        for row in report(range(100, 150), name=name)
    ]
    events, _ = log(older + newer)
    assert {s.event: s.heir for s in stopped_events(events)} == {
        "Bug": "bug_report",
        "Billing": "invoice_issue",
        "Question": "how_to_question",
    }


def test_of_new_names_unlike_the_old_that_which_comes_as_often_is_the_heir(log):
    often, seldom = range(100), range(0, 100, 3)
    older = report(often, name="search") + report(seldom, name="admin")
    later, rarely = range(100, 150), range(100, 150, 3)
    newer = report(later, name="find.query") + report(rarely, name="settings.open")
    events, _ = log(older + newer)
    assert {s.event: s.heir for s in stopped_events(events)} == {
        "search": "find.query",
        "admin": "settings.open",
    }


@pytest.mark.parametrize(
    "rows",
    [
        report(range(137)),  # silent for less than two weeks
        report([*range(30), *range(60, 90)]),  # it has paused as long before
        report(range(100), accounts=9),  # few accounts, who may have left
        report([10, 20, 30]),  # hardly ever
    ],
)
def test_an_event_that_may_come_again_is_not_told(log, rows):
    assert log(rows)[1] == []
