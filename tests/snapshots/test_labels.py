"""What happened next, by hand: each rule with its dates and the arithmetic beside."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.snapshots.oracle import NEVER, Event
from tests.snapshots.tables import (
    Ask,
    day,
    history,
    look,
    outcome,
    outcomes,
    question,
    statuses,
    term,
)

from churnhealth.config import Question, parse_config
from churnhealth.errors import ConfigError
from churnhealth.snapshots.labels import data_until

HORIZON = Ask("horizon", horizon=60, gap=30)
LEAD = Ask("horizon", lead=14, horizon=60, gap=30)
RENEWAL = Ask("renewal", lead_max=90, gap=30)
COURSE = Ask("horizon", horizon=60, gap=30, churn_when=("cancelled",))
FAR_AHEAD = NEVER * 2


@pytest.mark.parametrize(
    ("end", "label"),
    [
        ("2023-02-01", "yes"),  # the first day of [1 Feb, 2 Apr)
        ("2023-04-01", "yes"),  # 1 Feb + 59: 27 left in Feb, 31 in March, 1 April
        ("2023-04-02", "no"),  # 1 Feb + 60
    ],
)
def test_the_horizon_window_holds_its_first_day_and_not_the_day_after_its_last(
    end, label
):
    assert outcome([term("2022-01-01", end)], HORIZON, "2023-02-01") == label


@pytest.mark.parametrize(
    ("end", "label"),
    [
        ("2023-02-14", "left"),  # 1 Feb + 13: inside the lead
        ("2023-02-15", "yes"),  # 1 Feb + 14: the window begins
        ("2023-04-15", "yes"),  # 1 Feb + 14 + 59
        ("2023-04-16", "no"),
    ],
)
def test_an_end_inside_the_lead_is_neither_yes_nor_no(end, label):
    assert outcome([term("2022-01-01", end)], LEAD, "2023-02-01") == label


@pytest.mark.parametrize(
    ("again", "label"),
    [
        ("2023-03-30", "no"),  # 1 Mar + 29: within the gap, cover goes on
        ("2023-03-31", "no"),  # 1 Mar + 30
        ("2023-04-01", "yes"),  # 1 Mar + 31: a later return is a new period
    ],
)
@pytest.mark.parametrize("ask", [HORIZON, RENEWAL])
def test_new_cover_29_or_30_days_later_is_no_churn_and_31_days_later_is(
    ask, again, label
):
    terms = [term("2022-03-01", "2023-03-01"), term(again, "2024-03-01")]
    assert outcome(terms, ask, "2023-02-01") == label


def test_an_upgrade_is_no_churn():
    terms = [
        term("2022-06-01", "2023-06-01", cancelled="2023-03-01"),
        term("2023-03-01", "2024-03-01"),
    ]
    assert outcome(terms, HORIZON, "2023-02-15") == "no"
    assert outcome(terms, Ask("renewal", lead_max=180, gap=30), "2023-02-15") == "no"


def test_an_early_stop_is_churn_on_the_day_it_stopped():
    # agreed until 1 Dec, stopped on 1 Mar: inside [1 Feb, 2 Apr)
    terms = [term("2022-12-01", "2023-12-01", cancelled="2023-03-01")]
    assert outcome(terms, HORIZON, "2023-02-01") == "yes"
    late = Ask("horizon", lead=40, horizon=60, gap=30)  # [13 Mar, 12 May)
    assert outcome(terms, late, "2023-02-01") == "left"
    renews = Ask("renewal", lead_max=365, gap=30)
    seen = [(0, day("2023-02-01"), day("2023-12-01"))]
    [told] = outcomes(history([terms]), renews, seen, data_until=day("2024-06-01"))
    assert told[::2] == ("yes", day("2023-03-01"))


def test_a_return_is_scored_again_and_its_old_churn_stays():
    terms = [term("2022-01-01", "2023-03-01"), term("2023-06-01", "2024-06-01")]
    assert outcome(terms, HORIZON, "2023-02-01") == "yes"
    assert look(terms, HORIZON, "2023-07-01") == "scored"
    assert outcome(terms, HORIZON, "2023-07-01") == "no"


def test_a_course_that_ends_as_planned_is_no_churn():
    planned = [term("2023-01-01", "2023-03-01")]
    stopped = [term("2023-01-01", "2023-03-15", cancelled="2023-03-01")]
    assert outcome(planned, COURSE, "2023-02-01") == "no"
    assert outcome(stopped, COURSE, "2023-02-01") == "yes"


def test_an_early_stop_is_no_churn_where_only_missed_renewals_count():
    ask = Ask("horizon", horizon=60, gap=30, churn_when=("not_renewed",))
    stopped = [term("2023-01-01", "2023-12-01", cancelled="2023-03-01")]
    assert outcome(stopped, ask, "2023-02-01") == "no"
    assert outcome([term("2023-01-01", "2023-03-01")], ask, "2023-02-01") == "yes"


def test_a_stop_on_the_agreed_day_is_no_early_stop():
    terms = [term("2023-01-01", "2023-03-01", cancelled="2023-03-01")]
    assert outcome(terms, COURSE, "2023-02-01") == "no"


def test_a_renewal_question_about_cancellations_alone_is_refused():
    with pytest.raises(ValueError, match="churn_when"):
        Question(kind="renewal", churn_when=("cancelled",))


def test_a_gap_is_refused_where_there_are_no_contracts():
    with pytest.raises(ConfigError, match="gap_days"):
        parse_config(
            {
                "sources": {"events": [{"name": "orders", "path": "orders.csv"}]},
                "question": {"kind": "inactivity", "gap_days": 30},
            },
            folder=".",
        )


@pytest.mark.parametrize(
    ("until", "label"),
    [
        ("2023-05-01", "censored"),
        ("2023-05-02", "yes"),  # 1 Feb + 60 + 30: 2 Apr is 60 days on, 2 May 30 more
    ],
)
def test_a_horizon_label_closes_at_the_end_of_its_window_plus_the_gap(until, label):
    ends = [term("2022-01-01", "2023-02-10")]
    assert outcome(ends, HORIZON, "2023-02-01", data_until=until) == label


def test_an_open_window_is_censored_whichever_way_it_would_come_out():
    gone = [term("2022-01-01", "2023-02-10")]
    stays = [term("2022-01-01", "2025-02-10")]
    inside_lead = [term("2022-01-01", "2023-02-05")]
    for terms in (gone, stays, inside_lead):
        assert outcome(terms, LEAD, "2023-02-01", data_until="2023-05-15") == "censored"


@pytest.mark.parametrize(
    ("until", "label"),
    [
        ("2023-03-30", "censored"),
        ("2023-03-31", "yes"),  # 1 Mar + 30
    ],
)
def test_a_renewal_label_closes_at_its_end_plus_the_gap(until, label):
    ends = [term("2022-03-01", "2023-03-01")]
    assert outcome(ends, RENEWAL, "2023-02-01", data_until=until) == label


def test_renewed_and_lost_accounts_with_one_end_close_on_one_day():
    lost = [term("2022-03-01", "2023-03-01")]
    kept = [*lost, term("2023-03-01", "2024-03-01")]
    for terms in (lost, kept):
        before = outcome(terms, RENEWAL, "2023-02-01", data_until="2023-03-30")
        assert before == "censored"


def test_a_fold_never_trains_on_a_renewal_that_can_still_come():
    # end 1 Mar + 30 = 31 Mar. Renewed from 31 Mar, known on 31 Mar: no churn.
    # A fold judged at 31 Mar reads rows known before it, and calls the label closed.
    terms = [term("2022-03-01", "2023-03-01"), term("2023-03-31", "2024-03-31")]
    assert outcome(terms, RENEWAL, "2023-02-01") == "no"
    judged = {"known_before": "2023-03-31", "data_until": "2023-03-31"}
    assert outcome(terms, RENEWAL, "2023-02-01", **judged) == "censored"


def test_a_horizon_fold_never_trains_on_a_return_that_can_still_come():
    # the same dates; [1 Feb, 2 Mar) + 30 closes on 1 Apr, one day after the return
    ask = Ask("horizon", horizon=29, gap=30)
    terms = [term("2022-03-01", "2023-03-01"), term("2023-03-31", "2024-03-31")]
    for judged, label in (("2023-03-31", "censored"), ("2023-04-01", "no")):
        found = outcome(
            terms, ask, "2023-02-01", known_before=judged, data_until=judged
        )
        assert found == label


def test_a_stop_known_when_we_looked_is_no_missed_renewal():
    # stops on 1 Mar instead of 1 Dec, told on 10 Jan; only missed renewals count, so
    # it is not announced and not churn
    ask = Ask("renewal", lead_max=90, gap=30, churn_when=("not_renewed",))
    terms = [
        term("2022-12-01", "2023-12-01", cancelled="2023-03-01", notice="2023-01-10")
    ]
    assert look(terms, ask, "2023-02-01") == "scored"
    assert outcome(terms, ask, "2023-02-01") == "no"


@pytest.mark.parametrize(
    ("first", "second"), [("2022-01-01", "2022-06-01"), ("2022-06-01", "2022-01-01")]
)
def test_an_end_in_two_ways_is_churn_under_either(first, second):
    terms = [
        term(first, "2023-03-01"),
        term(second, "2023-12-01", cancelled="2023-03-01"),
    ]
    found = [
        outcome(
            terms, Ask("horizon", horizon=60, gap=30, churn_when=(w,)), "2023-02-01"
        )
        for w in ("not_renewed", "cancelled")
    ]
    assert found == ["yes", "yes"]


def test_a_renewal_known_late_makes_the_earlier_label_no():
    # renewed from 1 Mar, but the row arrived on 1 Jun: whoever looks from 2 Jun knows
    terms = [
        term("2022-03-01", "2023-03-01"),
        term("2023-03-01", "2024-03-01", known="2023-06-01"),
    ]
    assert outcome(terms, RENEWAL, "2023-02-01", known_before="2023-06-01") == "yes"
    assert outcome(terms, RENEWAL, "2023-02-01", known_before="2023-06-02") == "no"


def test_a_stop_noticed_on_the_day_a_model_is_judged_is_not_read_yet():
    # stopped on 10 Feb, noticed on 2 May = the day the label closes (1 Feb + 60 + 30)
    terms = [
        term("2022-01-01", "2023-12-01", cancelled="2023-02-10", notice="2023-05-02")
    ]
    for judged, label in (("2023-05-02", "no"), ("2023-05-03", "yes")):
        found = outcome(
            terms, HORIZON, "2023-02-01", known_before=judged, data_until=judged
        )
        assert found == label


def test_training_labels_all_close_by_the_day_they_are_judged():
    ends = [f"2023-{m:02}-15" for m in range(1, 13)]
    past = history([[term("2022-01-01", e)] for e in ends])
    for ask in (HORIZON, LEAD, RENEWAL):
        seen = statuses(past, ask, range(day("2022-06-01"), day("2023-12-01"), 7))
        rows = [(a, t, e) for (a, t), (s, _, e) in seen.items() if s == "scored"]
        judged = day("2023-07-01")
        found = outcomes(past, ask, rows, known_before=judged, data_until=judged)
        trained = [closes for word, closes, _ in found if word in ("yes", "no")]
        assert max(trained) <= judged
        late = [closes for word, closes, _ in found if word == "censored"]
        assert min(late) > judged


def test_two_snapshots_of_one_churn_are_one_outcome():
    past = history(
        [[term("2022-01-01", "2023-03-01"), term("2023-08-01", "2023-10-01")]]
    )
    rows = [(0, day(t), day(e)) for t, e in (
        ("2023-02-01", "2023-03-01"), ("2023-02-15", "2023-03-01"),
        ("2023-09-15", "2023-10-01"),
    )]  # fmt: skip
    found = outcomes(past, HORIZON, rows, data_until=FAR_AHEAD)
    assert [word for word, *_ in found] == ["yes"] * 3
    assert found[0][2] == found[1][2] != found[2][2]


def events(*days, known=None):
    return [Event(day(d), day(known or d)) for d in days]


SILENT = Ask("inactivity", horizon=90, active=90)


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("2023-03-02", "churned"),  # 91 days before 1 Jun
        ("2023-03-03", "scored"),  # 90 days: [3 Mar, 1 Jun) begins with it
        ("2023-05-31", "scored"),
        ("2023-06-01", None),  # happens on the day: not past
    ],
)
def test_an_account_is_active_with_an_event_in_the_window_before(last, status):
    found = statuses(history(None, [events(last)]), SILENT, [day("2023-06-01")])
    assert (found.get((0, day("2023-06-01"))) or (None,))[0] == status


@pytest.mark.parametrize(
    ("again", "label"),
    [
        ("2023-06-01", "no"),  # the first day of [1 Jun, 30 Aug)
        ("2023-08-29", "no"),  # 1 Jun + 89
        ("2023-08-30", "yes"),  # 1 Jun + 90
    ],
)
def test_silence_is_no_event_in_the_window(again, label):
    past = history(None, [events("2023-05-01", again)])
    rows = [(0, day("2023-06-01"), NEVER)]
    assert outcomes(past, SILENT, rows, data_until=FAR_AHEAD)[0][0] == label


def test_silence_closes_at_the_end_of_its_window_without_a_gap():
    past = history(None, [events("2023-05-01")])
    rows = [(0, day("2023-06-01"), NEVER)]
    for until, label in (("2023-08-29", "censored"), ("2023-08-30", "yes")):
        assert outcomes(past, SILENT, rows, data_until=day(until))[0][0] == label


def test_a_booked_meeting_is_no_activity():
    booked = [[Event(day("2023-05-20"), day("2023-05-01"))]]
    past = history(None, [events("2023-01-01")], planned=booked)
    found = statuses(past, SILENT, [day("2023-06-01")])
    assert found[0, day("2023-06-01")][0] == "churned"


def test_a_row_that_counts_zero_is_silence():
    # A nightly table has a row for everybody, whether they did anything or not.
    past = history(None, [events("2023-05-01", "2023-05-20", "2023-06-10")])
    (log,) = past.events
    nightly = replace(past, events=(replace(log, count=np.array([3, 0, 0])),))
    day_by_day = statuses(nightly, SILENT, [day("2023-07-30"), day("2023-07-31")])
    assert [word for word, *_ in day_by_day.values()] == ["scored", "churned"]
    rows = [(0, day("2023-06-01"), NEVER)]
    found = outcomes(nightly, SILENT, rows, data_until=FAR_AHEAD)
    assert found[0][0] == "yes"
    assert found[0][2] == day("2023-05-01")
    assert until(nightly, SILENT) == day("2023-06-10")  # the table still reached so far


def until(past, ask):
    return data_until(past, question(ask))


def test_data_until_never_uses_an_agreed_end():
    # newest start 1 Apr, newest stop 1 May, agreed until 2030
    past = history(
        [
            [term("2023-04-01", "2030-01-01")],
            [term("2022-01-01", "2029-01-01", cancelled="2023-05-01")],
        ]
    )
    assert until(past, HORIZON) == until(past, RENEWAL) == day("2023-05-01")


def test_data_until_is_the_oldest_of_the_sources_that_the_label_needs():
    rows = events("2023-03-01", "2023-07-01")
    other = [Event(day("2023-05-01"), day("2023-05-01"), source=1)]
    booked = [[Event(day("2023-12-01"), day("2023-05-01"))]]
    past = history([[term("2023-06-01")]], [rows + other], planned=booked)
    assert until(past, SILENT) == day("2023-05-01")  # of 1 Jul and 1 May
    assert until(past, HORIZON) == day("2023-06-01")  # events do not matter


def test_data_until_may_be_pinned():
    past = history([[term("2023-06-01")]])
    pinned = Question(kind="horizon", data_until=date(2023, 7, 31))
    assert data_until(past, pinned) == day("2023-07-31")


@pytest.mark.parametrize(
    "ahead",
    [
        term("2024-06-01", "2025-06-01", known="2023-09-01"),  # a renewal booked ahead
        term("2022-01-01", "2026-01-01", cancelled="2024-06-01", notice="2023-09-01"),
    ],
)
def test_a_booking_ahead_does_not_turn_the_end_of_the_files_into_churn(ahead):
    # the files stop on 1 Sep 2023; the other account's end of 10 Sep is not settled
    other = term("2022-09-10", "2023-09-10")
    past = history([[other], [ahead]])
    rows = [(0, day("2023-08-01"), day("2023-09-10"))]
    found = outcomes(past, RENEWAL, rows, data_until=until(past, RENEWAL))
    assert found[0][0] == "censored"


@pytest.mark.parametrize(
    ("begins", "reaches"),
    [("2023-08-20", "2023-08-20"), ("2023-10-10", "2023-09-01")],
)
def test_terms_that_begin_after_all_use_were_booked_ahead(begins, reaches):
    terms = [term("2022-09-10", "2023-09-10")], [term(begins)]
    past = history([*terms], [events("2023-08-01", "2023-09-01"), []])
    assert until(past, RENEWAL) == day(reaches)
