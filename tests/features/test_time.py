"""Leap days, clocks that change, and zones that are mixed: days are days of UTC."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from churnhealth.config import parse_config
from churnhealth.features.runtime import feature_table
from churnhealth.features.spec import feature
from churnhealth.sources.contract import day_of
from churnhealth.sources.load import load

UTC, BERLIN, YORK = (ZoneInfo(z) for z in ("UTC", "Europe/Berlin", "America/New_York"))
KINDS = ("count", "active_days", "days_since")


@pytest.fixture
def measured(tmp_path):
    """Measure what is written in a file as of a day: count, active days, days since."""

    def measure(times, as_of, days):
        rows = "".join(f"a1,{when}\n" for when in times)
        (tmp_path / "e.csv").write_text(f"account_id,happened_at\n{rows}")
        events = [{"name": "product", "path": "e.csv"}]
        question = {"kind": "inactivity"}
        raw = {"sources": {"events": events}, "question": question}
        config = parse_config(raw, folder=tmp_path)
        specs = [
            feature(kind, source="product", days=None if "since" in kind else days)
            for kind in KINDS
        ]
        table = feature_table(
            load(config).history,
            specs,
            account=np.array([0]),
            as_of=np.array([day_of(as_of)]),
            gap_days=0,
        )
        return table.values[0].tolist()

    return measure


def hourly(first, hours):
    return [first + timedelta(hours=h) for h in range(hours)]


@pytest.mark.parametrize(
    ("year", "days"), [(2023, 365), (2024, 366), (2000, 366), (1900, 365)]
)
def test_a_year_has_the_days_it_has(measured, year, days):
    whole = [date(year, 1, 1) + timedelta(days=d) for d in range(days)]
    assert whole[-1] == date(year, 12, 31)
    assert measured(whole, date(year + 1, 1, 1), days) == [days, days, 1]


def test_a_window_of_28_days_before_march_begins_a_day_later_in_a_leap_year(measured):
    assert measured(["2024-02-01", "2024-02-29"], date(2024, 3, 1), 28) == [1, 1, 1]
    assert measured(["2023-02-01", "2023-02-28"], date(2023, 3, 1), 28) == [2, 2, 1]


@pytest.mark.parametrize("zone", [BERLIN, YORK], ids=str)
@pytest.mark.parametrize(
    "change",
    [date(2025, 3, 9), date(2025, 3, 30), date(2025, 10, 26), date(2025, 11, 2)],
    ids=str,
)
def test_days_on_which_clocks_change_have_24_hours(measured, zone, change):
    """An event an hour around the change, written with the offset of the day."""
    first = datetime(change.year, change.month, change.day, tzinfo=UTC)
    local = [t.astimezone(zone).isoformat() for t in hourly(first, 24)]
    assert len({text[-6:] for text in local}) in (1, 2)
    assert measured(local, change + timedelta(days=1), 1) == [24, 1, 1]
    assert measured(local, change + timedelta(days=2), 1) == [0, 0, 2]


def test_one_moment_in_three_zones_is_one_day(measured):
    moment = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    mixed = [moment.astimezone(z).isoformat() for z in (UTC, BERLIN, YORK)]
    assert len(set(mixed)) == 3
    assert measured(mixed, date(2025, 3, 2), 1) == [3, 1, 1]


def test_what_happens_at_midnight_of_as_of_is_not_past(measured):
    at = ["2025-03-02T01:00:00+01:00", "2025-03-02T00:59:59+01:00"]
    assert measured(at, date(2025, 3, 2), 1) == [1, 1, 1]
