"""What was lost in a quarter is counted whole, and once."""

import numpy as np
import pytest

from churnhealth.config import Question
from churnhealth.evaluate.quarters import by_quarter

JANUARY = 20089  # 1 January 2025


def quarter_of(question, day, *, left, end=None, value=100.0):
    """One account a column: each day's rows, and who had left in what was asked."""
    account = np.tile(np.arange(left.shape[1]), day.size)
    as_of = np.repeat(JANUARY + day, left.shape[1])
    [row] = by_quarter(
        question,
        account=account,
        as_of=as_of,
        end=as_of * 0 if end is None else end.ravel(),
        p=np.full(account.size, 0.1),
        y=left.ravel().astype(float),
        value=np.full(account.size, value),
        seed=7,
    )
    return row


def test_a_month_ahead_asked_each_week_counts_who_left_in_all_of_the_quarter():
    question = Question(kind="horizon", horizon_days=28, gap_days=0)
    day, stops = np.arange(0, 84, 7), np.array([5, 33, 61, 80, 500, 501])
    left = (day[:, None] <= stops) & (stops < day[:, None] + 28)
    row = quarter_of(question, day, left=left)
    assert row["actual"] == 400.0  # the first rows alone know of one
    assert row["expected"] == pytest.approx(3 * 6 * 10.0)
    assert (row["accounts"], row["value"]) == (6, 600.0)


def test_a_horizon_as_long_as_the_quarter_counts_each_account_once():
    question = Question(kind="horizon", horizon_days=90, gap_days=0)
    day, stops = np.array([0, 31, 59]), np.array([70, 500])
    left = (day[:, None] <= stops) & (stops < day[:, None] + 90)
    row = quarter_of(question, day, left=left)
    assert (row["actual"], row["expected"]) == (100.0, pytest.approx(20.0))


def test_silence_of_thirty_days_is_asked_about_on_the_first_of_each_month():
    question = Question(kind="inactivity", active_days=30, horizon_days=30)
    day = np.array([0, 31, 59])  # February is shorter than thirty days
    row = quarter_of(question, day, left=np.array([[0, 0], [0, 1], [1, 0]]))
    assert (row["actual"], row["expected"]) == (200.0, pytest.approx(60.0))


def test_every_renewal_of_a_quarter_counts_and_each_of_them_once():
    question = Question(kind="renewal", lead_max_days=60, gap_days=5)
    day = np.array([0, 7, 31, 38])
    end = np.array([[20, 40], [20, 40], [50, 40], [50, 90]])
    left = np.array([[0, 0], [0, 0], [1, 0], [1, 1]])
    row = quarter_of(question, day, left=left, end=end)
    assert row["actual"] == 200.0
    assert row["expected"] == pytest.approx(4 * 10.0)


def test_likely_holds_95_of_100_cases_also_where_few_or_large_accounts_decide():
    random = np.random.default_rng(3)
    p, value = random.uniform(0.01, 0.1, 40), random.pareto(1.5, 40)
    account = np.arange(40)

    def quarter(left):
        [row] = by_quarter(
            Question(kind="horizon", horizon_days=90, gap_days=0),
            account=account,
            as_of=np.full(40, JANUARY),
            end=account * 0,
            p=p,
            y=left.astype(float),
            value=value,
            seed=7,
        )
        return row

    low, high = quarter(np.zeros(40))["range"]
    cases = random.random((20_000, 40)) < p
    lost = cases @ value
    assert np.mean(lost > high + 1e-9) == pytest.approx(0.025, abs=0.01)
    assert np.mean(lost < low - 1e-9) < 0.03
    told = [quarter(case) for case in cases[:50]]
    found = [(row["actual"], row["inside"]) for row in told]
    assert found == [
        (pytest.approx(loss), bool(loss <= high + 1e-9)) for loss in lost[:50]
    ]


def test_a_range_of_credits_holds_what_is_expected():
    question = Question(kind="horizon", horizon_days=28, gap_days=0)
    row = quarter_of(question, np.array([0]), left=np.eye(1, 200), value=-5.0)
    low, high = row["range"]
    assert low < row["expected"] < high < 0


def test_a_quarter_that_the_test_covers_in_part_is_no_whole_one():
    question = Question(kind="horizon", horizon_days=28, gap_days=0)
    start = np.arange(45, 225, 7)  # from 15 February to 9 August
    rows = by_quarter(
        question,
        account=start,
        as_of=JANUARY + start,
        end=start * 0,
        p=np.full(start.size, 0.1),
        y=start * 0.0,
        value=start * 1.0,
        seed=7,
    )
    assert [(r["quarter"], r["whole"]) for r in rows] == [
        ("2025-Q1", False),
        ("2025-Q2", True),
        ("2025-Q3", False),
    ]
