"""What became of stored scores: who left, who is open, and which colour kept its word.

The outcomes below are written by hand; see tests/snapshots/test_labels.py.
"""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded, write_files
from tests.snapshots.oracle import Event
from tests.snapshots.tables import Ask, day, history, question, term

from churnhealth.archive.beside import about_run
from churnhealth.archive.runs import read_outcomes, write_scores
from churnhealth.commands.tell import look_back
from churnhealth.config_sections import Company
from churnhealth.errors import RequestError
from churnhealth.monitor import follow_up, follow_up_text
from churnhealth.progress import Progress
from churnhealth.scoring import _SCORE_COLUMNS, ScoreBook, score_history

ASK = Ask("horizon", horizon=60, gap=30)
STAYED = [term("2022-01-01", "2030-01-01")]
LEFT = [term("2022-01-01", "2023-03-01")]  # inside [1 Feb, 2 Apr) of 1 Feb
LEFT_LATER = [term("2022-01-01", "2023-06-15")]
# data reach to the newest start: outcomes of 1 Feb are known, those of 1 June are not
NEWEST = [term("2023-06-20", "2030-01-01")]
CUTS = [0.1, 0.2, 0.4]
ABOUT = {
    "question": question(ASK).model_dump(mode="json"),
    "trained_until": "2023-01-01",
    "skill": True,
    "base_rate": 0.2,
    "cuts": CUTS,
    "promises": [[0.0, 0.1], [0.1, 0.2], [0.2, 0.4], [0.4, 1.0]],
}
DRIVERS = {
    "account_id": np.array([], dtype=object),
    "feature": np.array([], dtype=object),
    "category": np.array([], dtype=object),
    "effect_points": np.array([]),
    "sentence": np.array([], dtype=object),
    "rank": np.array([], np.int64),
}


def keep_run(
    out, day, p, *, ids=None, band=None, about=ABOUT, model="m1", rules=None, ends=None
):
    """Store a run as ``score`` does: of a day, with chances and the colours shown."""
    n = len(p)
    level = np.searchsorted(CUTS, p, side="right")
    shown = np.array(["green", "yellow", "orange", "red"], dtype=object)[level]
    nothing = np.full(n, np.nan)
    columns = dict.fromkeys(_SCORE_COLUMNS, nothing)
    for name in ("name", "owner", "segment", "previous_band", "agreement"):
        columns[name] = np.full(n, None, dtype=object)
    columns |= {
        "account_id": np.array(ids or [f"a{i}" for i in range(n)], dtype=object),
        "as_of": np.full(n, np.datetime64(day)),
        "scored_at": np.full(n, np.datetime64(f"{day}T06:00:00", "s")),
        "status": np.full(n, "scored", dtype=object),
        "churn_probability": np.array(p),
        "band": shown if band is None else np.array(band, dtype=object),
        "rules_band": shown if rules is None else np.array(rules, dtype=object),
        "value": np.full(n, 10.0),
        "renewal_date": np.array(ends or ["2030-01-01"] * n, dtype="datetime64[D]"),
        "model_version": np.full(n, model, dtype=object),
        "bands_version": np.full(n, "b1", dtype=object),
    }
    book = ScoreBook(scores=columns, drivers=DRIVERS)
    write_scores(book, out, as_of=date.fromisoformat(day), about=about)


def test_who_left_who_stayed_and_who_is_open_are_counted_run_by_run(tmp_path):
    past = history([STAYED, LEFT, LEFT_LATER, NEWEST])
    keep_run(tmp_path, "2023-02-01", [0.1, 0.5, 0.2], ids=["a0", "a1", "gone"])
    keep_run(tmp_path, "2023-06-01", [0.1, 0.4], ids=["a0", "a2"])
    told = follow_up(past, question(ASK), tmp_path)
    first, second = told["runs"]
    assert told["data_until"] == "2023-06-20"
    assert first == {
        "as_of": "2023-02-01",
        "scored": 3,
        "gone": 1,
        "open": 0,
        "closes": None,
        "left_early": 0,
        "known": 2,
        "expected_churn": pytest.approx(0.6),
        "churned": 1,
        "expected_loss": pytest.approx(0.6 * 120),
        "lost": pytest.approx(120.0),
    }
    assert (second["known"], second["open"]) == (0, 2)
    assert second["closes"] == "2023-08-30"  # 1 June + 60 + 30
    text = follow_up_text(told)
    assert "1 score is of accounts that are gone" in text
    assert "closes on 2023-08-30" in text


def test_a_colour_is_held_to_what_its_model_promised(tmp_path):
    many = 400
    past = history([*[STAYED] * 300, *[LEFT] * 100, NEWEST])
    p = np.full(many, 0.15)  # promised 10 to 20 %, and 25 % leave
    p[:100] = 0.05
    keep_run(tmp_path, "2023-02-01", p.tolist())
    model = follow_up(past, question(ASK), tmp_path)["models"][0]
    green, yellow, orange, red = model["bands"]
    assert (green["n"], green["observed"], green["kept"]) == (100, 0.0, True)
    assert (yellow["n"], yellow["kept"]) == (300, False)
    assert yellow["observed"] == pytest.approx(1 / 3)
    assert (orange["n"], red["n"], orange["kept"]) == (0, 0, None)
    assert [line.split()[0] for line in model["broken"]] == ["yellow"]
    assert model["churned_accounts"] == 100
    assert model["churners"] == {
        "green": 0,
        "yellow": 100,
        "orange": 0,
        "red": 0,
        "grey": 0,
    }
    assert "yellow promises" in follow_up_text({**_frame(), "models": [model]})


def test_whoever_left_is_told_by_the_colour_shown_last_before(tmp_path):
    past = history([LEFT, STAYED, NEWEST])
    for on, shown in (("2023-01-10", "green"), ("2023-02-10", "orange")):
        keep_run(tmp_path, on, [0.3, 0.05], band=[shown, "green"])
    model = follow_up(past, question(ASK), tmp_path)["models"][0]
    assert model["known"] == 4
    assert {b: n for b, n in model["churners"].items() if n} == {"orange": 1}


def test_runs_that_tell_nothing_are_named_and_left_out(tmp_path):
    past = history([LEFT, STAYED, NEWEST])
    later = {**ABOUT, "trained_until": "2023-02-02"}
    keep_run(tmp_path, "2023-01-15", [0.3, 0.1], about={**ABOUT, "question": {"a": 1}})
    keep_run(tmp_path, "2023-02-01", [0.3, 0.1], about=later)
    told = follow_up(past, question(ASK), tmp_path)
    assert [run["left_out"] for run in told["runs"]] == [
        "it answered a question that these sources cannot",
        "its model was trained on data of later days",
    ]
    assert told["models"] == []
    assert "left out: it answered a question" in follow_up_text(told)


def test_a_run_is_judged_by_the_question_that_it_answered(tmp_path):
    past = history([LEFT, STAYED, NEWEST])
    shorter = question(Ask("horizon", horizon=30, gap=30)).model_dump(mode="json")
    before = {**ABOUT, "question": shorter}
    keep_run(tmp_path, "2023-01-20", [0.3, 0.1], about=before, model="m0")
    keep_run(tmp_path, "2023-02-01", [0.3, 0.1])
    told = follow_up(past, question(ASK), tmp_path)
    first, second = told["runs"]
    # it left on 1 March: after [20 Jan, 19 Feb), in [1 Feb, 2 Apr)
    assert (first["known"], first["churned"]) == (2, 0)
    assert (second["known"], second["churned"]) == (2, 1)
    assert first["asked"] == {"horizon_days": 30}
    assert "asked" not in second
    assert [m["model_version"] for m in told["models"]] == ["m0", "m1"]
    assert "answered another question (horizon_days = 30)" in follow_up_text(told)


def test_silence_that_was_asked_for_before_is_judged_by_its_events(tmp_path):
    silent = question(Ask("inactivity", horizon=30))
    events = [Event(day("2022-12-01"), day("2022-12-01"))]
    events += [Event(day(d), day(d)) for d in ("2023-02-10", "2023-06-20")]
    past = history([STAYED, STAYED], events=[[events[0]], events])
    about = {**ABOUT, "question": silent.model_dump(mode="json")}
    keep_run(tmp_path, "2023-02-01", [0.3, 0.1], about=about)
    told = follow_up(past, question(ASK), tmp_path)
    assert (told["runs"][0]["known"], told["runs"][0]["churned"]) == (2, 1)


def test_a_run_done_again_counts_once_as_it_was_last(tmp_path):
    past = history([LEFT, STAYED, NEWEST])
    keep_run(tmp_path, "2023-02-01", [0.9, 0.9], model="wrong")
    keep_run(tmp_path, "2023-02-01", [0.5, 0.1])
    told = follow_up(past, question(ASK), tmp_path)
    assert [model["model_version"] for model in told["models"]] == ["m1"]
    assert told["runs"][0]["expected_churn"] == pytest.approx(0.6)


def test_models_are_told_apart_and_disagreement_with_the_rule_too(tmp_path):
    past = history([LEFT, STAYED, STAYED, NEWEST])
    rules = ["green", "red", "green"]
    keep_run(tmp_path, "2023-01-10", [0.5, 0.05, 0.05], model="m1", rules=rules)
    keep_run(tmp_path, "2023-02-10", [0.05, 0.5, 0.05], model="m2", rules=rules)
    first, second = follow_up(past, question(ASK), tmp_path)["models"]
    assert (first["auc"], second["auc"]) == (1.0, 0.25)
    assert first["log_loss"] < first["log_loss_constant"] < second["log_loss"]
    alone = [row for row in first["agreement"] if row["n"]]
    assert [(r["model_alarm"], r["rules_alarm"], r["outcomes"]) for r in alone] == [
        (True, False, 1),
        (False, True, 0),
        (False, False, 0),
    ]


def test_runs_whose_flat_files_are_gone_are_judged_from_their_folders(tmp_path):
    past = history([STAYED, LEFT, NEWEST])
    keep_run(tmp_path, "2023-02-01", [0.1, 0.5])
    whole = follow_up(past, question(ASK), tmp_path)
    shutil.rmtree(tmp_path / "history")
    assert follow_up(past, question(ASK), tmp_path) == whole
    assert whole["runs"][0]["churned"] == 1


def test_what_cannot_be_kept_beside_the_scores_is_told_all_the_same(tmp_path):
    config, runs = write_files(tmp_path), tmp_path / "runs"
    keep_run(runs, "2023-02-01", [0.1, 0.5])
    (runs / ".lock").unlink()
    (runs / ".lock").mkdir()  # no file can be opened there, as where all is read-only
    with Progress() as progress:
        told, unkept = look_back(config, runs, progress=progress)
    assert [run["as_of"] for run in told["runs"]] == ["2023-02-01"]
    assert "is not kept beside the scores (Is a directory)" in unkept
    (runs / ".lock").rmdir()
    with Progress() as progress:
        assert look_back(config, runs, progress=progress) == (told, None)
    assert read_outcomes(runs) == told


def test_one_run_is_told_as_one(tmp_path):
    past = history([STAYED, LEFT, NEWEST])
    asked = {**ABOUT["question"], "horizon_days": 30}
    keep_run(tmp_path, "2023-02-01", [0.1, 0.5], about={**ABOUT, "question": asked})
    text = follow_up_text(follow_up(past, question(ASK), tmp_path))
    assert "m1, run of 2023-02-01: 2 accounts" in text
    assert "Run of 2023-02-01 answered another question" in text


def test_a_renewal_is_judged_by_the_end_that_the_run_knew(tmp_path):
    ask = Ask("renewal", lead_max=90, gap=30)
    renewed = [term("2022-01-01", "2023-03-01"), term("2023-03-05", "2024-03-05")]
    left = [term("2022-01-01", "2023-03-10")]
    past = history([renewed, left, STAYED, NEWEST])
    about = {**ABOUT, "question": question(ask).model_dump(mode="json")}
    ends = ["2023-03-01", "2023-03-10", "2023-06-01"]
    keep_run(tmp_path, "2023-02-01", [0.1, 0.5, 0.1], about=about, ends=ends)
    (run,) = follow_up(past, question(ask), tmp_path)["runs"]
    assert (run["known"], run["churned"], run["open"]) == (2, 1, 1)
    assert run["closes"] == "2023-07-01"  # 1 June + 30


def test_silence_is_judged_by_the_events_of_the_window(tmp_path):
    ask = Ask("inactivity", horizon=60)
    about = {**ABOUT, "question": question(ask).model_dump(mode="json")}
    days = {"active": "2023-03-20", "silent": "2023-01-31", "newest": "2023-06-20"}
    past = history(None, [[Event(day(d), day(d))] for d in days.values()])
    ends = ["NaT"] * 3  # nobody agreed on an end
    keep_run(tmp_path, "2023-02-01", [0.2, 0.6, 0.2], about=about, ends=ends)
    told = follow_up(past, question(ask), tmp_path)
    assert (told["runs"][0]["known"], told["runs"][0]["churned"]) == (3, 2)
    assert told["runs"][0]["lost"] == pytest.approx(240.0)


def test_without_a_promise_on_record_the_outcomes_are_told_all_the_same(tmp_path):
    past = history([LEFT, STAYED, NEWEST])
    keep_run(tmp_path, "2023-02-01", [0.5, 0.1], about={})
    keep_run(
        tmp_path, "2023-02-02", [0.5, 0.1], about={**ABOUT, "skill": False}, model="m2"
    )
    told = follow_up(past, question(ASK), tmp_path)
    assert [m["bands"] for m in told["models"]] == [None, None]
    text = follow_up_text(told)
    assert "not on record" in text
    assert "the rules', which promise nothing" in text


def test_without_scores_it_says_so(tmp_path):
    with pytest.raises(RequestError) as caught:
        follow_up(history([STAYED]), question(ASK), tmp_path)
    assert caught.value.code == "CH501"


def test_a_run_of_a_real_bundle_keeps_what_is_needed_and_is_plain_json(tmp_path):
    card = {"bands": [{"low": 0.0, "high": 0.2}] * 4}
    bundle = replace(bundle_of(), card=card)
    past = loaded().history
    now = datetime(2026, 1, 2, tzinfo=UTC)
    book = score_history(bundle, past, as_of=AS_OF, scored_at=now)
    about = about_run(bundle, past, as_of=AS_OF, company=Company(name="Example"))
    write_scores(book, tmp_path, as_of=date(2025, 9, 1), about=about)
    told = follow_up(past, bundle.question, tmp_path)
    json.dumps(told, allow_nan=False)
    (run,), (model,) = told["runs"], told["models"]
    scored = int((book.scores["status"] == "scored").sum())
    assert run["known"] == run["scored"] == scored  # all closed by the end of the data
    assert run["churned"] == leavers(past, AS_OF, 90, 30, book)
    assert len(model["bands"]) == 4


def leavers(past, day, horizon, gap, book):
    """Count slowly who of those scored had no cover from some day of the window on."""
    terms = past.contracts
    scored = book.scores["account_id"][book.scores["status"] == "scored"].tolist()
    count = 0
    for name in scored:
        a = past.accounts.ids.tolist().index(name)
        mine = [
            (int(terms.start[i]), int(min(terms.end[i], terms.cancelled_at[i])))
            for i in np.flatnonzero(terms.account == a)
        ]
        reach = max(stop for start, stop in mine if start <= day)
        for start, stop in sorted(mine):
            if start <= reach + gap:
                reach = max(reach, stop)
        count += day <= reach < day + horizon
    return count


def _frame():
    return {"data_until": "2023-06-20", "runs": []}
