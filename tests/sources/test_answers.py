"""Survey answers: two surveys read as one, a scale that changes, answers told twice."""

from datetime import date, timedelta

import numpy as np
import pytest

from churnhealth.checks.check import check
from churnhealth.sources.load import load

NPS = (3, 6, 7, 8, 8, 9, 9, 9, 10, 10)
CSAT = (2, 3, 4, 4, 4, 5, 5, 5, 5, 5)
FIRST = date(2025, 1, 6)


def drawn(marks, count, *, seed=1):
    return np.random.default_rng(seed).choice(marks, count).tolist()


def all_told(company, rows, *, header="account_id,known_at,value", **source):
    """Check a company with these rows of a source ``surveys``."""
    text = "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"
    states = [{"name": "surveys", "path": "s.csv", **source}]
    config = company(files={"s.csv": text}, states=states)
    return check(config, load(config), today=date(2026, 6, 1))


def told(company, rows, code, **more):
    return [f for f in all_told(company, rows, **more) if f.code == code]


def answers(marks, *more, start=FIRST):
    """Give an answer a day, of one account and the other."""
    return [
        (f"a{1 + i % 2}", start + timedelta(days=i), mark, *more)
        for i, mark in enumerate(marks)
    ]


BOTH = [*answers(drawn(NPS, 90), "NPS"), *answers(drawn(CSAT, 90), "CSAT")]
HEADER = "account_id,known_at,value,survey"


@pytest.mark.parametrize("names", [("NPS", "CSAT"), ("a", "b")])
def test_a_column_that_tells_surveys_apart_and_is_not_mapped_is_named(company, names):
    kind = dict(zip(("NPS", "CSAT"), names, strict=True))
    rows = [(*row, kind[name]) for *row, name in BOTH]
    (one,) = told(company, rows, "CH265", header=HEADER)
    assert "'survey'" in one.what
    assert one.count == 180
    mapped = {c: c for c in ("account_id", "known_at", "value")} | {"state": "survey"}
    assert told(company, rows, "CH265", header=HEADER, columns=mapped) == []


def test_what_a_source_leaves_out_tells_nothing_apart(company):
    where = {"where": "survey = 'NPS'"}
    assert told(company, BOTH, "CH265", header=HEADER, **where) == []


@pytest.mark.parametrize("column", ["region", "respondent", "survey"])
def test_other_columns_of_a_survey_are_none_of_its_kinds(company, column):
    words = drawn(("north", "south", "a person"), 180)
    rows = [
        (*row, word) for row, word in zip(answers(drawn(NPS, 180)), words, strict=True)
    ]
    header = f"account_id,known_at,value,{column}"
    assert told(company, rows, "CH265", header=header) == []


def test_two_surveys_without_a_column_are_seen_by_their_answers(company):
    rows = [row[:3] for row in BOTH]
    (one,) = told(company, rows, "CH265")
    assert "pile up at 4 and 5 and at 8 to 10" in one.what


CLEAN = {
    "nps": NPS,
    "nps with a hill at 5": (0, 3, 5, 5, 5, 6, 7, 8, 9, 10),
    "nps of the divided": (0, 0, 1, 1, 2, 8, 9, 9, 10, 10),
    "nps of the undecided": (4, 5, 5, 6, 6, 7, 7, 8, 9, 10),
    "csat": CSAT,
    "ces": (2, 3, 4, 5, 5, 6, 6, 6, 7, 7),
    "grades of ten": tuple(range(1, 11)),
    "per cent": (20, 40, 55, 60, 70, 80, 90, 95, 100, 100),
    "thumbs": (0, 1, 1, 1, 1, 1, 1, 1, 1, 1),
}


@pytest.mark.parametrize("marks", CLEAN.values(), ids=CLEAN)
def test_a_survey_of_one_scale_is_not_accused(company, marks):
    for seed in range(3):
        rows = answers(drawn(marks, 300, seed=seed))
        assert not {"CH265", "CH266", "CH267"} & {
            f.code for f in all_told(company, rows)
        }


@pytest.mark.parametrize(
    ("first", "then", "tops"), [(NPS, CSAT, "10"), (CSAT, NPS, "5")]
)
def test_a_survey_that_changes_its_scale_is_told_with_the_day(
    company, first, then, tops
):
    rows = answers([*drawn(first, 120), *drawn(then, 120)])
    (one,) = told(company, rows, "CH266")
    day = date.fromisoformat(one.example)
    assert abs((day - FIRST).days - 120) <= 5
    assert f"up to {tops} before" in one.what


def test_a_change_of_few_answers_may_be_chance(company):
    rows = answers([*drawn(NPS, 120), *drawn(CSAT, 20)])
    assert told(company, rows, "CH266") == []


def test_states_that_are_no_experience_have_no_scale(company):
    rows = answers([*drawn(NPS, 120), *drawn(CSAT, 120)])
    assert told(company, rows, "CH266", category="usage") == []


def test_answers_of_an_export_that_was_loaded_twice_are_told(company):
    rows = answers(drawn(NPS, 60))
    (one,) = told(company, [*rows, *rows[:40]], "CH267")
    assert (one.count, one.example, one.stops) == (40, "a1", False)
    assert told(company, [*rows, *rows[:9]], "CH267") == []  # too few to be sure


def test_people_who_answer_on_the_same_day_are_not_repeats(company):
    one, other = (answers(drawn(NPS, 60, seed=seed)) for seed in (1, 2))
    assert told(company, [*one, *other], "CH267") == []
    alike = answers([5] * 57 + [4] * 3)  # nearly everybody says the same
    assert told(company, [*alike, *alike], "CH267") == []


def test_an_answer_with_an_id_that_stands_there_twice_is_the_same_one(company):
    header = "account_id,known_at,value,response"
    rows = [
        (*row, f"r{n}")
        for seed in (1, 2)  # two people a day
        for n, row in enumerate(answers(drawn(NPS, 60, seed=seed)), 100 * seed)
    ]
    (one,) = told(company, [*rows, *rows[:3]], "CH267", header=header)
    assert (one.count, one.example) == (3, "a1")
    assert told(company, rows, "CH267", header=header) == []
    channel = [(*row[:3], "mail") for row in [*rows, *rows[:3]]]
    assert told(company, channel, "CH267", header=header) == []
    left = {"where": "response <> 'r100'"}
    (one,) = told(company, [*rows, *rows[:3]], "CH267", header=header, **left)
    assert one.count == 2
