"""What a business review says of an account is what was counted, and no more."""

import pytest

from churnhealth.pages.review import _problems, review_of


@pytest.mark.parametrize(
    ("silent", "told"),
    [
        ([True, True, False], "Of the 3 most active people, 2 have fallen silent"),
        ([True, False], "Of the 2 most active people, 1 has fallen silent"),
        ([True], "The most active person has fallen silent"),
    ],
)
def test_who_fell_silent_is_told_of_the_people_that_are_known(silent, told):
    people = [{"silent": one} for one in silent]
    assert _problems([], people, [])[0].startswith(told)


def test_nobody_silent_is_no_problem():
    assert not [p for p in _problems([], [{"silent": False}], []) if "silent" in p]


def review_with(usage):
    empty = {"records": [], "people": [], "profile": {}, "seat_share": None,
             "every_term": [], "as_of": "2026-01-01"}  # fmt: skip
    rows = [{"source": "app", "category": "usage", "event": event, "now": now,
             "before": before} for event, now, before in usage]  # fmt: skip
    return review_of({**empty, "usage": rows})


def test_a_review_calls_the_end_of_all_use_a_problem_and_no_idea():
    people = ("active users a week", 0.0, 0.0)
    told = review_with([("login", 0.0, 0.0), people])
    assert told["problems"] == ["Nothing was used in the last 4 weeks."]
    assert told["ideas"] == []
    told = review_with([("login", 4.0, 4.0), ("export", 0.0, 0.0), people])
    assert told["problems"] == []
    assert told["ideas"] == ["Not used in the last 8 weeks: Export."]
