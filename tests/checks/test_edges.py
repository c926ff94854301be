"""Where sources begin and end: what stopped is told, what is rare is not."""

from datetime import date, timedelta

from tests.sources.checked import found


def test_a_source_that_stops_early_is_told(company):
    files = {
        "events.csv": "account_id,happened_at\na1,2025-01-05\na1,2025-12-01\n",
        "calls.csv": "account_id,happened_at\na1,2025-01-05\n" + "a1,2025-06-01\n" * 7,
    }
    events = [
        {"name": "product", "path": "events.csv"},
        {"name": "calls", "path": "calls.csv"},
    ]
    [f] = found(company(files=files, events=events), "CH212")
    assert f.what.endswith("calls: stops 183 days before the last one")


def test_refunds_that_are_rare_are_no_recording_that_stopped(company):
    """A few a year: a month without, a late first, an early last come by chance."""
    use = "".join(
        f"a1,2024-{m:02d}-{d:02d}\n" for m in range(1, 13) for d in range(1, 29)
    )
    rare = [f"2024-{m:02d}-{9 + m}" for m in (3, 3, 4, 5, 6, 6, 6, 8, 9, 9, 10)]
    files = {
        "events.csv": "account_id,happened_at\n" + use,
        "refunds.csv": "account_id,happened_at,amount\n"
        + "".join(f"a1,{day},-20\n" for day in rare),
    }
    events = [
        {"name": "product", "path": "events.csv"},
        {"name": "refunds", "path": "refunds.csv"},
    ]
    config = company(files=files, events=events)
    assert found(config, "CH210") == found(config, "CH212") == []


def test_calls_come_late_where_there_were_few_accounts_to_call(company):
    """A broker's first months: bills of each, the first call when there are some."""
    bills = [date(2021, 1, 4) + timedelta(days=3 * k) for k in range(500)]
    calls = [date(2021, 2, 14) + timedelta(days=int(40 * k**0.5)) for k in range(1300)]
    files = {
        f"{name}.csv": "account_id,happened_at\n" + "".join(f"a1,{d}\n" for d in days)
        for name, days in (("bills", bills), ("calls", calls))
    }
    events = [{"name": n, "path": f"{n}.csv"} for n in ("bills", "calls")]
    assert found(company(files=files, events=events), "CH212") == []


def test_a_source_that_another_takes_the_place_of_is_told_with_it(company):
    files = {
        "events.csv": "account_id,happened_at\na1,2025-01-05\n" + "a1,2025-06-01\n" * 9,
        "calls.csv": "account_id,happened_at\n"
        + "a1,2025-06-03\n" * 9
        + "a1,2025-12-01\n",
    }
    events = [
        {"name": "old_tool", "path": "events.csv"},
        {"name": "new_tool", "path": "calls.csv"},
    ]
    told = [f.what for f in found(company(files=files, events=events), "CH212")]
    assert told[0].endswith("before the last one, about when new_tool begins")
    assert "about when" not in told[1]


def test_the_only_source_that_stops_long_before_the_day_told_is_told(company):
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 6) for day in (1, 11, 21)]
    rows = "".join(f"a1,{day}\n" for day in (*days, "2025-06-01"))
    files = {"contracts.csv": "account_id,start\na1,2025-01-01\na2,2025-12-01\n"}
    files["events.csv"] = f"account_id,happened_at\n{rows}"
    config = company(files=files, question={"data_until": "2025-12-01"})
    [f] = found(config, "CH212")
    assert f.what.endswith("stops 183 days before [question] data_until")
    soon = company(files=files, question={"data_until": "2025-07-01"})
    assert found(soon, "CH212") == []


def _days(first: str, *, number: int, step: int = 1) -> str:
    begin = date.fromisoformat(first)
    days = (begin + timedelta(days=step * k) for k in range(number))
    return "account_id,happened_at\n" + "".join(f"a1,{day}\n" for day in days)


def test_what_reaches_back_to_the_first_contract_makes_no_other_source_late(company):
    """Nobody asks about years in which next to nothing was recorded."""
    files = {
        "events.csv": _days("2025-01-01", number=300),
        "calls.csv": _days("2025-01-03", number=99, step=3),
        "goals.csv": _days("2019-01-03", number=80, step=31),
    }
    names = ("events", "calls", "goals")
    events = [{"name": name, "path": f"{name}.csv"} for name in names]
    assert found(company(files=files, events=events), "CH212") == []


def test_the_largest_source_is_late_where_most_others_began_before(company):
    files = {
        "events.csv": _days("2025-05-01", number=200),
        "calls.csv": _days("2025-01-03", number=99, step=3),
        "tickets.csv": _days("2025-01-02", number=99, step=3),
    }
    names = ("events", "calls", "tickets")
    events = [{"name": name, "path": f"{name}.csv"} for name in names]
    [f] = found(company(files=files, events=events), "CH212")
    assert f.what.endswith("events: starts 118 days after calls")


def test_no_source_is_late_once_snapshots_begin_after_its_first_window(company):
    """As it is said to be mended."""
    files = {
        "events.csv": _days("2025-01-01", number=300),
        "calls.csv": _days("2025-04-01", number=70, step=3),
    }
    events = [{"name": name, "path": f"{name}.csv"} for name in ("events", "calls")]
    assert len(found(company(files=files, events=events), "CH212")) == 1
    features, snapshots = {"windows_days": [28, 56]}, {"from": "2025-06-01"}
    config = company(files=files, events=events, features=features, snapshots=snapshots)
    assert found(config, "CH212") == []


def _campaigns(*months: int) -> str:
    asked = (date(2024 + (m - 1) // 12, (m - 1) % 12 + 1, 1) for m in months)
    days = (first + timedelta(days=k) for first in asked for k in range(9))
    return "account_id,happened_at\n" + "".join(f"a1,{day}\n" * 3 for day in days)


def test_a_survey_of_every_quarter_has_not_stopped_between_two_of_them(company):
    """Many rows on a few days: seven a day on average say nothing of the others."""
    files = {
        "events.csv": _days("2024-01-01", number=650),
        "asked.csv": _campaigns(2, 5, 8, 11, 14, 17, 20),  # pauses of three months
    }
    events = [{"name": name, "path": f"{name}.csv"} for name in ("events", "asked")]
    assert found(company(files=files, events=events), "CH212") == []
    files["asked.csv"] = _campaigns(2, 5, 8, 11)
    [f] = found(company(files=files, events=events), "CH212")
    assert f.what.endswith("asked: stops 336 days before the last one")


def test_a_source_that_lay_still_once_and_stops_is_told(company):
    days = [n for n in range(300) if not 100 <= n < 160]
    rows = "".join(f"a1,{date(2024, 1, 1) + timedelta(days=n)}\n" for n in days)
    files = {"events.csv": _days("2024-01-01", number=350)}
    files["calls.csv"] = f"account_id,happened_at\n{rows}"
    events = [{"name": name, "path": f"{name}.csv"} for name in ("events", "calls")]
    [f] = found(company(files=files, events=events), "CH212")
    assert f.what.endswith("calls: stops 50 days before the last one")


def told_until(company, until, *, every=9, **question):
    """Begin a contract every so many days until June, while use goes on for years."""
    starts = range(0, 516, every)
    first = date(2024, 1, 1)
    rows = "".join(f"a{n},{first + timedelta(days=n)}\n" for n in starts)
    use = "".join(f"a0,{first + timedelta(days=n)}\n" for n in range(0, 730, 5))
    files = {
        "contracts.csv": f"account_id,start\n{rows}",
        "events.csv": f"account_id,happened_at\n{use}",
    }
    asked = {"kind": "horizon", "data_until": until, **question}
    return found(company(files=files, question=asked), "CH224")


def test_contracts_that_stop_long_before_the_day_told_are_told(company):
    """Whoever renewed since is not in the file, and would be learned as lost."""
    [f] = told_until(company, date(2025, 9, 1))
    assert f.what == (
        "[question] data_until lies 96 days after the newest start or stop of a"
        " contract, and some should have come in that time"
    )
    assert (f.severity, f.stops, f.example) == ("warning", False, "2025-05-28")


def test_they_are_not_where_few_begin_or_the_gap_is_as_long(company):
    assert told_until(company, date(2025, 6, 20)) == []
    assert told_until(company, date(2025, 9, 1), gap_days=96) == []
    assert told_until(company, date(2025, 9, 1), every=60) == []


def test_contracts_that_begin_once_a_year_are_not_said_to_stop(company):
    terms = [(2023, 2024), (2024, 2025)]
    rows = "".join(
        f"a{a},{first}-09-01,{last}-09-01\n" for first, last in terms for a in range(40)
    )
    files = {"contracts.csv": "account_id,start,end\n" + rows}
    files["events.csv"] = "account_id,happened_at\na1,2025-05-30\n"
    asked = {"kind": "renewal", "data_until": "2025-05-31"}
    assert found(company(files=files, question=asked), "CH224") == []
