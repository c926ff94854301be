"""No score moves by what becomes known on the day that it is of, or later."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.made import AS_OF, RENEWAL, SILENCE, bundle_of, loaded
from tests.scored import column, same, scored

from churnhealth.config import Question, parse_config
from churnhealth.features.runtime import features_of_one
from churnhealth.features.spec import feature
from churnhealth.sources.load import load


def later_rows(history, seed):
    """Change, remove and add rows that became known on the day or after it."""
    random = np.random.default_rng(seed)

    def shifted(days, late):
        return np.where(late, days + random.integers(0, 300, days.size), days)

    events = []
    for log in history.events:
        late = log.known_at >= AS_OF
        keep = ~late | (random.random(late.size) < 0.5)
        kept = log.rows(keep)
        late = kept.known_at >= AS_OF
        # Some happened long before: they arrived late, and must not count yet.
        happened = np.where(
            late,
            kept.happened_at - random.integers(0, 400, late.size),
            kept.happened_at,
        )
        order = np.lexsort((kept.known_at, happened, kept.account))
        changed = replace(
            kept.as_arrays(),
            happened_at=happened,
            count=np.where(late, kept.count * 50, kept.count),
        ).rows(order)
        if changed.ended_at is not None:
            over = changed.ended_at >= AS_OF
            ended = np.where(over, shifted(changed.ended_at, over), changed.ended_at)
            changed = replace(changed, ended_at=ended)
        events.append(changed)
    states = []
    for log in history.states:
        late = log.known_at >= AS_OF
        values = np.where(late, log.value * -7, log.value)
        states.append(
            replace(log, value=values).rows(random.random(late.size) + ~late > 0.5)
        )
    c = history.contracts
    told_late = c.notice_at >= AS_OF
    soon = AS_OF + random.integers(0, 99, told_late.size)
    c = replace(
        c,
        notice_at=np.where(told_late, soon, c.notice_at),
        cancelled_at=np.where(told_late, c.start + 40, c.cancelled_at),
    )
    c = c.rows((c.known_at < AS_OF) | (random.random(c.known_at.size) < 0.5))
    return replace(history, contracts=c, events=tuple(events), states=tuple(states))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["gbm", "logistic"])
def test_what_becomes_known_later_moves_no_score(name, seed):
    changed = later_rows(loaded().history, seed)
    same(scored(bundle_of(name), history=changed), scored(bundle_of(name)))


@pytest.mark.parametrize(
    "question",
    [{"question": RENEWAL}, {"question": SILENCE}],
    ids=["renewal", "silence"],
)
def test_what_becomes_known_later_moves_no_score_of_other_questions(question):
    bundle = replace(
        bundle_of("logistic"), question=Question.model_validate(question["question"])
    )
    for seed in range(2):
        changed = later_rows(loaded().history, seed)
        same(scored(bundle, history=changed), scored(bundle))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("question", [None, RENEWAL, SILENCE])
def test_what_becomes_known_later_moves_no_score_of_days_in_order(question, seed):
    """The same once every day's rows stand in the order in which they were known."""
    history = ordered(loaded().history)
    bundle = bundle_of("gbm")
    if question is not None:
        bundle = replace(bundle, question=Question.model_validate(question))
    changed = later_rows(history, seed)
    same(scored(bundle, history=changed), scored(bundle, history=history))


def ordered(history):
    logs = [
        log.rows(np.lexsort((log.known_at, log.happened_at, log.account)))
        for log in history.events
    ]
    return replace(history, events=tuple(logs))


def test_a_row_not_known_yet_does_not_hide_another_row_of_its_day(tmp_path):
    begin = "account_id,happened_at,known_at,users\na,2024-01-02,2024-01-02,1\n"
    late, seen = (
        "a,2024-06-03 08:00,2024-06-20,9\n",
        "a,2024-06-03 17:00,2024-06-03,3\n",
    )
    (tmp_path / "c.csv").write_text("account_id,start\na,2024-01-01\n")
    sources = {
        "contracts": {"path": "c.csv"},
        "events": [{"name": "p", "path": "e.csv"}],
    }
    specs = [
        feature(kind, source="p", days=7)
        for kind in ("count", "active_days", "mean_users")
    ]
    told = []
    for rows in (seen, late + seen):
        (tmp_path / "e.csv").write_text(begin + rows)
        history = load(parse_config({"sources": sources}, folder=tmp_path)).history
        day = (date(2024, 6, 5) - date(1970, 1, 1)).days
        values = features_of_one(history, specs, as_of=day, gap_days=30)
        told.append(values.tolist())
    assert told == [[1.0, 1.0, 3.0]] * 2


def test_events_are_sorted_as_their_table_promises():
    for log in loaded().history.events:
        order = np.lexsort((log.known_at, log.happened_at, log.account))
        assert np.array_equal(log.known_at[order], log.known_at), log.name


def test_what_became_known_the_day_before_does_move_scores():
    """The property above can fail: the same change a day earlier is seen."""
    history = loaded().history
    log = history.events[0]
    late = log.known_at >= AS_OF
    early = replace(log.as_arrays(), known_at=np.where(late, AS_OF - 1, log.known_at))
    early = replace(early, happened_at=np.minimum(early.happened_at, early.known_at))
    order = np.lexsort((early.known_at, early.happened_at, early.account))
    changed = replace(history, events=(early.rows(order), *history.events[1:]))
    moved = scored(bundle_of("gbm"), history=changed).scores["churn_probability"]
    assert not np.array_equal(moved, column("churn_probability"), equal_nan=True)
