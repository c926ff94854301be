"""Open-ended contracts that renew by themselves: as if each term had its own row."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.snapshots.tables import contracts, day, history, term

from churnhealth.config import Question, parse_config
from churnhealth.errors import SourceError
from churnhealth.features.kernel import compute
from churnhealth.features.spec import feature
from churnhealth.snapshots.cohort import STATUSES, cohort, snapshot_grid
from churnhealth.snapshots.cover import cover_at
from churnhealth.snapshots.labels import labels
from churnhealth.sources.contract import FAR, date_of, day_of
from churnhealth.sources.renewing import every_agreed_end, stopped_by_notice
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.schema import Schema

FIRST = day_of(date(2022, 1, 1))
RENEWAL = Question(kind="renewal", lead_max_days=120, gap_days=20)
HORIZON = Question(kind="horizon", horizon_days=60, gap_days=20)


def evergreen(*terms, months=12):
    """Contracts of one account each, that renew every so many months."""
    rows = contracts(list(enumerate(terms)))
    return stopped_by_notice(replace(rows, renews_months=months))


def later(start, months):
    """Say the same day of the month so many months later, by hand."""
    begin = date_of(start)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    for back in range(4):
        try:
            return day_of(date(year, month + 1, begin.day - back))
        except ValueError:
            continue
    raise AssertionError


def written_out(one, months, until):
    """Give a row for each term that had begun by a day, known when it began."""
    rows, stop = [], FAR if one.cancelled_at is None else one.cancelled_at
    k = 0
    while (start := later(one.start, k * months)) < min(stop, until):
        end = later(one.start, (k + 1) * months)
        last = stop <= end
        rows.append(
            replace(
                one,
                start=start,
                end=end,
                known_at=max(start, one.known_at),
                cancelled_at=stop if last else None,
                notice_at=one.notice_at if last else None,
            )
        )
        k += 1
    return rows


@st.composite
def drawn(draw):
    start = FIRST + draw(st.integers(0, 60))
    months = draw(st.sampled_from([1, 3, 12]))
    one = term(str(date_of(start)))
    one = replace(one, known_at=start + draw(st.integers(-3, 9)))
    if draw(st.booleans()):
        k = draw(st.integers(0, 20 // months))
        begin, end = (later(start, n * months) for n in (k, k + 1))
        stop = draw(st.sampled_from([end, end - 1, begin + 5]))
        notice = draw(st.integers(begin + 1, stop))
        one = replace(one, cancelled_at=stop, notice_at=notice)
    return one, months


@given(drawn())
def test_it_is_seen_as_if_each_term_had_a_row_known_when_it_began(case):
    one, months = case
    days = np.arange(FIRST, FIRST + 800, 3)
    account = np.zeros(days.size, int)
    plain = contracts([(0, row) for row in written_out(one, months, days[-1])])
    renewing = evergreen(one, months=months)
    seen, told = (
        cover_at(rows, account=account, as_of=days, gap_days=20)
        for rows in (renewing, plain)
    )
    for name in ("covered", "grace", "ended", "announced_cancel", "announced_lapse"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(told, name), name)
    for name in ("start", "end", "renewals"):
        of = [np.where(c.covered, getattr(c, name), -1) for c in (seen, told)]
        np.testing.assert_array_equal(*of, name)


@given(drawn(), st.sampled_from([RENEWAL, HORIZON]), st.integers(300, 900))
def test_outcomes_are_as_if_each_term_had_a_row(case, question, until):
    one, months = case
    until += FIRST
    days = np.arange(FIRST, until, 3)
    found = []
    for rows in (
        evergreen(one, months=months),
        contracts([(0, row) for row in written_out(one, months, until)]),
    ):
        business = replace(history([[one]]), contracts=rows)
        asked = cohort(business, question, account=np.zeros(days.size, int), as_of=days)
        outcome = labels(
            business,
            question,
            account=asked.account,
            as_of=asked.as_of,
            end=asked.end,
            known_before=until,
            data_until=until,
        )
        found.append((asked.as_of, asked.status, outcome.code))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def status(rows, on, question=RENEWAL):
    business = replace(history([[], []]), contracts=rows)
    listed = cohort(
        business, question, account=np.zeros(1, int), as_of=np.array([day(on)])
    )
    return [
        (STATUSES[s], "" if e >= FAR else str(date_of(int(e))))
        for s, e in zip(listed.status, listed.end, strict=True)
    ]


def test_who_goes_on_is_up_for_renewal_every_year():
    rows = evergreen(term("2022-03-01"))
    assert status(rows, "2023-02-01") == [("scored", "2023-03-01")]
    assert status(rows, "2023-03-01") == [("scored", "2023-03-01")]
    assert status(rows, "2023-03-02") == []  # renewed: a year away
    assert status(replace(rows, renews_months=0), "2023-02-01")[0][0] == "open_ended"


def test_a_notice_that_tells_no_stop_ends_it_where_the_term_ends():
    rows = evergreen(term("2022-03-01", notice="2023-11-05"))
    assert status(rows, "2023-11-05") == [("scored", "2024-03-01")]
    assert status(rows, "2023-11-06") == [("announced", "2024-03-01")]
    assert status(rows, "2024-06-01") == [("churned", "2024-03-01")]


def test_a_row_with_a_term_of_its_own_renews_by_that():
    rows = evergreen(term("2022-01-31"))
    rows = replace(rows, term_months=np.array([1.0]))
    assert status(rows, "2022-02-10") == [("scored", "2022-02-28")]
    assert status(rows, "2022-03-01") == [("scored", "2022-03-31")]


def test_features_tell_days_to_renewal_term_and_times_renewed():
    rows = evergreen(term("2022-03-01"))
    specs = [
        feature(kind, source="contracts", days=days)
        for kind, days in (
            ("tenure", None),
            ("days_to_renewal", None),
            ("ends_within", 60),
            ("term_months", None),
            ("renewals", None),
        )
    ]
    values = compute(
        replace(history([[], []]), contracts=rows),
        specs,
        account=np.zeros(2, int),
        as_of=np.array([day("2024-02-01"), day("2024-03-02")]),
        gap_days=30,
    )
    assert values.tolist() == [[702, 29, 1, 12, 1], [732, 364, 0, 12, 2]]


@pytest.mark.parametrize("left", [None, "2024-03-01"])
def test_dates_go_back_from_each_renewal(left):
    rows = evergreen(term("2022-03-01", cancelled=left, notice="2024-02-20"))
    if left is None:
        rows = evergreen(term("2022-03-01"))
    business = replace(history([[], []]), contracts=rows)
    raw = {
        "question": {"kind": "renewal", "lead_max_days": 120},
        "sources": {"contracts": {"path": "c.csv"}},
        "snapshots": {
            "every": 60,
            "anchor": "renewal",
            "last_day_before_end": 30,
            "from": "2022-03-01",
            "until": "2024-12-31",
        },
    }
    config = parse_config(raw, folder=Path())
    _, as_of = snapshot_grid(business, config, data_until=day("2025-01-01"))
    before = {
        (day(f"{year}-03-01") - int(d))
        for d in as_of
        for year in (2023, 2024, 2025)
        if 0 < day(f"{year}-03-01") - d <= 365
    }
    assert before <= {30 + 60 * k for k in range(6)}
    assert max(as_of) <= day("2024-12-31")
    ends = [d for d in as_of if d > day("2024-03-01")]
    assert bool(ends) is (left is None)


def test_all_agreed_ends_are_listed_with_the_day_they_come_next():
    rows = evergreen(term("2022-03-01"), term("2022-05-01", "2022-09-01"))
    row, end, since = every_agreed_end(rows, day("2024-03-01"))
    told = [
        (int(r), str(date_of(int(e))), str(date_of(int(s))))
        for r, e, s in zip(row, end, since, strict=True)
    ]
    assert told == [
        (0, "2023-03-01", "2022-03-02"),
        (0, "2024-03-01", "2023-03-02"),
        (1, "2022-09-01", "2022-05-02"),
    ]


def test_a_request_is_read_with_the_same_ends():
    rows = evergreen(term("2022-03-01", notice="2023-11-05"))
    schema = Schema.from_json(Schema(contracts=True, renews_months=12).to_json())
    sent = {"start": "2022-03-01", "notice_at": "2023-11-05", "known_at": "2022-03-01"}
    [account] = [{"account_id": "a", "contracts": [sent]}]
    online = history_from_rows(schema, [account]).contracts
    assert status(online, "2023-11-05") == status(rows, "2023-11-05")
    assert status(online, "2023-11-06") == [("announced", "2024-03-01")]
    old = Schema(contracts=True).to_json()
    del old["renews_months"]  # a bundle from before
    assert Schema.from_json(old).renews_months == 0


@pytest.mark.parametrize(("learned", "now"), [(12, 0), (0, 12), (12, 6)])
def test_a_model_is_shown_contracts_that_renew_as_it_learned_them(learned, now):
    rows = replace(evergreen(term("2022-03-01")), renews_months=now)
    business = replace(history([[], []]), contracts=rows)
    with pytest.raises(SourceError, match=r"CH113.*renews_months"):
        Schema(contracts=True, renews_months=learned).apply(business)
    assert Schema(contracts=True, renews_months=now).apply(business).contracts is rows
