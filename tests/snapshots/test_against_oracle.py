"""The fast code gives what the slow oracle gives, on random histories, everywhere."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.snapshots import oracle
from tests.snapshots.oracle import Term
from tests.snapshots.stories import (
    BOOKED,
    EVENTS,
    FIRST,
    LAST,
    STEADY,
    activity_questions,
    companies,
    questions,
)
from tests.snapshots.tables import (
    contracts,
    grid,
    history,
    outcomes,
    question,
    statuses,
)

from churnhealth.config import parse_config
from churnhealth.snapshots.cohort import snapshot_grid
from churnhealth.snapshots.cover import cover_at
from churnhealth.snapshots.labels import data_until
from churnhealth.sources.contract import date_of

DAYS = range(FIRST, LAST)


def flat(company):
    return [(a, t) for a, terms in enumerate(company) for t in terms]


@STEADY
@given(companies())
def test_cover_is_the_oracles_on_every_day(drawn):
    gap, company = drawn
    account, as_of = grid(len(company), DAYS)
    found = cover_at(
        contracts(flat(company)), account=account, as_of=as_of, gap_days=gap
    )
    for i in range(account.size):
        seen = oracle.cover(company[account[i]], int(as_of[i]), gap)
        where = (int(account[i]), int(as_of[i]))
        assert found.covered[i] == seen.covered, where
        assert found.grace[i] == seen.grace, where
        assert found.ended[i] == seen.ended, where
        assert (found.start[i], found.end[i]) == (seen.start, seen.end), where
        told = {"cancelled"} if found.announced_cancel[i] else set()
        told |= {"not_renewed"} if found.announced_lapse[i] else set()
        assert told == seen.announced, where


@STEADY
@given(st.data())
def test_status_start_and_end_are_the_oracles_on_every_day(data):
    gap, company = data.draw(companies())
    ask = data.draw(questions(gap))
    found = statuses(history(company), ask, DAYS)
    for a, terms in enumerate(company):
        for t in DAYS:
            assert found.get((a, t)) == oracle.status(terms, [], ask, t), (a, t)


def covered_snapshots(company, ask):
    rows = []
    for a, terms in enumerate(company):
        for t in DAYS:
            seen = oracle.status(terms, [], ask, t)
            if seen is not None and seen[0] in ("scored", "too_new", "announced"):
                rows.append((a, t, seen[2]))
    return rows


@STEADY
@given(st.data())
def test_horizon_labels_are_the_oracles(data):
    gap, company = data.draw(companies())
    ask = data.draw(questions(gap, "horizon"))
    known_before = data.draw(st.sampled_from([oracle.NEVER, 200, 90, 60, 40]))
    until = data.draw(st.sampled_from([400, 120, 90, 60]))
    rows = covered_snapshots(company, ask)
    rows = [r for r in rows if r[1] <= known_before]
    found = outcomes(
        history(company), ask, rows, known_before=known_before, data_until=until
    )
    for (a, t, end), (word, closes, day) in zip(rows, found, strict=True):
        terms = company[a]
        assert closes == oracle.closes(ask, t, end)
        expected = oracle.label(
            terms, [], ask, t, end, known_before=known_before, data_until=until
        )
        assert word == expected, (a, t)
        if word == "yes":
            kept = {"known_before": known_before}
            assert day == oracle.churn_day(terms, [], ask, t, **kept)
        else:
            assert day == -1


@STEADY
@given(st.data())
def test_renewal_labels_are_the_oracles(data):
    gap, company = data.draw(companies())
    ask = data.draw(questions(gap, "renewal"))
    known_before = data.draw(st.sampled_from([oracle.NEVER, 200, 90, 60, 40]))
    until = data.draw(st.sampled_from([400, 120, 90, 60]))
    rows = [r for r in covered_snapshots(company, ask) if r[1] <= known_before]
    found = outcomes(
        history(company), ask, rows, known_before=known_before, data_until=until
    )
    for (a, t, end), (word, closes, _) in zip(rows, found, strict=True):
        assert closes == oracle.closes(ask, t, end)
        if end == oracle.NEVER:
            continue
        expected = oracle.label(
            company[a], [], ask, t, end, known_before=known_before, data_until=until
        )
        assert word == expected, (a, t)


@STEADY
@given(EVENTS, BOOKED, activity_questions())
def test_activity_is_the_oracles_on_every_day(events, booked, ask):
    found = statuses(history(None, events, planned=booked), ask, DAYS)
    for a, rows in enumerate(events):
        for t in DAYS:
            assert found.get((a, t)) == oracle.status([], rows, ask, t), (a, t)


@STEADY
@given(
    EVENTS,
    BOOKED,
    activity_questions(),
    st.sampled_from([oracle.NEVER, 90, 60, 40]),
    st.sampled_from([400, 90, 60, 40]),
)
def test_inactivity_labels_are_the_oracles(events, booked, ask, known_before, until):
    past = history(None, events, planned=booked)
    rows = [
        (a, t, oracle.NEVER)
        for a, mine in enumerate(events)
        for t in DAYS
        if t <= known_before
        and (oracle.status([], mine, ask, t) or ("",))[0] in ("scored", "too_new")
    ]
    found = outcomes(past, ask, rows, known_before=known_before, data_until=until)
    kept = {"known_before": known_before}
    for (a, t, end), (word, closes, day) in zip(rows, found, strict=True):
        assert closes == oracle.closes(ask, t, end)
        expected = oracle.label([], events[a], ask, t, end, data_until=until, **kept)
        assert word == expected, (a, t)
        if word == "yes":
            assert day == oracle.churn_day([], events[a], ask, t, **kept)
        else:
            assert day == -1


@STEADY
@given(companies(), EVENTS)
def test_data_until_is_the_oracles(drawn, events):
    gap, company = drawn
    past = history(company, events)
    seen = [e.happened_at for rows in events for e in rows]
    if flat(company):
        for kind in ("renewal", "horizon"):
            newest = oracle.newest_day([t for _, t in flat(company)], None, seen)
            asked = question(oracle.Ask(kind, gap=gap))
            assert data_until(past, asked) == newest
    days = [[e.happened_at for r in events for e in r if e.source == s] for s in (0, 1)]
    if any(days):
        newest = oracle.newest_day(None, [d for d in days if d])
        assert data_until(past, question(oracle.Ask("inactivity"))) == newest


def anchored(past, gap, plan):
    """List the anchored grid by the shipped code, on the days we look."""
    config = parse_config(
        {
            "sources": {"contracts": {"path": "none.csv"}},
            "question": {"kind": "horizon", "horizon_days": 1, "gap_days": gap},
            "snapshots": {**plan, "from": date_of(0), "until": date_of(LAST - 1)},
        },
        folder=".",
    )
    account, as_of = snapshot_grid(past, config, data_until=1_000)
    return {(int(a), int(t)) for a, t in zip(account, as_of, strict=True)}


def plans(data):
    return {
        "anchor": data.draw(st.sampled_from(["start", "renewal"])),
        "every": data.draw(st.sampled_from([1, 7, 10])),
        "first_day": data.draw(st.sampled_from([0, 3, 7])),
        "last_day_before_end": data.draw(st.sampled_from([0, 5])),
    }


def expected_grid(company, gap, plan):
    return {
        (a, t)
        for a, terms in enumerate(company)
        for t in range(LAST)
        if oracle.due(
            terms, t, gap, anchor=plan["anchor"], every=plan["every"],
            first_day=plan["first_day"], last_day=plan["last_day_before_end"],
        )
    }  # fmt: skip


def told_in_time(company):
    """Nobody hears of a stop after it happened, and no booking is withdrawn."""
    return [
        [
            t
            if t.cancelled_at is None
            else replace(t, notice_at=min(t.learned_at, t.cancelled_at))
            for t in terms
            if t.cancelled_at is None or t.cancelled_at > t.start
        ]
        for terms in company
    ]


@STEADY
@given(st.data())
def test_anchored_grids_are_the_oracles(data):
    gap, company = data.draw(companies())
    plan = plans(data)
    company = told_in_time(company)  # for late news see the next test
    assume(flat(company))
    found = anchored(history(company), gap, plan)
    assert found == expected_grid(company, gap, plan)


@pytest.mark.parametrize(
    ("terms", "known_then"),
    [
        # The second term (60 to 120) stopped on day 80, learned on day 110.
        (
            [Term(0, 60, known_at=0), Term(60, 120, 80, 110, known_at=60)],
            {84, 91, 98, 105},
        ),
        # A renewal from day 75 was booked on day 50 and withdrawn on day 74: until
        # then the two terms, 15 days apart, were one period.
        (
            [Term(0, 60, known_at=0), Term(75, 120, 74, 74, known_at=50)],
            {63, 70},
        ),
    ],
)
def test_what_was_learned_later_removes_no_date_of_an_anchored_grid(terms, known_then):
    plan = {"anchor": "start", "every": 7, "first_day": 0, "last_day_before_end": 0}
    found = {t for _, t in anchored(history([terms]), 30, plan)}
    assert found >= known_then
