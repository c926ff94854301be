"""Exports that overlap are told; rows that happen to be equal are not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from churnhealth.checks.check import check
from churnhealth.sources.load import load

FIRST = datetime(2025, 3, 1, 8, 0, 1, tzinfo=UTC)


def exported(*, days=range(3), rows=30):
    """Write an export: so many rows a day, a minute apart."""
    moments = [FIRST + timedelta(days=d, minutes=i) for d in days for i in range(rows)]
    return "".join(f"a{m.minute % 3},{m},open,7\n" for m in moments)


def found(config, code):
    findings = check(config, load(config), today=date(2026, 1, 1))
    return [f for f in findings if f.code == code]


def told(company, text):
    head = "account_id,happened_at,event,count\n"
    return found(company(files={"events.csv": head + text}), "CH246")


def test_days_that_two_exports_hold_are_told(company):
    text = exported() + exported(days=range(1, 5)) + exported(days=range(9, 12))
    [warning] = told(company, text)
    assert (warning.count, warning.example) == (2, "2025-03-02")
    assert warning.severity == "warning"


def test_days_loaded_again_later_are_told_too(company):
    text = "account_id,happened_at,event,count,known_at\n" + "".join(
        f"a1,2025-03-01 08:{i:02d}:01,open,{i},2025-03-{loaded}\n"
        for loaded in (10, 20)
        for i in range(30)
    )
    [warning] = found(company(files={"events.csv": text}), "CH246")
    assert (warning.count, warning.example) == (1, "2025-03-01")


@pytest.mark.parametrize(
    "text",
    [
        exported() + exported(days=[9]),  # nothing twice
        exported() + exported().replace("open", "close"),  # two events at once
        exported() + exported(rows=25),  # many moments with two clicks, not all
        "".join(f"a{i},2025-03-01,open,7\n" for i in range(30)) * 2,  # days alone
    ],
)
def test_rows_that_happen_to_be_equal_are_not(company, text):
    assert told(company, text) == []


def test_with_ids_of_events_repeats_are_dropped_and_told_as_that(company):
    text = "account_id,happened_at,event_id\n" + "".join(
        f"a1,2025-03-01 08:{i:02d}:01,{i}\n" for i in range(30)
    )
    config = company(files={"events.csv": text + text.partition("\n")[2]})
    assert found(config, "CH246") == []
    [repeats] = found(config, "CH201")
    assert repeats.count == 30


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("e1,3.50,pen,", False),
        ("e1,9.00,pen,1", "amount"),
        ("e1,3.50,,1", "event"),
        ("e1,3.50,pen,2", "count"),
    ],
)
def test_an_id_whose_rows_differ_is_told(company, second, told):
    """Lines of an order share its id: to keep one of them loses the others."""
    day = "a1,2025-03-01,"
    head = "account_id,happened_at,event_id,amount,event,count\n"
    text = f"{head}{day}e1,3.50,pen,1\n{day}"  # no count is one
    loaded = load(company(files={"events.csv": text + second + "\n"}))
    [repeated] = [f for f in loaded.findings if f.code == "CH201"]
    assert ("whose rows differ" in repeated.what) is bool(told)
    assert not told or f"most often in {told!r}" in repeated.what
    assert "correct earlier ones, give the difference" in repeated.fix
