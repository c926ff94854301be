"""Who is covered, by hand: gap 30 throughout, the arithmetic beside each table."""

import pytest
from tests.snapshots.tables import Ask, day, history, look, outcome, statuses, term

HORIZON = Ask("horizon", horizon=60, gap=30)
RENEWAL = Ask("renewal", lead_max=90, gap=30)


def seen(terms, when, ask=HORIZON):
    """Give (status, start, end) of one account on one date."""
    return statuses(history([terms]), ask, [day(when)]).get((0, day(when)))


@pytest.mark.parametrize(
    ("when", "status"),
    [
        ("2023-01-01", None),  # start < as_of fails: what happens today lies ahead
        ("2023-01-02", "scored"),
        ("2023-02-01", "scored"),  # as_of <= end: the end lies in the window
        ("2023-02-02", "grace"),  # 1 day past
        ("2023-03-03", "grace"),  # 1 Feb + 30 days: 28 in February, then 3 March - 1
        ("2023-03-04", "churned"),  # 31 days past
    ],
)
def test_cover_begins_the_day_after_the_start_and_holds_on_the_day_of_the_end(
    when, status
):
    assert look([term("2023-01-01", "2023-02-01")], HORIZON, when) == status


@pytest.mark.parametrize(
    ("again", "start"),
    [
        ("2023-03-02", "2023-01-01"),  # 1 Feb + 29
        ("2023-03-03", "2023-01-01"),  # 1 Feb + 30: still within the gap
        ("2023-03-04", "2023-03-04"),  # 1 Feb + 31: a new period
    ],
)
def test_periods_29_and_30_days_apart_are_one_and_31_days_apart_are_two(again, start):
    terms = [term("2023-01-01", "2023-02-01"), term(again, "2023-12-01")]
    found = seen(terms, "2023-04-01")
    assert found == ("scored", day(start), day("2023-12-01"))


def test_an_open_end_is_cover():
    assert look([term("2023-01-01")], HORIZON, "2033-01-01") == "scored"


def test_open_ended_cover_is_out_of_the_renewal_question_and_counted():
    assert look([term("2023-01-01")], RENEWAL, "2023-06-01") == "open_ended"


def test_a_row_known_on_the_day_itself_is_not_known_yet():
    late = [term("2023-01-01", "2024-01-01", known="2023-05-01")]
    assert look(late, HORIZON, "2023-05-01") is None
    assert look(late, HORIZON, "2023-05-02") == "scored"


def test_a_late_renewer_is_in_grace_until_the_renewal_is_known():
    # ended 1 Feb, renewed from 10 Feb: with hindsight one period, on 5 Feb not
    terms = [term("2023-01-01", "2023-02-01"), term("2023-02-10", "2024-02-10")]
    assert look(terms, HORIZON, "2023-02-05") == "grace"
    assert look(terms, RENEWAL, "2023-02-05") == "grace"
    assert look(terms, HORIZON, "2023-02-10") == "grace"  # start < as_of
    found = seen(terms, "2023-02-11")
    assert found == ("scored", day("2023-01-01"), day("2024-02-10"))


def test_a_gap_that_was_known_beforehand_is_not_grace():
    # the second term was booked in January: the periods are one, and 5 Feb is in it
    terms = [
        term("2023-01-01", "2023-02-01"),
        term("2023-02-10", "2024-02-10", known="2023-01-20"),
    ]
    found = seen(terms, "2023-02-05")
    assert found == ("scored", day("2023-01-01"), day("2024-02-10"))


def test_a_return_after_months_starts_a_new_period():
    terms = [term("2022-01-01", "2022-06-01"), term("2023-01-01", "2024-01-01")]
    assert look(terms, HORIZON, "2022-10-01") == "churned"
    assert seen(terms, "2023-02-01")[1] == day("2023-01-01")


def test_a_row_cancelled_before_its_start_never_was_cover():
    booked = term(
        "2023-06-01", "2024-06-01", cancelled="2023-05-20", known="2023-05-01"
    )
    assert look([booked], HORIZON, "2023-07-01") is None


def test_an_early_booked_renewal_moves_the_end_and_leaves_the_renewal_cohort():
    # end 1 Mar 2023, seen from 1 Jan: 59 days ahead. Renewed on 10 Jan for a year:
    # from 11 Jan the known end is 1 Mar 2024, more than 90 days ahead.
    terms = [
        term("2022-03-01", "2023-03-01"),
        term("2023-03-01", "2024-03-01", known="2023-01-10"),
    ]
    assert look(terms, RENEWAL, "2023-01-10") == "scored"
    assert look(terms, RENEWAL, "2023-01-11") is None
    assert seen(terms, "2023-01-11")[2] == day("2024-03-01")


@pytest.mark.parametrize(
    ("when", "status"),
    [
        ("2023-03-02", None),  # end is 91 days ahead
        ("2023-03-03", None),  # 90 days ahead: [as_of, as_of + 90) is half-open
        ("2023-03-04", "scored"),  # 89
        ("2023-06-01", "scored"),  # 0: the end lies on the first day
        ("2023-06-02", "grace"),
    ],
)
def test_the_renewal_window_is_half_open(when, status):
    assert look([term("2022-06-01", "2023-06-01")], RENEWAL, when) == status


def test_an_upgrade_is_one_period_and_no_announcement():
    # the small plan stops on 1 Apr, told the same day; the big one starts on 1 Apr
    terms = [
        term("2023-01-01", "2024-01-01", cancelled="2023-04-01", notice="2023-04-01"),
        term("2023-04-01", "2024-04-01"),
    ]
    found = seen(terms, "2023-05-01")
    assert found == ("scored", day("2023-01-01"), day("2024-04-01"))


def test_announced_churn_is_listed_not_scored():
    # stops on 1 Jun, told on 10 May; 10 May itself does not know it yet
    terms = [
        term("2023-01-01", "2024-01-01", cancelled="2023-06-01", notice="2023-05-10")
    ]
    assert look(terms, HORIZON, "2023-05-10") == "scored"
    assert seen(terms, "2023-05-10")[2] == day("2024-01-01")
    assert look(terms, HORIZON, "2023-05-11") == "announced"
    assert seen(terms, "2023-05-11")[2] == day("2023-06-01")


def test_a_stop_without_notice_is_known_from_the_day_after_it():
    # notice_at defaults to cancelled_at = 1 Jun: covered on 1 Jun, in grace on 2 Jun
    terms = [term("2023-01-01", "2024-01-01", cancelled="2023-06-01")]
    assert look(terms, HORIZON, "2023-06-01") == "scored"
    assert look(terms, HORIZON, "2023-06-02") == "grace"


def test_a_stop_that_was_noticed_late_is_not_seen_before():
    # stopped 1 Jun, noticed 20 Jun: on 15 Jun the account still looks covered
    terms = [
        term("2023-01-01", "2024-01-01", cancelled="2023-06-01", notice="2023-06-20")
    ]
    assert look(terms, HORIZON, "2023-06-15") == "scored"
    assert look(terms, HORIZON, "2023-06-21") == "grace"


def test_a_notice_of_non_renewal_is_an_announcement():
    terms = [term("2022-06-01", "2023-06-01", notice="2023-05-01")]
    assert look(terms, RENEWAL, "2023-05-01") == "scored"
    assert look(terms, RENEWAL, "2023-05-02") == "announced"


def test_a_notice_that_was_overtaken_by_a_renewal_announces_nothing():
    terms = [
        term("2022-06-01", "2023-06-01", notice="2023-04-01"),
        term("2023-06-01", "2024-06-01", known="2023-05-01"),
    ]
    assert look(terms, HORIZON, "2023-05-01") == "announced"
    assert look(terms, HORIZON, "2023-05-02") == "scored"


def test_an_ending_that_does_not_count_as_churn_is_not_announced():
    only_cancelled = Ask("horizon", horizon=60, gap=30, churn_when=("cancelled",))
    terms = [term("2022-06-01", "2023-06-01", notice="2023-05-01")]
    assert look(terms, only_cancelled, "2023-05-02") == "scored"


@pytest.mark.parametrize("end", ["2023-05-20", "2023-06-01", "2023-09-01"])
def test_while_one_of_two_products_may_renew_nothing_is_announced(end):
    terms = [
        term("2022-06-01", "2023-06-01", notice="2023-05-01"),
        term("2022-09-01", end),
    ]
    assert look(terms, HORIZON, "2023-05-15") == "scored"


def test_a_product_that_is_over_or_a_term_that_was_followed_keeps_nothing_open():
    terms = [
        term("2022-06-01", "2023-06-01"),
        term("2022-09-01", "2023-05-01"),
        term("2023-06-01", "2024-06-01", known="2023-04-01", notice="2023-04-15"),
    ]
    assert look(terms, HORIZON, "2023-05-01") == "scored"
    assert look(terms, HORIZON, "2023-05-02") == "announced"


@pytest.mark.parametrize(
    ("when", "status"),
    [
        ("2023-03-28", "too_new"),  # 1 Mar + 27
        ("2023-03-29", "scored"),  # 1 Mar + 28
    ],
)
def test_min_age_days_is_reached_on_its_last_day(when, status):
    ask = Ask("horizon", horizon=60, gap=30, min_age=28)
    assert look([term("2023-03-01", "2024-03-01")], ask, when) == status


def test_min_age_days_counts_from_the_merged_start():
    # 10 days into the second term, 41 days into the period (31 + 10)
    ask = Ask("horizon", horizon=60, gap=30, min_age=28)
    terms = [term("2023-01-01", "2023-02-01"), term("2023-02-01", "2023-12-01")]
    assert look(terms, ask, "2023-02-11") == "scored"


def test_the_leap_day_is_a_day():
    # 31 Jan 2024 + 30 days = 1 Mar 2024 (29 Feb exists), in 2023 it is 2 Mar
    leap = [term("2023-01-31", "2024-01-31"), term("2024-03-01", "2025-01-01")]
    plain = [term("2022-01-31", "2023-01-31"), term("2023-03-03", "2024-01-01")]
    assert seen(leap, "2024-03-10")[1] == day("2023-01-31")
    assert seen(plain, "2023-03-10")[1] == day("2023-03-03")  # 31 days apart
    on_it = [term("2024-02-28", "2024-02-29")]
    assert look(on_it, HORIZON, "2024-02-29") == "scored"
    assert look(on_it, HORIZON, "2024-03-01") == "grace"


def test_a_silent_account_stays_in_the_cohort():
    # it has cover and not one event
    past = history([[term("2023-01-01", "2024-01-01")]], [[]])
    found = statuses(past, HORIZON, [day("2023-06-01")])
    assert found[0, day("2023-06-01")][0] == "scored"


def test_an_end_in_two_ways_is_announced_under_either():
    ask = Ask("horizon", horizon=60, gap=30, churn_when=("not_renewed",))
    terms = [
        term("2022-06-01", "2023-06-01", notice="2023-05-01"),
        term("2022-09-01", "2023-12-01", cancelled="2023-06-01", notice="2023-05-01"),
    ]
    assert look(terms, ask, "2023-05-15") == "announced"


def test_cover_that_ends_on_the_day_we_look_may_still_churn_in_the_window():
    # [1 Feb, 2 Apr) begins with 1 Feb, the end
    terms = [term("2023-01-01", "2023-02-01")]
    assert outcome(terms, HORIZON, "2023-02-01") == "yes"
