"""Cover that ends for a little longer than the gap allows is told."""

from datetime import date, timedelta

import pytest
from tests.sources.checked import found

START, MONTH = date(2025, 1, 1), timedelta(days=31)


def _monthly(company, *, missing, gone=0, away=1):
    """Write 12 periods of 40 accounts; some lack the sixth, others leave then."""
    rows = []
    for i in range(40):
        for k in range(12):
            if (i < missing and 6 <= k < 6 + away) or (i >= 40 - gone and k >= 6):
                continue
            begin = START + k * MONTH
            rows.append(f"a{i:02d},{begin},{begin + MONTH}")
    text = "\n".join(["account_id,start,end", *rows])
    use = "account_id,happened_at\na00,2025-12-01\n"
    return found(company(files={"contracts.csv": text, "events.csv": use}), "CH262")


def test_a_period_that_is_missing_is_told_with_the_days_it_takes(company):
    [told] = _monthly(company, missing=12, gone=5)
    [pauses] = _monthly(company, missing=12, gone=5, away=4)
    assert (pauses.count, "back after 124 days" in pauses.what) == (12, True)
    assert (told.count, told.example, told.stops) == (12, "a00", False)
    assert "of 17 times that cover ended for more than 30 days" in told.what
    assert "back after 31 days" in told.what


@pytest.mark.parametrize(
    "more",
    [{"missing": 9}, {"missing": 0, "gone": 20}, {"missing": 12, "away": 5}],
)
def test_few_that_come_back_and_those_who_come_back_late_are_not(company, more):
    assert _monthly(company, **more) == []
