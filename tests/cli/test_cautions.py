"""What a run of scores warns of."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded, settings
from tests.scored import book, scored

from churnhealth.commands.cautions import RunBefore, cautions
from churnhealth.features.spec import feature
from churnhealth.sources.contract import date_of
from churnhealth.sources.remapped import quietly_mapped


def warned(times):
    bundle, made = bundle_of("gbm"), book()
    money = [s.kind in ("value", "price") for s in bundle.specs]
    values = made.values.copy()
    values[:, money] *= times
    made = replace(made, values=values)
    return str(cautions(bundle, settings(), loaded().history, made, day=AS_OF))


def test_money_of_another_unit_than_in_training_is_told():
    told = warned(100)
    assert "is another than in training by far: Monthly value " in told
    assert "Where a unit, a currency or a mapping changed" in told


def test_money_that_moved_a_little_is_not():
    assert "by far" not in warned(2)


@pytest.mark.parametrize(("days", "told"), [(4, True), (0, False)])
def test_an_export_that_is_some_days_late_is_told(days, told):
    history = loaded().history
    late = tuple(log.as_known(AS_OF - days) for log in history.events)
    history = replace(history, events=late)
    warning = cautions(bundle_of("gbm"), settings(), history, book(), day=AS_OF)
    words = f"has not paused for so long in a year: its {days} days since then count"
    assert (words in str(warning)) is told


@pytest.mark.parametrize(
    ("days", "every", "told"), [(20, 1, True), (3, 1, False), (20, 2000, False)]
)
def test_rows_that_are_of_nobody_we_know_from_some_day_on_are_told(days, every, told):
    history = loaded().history
    [product] = [log for log in history.events if log.name == "product"]
    known = product.rows(product.happened_at < AS_OF - days)
    known = known.rows(np.arange(known.size) % every == 0)  # what is rare pauses
    events = [known if log is product else log for log in history.events]
    changed = replace(history, events=tuple(events))  # its coverage is of all rows
    warning = cautions(bundle_of("gbm"), settings(), changed, book(), day=AS_OF)
    said = "are of accounts that are not in the accounts source (CH215), so everybody"
    assert (said in str(warning)) is told


@pytest.mark.parametrize(("days", "told"), [(45, True), (3, False), (0, False)])
def test_contracts_that_end_before_the_rest_are_told(days, told):
    history = loaded().history
    older = history.contracts.rows(history.contracts.start < AS_OF - days)
    late = replace(history, contracts=older.rows(older.known_at < AS_OF - days))
    made = scored(bundle_of("gbm"), history=late) if days else book()
    warning = str(cautions(bundle_of("gbm"), settings(), late, made, day=AS_OF))
    assert ("no contract begins after" in warning) is told
    if told:
        last = date_of(int(late.contracts.start.max()))
        gone = np.isin(made.scores["status"], ("grace", "churned"))
        c = late.contracts.rows(late.contracts.cancelled_at < AS_OF)
        left = late.accounts.ids[c.account[c.cancelled_at > late.contracts.start.max()]]
        gone &= ~np.isin(made.scores["account_id"], left)
        lapsed = (gone & (made.scores["renewal_date"] > np.datetime64(last))).sum()
        assert f"after {last}, and {lapsed} accounts whose cover ended" in warning


def test_contracts_that_pause_as_they_do_are_no_older_export():
    history = loaded().history
    c = history.contracts.rows(history.contracts.start < AS_OF - 45)
    paused = (c.start > AS_OF - 200) & (c.start < AS_OF - 150)  # as long as since
    late = replace(history, contracts=c.rows(~paused))
    made = scored(bundle_of("gbm"), history=late)
    assert np.isin(made.scores["status"], ("grace", "churned")).sum() > 20
    warning = cautions(bundle_of("gbm"), settings(), late, made, day=AS_OF)
    assert "no contract begins after" not in str(warning)


def test_contracts_that_know_who_cancelled_since_are_no_older_export():
    history = loaded().history
    c = history.contracts.rows(history.contracts.start < AS_OF - 45)
    since = (c.end > AS_OF - 45) & (c.end < AS_OF)
    stop = np.where(since, c.end - 1, c.cancelled_at)
    notice = np.where(since, np.minimum(c.notice_at, stop), c.notice_at)
    known = replace(history, contracts=replace(c, cancelled_at=stop, notice_at=notice))
    made = scored(bundle_of("gbm"), history=known)
    assert np.isin(made.scores["status"], ("grace", "churned")).sum() > 20
    warning = cautions(bundle_of("gbm"), settings(), known, made, day=AS_OF)
    assert "no contract begins after" not in str(warning)


@pytest.mark.parametrize(
    ("last", "late", "told"),
    [(7, False, True), (7, True, False), (80, False, False)],
)
def test_a_source_that_was_silent_for_weeks_and_came_back_is_told(last, late, told):
    history, [first, end] = loaded().history, (AS_OF - last - 14, AS_OF - last)

    def holed(log):
        lost = (log.happened_at >= first) & (log.happened_at < end)
        if late:  # what was lost came when it was mended
            known = np.where(lost, np.maximum(log.known_at, end), log.known_at)
            return replace(log.as_arrays(), known_at=known)
        return log.rows(~lost)

    events = tuple(holed(s) if s.name == "product" else s for s in history.events)
    holed_history = replace(history, events=events)
    warning = cautions(bundle_of("gbm"), settings(), holed_history, book(), day=AS_OF)
    weeks = re.search(
        r"product has no rows from (\S+) to (\S+), which the", str(warning)
    )
    assert (weeks is not None) is told
    assert weeks is None or weeks[1] <= str(date_of(first))  # weekends are empty too
    assert weeks is None or weeks[2] == str(date_of(end - 1))


def settled(data_until):
    made = settings()
    question = made.question.model_copy(update={"data_until": data_until})
    return made.model_copy(update={"question": question})


@pytest.mark.parametrize(("age", "told"), [(31, False), (32, True)])
def test_scores_of_a_day_that_nobody_chose_and_that_is_long_ago_are_told(age, told):
    here = (bundle_of("gbm"), settled(None), loaded().history, book())
    warning = str(cautions(*here, day=AS_OF, today=date_of(AS_OF + age)))
    words = f"the newest data are {age} days old, and so are these scores"
    assert (words in warning) is told
    assert (f"say --as-of {date_of(AS_OF)} if" in warning) is told


def test_a_day_that_the_settings_say_is_chosen():
    here = (bundle_of("gbm"), settled(date_of(AS_OF)), loaded().history, book())
    assert "days old" not in str(cautions(*here, day=AS_OF, today=date(2036, 1, 1)))


@pytest.mark.parametrize(
    ("room", "told"),
    [
        ([146, 67, 1], None),
        ([146, 40, 1], "67 accounts are orange or worse, and"),
        ([20, 67, 1], "213 accounts are yellow or worse, and"),
    ],
)
def test_more_of_a_colour_than_there_is_room_for_is_told(room, told):
    bands, made = {"policy": "capacity", "capacity": room}, book()
    n = [int((made.scores["band"] == b).sum()) for b in ("yellow", "orange", "red")]
    assert n == [146, 67, 0]
    bundle = bundle_of("gbm")
    bundle = replace(bundle, card={**bundle.card, "settings": {"bands": bands}})
    here = (bundle, settings(bands=bands), loaded().history, made)
    warning = str(cautions(*here, day=AS_OF))
    assert ("[bands] capacity has room for" in warning) is (told is not None)
    assert (told or "") in warning


def test_an_event_that_was_renamed_in_all_of_history_is_told():
    bundle, history = bundle_of("gbm"), loaded().history
    place = next(i for i, s in enumerate(bundle.specs) if s.source == "product")
    reads = replace(bundle.specs[place], item="signed_in")
    specs = (*bundle.specs[:place], reads, *bundle.specs[place + 1 :])
    assert "what no row says any more" not in str(
        cautions(bundle, settings(), history, book(), day=AS_OF)
    )
    warning = cautions(
        replace(bundle, specs=specs), settings(), history, book(), day=AS_OF
    )
    assert (
        "the model reads of product what no row says any more: 'signed_in'," in warning
    )


def test_a_state_that_was_renamed_in_all_of_history_is_told_with_what_is_new():
    bundle, history = bundle_of("gbm"), loaded().history
    assert any(s.source == "surveys" and s.item == "nps" for s in bundle.specs)
    states = [
        replace(log, vocabulary=tuple(f"{w} score" for w in log.vocabulary))
        if log.name == "surveys"
        else log
        for log in history.states
    ]
    renamed = replace(history, states=tuple(states))
    warning = cautions(bundle, settings(), renamed, book(), day=AS_OF)
    assert (
        "of surveys what no row says any more: 'nps' (new are 'nps score')," in warning
    )


@pytest.mark.parametrize(("changed", "told"), [(0, False), (5, False), (60, True)])
def test_accounts_of_the_run_before_that_are_nobody_now_are_told(changed, told):
    ids = loaded().history.accounts.ids
    before = np.array([f"old-{i}" if n < changed else i for n, i in enumerate(ids)])
    warning = cautions(
        bundle_of("gbm"),
        settings(),
        loaded().history,
        book(),
        day=AS_OF,
        before=RunBefore(accounts=before.astype(object), scored=0, question=None),
    )
    said = f"{changed} of {ids.size} accounts of the run before are in the sources no"
    assert (said in str(warning)) is told


def test_segments_that_were_renamed_since_training_are_told():
    made, segment = book(), book().scores["segment"].copy()
    levels = sorted({s for s in segment.tolist() if s is not None})
    is_of = [
        feature("is", source="accounts", item=f"segment={s}", category="contract")
        for s in levels
    ]
    bundle = bundle_of("gbm")
    bundle = replace(bundle, specs=(*bundle.specs[: -len(is_of)], *is_of))
    about = (settings(), loaded().history)
    assert not bundle.segment_peers  # with few accounts, and no news all the same
    assert "of segments" not in str(cautions(bundle, *about, made, day=AS_OF))
    segment[segment == "small"] = "SMB"
    renamed = replace(made, scores={**made.scores, "segment": segment})
    n = int(((made.scores["status"] == "scored") & (segment == "SMB")).sum())
    warning = cautions(bundle, *about, renamed, day=AS_OF)
    assert f"{n} accounts are of segments that had few" in warning
    assert "when the model was trained: 'SMB' (it knows " in warning


def test_a_playbook_that_asks_for_an_owner_whom_nobody_has_is_told():
    history = loaded().history
    owner = next(o for o in history.accounts.owner if o is not None)
    call = {"name": "call", "do": "Call", "when": {"owner": [owner]}}
    other = {"name": "visit", "do": "Go", "when": {"owner": [owner, "Nobody"]}}
    asked = settings(playbooks=[call, other])
    warning = cautions(bundle_of("gbm"), asked, history, book(), day=AS_OF)
    assert "the playbook 'visit' asks for the owner 'Nobody', and no" in warning
    assert "'call'" not in warning


@pytest.mark.parametrize(("days", "told"), [(90, False), (60, True)])
def test_a_run_before_that_answered_another_question_is_told(days, told):
    bundle, history = bundle_of("gbm"), loaded().history
    asked = bundle.question.model_dump(mode="json")
    assert asked["horizon_days"] == 90
    asked |= {"horizon_days": days, "data_until": "2020-01-01"}
    before = RunBefore(accounts=history.accounts.ids, scored=0, question=asked)
    warning = cautions(bundle, settings(), history, book(), day=AS_OF, before=before)
    said = "the run before answered another question (horizon_days = 60): what"
    assert (said in str(warning)) is told


def test_a_column_that_is_mapped_no_more_is_told():
    bundle, history, made = bundle_of("gbm"), loaded().history, book()
    at = next(i for i, s in enumerate(bundle.specs) if s.kind == "seats")
    said = f"is measured for nobody: {bundle.specs[at].label}:"
    assert said not in str(cautions(bundle, settings(), history, made, day=AS_OF))
    values = made.values.copy()
    values[:, at] = np.nan
    without = replace(made, values=values)
    assert said in cautions(bundle, settings(), history, without, day=AS_OF)


def test_a_count_that_is_mapped_no_more_is_told():
    """Each row then counts once, and everything is measured as before."""
    bundle, history, made = bundle_of("gbm"), loaded().history, book()
    kept = {"settings": {"mapped": quietly_mapped(settings())}}
    bundle = replace(bundle, card={**bundle.card, **kept})
    sources = settings().model_dump(mode="json", exclude_unset=True)["sources"]
    said = "are mapped otherwise than in training (product without count)"
    for lost in (False, True):
        if lost:
            sources["events"][0]["columns"].pop("count")
        config = settings(sources=sources)
        assert (said in str(cautions(bundle, config, history, made, day=AS_OF))) is lost


@pytest.mark.parametrize(("times", "told"), [(1.0, False), (1.3, False), (2.0, True)])
def test_far_fewer_scored_than_in_the_run_before_are_told(times, told):
    history, made = loaded().history, book()
    scored = int((made.scores["status"] == "scored").sum())
    then = int(times * scored)
    before = RunBefore(accounts=history.accounts.ids, scored=then, question=None)
    warning = cautions(
        bundle_of("gbm"), settings(), history, made, day=AS_OF, before=before
    )
    said = f"{scored} accounts are scored, {then} in the run before: where so many"
    assert (said in str(warning)) is told
