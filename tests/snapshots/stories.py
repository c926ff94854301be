"""Random small histories: the ways in which contracts and events really go."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.snapshots.oracle import Ask, Event, Term

STEADY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
FIRST, LAST = -2, 130  # the days on which we look

_MOVES = (
    "touch", "touch", "late", "late", "at_gap", "upgrade", "overlap", "back",
    "same_end", "anywhere",
)  # fmt: skip
_KNOWN = ("at_start", "at_start", "booked", "late", "long_ago")
_STOPS = ("no", "no", "no", "early", "before_start", "at_end", "after_end")
_NOTICES = ("no", "no", "before", "same", "after")

_step = st.tuples(
    st.sampled_from(_MOVES),
    st.integers(0, 14),
    st.integers(0, 45),  # length of the term; 0 = open-ended
    st.sampled_from(_KNOWN),
    st.sampled_from(_STOPS),
    st.integers(0, 20),
    st.sampled_from(_NOTICES),
    st.integers(0, 20),
)


def _begin(move, offset, before, gap):
    if before is None or move == "anywhere":
        return offset * 6
    end = before.start + 30 if before.end is None else before.end
    return {
        "touch": end,
        "late": end + offset,
        "at_gap": end + gap + offset % 3 - 1,
        "upgrade": max(before.start, end - offset),
        "overlap": before.start + offset,
        "back": end + gap + 1 + offset * 2,
        "same_end": before.start + offset,
    }[move]


def _term(step, before, gap):
    move, offset, length, known, stop, early, notice, ahead = step
    start = _begin(move, offset, before, gap)
    end = None if length == 0 else start + length
    if move == "same_end" and before is not None:
        end = before.end
    known_at = {
        "at_start": start,
        "booked": start - 1 - ahead,
        "late": start + 1 + ahead,
        "long_ago": -50,
    }[known]
    reach = start + 30 if end is None else end
    cancelled = {
        "no": None,
        "early": max(start, reach - early),
        "before_start": start - early,
        "at_end": reach,
        "after_end": reach + early,
    }[stop]
    base = reach if cancelled is None else cancelled
    notice_at = {
        "no": None,
        "before": base - ahead,
        "same": base,
        "after": base + ahead,
    }[notice]
    return Term(start, end, cancelled, notice_at, known_at)


def _stop_early(term, start):
    """An upgrade: the old row stops where the new one starts."""
    return Term(term.start, term.end, start, term.notice_at, term.known_at)


def story(steps, gap):
    """Turn recipes into the terms of one account."""
    terms = []
    for step in steps:
        before = terms[-1] if terms else None
        term = _term(step, before, gap)
        if step[0] == "upgrade" and before is not None:
            terms[-1] = _stop_early(before, term.start)
        terms.append(term)
    return terms


GAPS = st.sampled_from([0, 1, 4, 9])


@st.composite
def companies(draw, *, accounts=2, terms=5):
    """Draw a gap and the terms of each account."""
    gap = draw(GAPS)
    steps = st.lists(st.lists(_step, max_size=terms), min_size=1, max_size=accounts)
    return gap, [story(mine, gap) for mine in draw(steps)]


@st.composite
def questions(draw, gap, kind=None):
    """Draw a question about cover."""
    kind = kind or draw(st.sampled_from(["renewal", "horizon"]))
    whens = [("not_renewed", "cancelled"), ("not_renewed",), ("cancelled",)]
    return Ask(
        kind,
        lead=draw(st.sampled_from([0, 0, 1, 7])) if kind == "horizon" else 0,
        lead_max=draw(st.integers(1, 60)),
        horizon=draw(st.integers(1, 40)),
        gap=gap,
        min_age=draw(st.sampled_from([0, 0, 1, 15])),
        churn_when=draw(st.sampled_from(whens[:2] if kind == "renewal" else whens)),
    )


_event = st.builds(
    lambda day, late, source: Event(day, day + late, source),
    st.integers(0, 80),
    st.sampled_from([0, 0, 0, 1, 5, 40]),
    st.integers(0, 1),
)
_booked = st.builds(
    lambda day, ahead: Event(day, day - ahead, 9),
    st.integers(0, 90),
    st.integers(0, 30),
)
EVENTS = st.lists(st.lists(_event, max_size=8), min_size=1, max_size=3)
BOOKED = st.lists(st.lists(_booked, max_size=4), min_size=1, max_size=3)


@st.composite
def activity_questions(draw):
    """Draw a question about events."""
    return Ask(
        "inactivity",
        lead=draw(st.sampled_from([0, 0, 3])),
        horizon=draw(st.integers(1, 40)),
        active=draw(st.integers(1, 40)),
        min_age=draw(st.sampled_from([0, 0, 1, 15])),
    )
