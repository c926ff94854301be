"""Weeks in which nearly everybody used a source less: told when it is no accident."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded, settings
from tests.scored import book

from churnhealth.checks.dates import date_findings
from churnhealth.checks.fallen import fallen_use
from churnhealth.commands.cautions import cautions
from churnhealth.sources.contract import EventLog

ACCOUNTS, DAYS, START = 60, 7 * 66, 19_000
END = START + DAYS
A_WEEK = range(DAYS - 7, DAYS)
A_YEAR_AGO = range(DAYS - 7 * 53, DAYS - 7 * 52)


def used(*, less_on=(), accounts=ACCOUNTS, who=ACCOUNTS, days=DAYS, late=0):
    """Make a log of some events a day of every account; hardly any on ``less_on``."""
    random = np.random.default_rng(5)
    times = random.poisson(3.0, (accounts, days))
    less = [d for d in less_on if d < days]
    times[:who, less] = times[:who, less] * (random.random((who, len(less))) < 0.2)
    account, day = np.nonzero(times)
    day = day + START
    return EventLog(
        name="product",
        planned=False,
        vocabulary=("product",),
        categories=("usage",),
        account=account,
        happened_at=day,
        known_at=day + late * (day % 2),
        event=np.zeros(day.size, np.int64),
        count=times[times > 0],
    )


def test_a_week_that_lost_most_rows_of_most_accounts_is_told():
    fallen = fallen_use(used(less_on=A_WEEK))
    assert fallen is not None
    assert fallen.end == END
    assert fallen.fell > 0.8 * fallen.steady
    assert fallen.steady == ACCOUNTS
    assert fallen.usual < 0.1


def test_a_week_of_the_last_four_is_told_though_all_is_well_again():
    fallen = fallen_use(used(less_on=range(DAYS - 21, DAYS - 14)))
    assert fallen is not None
    assert fallen.end == END - 14
    assert fallen.fell > 0.8 * fallen.steady
    assert fallen_use(used(less_on=range(DAYS - 35, DAYS - 28))) is None


def test_a_week_whose_rows_came_late_is_whole_by_now():
    log = used(late=0)
    lost = (log.happened_at >= END - 14) & (log.happened_at < END - 8)
    late = replace(log, known_at=np.where(lost, END - 3, log.known_at))
    assert fallen_use(late, before=END - 7) is not None
    assert fallen_use(late) is None


def test_a_third_of_the_accounts_are_enough():
    fallen = fallen_use(used(less_on=A_WEEK, who=ACCOUNTS // 3))
    assert fallen is not None
    assert abs(fallen.fell - ACCOUNTS // 3) <= 1


@pytest.mark.parametrize(
    "log",
    [
        used(),
        used(less_on=A_WEEK, who=ACCOUNTS // 6),  # as many as may fall by themselves
        used(less_on=[*A_YEAR_AGO, *A_WEEK]),  # a holiday, as every year
        used(late=5),  # half of the rows always come days later
        used(less_on=A_WEEK, accounts=15, who=15),  # too few to be everybody
        used(less_on=range(7 * 12 - 7, 7 * 12), days=7 * 12),  # too short to compare
    ],
    ids=["usual", "few", "holiday", "late", "small", "short"],
)
def test_what_may_happen_in_any_week_is_not_told(log):
    assert fallen_use(log) is None


def test_one_holiday_does_not_hide_all_that_is_lost_later():
    assert fallen_use(used(less_on=[*range(100, 107), *A_WEEK])) is not None


def test_a_week_is_compared_as_it_was_known_at_its_end():
    log = used(less_on=A_WEEK, late=5)
    assert fallen_use(log) is not None
    assert fallen_use(log, before=END - 7) is None


def thinned(history):
    """Lose nine in ten rows of the last week before AS_OF."""
    log = history.events[0]
    assert log.name == "product"
    last = (log.happened_at >= AS_OF - 7) & (log.happened_at < AS_OF)
    lost = last & (np.random.default_rng(1).random(log.size) < 0.9)
    rest = log.rows(~lost & (log.happened_at < AS_OF))
    return replace(history, events=(rest, *history.events[1:]))


def test_check_and_the_run_of_scores_tell_it():
    history = thinned(loaded().history)
    found = date_findings(history, settings(), today=AS_OF)
    [told] = [f for f in found if f.code == "CH258"]
    assert not told.stops
    run = cautions(bundle_of("gbm"), settings(), history, book(), day=AS_OF)
    assert "of product rows may be missing" in run
    assert f"{told.count} of " in run
    assert "CH258" not in str(
        cautions(bundle_of("gbm"), settings(), loaded().history, book(), day=AS_OF)
    )
