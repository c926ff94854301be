"""Playbooks: tasks begin when they should, once, for whom they should."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from churnhealth.archive.flat import COLUMNS
from churnhealth.archive.tasks import TASK_COLUMNS, begun_of, task_table
from churnhealth.config import parse_config
from churnhealth.config_playbooks import Playbook
from churnhealth.errors import ConfigError

DAY = date(2026, 1, 1)
NUMBERS = ("churn_probability", "value", "expected_loss", "days_to_renewal")


def flat(**columns):
    """A run's flat table; what is not given is missing, everybody is scored."""
    n = len(next(iter(columns.values())))
    table = {name: np.full(n, None, dtype=object) for name in COLUMNS}
    table |= {name: np.full(n, np.nan) for name in NUMBERS}
    table["account_id"] = np.array([f"a{i}" for i in range(n)], dtype=object)
    table["status"] = np.full(n, "scored", dtype=object)
    table["band"] = np.full(n, "red", dtype=object)
    table["previous_band"] = np.full(n, "yellow", dtype=object)
    table["renewal_date"] = np.full(n, np.datetime64("NaT", "D"))
    for name, column in columns.items():
        kind = np.float64 if name in NUMBERS else object
        table[name] = np.array([*column, None], dtype=object)[:-1].astype(kind)
    return table


def playbook(name="call", **more):
    return Playbook.model_validate({"name": name, "do": "Call", **more})


def begun(table, *books, since=None, earlier=(), start=None, day=DAY, moved=None,
          furthest=None):  # fmt: skip
    n = table["account_id"].size
    started = np.full(n, np.datetime64("NaT", "D")) if start is None else start
    return task_table(
        table,
        started,
        books,
        as_of=day,
        since=since,
        begun=begun_of(earlier),
        moved=moved or {},
        furthest=furthest,
    )


def whom(tasks):
    return tasks["account_id"].tolist()


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ({"movement": ["worse"]}, ["a0"]),
        ({"band": ["red", "grey"]}, ["a0", "a2"]),
        ({"band": ["red"], "movement": ["better"]}, []),
        ({"health_usage": ["orange"]}, ["a1"]),
        ({"segment": ["small"], "owner": ["Ann", "Bo"]}, ["a0", "a1"]),
        ({"value": [100, 200]}, ["a0"]),
        ({"value": [100, float("inf")]}, ["a0", "a1"]),
        ({"days_to_renewal": [0, 90]}, ["a1"]),
    ],
)
def test_all_conditions_hold_of_a_list_any_and_what_is_missing_holds_none(when, who):
    table = flat(
        band=["red", "yellow", "grey"],
        movement=["worse", "better", None],
        health_usage=["red", "orange", None],
        segment=["small", "small", None],
        owner=["Ann", "Bo", "Ann"],
        value=[100.0, 200.0, np.nan],
        days_to_renewal=[90, 0, np.nan],
        expected_loss=[3.0, 2.0, 1.0],
    )
    assert whom(begun(table, playbook(when=when))) == who


def test_who_is_not_scored_has_no_task():
    table = flat(status=["announced", "grace", "too_new", "churned", "scored"])
    assert whom(begun(table, playbook(when={"band": ["red"]}))) == ["a4"]


def test_of_too_many_those_begin_who_are_expected_to_lose_most():
    table = flat(
        expected_loss=[5.0, np.nan, 9.0, 5.0, np.nan],
        churn_probability=[0.2, 0.9, 0.1, 0.3, 0.95],
    )
    every = playbook(when={"band": ["red"]})
    assert whom(begun(table, every)) == ["a2", "a3", "a0", "a4", "a1"]
    few = playbook(when={"band": ["red"]}, capacity=2)
    assert whom(begun(table, few)) == ["a2", "a3"]


def test_the_cool_down_is_each_playbooks_own_and_lets_others_through():
    table = flat(expected_loss=[9.0, 5.0, 1.0])
    first, other = (playbook(n, when={"band": ["red"]}, capacity=1, cooldown_days=30)
                    for n in ("first", "other"))  # fmt: skip
    one = begun(table, first)
    later = DAY + timedelta(days=29)
    two = begun(table, first, other, earlier=[one], day=later)
    assert list(zip(two["playbook"], whom(two), strict=True)) == [
        ("first", "a1"),
        ("other", "a0"),
    ]
    over = begun(table, first, earlier=[one, two], day=DAY + timedelta(days=30))
    assert whom(over) == ["a0"]


@given(
    start=st.integers(-200, 200),
    steps=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    days=st.sets(st.integers(0, 200), min_size=1, max_size=3),
)
def test_on_any_rhythm_of_runs_every_day_is_met_once(start, steps, days):
    book = playbook(
        when={"reached_after_start": sorted(days)}, within_days=0, cooldown_days=0
    )
    first = DAY + timedelta(days=start)
    since, met = DAY, []
    for step in steps:
        day = since + timedelta(days=step)
        table = flat(value=[1.0])
        began = np.array([first], dtype="datetime64[D]")
        met += [day] * len(whom(begun(table, book, since=since, start=began, day=day)))
        since = day
    runs = [DAY + timedelta(days=sum(steps[: i + 1])) for i in range(len(steps))]
    reached = {first + timedelta(days=d) for d in days}
    expected = {
        run
        for before, run in zip([DAY, *runs], runs, strict=False)
        if any(before < moment <= run for moment in reached)
    }
    assert sorted(met) == sorted(expected)


@pytest.mark.parametrize(
    ("ahead", "looked", "who"),
    [(90, 30, 1), (89, 30, 1), (61, 30, 1), (60, 30, 0), (91, 30, 0), (-1, 200, 1)],
)
def test_days_before_the_renewal_are_met_on_the_way_down(ahead, looked, who):
    book = playbook(when={"reached_before_renewal": [90]})
    table = flat(days_to_renewal=[ahead])
    since = DAY - timedelta(days=looked)
    assert len(whom(begun(table, book, since=since))) == who


@given(steps=st.lists(st.integers(1, 40), min_size=1, max_size=60))
@example(steps=[1] * 60)
@example(steps=[20, 7, 7])
def test_the_furthest_day_is_met_once_though_nobody_is_scored_before(steps):
    book = playbook(when={"reached_before_renewal": [180]}, cooldown_days=0)
    ahead, day, met = 200, DAY, 0
    for step in steps:
        ahead, since, day = ahead - step, day, day + timedelta(days=step)
        scored = "scored" if 0 <= ahead < 180 else None  # lead_max_days = 180
        table = flat(days_to_renewal=[ahead], status=[scored])
        met += len(whom(begun(table, book, since=since, day=day, furthest=179)))
    reached = [200 - sum(steps[: i + 1]) for i in range(len(steps))]
    below = [a for a in reached if a < 180]
    assert met == (bool(below) and below[0] >= 0)


def test_a_first_run_looks_back_a_week():
    book = playbook(when={"reached_before_renewal": [90]})
    table = flat(days_to_renewal=[91, 90, 84, 83])
    assert whom(begun(table, book)) == ["a1", "a2"]


@pytest.mark.parametrize(
    ("movement", "why"),
    [
        ("worse", "Critical, was Watch: logins fell; 90 days before the renewal"),
        ("same", "Critical; 90 days before the renewal; Logins fell from 14 to 8"),
    ],
)
def test_a_task_says_what_by_when_and_why(movement, why):
    table = flat(
        movement=[movement],
        days_to_renewal=[88],
        driver_1=["Logins fell from 14 to 8"],
        owner=["Ann"],
    )
    when = {"reached_before_renewal": [180, 90]}
    told = begun(
        table,
        playbook(when=when, within_days=5),
        since=date(2025, 12, 1),
        moved={"a0": "Critical, was Watch: logins fell"},
    )
    assert tuple(told) == TASK_COLUMNS
    assert told["because"].tolist() == [why]
    assert told["due_on"].astype(str).tolist() == ["2026-01-06"]
    assert told["begun_on"].astype(str).tolist() == ["2026-01-01"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"when": {}}, "at least one condition"),
        ({"when": {"band": ["purple"]}}, "band"),
        ({"when": {"value": [5, 5]}}, "value"),
        ({"when": {"bands": ["red"]}}, "bands"),
        ({"name": "Call them", "when": {"band": ["red"]}}, "name"),
        ({"capacity": 0, "when": {"band": ["red"]}}, "capacity"),
    ],
)
def test_a_playbook_that_cannot_be_meant_is_refused(given, named, tmp_path):
    raw = {"playbooks": [{"name": "call", "do": "Call", **given}]}
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, folder=tmp_path)
    assert caught.value.code == "CH003"
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("when", "question", "named"),
    [
        ({"reached_before_renewal": [90, 181]}, {}, "181 days before the renewal"),
        ({"reached_after_start": [45]}, {"min_age_days": 60}, "day 45 after the start"),
    ],
)
def test_a_day_on_which_nobody_is_scored_is_refused(when, question, named, tmp_path):
    one = {"name": "call", "do": "Call", "when": when}
    raw = {"playbooks": [one], "question": {"kind": "renewal", **question}}
    with pytest.raises(ConfigError, match=named):
        parse_config(raw, folder=tmp_path)
    horizon = {"kind": "horizon", "min_age_days": 45}
    parse_config({"playbooks": [one], "question": horizon}, folder=tmp_path)


def test_two_playbooks_of_one_name_are_refused(tmp_path):
    one = {"name": "call", "do": "Call", "when": {"band": ["red"]}}
    with pytest.raises(ConfigError, match="two playbooks are named 'call'"):
        parse_config({"playbooks": [one, one]}, folder=tmp_path)


def test_a_playbook_cannot_be_changed():
    with pytest.raises(ValidationError):
        playbook(when={"band": ["red"]}).name = "other"
