"""Folds: what a model may have learned from, and what it is judged on."""

import json
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from tests.evaluate.judged import QUESTIONS, SIMPLE, configured, judged_by
from tests.made import loaded, panel, panel_of, settings
from tests.snapshots.oracle import NEVER, Ask, Event, Term, label

from churnhealth.config import Model
from churnhealth.errors import TrainingError
from churnhealth.evaluate.backtest import backtest, fold_plan, training_rows
from churnhealth.evaluate.choice import choose_specs
from churnhealth.features.runtime import feature_table
from churnhealth.pipeline import scorer_makers
from churnhealth.snapshots.labels import NO, YES
from churnhealth.sources.contract import FAR

ASKS = {
    "horizon": Ask("horizon", horizon=90, gap=30, min_age=28),
    "renewal": Ask("renewal", lead_max=180, gap=30),
    "silence": Ask("inactivity", active=28, horizon=28),
}


@cache
def judged_once():
    return judged_by(configured(), panel_of())


def terms_by_account(history):
    """Read the arrays as the oracle's plain rows."""
    found = [[] for _ in history.accounts.ids]
    c = history.contracts

    def given(day):
        return None if day >= FAR else int(day)

    for i in range(c.account.size):
        found[c.account[i]].append(
            Term(
                int(c.start[i]),
                given(c.end[i]),
                given(c.cancelled_at[i]),
                given(c.notice_at[i]),
                int(c.known_at[i]),
            )
        )
    return found


def events_by_account(history):
    found = [[] for _ in history.accounts.ids]
    for source, log in enumerate(history.events):
        rows = zip(
            log.account.tolist(),
            log.happened_at.tolist(),
            log.known_at.tolist(),
            strict=True,
        )
        for account, happened, known in rows:
            found[account].append(Event(happened, known, source))
    return found


@pytest.mark.parametrize("kind", QUESTIONS)
def test_training_rows_are_exactly_those_whose_label_had_closed(kind):
    seen = panel_of(kind, 60)
    day = fold_plan(seen, configured(kind))[0].judged_at
    rows, at = training_rows(seen, day)
    terms, events, ask = (
        terms_by_account(seen.history),
        events_by_account(seen.history),
        ASKS[kind],
    )
    wanted = {}
    for i in np.flatnonzero(seen.cohort.as_of < day).tolist():
        account, as_of = int(seen.cohort.account[i]), int(seen.cohort.as_of[i])
        end = int(seen.cohort.end[i])
        known = [e for e in events[account] if e.known_at < day]
        word = label(
            terms[account], known, ask, as_of, end, known_before=day, data_until=day
        )
        if word in ("yes", "no"):
            wanted[i] = int(word == "yes")
    assert len(wanted) > 100
    assert 0 < sum(wanted.values()) < len(wanted)
    assert dict(zip(at.tolist(), rows.y.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("kind", ["horizon", "renewal"])
def test_every_training_label_had_closed_on_the_day_it_is_judged(kind):
    seen = panel_of(kind)
    day = fold_plan(seen, configured(kind))[0].judged_at
    _, at = training_rows(seen, day)
    gap = 30
    closes = (
        seen.cohort.as_of[at] + 90 + gap
        if kind == "horizon"
        else seen.cohort.end[at] + gap
    )
    assert closes.max() <= day
    assert closes.max() > day - 40  # and none is thrown away for nothing


def only_before(history, day):
    """Forget everything that became known on a day or later."""
    c = history.contracts
    c = c.rows(c.known_at < day)
    told = c.notice_at < day
    c = replace(
        c,
        cancelled_at=np.where(told, c.cancelled_at, FAR),
        notice_at=np.where(told, c.notice_at, FAR),
    )
    events = []
    for log in history.events:
        kept = log.rows(log.known_at < day)
        if kept.ended_at is not None:
            over = np.where(kept.ended_at < day, kept.ended_at, FAR)
            kept = replace(kept.as_arrays(), ended_at=over)
        events.append(kept)
    states = [s.rows(s.known_at < day) for s in history.states]
    return replace(history, contracts=c, events=tuple(events), states=tuple(states))


@pytest.mark.parametrize("kind", QUESTIONS)
def test_training_rows_are_the_same_had_the_data_stopped_on_that_day(kind):
    seen, config = panel_of(kind), configured(kind)
    day = fold_plan(seen, config)[0].judged_at
    past = only_before(seen.history, day)
    assert past.events[0].account.size < seen.history.events[0].account.size
    specs = choose_specs(config, past, known_before=day)
    assert specs == seen.specs
    then = panel(config, seen.history)
    _, at = training_rows(then, day)
    short = replace(then, history=past)
    codes = short.training_codes(day)
    assert np.array_equal(codes, then.training_codes(day))
    table = feature_table(
        past,
        specs,
        account=then.cohort.account[at],
        as_of=then.cohort.as_of[at],
        gap_days=config.question.gap_days,
    )
    assert np.array_equal(table.values, then.X[at], equal_nan=True)


def learned(result):
    """Everything that a fold's ladder learned, as text."""
    return json.dumps(
        [
            [
                name,
                rung.scorer.to_json(),
                getattr(rung.scorer, "model_text", None),
                rung.calibrator.to_json(),
                rung.inner_log_loss,
            ]
            for name, rung in result.ladder.rungs.items()
        ]
        + [result.ladder.chosen, result.ladder.reasons, result.ladder.origins]
    )


def test_features_of_rows_not_trained_on_change_nothing_that_is_learned():
    seen, config = panel_of(), settings()
    before = judged_by(config, seen).folds[0]
    X = np.random.default_rng(0).normal(size=seen.X.shape)
    X[before.train] = seen.X[before.train]
    after = judged_by(config, replace(seen, X=X)).folds[0]
    assert learned(after) == learned(before)
    assert not np.array_equal(after.p["chosen"], before.p["chosen"])


def test_outcomes_that_became_known_later_change_nothing_that_is_learned():
    seen, config = panel_of(), configured()
    before = judged_once().folds[0]
    day = before.fold.judged_at
    c = seen.history.contracts
    # From that day on everyone is told to have cancelled, each a month apart.
    when = day + 30 * (np.arange(c.account.size) % 8)
    changed = replace(
        c,
        cancelled_at=np.where(c.notice_at < day, c.cancelled_at, when + 5),
        notice_at=np.where(c.notice_at < day, c.notice_at, when),
    )
    turned = replace(seen, history=replace(seen.history, contracts=changed))
    code, other = seen.labels().code, turned.labels().code
    assert (code[before.test] != other[before.test]).mean() > 0.1
    makers = scorer_makers(config, seen.specs)
    after = backtest(turned, [before.fold], makers, disjoint_groups=False).folds[0]
    assert learned(after) == learned(before)


def test_training_on_one_row_of_the_future_would_be_noticed():
    """The two tests above can fail: one changed training row changes the ladder."""
    seen, config = panel_of(), configured()
    before = judged_once().folds[0]
    X = seen.X.copy()
    X[before.train[::3]] = X[before.train[::3]][:, ::-1]
    after = judged_by(config, replace(seen, X=X)).folds[0]
    assert learned(after) != learned(before)


@pytest.mark.parametrize("origins", ["one", "each"])
def test_nothing_is_tested_that_lies_before_the_day_it_is_judged_at(origins):
    config = configured(backtest={"origins": origins})
    config = config.model_copy(update={"model": SIMPLE})
    judged = judged_by(config, panel_of())
    for result in judged.folds:
        days = panel_of().cohort.as_of
        assert (days[result.test] >= result.fold.judged_at).all()
        assert (days[result.test] < result.fold.test_to).all()
        assert days[result.train].max() < result.fold.judged_at
        assert not np.intersect1d(result.train, result.test).size


def test_each_date_has_its_own_fold_that_knows_more_than_the_one_before():
    seen = panel_of()
    each = configured(backtest={"origins": "each"})
    each = each.model_copy(update={"model": SIMPLE})
    one = judged_by(configured().model_copy(update={"model": SIMPLE}), seen)
    judged = judged_by(each, seen)
    dates = np.unique(one.as_of)
    assert [f.fold.judged_at for f in judged.folds] == dates.tolist()
    assert np.array_equal(judged.row, one.row)  # every test row, once
    for earlier, later in pairwise(judged.folds):
        assert np.isin(earlier.train, later.train).all()
        assert earlier.train.size < later.train.size
    rates = [f.ladder.base_rate for f in judged.folds]
    assert np.unique(judged.rate).size == len(set(rates)) > 1


def test_training_dates_may_be_denser_than_test_dates():
    monthly = configured()
    weekly = configured(snapshots={"every": "month", "train_every": "week"})
    sparse, dense = panel_of(), panel(weekly, loaded().history)
    one, other = (
        judged_by(c.model_copy(update={"model": SIMPLE}), p)
        for c, p in ((monthly, sparse), (weekly, dense))
    )

    def days(which, judged, seen):
        return seen.cohort.as_of[getattr(judged.folds[0], which)]

    mondays = (days("train", other, dense) + 3) % 7 == 0
    assert mondays.mean() == 1.0
    assert other.folds[0].train.size > 3.5 * one.folds[0].train.size
    assert np.array_equal(days("test", other, dense), days("test", one, sparse))
    assert np.array_equal(other.account, one.account)
    assert np.array_equal(other.y, one.y)
    assert (days("train", other, dense) < one.folds[0].fold.judged_at).all()


def test_the_reasons_speak_of_the_scorer_that_was_chosen():
    config = configured(backtest={"origins": "each"})
    ladder = Model(ladder=("constant", "rules"))
    config = config.model_copy(update={"model": ladder})
    seen = panel_of()
    makers = scorer_makers(config, seen.specs)
    judged = backtest(seen, fold_plan(seen, config)[:4], makers, disjoint_groups=False)
    choices = [f.ladder.chosen for f in judged.folds]
    assert len(set(choices)) > 1  # the folds do not agree, the report must
    assert judged.reasons[0].startswith(judged.chosen)


def test_the_chosen_probability_is_that_of_each_fold_s_own_choice():
    config = configured(backtest={"origins": "each"})
    judged = judged_by(config, panel_of())
    start = 0
    for result in judged.folds:
        mine = slice(start, start + result.test.size)
        own = judged.p[result.ladder.chosen][mine]
        assert np.array_equal(judged.p["chosen"][mine], own)
        start += result.test.size
    assert start == judged.row.size


@pytest.mark.parametrize(
    ("test_from", "code"), [("2031-01-01", "CH303"), ("2023-01-01", "CH304")]
)
def test_a_test_period_that_cannot_be_judged_is_refused(test_from, code):
    config = configured(backtest={"test_from": test_from})
    with pytest.raises(TrainingError) as caught:
        judged_by(config, panel_of())
    assert caught.value.code == code


def test_without_a_known_outcome_there_is_nothing_to_plan():
    seen = replace(panel_of(), data_until=0)
    with pytest.raises(TrainingError) as caught:
        fold_plan(seen, configured())
    assert caught.value.code == "CH302"
    assert "longer history" in caught.value.fix


def test_whoever_asks_for_renewals_without_agreed_ends_is_told_so():
    seen = replace(panel_of("renewal"), data_until=0)
    contracts = seen.history.contracts
    endless = replace(contracts, end=np.full(contracts.end.size, FAR))
    seen = replace(seen, history=replace(seen.history, contracts=endless))
    with pytest.raises(TrainingError) as caught:
        fold_plan(seen, configured("renewal"))
    assert caught.value.code == "CH302"
    assert "no contract has an agreed end" in caught.value.what
    assert 'kind = "horizon"' in caught.value.fix
    assert "renews_months = 12" in caught.value.fix


def test_the_same_backtest_twice_says_the_same():
    again = judged_by(configured(), panel_of())
    once = judged_once()
    assert learned(again.folds[0]) == learned(once.folds[0])
    for name, p in once.p.items():
        assert np.array_equal(p, again.p[name]), name


def test_test_rows_have_known_outcomes_only():
    judged, seen = judged_once(), panel_of()
    code = seen.labels().code[judged.row]
    assert set(code.tolist()) <= {YES, NO}
    assert np.array_equal(judged.y, code == YES)
    positive = judged.y == 1
    assert (judged.outcome[positive] >= judged.as_of[positive]).all()
    assert (judged.outcome[~positive] == -1).all()


assert NEVER == FAR
