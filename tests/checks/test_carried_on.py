"""An event that goes on for accounts which have stopped is told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

FIRST = date(2024, 1, 1)


def _found(company, rows, kind="inactivity"):
    ids = sorted({row.partition(",")[0] for row in rows})
    terms = "\n".join(["account_id,start", *(f"{a},{FIRST}" for a in ids)])
    events = "\n".join(["account_id,happened_at,event", *rows])
    question = {"kind": kind, "horizon_days": 60}
    question |= {"active_days": 60} if kind == "inactivity" else {}
    files = {"contracts.csv": terms, "events.csv": events}
    return found(company(files=files, question=question), "CH281")


def _app(company, *, gone=12, stay=40, sent="push", habit="search", kind="inactivity"):
    """Write people who open and search each week, of whom some stop in June."""
    rows = []
    for i in range(gone + stay):
        for week in range(52):
            day = FIRST + timedelta(days=7 * week)
            if i >= gone or week < 22:
                rows += [f"a{i:02d},{day},{what}" for what in ("open", habit, habit)]
            if sent:
                rows.append(f"a{i:02d},{day},{sent}")
    return _found(company, rows, kind)


def test_what_is_sent_to_those_who_left_is_told(company):
    [told] = _app(company)
    assert (told.count, told.example, told.stops) == (12, "a00", False)
    assert "'push' is all that 12 of 52 active accounts still have" in told.what


@pytest.mark.parametrize(
    "more",
    [{"sent": ""}, {"gone": 9}, {"stay": 240}, {"habit": "push"}, {"kind": "horizon"}],
    ids=["nothing is sent", "few", "a small share", "a habit", "another question"],
)
def test_others_are_not(company, more):
    assert _app(company, **more) == []


def test_two_that_are_sent_by_turns_are_told_together(company):
    rows = []
    for i in range(52):
        for week in range(52):
            day = FIRST + timedelta(days=7 * week)
            if i >= 12 or week < 22:
                rows += [f"a{i:02d},{day},{what}" for what in ("open", "search")]
            rows.append(f"a{i:02d},{day},{('push', 'offer')[week % 2]}")
    [told] = _found(company, rows)
    assert (told.count, told.example) == (12, "a00")
    assert "'offer' and" in told.what
    assert "'push' are all that 12 of 52 active accounts still have" in told.what


def test_what_everybody_sent_is_told_does_not_bring_others_along(company):
    rows = []
    for i in range(60):
        for week in range(52):
            day = FIRST + timedelta(days=7 * week)
            if i >= 24 or week < 22:
                rows += [
                    f"a{i:02d},{day},{what}" for what in ("open", "search", "view")
                ]
            elif i >= 12 and week > 40:
                rows.append(f"a{i:02d},{day},view")
            rows.append(f"a{i:02d},{day},push")
    [told] = _found(company, rows)
    assert "'push' is all that 12 of 60" in told.what


def test_an_event_by_a_new_name_is_no_rest_of_the_old(company):
    rows = []
    for i in range(30):
        for week in range(52):
            day = FIRST + timedelta(days=7 * week)
            rows.append(f"a{i:02d},{day},{'old' if week < 26 else 'new'}")
    assert _found(company, rows) == []
