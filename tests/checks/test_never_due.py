"""Churn that a question never meets is told."""

import pytest
from tests.sources.checked import found

USE = "account_id,happened_at\na00,2025-12-01\n"


def _deals(
    company,
    *,
    stopped,
    on="2024-01-01",
    end="2026-01-01",
    more="",
    renews=None,
    **question,
):
    """Write 60 deals to one agreed end, some of which stop early, and 40 lapses."""
    rows = [f"a{i:02d},2023-01-01,{end},{on if i < stopped else ''}" for i in range(60)]
    rows += [f"b{i:02d},2023-01-01,2024-01-01," for i in range(40)]
    text = "\n".join(["account_id,start,end,cancelled_at", *rows]) + more
    files = {"contracts.csv": text, "events.csv": USE}
    contracts = {
        "path": "contracts.csv",
        "renews_months": renews,
        "columns": {c: c for c in ("account_id", "start", "end", "cancelled_at")},
    }
    asked = {"kind": "renewal", **question}
    later = (
        "\nz,2025-12-01,2026-12-01,"  # the newest row: until when outcomes are known
    )
    files["contracts.csv"] += later
    return found(company(files=files, contracts=contracts, question=asked), "CH263")


@pytest.mark.parametrize("end", ["2026-01-01", ""])
def test_stops_long_before_the_agreed_end_are_told(company, end):
    [told] = _deals(company, stopped=10, end=end)
    assert (told.count, told.example, told.stops) == (10, "a00", False)
    assert "of 50 accounts that left 10 stopped 180 days or more before" in told.what


@pytest.mark.parametrize(
    "more",
    [
        {"stopped": 9},
        {"stopped": 20, "on": "2025-07-06"},  # 179 days before: it was in question
        {"stopped": 20, "kind": "horizon"},
        {"stopped": 20, "churn_when": ["not_renewed"]},  # an early stop is no churn
        {"stopped": 20, "lead_max_days": 1000},
        {"stopped": 20, "end": "", "renews": 12},  # on an anniversary
        {
            "stopped": 20,  # an upgrade: it goes on under another contract
            "more": "".join(f"\na{i:02d},2024-01-02,2026-12-01," for i in range(20)),
        },
    ],
)
def test_stops_that_were_in_question_and_those_that_are_no_churn_are_not(company, more):
    assert _deals(company, **more) == []


def test_contracts_that_renew_are_told_when_they_stop_far_from_an_anniversary(company):
    [told] = _deals(company, stopped=10, on="2024-03-01", end="", renews=12)
    assert told.count == 10


def _noticed(company, *, early, start="2023-01-01", end="", **question):
    """Write customers of whom some gave notice 90 days ahead, and 40 a week ahead."""
    rows = [f"a{i:02d},{start},{end},2024-03-31,2024-01-01" for i in range(early)]
    rows += [f"b{i:02d},{start},{end},2024-03-31,2024-03-24" for i in range(40)]
    text = "account_id,start,end,cancelled_at,notice_at\n" + "\n".join(rows)
    names = ("account_id", "start", "end", "cancelled_at", "notice_at")
    contracts = {"path": "c.csv", "columns": {c: c for c in names}}
    files = {"c.csv": text + "\nz,2025-12-01,2026-12-01,,", "events.csv": USE}
    asked = {"kind": "horizon", "horizon_days": 90, **question}
    return found(company(files=files, contracts=contracts, question=asked), "CH263")


def test_notice_that_comes_before_the_question_can_ask_is_told(company):
    [told] = _noticed(company, early=10)
    assert (told.count, told.example, told.stops) == (10, "a00", False)
    assert "of 50 accounts that left 10 had been announced, 90 days before" in told.what
    assert "horizon_days" in told.fix
    assert len(_noticed(company, early=10, horizon_days=60, lead_days=30)) == 1


def test_notice_that_no_renewal_in_question_is_without_is_told(company):
    lapse = {"early": 10, "end": "2024-03-31", "kind": "renewal"}
    [told] = _noticed(company, **lapse, lead_max_days=90)
    assert "lead_max_days" in told.fix
    assert _noticed(company, **lapse, lead_max_days=97) == []
    assert len(_noticed(company, **lapse, lead_max_days=95)) == 1
    short = {**lapse, "start": "2023-12-30"}  # in question from its first day
    assert _noticed(company, **short, lead_max_days=95) == []


@pytest.mark.parametrize(
    "more",
    [
        {"early": 9},
        {"early": 20, "horizon_days": 97},  # a week in which it may stay
        {"early": 20, "lead_days": 7},
        {"early": 20, "churn_when": ["not_renewed"]},
        {"early": 20, "start": "2024-01-01"},  # signed to end
    ],
)
def test_notice_that_may_still_be_asked_about_is_not(company, more):
    assert _noticed(company, **more) == []


def _covered(company, *, endless, renews=None, kind="renewal"):
    """Write 40 customers of whom some have no agreed end, and one who left."""
    rows = [
        f"a{i:02d},2025-01-01,{'' if i < endless else '2026-03-01'},\n"
        for i in range(40)
    ]
    rows += ["z,2024-01-01,,2025-02-01\n"]
    text = "account_id,start,end,cancelled_at\n" + "".join(rows)
    columns = {c: c for c in ("account_id", "start", "end", "cancelled_at")}
    contracts = {"path": "c.csv", "columns": columns, "renews_months": renews}
    files = {"c.csv": text, "events.csv": USE}
    asked = {"kind": kind}
    return found(company(files=files, contracts=contracts, question=asked), "CH269")


def test_customers_without_an_end_among_others_are_told(company):
    [told] = _covered(company, endless=10)
    assert (told.count, told.example, told.stops) == (10, "a00", False)
    assert "of 40 accounts that are covered 10 have" in told.what
    assert _covered(company, endless=9) == []
    assert _covered(company, endless=10, renews=12) == []
    assert _covered(company, endless=10, kind="horizon") == []
    assert _covered(company, endless=40) == []  # nobody has one: that stops
