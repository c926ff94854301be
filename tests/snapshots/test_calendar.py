"""When we look, by hand: calendars, anchored grids, folds."""

import pytest
from tests.snapshots.oracle import Event
from tests.snapshots.tables import day, history, numbers, term

from churnhealth.config import parse_config
from churnhealth.snapshots.calendar import calendar_days, fold_days, newest_quarter
from churnhealth.snapshots.cohort import snapshot_grid
from churnhealth.sources.contract import date_of


def dates(every, first, last):
    found = calendar_days(every, first=day(first), last=day(last))
    return [str(date_of(d)) for d in found]


def test_months_begin_on_the_1st_and_both_ends_belong():
    found = dates("month", "2023-12-01", "2024-03-01")
    assert found == ["2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"]
    assert dates("month", "2023-12-02", "2024-02-29") == ["2024-01-01", "2024-02-01"]


def test_weeks_begin_on_monday():
    # 1 Jan 2024 was a Monday
    found = dates("week", "2023-12-26", "2024-01-15")
    assert found == ["2024-01-01", "2024-01-08", "2024-01-15"]
    assert all(
        date_of(d).weekday() == 0 for d in calendar_days("week", first=-20, last=90)
    )


def test_quarters_and_half_years_are_the_calendars():
    found = dates("quarter", "2023-01-02", "2024-01-01")
    assert found == ["2023-04-01", "2023-07-01", "2023-10-01", "2024-01-01"]
    found = dates("half-year", "2023-01-01", "2024-06-30")
    assert found == ["2023-01-01", "2023-07-01", "2024-01-01"]


def test_every_day_holds_the_leap_day():
    found = dates("day", "2024-02-28", "2024-03-01")
    assert found == ["2024-02-28", "2024-02-29", "2024-03-01"]


def test_every_n_days_counts_from_the_first():
    assert dates(30, "2024-01-31", "2024-03-31") == [
        "2024-01-31", "2024-03-01", "2024-03-31",  # 31 Jan + 30 in a leap year
    ]  # fmt: skip


@pytest.mark.parametrize("every", ["day", "week", "month", "quarter", "half-year", 30])
def test_a_period_that_is_over_has_no_dates(every):
    assert calendar_days(every, first=100, last=99) == []


def test_one_fold_tests_on_everything_from_its_date():
    (fold,) = fold_days([0, 30, 60, 90], test_from=60, each=False, monthly=False)
    assert (fold.judged_at, fold.test_from, fold.test_to) == (60, 60, 91)


def test_a_fold_at_each_date_tests_on_that_date_alone():
    dates = [0, 30, 60, 90, 90]
    folds = fold_days(dates, test_from=30, each=True, monthly=False)
    found = [(f.judged_at, f.test_from, f.test_to) for f in folds]
    assert found == [(30, 30, 60), (60, 60, 90), (90, 90, 91)]


def test_folds_take_every_test_date_once_and_are_judged_before_it():
    dates = list(range(day("2023-01-05"), day("2023-06-20"), 3))
    for each, monthly in ((False, False), (True, False), (True, True)):
        start = day("2023-03-10")
        folds = fold_days(dates, test_from=start, each=each, monthly=monthly)
        for d in (d for d in dates if d >= start):
            (mine,) = [f for f in folds if f.test_from <= d < f.test_to]
            assert mine.judged_at <= d
            assert mine.judged_at == mine.test_from


def test_folds_of_anchored_dates_begin_with_each_month():
    dates = range(day("2023-03-05"), day("2023-05-20"))
    folds = fold_days(dates, test_from=day("2023-03-10"), each=True, monthly=True)
    found = [str(date_of(f.judged_at)) for f in folds]
    assert found == ["2023-03-10", "2023-04-01", "2023-05-01"]


def test_no_dates_after_test_from_are_no_folds():
    assert fold_days([0, 30], test_from=31, each=True, monthly=False) == []


def test_the_newest_quarter_is_of_the_dates_not_of_the_rows():
    rows = numbers([0] * 50 + [10, 20, 30, 40, 50, 60, 70])  # 8 dates: the last 2
    assert newest_quarter(rows) == 60


def looked_at(past, *, data_until="2100-01-01", **plan):
    """List the (account, date) pairs of a grid."""
    config = parse_config(
        {
            "sources": {"contracts": {"path": "none.csv"}},
            "question": {"kind": "horizon", "horizon_days": 30},
            "snapshots": plan,
        },
        folder=".",
    )
    account, as_of = snapshot_grid(past, config, data_until=day(data_until))
    pairs = sorted(zip(account.tolist(), as_of.tolist(), strict=True))
    return [(a, str(date_of(t))) for a, t in pairs]


def test_a_start_grid_goes_from_first_day_to_last_day_before_end():
    # starts 1 Mar; first_day 7 = 8 Mar, then every 14; end 30 Apr - 10 = 20 Apr
    past = history([[term("2023-03-01", "2023-04-30")]])
    found = looked_at(
        past, every=14, anchor="start", first_day=7, last_day_before_end=10
    )
    assert found == [(0, "2023-03-08"), (0, "2023-03-22"), (0, "2023-04-05"),
                     (0, "2023-04-19")]  # fmt: skip


def test_a_start_grid_runs_through_renewals_from_the_merged_start():
    # 1 Mar + 0, 20, 40, 60: 1 Mar itself is not covered yet; 10 Apr and 30 Apr lie in
    # the second term, which began on 1 Apr and does not start the count again
    past = history(
        [[term("2023-03-01", "2023-04-01"), term("2023-04-01", "2023-05-01")]]
    )
    found = looked_at(past, every=20, anchor="start")
    assert found == [(0, "2023-03-21"), (0, "2023-04-10"), (0, "2023-04-30")]


def test_a_start_grid_stops_before_the_end_that_was_known_then():
    # until the renewal is known (20 Mar) the end is 1 Apr, less 10 days = 22 Mar
    terms = [
        term("2023-03-01", "2023-04-01"),
        term("2023-04-01", "2023-05-01", known="2023-03-25"),
    ]
    found = looked_at(
        history([terms]), every=6, anchor="start", first_day=6, last_day_before_end=10
    )
    # 25 Mar (day 24) is past 22 Mar by what was known; 31 Mar is before 21 Apr
    assert found == [
        (0, d) for d in ("2023-03-07", "2023-03-13", "2023-03-19", "2023-03-31",
                         "2023-04-06", "2023-04-12", "2023-04-18")
    ]  # fmt: skip


def test_a_renewal_grid_counts_back_from_the_end():
    # 1 Jul - 30, 60, 90 ... while covered (from 2 Apr): 1 Jun, 2 May; 2 Apr
    past = history([[term("2023-04-01", "2023-07-01")]])
    found = looked_at(past, every=30, anchor="renewal")
    assert found == [(0, "2023-04-02"), (0, "2023-05-02"), (0, "2023-06-01"),
                     (0, "2023-07-01")]  # fmt: skip


def test_a_renewal_grid_moves_with_a_renewal_that_is_known():
    # known on 10 Jun: from 11 Jun dates count back from 1 Oct: 1 Oct - 30 = 1 Sep,
    # 2 Aug, 3 Jul; 3 Jun (120) was not yet known. 1 Jul no longer is a renewal date.
    terms = [
        term("2023-04-01", "2023-07-01"),
        term("2023-07-01", "2023-10-01", known="2023-06-10"),
    ]
    found = [t for _, t in looked_at(history([terms]), every=30, anchor="renewal")]
    assert found == ["2023-04-02", "2023-05-02", "2023-06-01", "2023-07-03",
                     "2023-08-02", "2023-09-01", "2023-10-01"]  # fmt: skip


def test_open_ended_cover_has_no_renewal_to_count_back_from():
    past = history([[term("2023-04-01")]])
    assert looked_at(past, every=30, anchor="renewal", data_until="2024-01-01") == []


def test_a_calendar_grid_asks_for_every_account_on_every_date():
    past = history([[term("2023-01-01", "2024-01-01")], []])
    found = looked_at(past, **{"from": "2023-03-01"}, data_until="2023-06-01")
    # 1 Jun - 30 (gap) - 30 (horizon) = 2 Apr: the last day not censored
    assert found == [(a, d) for a in (0, 1) for d in ("2023-03-01", "2023-04-01")]


def test_until_defaults_to_the_last_day_that_is_not_censored():
    # horizon 30 + gap 30 = 60 days before 30 May = 31 Mar; one day on it is 1 Apr
    past = history([[term("2023-01-01", "2024-01-01")]])
    plan = {"every": "day", "from": "2023-03-30"}
    assert looked_at(past, data_until="2023-05-30", **plan)[-1] == (0, "2023-03-31")
    assert looked_at(past, data_until="2023-05-31", **plan)[-1] == (0, "2023-04-01")


def test_from_defaults_to_the_first_day_with_a_full_widest_window():
    # the widest default window is 90 days: 1 Jan + 90 = 1 Apr 2023
    first = day("2023-01-01")
    past = history([[term("2022-01-01", "2024-01-01")]], [[Event(first, first)]])
    assert looked_at(past, every="day", data_until="2023-12-01")[0] == (0, "2023-04-01")


@pytest.mark.parametrize(
    ("data_until", "begins"),
    [
        # labels close after 60 days, and a month's first may be 31 days away: looks
        # from 1 Apr on could be judged, and learned from, from 1 Apr + 151 days on
        ("2023-08-30", "2023-04-01"),
        ("2023-08-29", "2023-01-29"),  # a day too short for 90 days: 28 decide
        ("2023-05-09", "2023-01-08"),  # of daily looks the next is a day away
        ("2023-05-08", None),  # too short for any: nothing is invented
    ],
)
def test_a_short_history_begins_when_a_narrower_window_is_full(data_until, begins):
    first = day("2023-01-01")
    past = history([[term("2022-01-01", "2024-01-01")]], [[Event(first, first)]])
    found = looked_at(past, every="day", data_until=data_until)
    assert (found[0][1] if found else None) == begins


def test_until_given_by_the_owner_holds_beyond_the_last_uncensored_date():
    past = history([[term("2023-01-01", "2024-01-01")]])
    found = looked_at(
        past, data_until="2023-05-30", **{"from": "2023-03-01", "until": "2023-05-01"}
    )
    assert found[-1] == (0, "2023-05-01")


def test_an_empty_contract_table_gives_an_empty_grid():
    plan = {"every": 30, "anchor": "start", "from": "2023-01-01"}
    assert looked_at(history([[]]), data_until="2023-12-01", **plan) == []
