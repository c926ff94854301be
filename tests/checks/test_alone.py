"""Rows that make a source seem older than it is are told; slow beginnings are not."""

import numpy as np
import pytest
from tests.sources.checked import found

from churnhealth.checks.alone import told_alone

HEAD = "account_id,happened_at\n"
BUSY = np.repeat(np.arange(20_000, 20_200), 20)  # 20 rows a day from 2024-10-04 on


def test_a_row_of_a_clock_that_was_never_set_stops(company):
    busy = BUSY.astype("datetime64[D]").astype(str)
    rows = "".join(f"a2,{day}\n" for day in busy)
    config = company(files={"events.csv": f"{HEAD}{rows}a1,2001-01-01\n"})
    [told] = found(config, "CH261")
    assert (told.count, told.example, told.stops) == (1, "a1", True)
    assert "1 of 4,001 rows lies 8,677 days and more before all others" in told.what
    assert told.what.endswith("which begin on 2024-10-04")
    assert found(company(files={"events.csv": HEAD + rows}), "CH261") == []


@pytest.mark.parametrize(
    "early",
    [
        [19_990],  # ten days before
        [19_900] * 5,  # more than one in a thousand
    ],
)
def test_a_source_that_begins_slowly_is_not_told(early):
    assert told_alone(np.append(BUSY, early)) is None


def test_a_source_of_few_rows_may_pause():
    monthly = np.append(np.arange(19_000, 20_000, 30).repeat(31), 18_900)
    assert told_alone(monthly)  # 31 a month, then 100 days of nothing
    assert told_alone(np.append(np.arange(19_000, 20_000), 18_960)) is None
