"""Kept scoring runs: whole, never changed, found by a pointer, mended after a kill."""

import csv
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded

from churnhealth.archive.beside import about_run, beside_tables
from churnhealth.archive.flat import COLUMNS, flat_table
from churnhealth.archive.runs import (
    bands_of,
    earlier_scores,
    history_of,
    read_current,
    write_scores,
)
from churnhealth.config_sections import Company
from churnhealth.errors import ChurnHealthError, ConfigError, RequestError
from churnhealth.scoring import score_history
from churnhealth.sources.contract import date_of
from churnhealth.sources.engine import read_table, write_table

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = date_of(AS_OF)


@cache
def book(as_of=AS_OF, now=NOW):
    return score_history(bundle_of(), loaded().history, as_of=as_of, scored_at=now)


def same(one, two):
    for table in ("scores", "drivers", "reasons"):
        mine, theirs = getattr(one, table), getattr(two, table)
        assert list(mine) == list(theirs)
        for name, values in mine.items():
            floats = values.dtype.kind in "fM"
            assert np.array_equal(values, theirs[name], equal_nan=floats), name


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_a_run_is_a_folder_and_the_pointer_moves_forward_only(tmp_path):
    first = write_scores(book(), tmp_path, as_of=DAY)
    assert first == tmp_path / "2025-09-01"
    assert names(first) == [
        *("drivers.parquet", "features.parquet", "reasons.parquet"),
        *("run.json", "scores.parquet"),
    ]
    later = book(AS_OF + 30)
    write_scores(later, tmp_path, as_of=date(2025, 10, 1))
    assert (tmp_path / "current").read_text() == "2025-10-01\n"
    same(read_current(tmp_path), replace(later, values=None))
    write_scores(book(), tmp_path, as_of=DAY)  # an older day, once more
    assert (tmp_path / "current").read_text() == "2025-10-01\n"
    assert set(read_table(tmp_path / "scores_current.parquet")["as_of"]) == {
        np.datetime64("2025-10-01")
    }
    assert not list(tmp_path.glob(".*.tmp"))


def test_scoring_a_day_again_keeps_the_run_it_replaces_byte_for_byte(tmp_path):
    folder = write_scores(book(), tmp_path, as_of=DAY)
    old = {p.name: p.read_bytes() for p in folder.iterdir()}
    part = (tmp_path / "history" / "2025-09-01.1.parquet").read_bytes()
    other = {**book().scores, "model_version": np.full(len(old), "x")}
    n = book().scores["account_id"].size
    other["model_version"] = np.full(n, "another", dtype=object)
    write_scores(replace(book(), scores=other), tmp_path, as_of=DAY)
    kept = tmp_path / "superseded" / "2025-09-01.1"
    assert {p.name: p.read_bytes() for p in kept.iterdir()} == old
    assert (tmp_path / "history" / "2025-09-01.1.parquet").read_bytes() == part
    second = read_table(tmp_path / "history" / "2025-09-01.2.parquet")
    assert set(second["model_version"]) == {"another"}
    assert set(second["run"]) == {2}
    assert set(read_current(tmp_path).scores["model_version"]) == {"another"}


def test_what_somebody_else_put_into_a_run_is_never_moved(tmp_path):
    folder = write_scores(book(), tmp_path, as_of=DAY)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError):
        write_scores(book(), tmp_path, as_of=DAY)
    assert (folder / "notes.txt").read_text() == "mine"


def test_runs_written_at_the_same_time_are_all_kept(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_scores(book(), tmp_path, as_of=DAY), range(4)))
    kept = [f"2025-09-01.{n}.parquet" for n in (1, 2, 3, 4)]
    assert names(tmp_path / "history") == kept
    for n in (1, 2, 3):
        told = (tmp_path / "superseded" / f"2025-09-01.{n}" / "run.json").read_text()
        assert json.loads(told)["run"] == n


@pytest.mark.parametrize("harm", ["deleted", "without a number"])
def test_no_run_takes_the_number_of_another(tmp_path, harm):
    folder = write_scores(book(), tmp_path, as_of=DAY)
    write_scores(book(), tmp_path, as_of=DAY)
    second = (tmp_path / "history" / "2025-09-01.2.parquet").read_bytes()
    if harm == "deleted":
        shutil.rmtree(folder)
    else:
        (folder / "run.json").write_text("{")
    write_scores(book(now=NOW.replace(hour=9)), tmp_path, as_of=DAY)
    assert (tmp_path / "history" / "2025-09-01.2.parquet").read_bytes() == second
    assert json.loads((folder / "run.json").read_text())["run"] == 3


def test_of_a_day_that_was_scored_again_the_last_run_is_told(tmp_path):
    write_scores(book(), tmp_path, as_of=DAY)
    flat = read_table(tmp_path / "history" / "2025-09-01.1.parquet")
    kept, gone = flat["account_id"][:2]
    without = {k: v[flat["account_id"] != gone] for k, v in flat.items()}
    for n in (2, 10):
        again = {**without, "run": np.full_like(without["run"], n)}
        write_table(tmp_path / "history" / f"2025-09-01.{n}.parquet", again)
    assert history_of(tmp_path, kept)["run"].tolist() == [10]
    assert not history_of(tmp_path, gone)["run"].size  # merged, or deleted, since


@pytest.mark.parametrize("older", ["2025-08-01", "2025-10-01"])
def test_a_run_of_before_a_column_was_added_takes_it_from_no_other(tmp_path, older):
    write_scores(book(), tmp_path, as_of=DAY)
    flat = read_table(tmp_path / "history" / "2025-09-01.1.parquet")
    old = {k: v for k, v in flat.items() if k != "churn_probability_low"}
    write_table(tmp_path / "history" / f"{older}.1.parquet", old)
    row = int(np.flatnonzero(flat["status"] == "scored")[0])
    told = history_of(tmp_path, flat["account_id"][row])["churn_probability_low"]
    known = flat["churn_probability_low"][row]
    assert np.isnan(told).sum() == 1
    assert known in told.tolist()


def test_a_summary_that_was_once_asked_for_as_csv_stays_that_of_the_newest(tmp_path):
    write_scores(book(), tmp_path, as_of=DAY, file_format="csv")
    write_scores(book(AS_OF + 30), tmp_path, as_of=date(2025, 10, 1))
    with (tmp_path / "scores_current.csv").open() as stream:
        assert {row["as_of"] for row in csv.DictReader(stream)} == {"2025-10-01"}


def test_where_a_flat_file_cannot_be_written_the_run_before_stays(tmp_path):
    folder = write_scores(book(), tmp_path, as_of=DAY)
    before = {p: p.read_bytes() for p in folder.iterdir()}
    history = tmp_path / "history"
    history.rename(tmp_path / "moved")
    history.symlink_to("/proc")  # a place that takes no file, not even of root
    with pytest.raises(ChurnHealthError) as caught:
        write_scores(book(), tmp_path, as_of=DAY)
    assert caught.value.code == "CH905"
    assert {p: p.read_bytes() for p in folder.iterdir()} == before
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_damaged_earlier_run_is_named_and_a_damaged_summary_is_written_anew(tmp_path):
    folder = write_scores(book(), tmp_path, as_of=DAY)
    (tmp_path / "scores_current.parquet").write_text("half a fi")
    write_scores(book(AS_OF + 30), tmp_path, as_of=date(2025, 10, 1))
    days = set(read_table(tmp_path / "scores_current.parquet")["as_of"])
    assert days == {np.datetime64("2025-10-01")}
    shutil.rmtree(tmp_path / "history")  # it would be made again from the folders
    (folder / "scores.parquet").write_text("half a fi")
    with pytest.raises(RequestError) as caught:
        write_scores(book(AS_OF + 60), tmp_path, as_of=date(2025, 10, 31))
    assert caught.value.code == "CH528"
    with pytest.raises(RequestError) as caught:
        earlier_scores(tmp_path, before=date(2025, 10, 1))
    assert caught.value.code == "CH528"
    assert "2025-09-01" in caught.value.what


def test_a_pointer_that_leads_nowhere_is_put_right_by_the_next_run(tmp_path):
    (tmp_path / "current").write_text("yesterday\n")
    write_scores(book(), tmp_path, as_of=DAY)
    assert (tmp_path / "current").read_text() == "2025-09-01\n"
    (tmp_path / "current").write_text("2025-12-01\n")  # that run was deleted
    write_scores(book(), tmp_path, as_of=DAY)
    assert (tmp_path / "current").read_text() == "2025-09-01\n"


def test_what_a_killed_run_left_undone_the_next_one_mends(tmp_path):
    write_scores(book(), tmp_path, as_of=DAY)
    whole = read_table(tmp_path / "history" / "2025-09-01.1.parquet")
    shutil.rmtree(tmp_path / "history")
    for name in ("scores_current.parquet", "current"):
        (tmp_path / name).unlink()
    write_scores(book(AS_OF + 30), tmp_path, as_of=date(2025, 10, 1))
    mended = read_table(tmp_path / "history" / "2025-09-01.1.parquet")
    assert mended.keys() == whole.keys()
    assert mended["account_id"].tolist() == whole["account_id"].tolist()
    assert names(tmp_path / "history") == ["2025-09-01.1.parquet",
                                           "2025-10-01.1.parquet"]  # fmt: skip


def test_a_run_that_was_being_replaced_when_its_heir_was_killed_is_kept(tmp_path):
    day, history = tmp_path / "2025-09-01", tmp_path / "history"
    write_scores(book(), tmp_path, as_of=DAY)
    first = (day / "scores.parquet").read_bytes()
    write_scores(book(), tmp_path, as_of=DAY)
    # killed after the second had taken its place, before the first was put aside
    (tmp_path / "superseded" / "2025-09-01.1").rename(tmp_path / f".{'0123' * 8}.tmp")
    (history / "2025-09-01.2.parquet").unlink()
    for home in (history, tmp_path):
        (home / f".{'4567' * 8}.tmp").write_text("half")
    (tmp_path / ".notes.tmp").mkdir()  # of somebody else
    (tmp_path / f".{'89ab' * 8}.tmp").mkdir()  # and another one before it was whole
    write_scores(book(), tmp_path, as_of=DAY)
    aside = sorted(p.name for p in (tmp_path / "superseded").iterdir())
    assert aside == ["2025-09-01.1", "2025-09-01.2"]
    kept = tmp_path / "superseded" / "2025-09-01.1" / "scores.parquet"
    assert kept.read_bytes() == first
    assert names(history) == [f"2025-09-01.{n}.parquet" for n in (1, 2, 3)]
    assert [p.name for p in tmp_path.glob(".*.tmp")] == [".notes.tmp"]


def test_the_flat_tables_have_the_promised_columns_and_one_row_per_account(tmp_path):
    write_scores(book(), tmp_path, as_of=DAY)
    part = read_table(tmp_path / "history" / "2025-09-01.1.parquet")
    current = read_table(tmp_path / "scores_current.parquet")
    assert tuple(part) == COLUMNS
    assert tuple(current) == (*COLUMNS, "changed_at")
    ids = current["account_id"].tolist()
    assert ids == book().scores["account_id"].tolist()
    assert len(set(ids)) == len(ids)
    assert not {c.dtype.kind for c in current.values()} - set("OfiM")


def test_a_reason_that_happened_stands_before_what_the_contract_says():
    rows = [
        ("contracts__all__days_to_renewal", 4.0, "The renewal is 2 days away."),
        ("invoices__all__days_since", 3.0, "The last invoice was 11 months ago."),
        ("tickets__all__total_days", 2.0, "Days with tickets so far stayed at 12."),
        ("my_own_feature", 1.0, "Calls fell."),
        ("contracts__all__term_months", 0.9, "The term is 12 months."),
        ("goals__goals_met__latest", 0.7, "Goals met fell."),
        ("surveys__nps__latest", 0.5, "NPS fell."),  # under 15 % of 4.0
        ("product__login__count__28d", -2.0, "Logins rose."),
    ]
    scores = {c: v[:1].copy() for c, v in book().scores.items()}
    account = scores["account_id"][0]
    drivers = {
        "account_id": np.array([account] * len(rows), dtype=object),
        "feature": np.array([name for name, _, _ in rows], dtype=object),
        "category": np.array(["contract"] * 2 + ["usage"] * (len(rows) - 2)),
        "effect_points": np.array([effect for _, effect, _ in rows]),
        "sentence": np.array([told for _, _, told in rows], dtype=object),
    }
    flat = flat_table(scores, drivers, profile=None, run=1)
    told = [flat[f"driver_{i}"][0] for i in (1, 2, 3)]
    assert told == ["Calls fell.", "Goals met fell.", "The renewal is 2 days away."]
    drivers["feature"][3] = "invoices__all__oldest_open"
    drivers["sentence"][3] = "An invoice is unpaid."
    drivers["category"] = np.array(["contract"] * len(rows))
    flat = flat_table(scores, drivers, profile=None, run=1)
    assert flat["driver_1"][0] == "An invoice is unpaid."  # the customer's doing


def test_only_rows_that_changed_get_a_new_changed_at(tmp_path):
    write_scores(book(), tmp_path, as_of=DAY)
    later = book(AS_OF, NOW.replace(month=3))
    scores = {name: column.copy() for name, column in later.scores.items()}
    scores["owner"][3] = "Somebody New"
    write_scores(replace(later, scores=scores), tmp_path, as_of=DAY)
    table = read_table(tmp_path / "scores_current.parquet")
    moved = table["changed_at"].astype("datetime64[s]") == np.datetime64(
        NOW.replace(month=3, tzinfo=None), "s"
    )
    assert np.flatnonzero(moved).tolist() == [3]


def test_earlier_scores_are_those_of_the_newest_earlier_day(tmp_path):
    assert earlier_scores(tmp_path / "none", before=DAY) is None
    write_scores(book(), tmp_path, as_of=DAY)
    write_scores(book(AS_OF + 30), tmp_path, as_of=date(2025, 10, 1))
    day, scores = earlier_scores(tmp_path, before=date(2025, 10, 1))
    bands = book().scores
    known = {i: b for i, b in zip(bands["account_id"], bands["band"], strict=True) if b}
    assert (day, bands_of(scores)) == (DAY, known)
    assert earlier_scores(tmp_path, before=DAY) is None


@pytest.mark.parametrize(
    "pointer", [None, "", "yesterday", "../2025-09-01", "2025-09-02", "2025-09-01\x00"]
)
def test_a_pointer_to_nothing_is_a_coded_error(tmp_path, pointer):
    write_scores(book(), tmp_path, as_of=DAY)
    (tmp_path / "current").unlink()
    if pointer is not None:
        (tmp_path / "current").write_text(pointer)
    with pytest.raises(RequestError) as caught:
        read_current(tmp_path)
    assert caught.value.code == "CH501"


@pytest.mark.parametrize("name", ["scores", "drivers", "reasons"])
def test_a_damaged_run_is_told_as_one(tmp_path, name):
    run = write_scores(book(), tmp_path, as_of=DAY)
    os.truncate(run / f"{name}.parquet", 100)
    with pytest.raises(RequestError, match=f"CH501. the scores of {DAY} cannot"):
        read_current(tmp_path)


def test_the_folder_of_one_run_leads_to_the_folder_of_all(tmp_path):
    run = write_scores(book(), tmp_path, as_of=DAY)
    with pytest.raises(RequestError) as caught:
        read_current(run)
    assert f"give the folder above it, {tmp_path}" in caught.value.fix


def test_texts_that_a_spreadsheet_would_run_are_disarmed_in_csv(tmp_path):
    n = book().scores["account_id"].size
    evil = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=1+1", "plain", "", None]
    texts = np.array((evil * n)[:n], dtype=object)
    attack = replace(book(), scores={**book().scores, "name": texts})
    folder = write_scores(attack, tmp_path, as_of=DAY, file_format="csv")
    told = ("'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "'\n=1+1", "plain", "", "")
    for file in (folder / "scores.csv", tmp_path / "scores_current.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [r["name"] for r in rows[:10]] == list(told)
        # numbers stay numbers: a loss below zero is no formula
        p = [float(r["churn_probability"]) for r in rows if r["churn_probability"]]
        column = book().scores["churn_probability"]
        assert p == column[~np.isnan(column)].tolist()
    assert set(read_current(tmp_path).scores["name"]) == set(evil)


def test_what_stands_beside_the_scores_is_kept_with_them(tmp_path):
    bundle, history = bundle_of(), loaded().history
    folder = write_scores(
        book(),
        tmp_path,
        as_of=DAY,
        beside=beside_tables(bundle, history, book(), as_of=AS_OF),
        about=about_run(
            bundle,
            history,
            as_of=AS_OF,
            company=Company(name="Example", at_risk_goal=0.03),
        ),
    )
    listed = book().scores["account_id"].tolist()
    profile = read_table(folder / "profile.parquet")
    assert profile["account_id"].tolist() == listed
    assert set(profile["stage"].tolist()) == {None}  # one card for everyone
    for name in ("usage", "records", "people", "contracts"):
        ids = read_table(folder / f"{name}.parquet")["account_id"].tolist()
        assert ids == sorted(ids)
        assert ids
        assert set(ids) <= set(listed)
    told = json.loads((folder / "run.json").read_text())
    assert (told["run"], told["company"], told["as_of"]) == (1, "Example", str(DAY))
    assert told["at_risk_goal"] == 0.03
    features = read_table(folder / "features.parquet", account_id=listed[0])
    scored = book().scores["account_id"][book().scores["status"] == "scored"]
    assert list(features) == ["account_id", *bundle.names]
    row = np.flatnonzero(scored == listed[0])
    assert np.array_equal(
        [features[n] for n in bundle.names], book().values[row].T, equal_nan=True
    )
