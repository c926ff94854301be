"""Nothing that became known on or after a day moves what was said for that day.

Each property is run on pairs of histories that agree on everything known before the
day and differ freely in the rest. Each is also shown to fail on a deliberate fault.
"""

from dataclasses import replace

import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from tests.snapshots.oracle import NEVER, Ask, Event, Term
from tests.snapshots.stories import EVENTS, FIRST, STEADY, companies, questions
from tests.snapshots.tables import history, outcomes, statuses
from tests.snapshots.test_against_oracle import anchored

from churnhealth.sources.contract import History

DAY = st.integers(5, 90)
_news = st.tuples(st.integers(0, 60), st.integers(-10, 30), st.integers(0, 20))


def known_later(terms, day, news):
    """Rows known on or after the day: added, moved, and stops learned then."""
    kept = []
    for i, term in enumerate(terms):
        stop, shift, late = news[i % len(news)] if news else (None, 0, 0)
        if term.known_at < day:
            if not term.learned_at < day:  # the stop is not known yet: any will do
                if stop is None:
                    term = replace(term, cancelled_at=None, notice_at=None)
                else:
                    term = replace(
                        term, cancelled_at=term.start + stop, notice_at=day + late
                    )
            kept.append(term)
        elif stop is not None and shift >= 0:  # removed where the shift is negative
            kept.append(replace(term, start=term.start + shift, known_at=day + late))
    for stop, shift, late in news:
        start = day + shift - 20  # may begin long before it becomes known
        kept.append(Term(start, start + stop + 1, known_at=day + late))
    return kept


@st.composite
def twins(draw):
    """Draw a day and two companies that differ only in what became known from it."""
    gap, company = draw(companies())
    day = draw(DAY)
    news = st.lists(_news, max_size=3)
    one, two = (
        [known_later(terms, day, draw(news)) for terms in company] for _ in range(2)
    )
    return gap, day, one, two


@st.composite
def questioned_twins(draw, kind=None):
    gap, day, one, two = draw(twins())
    return draw(questions(gap, kind)), day, one, two


def known_by_start(past: History) -> History:
    """Take a fault on purpose: a row is read from its start on."""
    rows = past.contracts
    return replace(past, contracts=replace(rows, known_at=rows.start))


def noticed_always(past: History) -> History:
    """Take a fault on purpose: a stop is read before anyone learned of it."""
    rows = past.contracts
    return replace(past, contracts=replace(rows, notice_at=rows.notice_at * 0 - 9_999))


def known_when_happened(past: History) -> History:
    """Take a fault on purpose: an event is read before it arrived."""
    logs = [replace(log, known_at=log.happened_at) for log in past.events]
    return replace(past, events=tuple(logs))


def honest(past: History) -> History:
    return past


def same_cohort(drawn, read=honest):
    ask, day, one, two = drawn
    seen = [statuses(read(history(c)), ask, range(FIRST, day + 1)) for c in (one, two)]
    return seen[0] == seen[1]


def same_labels(drawn, read=honest):
    """Compare labels judged on the day, of the snapshots before it."""
    ask, day, one, two = drawn
    found = []
    for company in (one, two):
        past = history(company)
        seen = statuses(past, ask, range(FIRST, day))
        rows = [(a, t, e) for (a, t), (s, _, e) in seen.items() if s == "scored"]
        found.append(
            (rows, outcomes(read(past), ask, rows, known_before=day, data_until=day))
        )
    return found[0] == found[1]


@STEADY
@given(questioned_twins())
def test_what_becomes_known_later_moves_no_status_start_or_end(drawn):
    assert same_cohort(drawn)


@STEADY
@given(questioned_twins("horizon"))
def test_what_becomes_known_later_moves_no_horizon_label_of_a_fold(drawn):
    assert same_labels(drawn)


@STEADY
@given(questioned_twins("renewal"))
def test_what_becomes_known_later_moves_no_renewal_label_of_a_fold(drawn):
    assert same_labels(drawn)


@st.composite
def event_twins(draw):
    """Draw events that agree on what arrived before a day, and differ in the rest."""
    rows, day = draw(EVENTS), draw(DAY)
    past = [[e for e in mine if e.known_at < day] for mine in rows]
    late = st.builds(
        lambda at, more: Event(at, max(at, day) + more), st.integers(0, 90),
        st.integers(0, 9),
    )  # fmt: skip
    more = st.lists(late, max_size=3)
    one, two = ([mine + draw(more) for mine in past] for _ in range(2))
    ask = Ask(
        "inactivity",
        horizon=draw(st.integers(1, 30)),
        active=draw(st.integers(1, 40)),
        min_age=draw(st.sampled_from([0, 10])),
    )
    return ask, day, one, two


def same_activity(drawn, read=honest):
    ask, day, one, two = drawn
    found = []
    for rows in (one, two):
        past = read(history(None, rows))
        found.append(statuses(past, ask, range(FIRST, day + 1)))
    return found[0] == found[1]


def same_silence(drawn, read=honest):
    ask, day, one, two = drawn
    found = []
    for rows in (one, two):
        past = history(None, rows)
        seen = statuses(past, ask, range(FIRST, day))
        asked = [(a, t, NEVER) for (a, t), (s, *_) in seen.items() if s == "scored"]
        found.append(outcomes(read(past), ask, asked, known_before=day, data_until=day))
    return found[0] == found[1]


@STEADY
@given(event_twins())
def test_events_that_arrive_later_move_no_status_or_first_day(drawn):
    assert same_activity(drawn)


@STEADY
@given(event_twins())
def test_events_that_arrive_later_move_no_inactivity_label_of_a_fold(drawn):
    assert same_silence(drawn)


_STOP_LEARNED_LATER = (
    Ask("renewal", lead_max=60, gap=4, churn_when=("not_renewed",)),
    50,
    [[Term(0, 30, known_at=0)]],
    [[Term(0, 30, 20, 60, known_at=0)]],  # stopped on day 20, learned on day 60
)


@pytest.mark.parametrize(
    ("pairs", "same", "fault"),
    [
        (questioned_twins(), same_cohort, known_by_start),
        (questioned_twins(), same_cohort, noticed_always),
        (questioned_twins("horizon"), same_labels, known_by_start),
        (questioned_twins("horizon"), same_labels, noticed_always),
        (questioned_twins("renewal"), same_labels, known_by_start),
        (st.just(_STOP_LEARNED_LATER), same_labels, noticed_always),
        (event_twins(), same_activity, known_when_happened),
        (event_twins(), same_silence, known_when_happened),
    ],
)
def test_each_property_fails_on_a_deliberate_fault(pairs, same, fault):
    quick = settings(STEADY, max_examples=2_000, phases=[Phase.generate])
    try:
        found = find(pairs, lambda drawn: not same(drawn, fault), settings=quick)
    except NoSuchExample:  # pragma: no cover - the property could not fail
        pytest.fail(f"{same.__name__} does not notice {fault.__name__}")
    assert same(found), "the same histories are told apart without the fault"


def same_grid(drawn):
    gap, day, one, two = drawn
    plan = {"every": 7, "first_day": 3, "last_day_before_end": 0}
    for anchor in ("start", "renewal"):
        grids = [
            {k for k in anchored(history(c), gap, {**plan, "anchor": anchor})
             if k[1] <= day}
            for c in (one, two)
        ]  # fmt: skip
        if grids[0] != grids[1]:
            return False
    return True


@STEADY
@example(
    (
        30,
        100,
        [[Term(0, 60, known_at=0), Term(60, 120, known_at=60)]],
        # learned on day 110: the second term had stopped on day 80
        [[Term(0, 60, known_at=0), Term(60, 120, 80, 110, known_at=60)]],
    )
)
@given(twins().filter(lambda drawn: all(map(any, drawn[2:]))))
def test_what_becomes_known_later_moves_no_date_of_an_anchored_grid(drawn):
    assert same_grid(drawn)


@st.composite
def timely(draw):
    """Draw a company whose news is never late, and the day a model is judged."""
    gap, company = draw(companies())
    company = [
        [
            replace(
                t, known_at=min(t.known_at, t.start),
                notice_at=None if t.cancelled_at is None
                else min(t.learned_at, t.cancelled_at),
            )
            for t in terms
        ]
        for terms in company
    ]  # fmt: skip
    return draw(questions(gap)), draw(DAY), company


def final(drawn):
    """Say whether each label closed by the day is what it will be for ever."""
    ask, day, company = drawn
    past = history(company)
    seen = statuses(past, ask, range(FIRST, day))
    rows = [(a, t, e) for (a, t), (s, _, e) in seen.items() if s == "scored"]
    then = outcomes(past, ask, rows, known_before=day, data_until=day)
    now = outcomes(past, ask, rows, data_until=NEVER * 2)
    closed = [(a, b) for a, b in zip(then, now, strict=True) if a[0] != "censored"]
    return all(a == b for a, b in closed)


@STEADY
@given(timely().filter(lambda drawn: drawn[0].kind == "horizon"))
def test_a_closed_horizon_label_is_final_when_news_is_never_late(drawn):
    assert final(drawn)


@STEADY
@example(
    (
        Ask("renewal", lead_max=60, gap=4),
        34,  # = 30 + 4: the label is taken for closed
        [[Term(0, 30, known_at=0), Term(34, 60, known_at=34)]],
    )
)
@given(timely().filter(lambda drawn: drawn[0].kind == "renewal"))
def test_a_closed_renewal_label_is_final_when_news_is_never_late(drawn):
    assert final(drawn)
