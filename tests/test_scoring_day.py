"""The day that is scored where nobody names one: all that happened, nothing booked."""

from datetime import date, timedelta

import pandas as pd
import pytest

from churnhealth.pipeline import newest_day, scoring_day
from churnhealth.sources.contract import date_of, day_of
from churnhealth.workbench.data import company_data

LAST = date(2025, 11, 9)  # the newest use, a Sunday


def company(start, every):
    days = [LAST - timedelta(days=every * back) for back in range(30)]
    use = pd.DataFrame({"account_id": "a", "happened_at": days})
    starts = {"account_id": ["a", "b"], "start": ["2025-01-01", start]}
    return company_data(
        contracts=pd.DataFrame(starts),
        events={"use": use},
        question="horizon",
        today="2025-11-17",
    )


@pytest.mark.parametrize(
    ("start", "every", "scored"),
    [
        ("2025-11-05", 1, "2025-11-10"),
        ("2025-11-13", 7, "2025-11-14"),  # use comes by the week, contracts go on
        ("2025-12-13", 7, "2025-11-10"),  # booked ahead
        ("2025-11-17", 7, "2025-11-10"),  # today's is no reason to look from tomorrow
        ("2025-11-16", 1, "2025-11-17"),
        ("2025-11-30", 1, "2025-11-10"),
    ],
)
def test_a_score_looks_from_after_all_that_happened(start, every, scored):
    data = company(start, every)
    day = scoring_day(data.history, data.config, today=day_of(data.today))
    assert str(date_of(day)) == scored


def test_use_that_stopped_long_before_is_scored_on_its_own_day():
    data = company("2025-11-20", 1)
    later = day_of(date(2025, 12, 1))
    assert scoring_day(data.history, data.config, today=later) == day_of(LAST) + 1


def test_outcomes_are_known_until_the_newest_use_wherever_contracts_go_on():
    data = company("2025-11-13", 7)
    assert newest_day(data.history, data.config) == day_of(LAST) + 1
