"""The portfolio's figures, told again from the flat tables by other means."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.pages.made_up import portfolio

from churnhealth.archive.runs import write_scores
from churnhealth.pages.choice import Choice, as_csv, choose_rows
from churnhealth.pages.desk import interval_of_loss, read_desk, urgency
from churnhealth.scoring import ScoreBook
from churnhealth.sources.engine import write_table


def book_of(n, *, as_of, seed=4, **changed):
    """A made-up run as the archive takes it; columns of ``scores`` may be replaced."""
    scores, drivers = portfolio(n, seed=seed)
    scores |= changed
    scores["as_of"] = np.full(n, np.datetime64(as_of))
    kinds = {"account_id", "feature", "label", "category", "sentence"}
    columns = {k: np.array(v, dtype=object if k in kinds else float)
               for k, v in drivers.items()}  # fmt: skip
    return ScoreBook(
        scores={k: np.asarray(v) for k, v in scores.items()}, drivers=columns
    )


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for month, seed in ((10, 1), (11, 2), (12, 4)):
        day = date(2025, month, 1)
        write_scores(book_of(300, as_of=day, seed=seed), out, as_of=day)
    return out


@pytest.fixture(scope="module")
def desk(scores):
    return read_desk(scores)


def test_where_no_account_has_a_value_above_zero_chances_say_who_comes_first(tmp_path):
    free = book_of(40, as_of="2025-12-01", value=np.zeros(40))
    write_scores(free, tmp_path, as_of=date(2025, 12, 1))
    rows = [row for row in read_desk(tmp_path).rows if row["status"] == "scored"]
    ranks = [urgency(r["churn_probability"], None, r["days_to_renewal"]) for r in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[-1]


def test_a_row_that_changed_its_colour_says_what_moved(tmp_path):
    book = book_of(40, as_of="2025-12-01", seed=4)
    write_scores(
        book_of(40, as_of="2025-11-01", seed=1), tmp_path, as_of=date(2025, 11, 1)
    )
    ids = book.scores["account_id"]
    moves = {
        "account_id": ids,
        "since": np.full(ids.size, np.datetime64("2025-11-01")),
        "line": np.full(ids.size, "Watch, was Healthy: logins fell", dtype=object),
    }
    folder = write_scores(book, tmp_path, as_of=date(2025, 12, 1))
    write_table(folder / "moves.parquet", moves)
    rows = read_desk(tmp_path).rows
    moved = [r for r in rows if r["movement"] in ("worse", "better")]
    assert moved
    assert {(r["moved"]["since"], r["moved"]["what"]) for r in moved} == {
        ("2025-11-01", "logins fell")
    }
    assert all(r["moved"] is None for r in rows if r not in moved)


def test_sums_per_colour_are_those_of_the_rows(desk):
    scored = [r for r in desk.rows if r["status"] == "scored"]
    told = desk.overview
    assert sum(line["accounts"] for line in told["colours"]) == len(scored)
    assert told["value"] == pytest.approx(12 * sum(r["value"] for r in scored))
    assert told["at_risk"] == pytest.approx(sum(r["expected_loss"] for r in scored))
    newest = told["history"][-1]
    assert newest["accounts"] == {
        b: sum(r["band"] == b for r in scored) for b in newest["accounts"]
    }
    assert [line["as_of"] for line in told["history"]] == [
        "2025-10-01", "2025-11-01", "2025-12-01",
    ]  # fmt: skip


def test_who_has_left_is_counted_among_no_customers(tmp_path):
    status = np.array(["scored"] * 20 + ["grace"] * 3 + ["churned"] * 17, dtype=object)
    chance = np.where(status == "scored", 0.1, np.nan)
    book = book_of(40, as_of="2025-12-01", status=status, churn_probability=chance)
    write_scores(book, tmp_path, as_of=date(2025, 12, 1))
    told = read_desk(tmp_path).overview
    assert (told["scored"], told["customers"], told["listed"]) == (20, 23, 40)


def test_the_likely_sum_agrees_with_the_spread_of_independent_leavers():
    rng = np.random.default_rng(5)
    p, value = rng.uniform(0.01, 0.5, 3_000), rng.uniform(100, 200, 3_000)
    low, high = interval_of_loss(p, value)
    spread = 1.96 * np.sqrt((p * (1 - p) * value**2).sum())
    assert low == pytest.approx((p * value).sum() - spread, rel=0.01)
    assert high == pytest.approx((p * value).sum() + spread, rel=0.01)


def test_the_most_urgent_come_first_and_the_unscored_last(desk):
    ranks = [urgency(r["churn_probability"], r["value"], r["days_to_renewal"])
             for r in desk.rows]  # fmt: skip
    assert ranks == sorted(ranks, reverse=True)
    states = [r["status"] == "scored" for r in desk.rows]
    assert states == sorted(states, reverse=True)


def test_whose_value_is_missing_is_as_urgent_as_with_the_usual_one(tmp_path):
    book = book_of(41, as_of="2025-12-01", seed=4)
    scores = {**book.scores, "value": book.scores["value"].astype(float)}
    scored = np.flatnonzero(scores["status"] == "scored")
    riskiest = scored[np.argmax(scores["churn_probability"][scored])]
    scores["value"][riskiest] = np.nan
    write_scores(replace(book, scores=scores), tmp_path, as_of=date(2025, 12, 1))
    found = {r["account_id"]: r for r in read_desk(tmp_path).rows}
    row = found[scores["account_id"][riskiest]]
    usual = np.nanmedian(scores["value"][scored])
    assert row["value"] is None
    assert row["urgency"] == urgency(
        row["churn_probability"], usual, row["days_to_renewal"]
    )


def test_moves_add_up_and_are_those_of_the_colours(desk):
    moved = desk.overview["movement"]
    assert sum(map(sum, moved["table"])) == moved["known"]
    above = sum(moved["table"][i][j] for i in range(4) for j in range(i + 1, 4))
    assert above == moved["worse"]


def test_a_trend_is_what_the_earlier_runs_said(scores, desk):
    from churnhealth.archive.runs import history_of

    row = desk.rows[0]
    told = history_of(scores, row["account_id"])
    order = np.argsort(told["as_of"])
    expected = [None if v != v else v for v in told["churn_probability"][order]]
    assert row["trend"] == expected


def test_a_run_whose_flat_file_is_not_there_is_shown_as_it_is(tmp_path):
    day = date(2025, 12, 1)
    for seed in (1, 4):  # scored again
        write_scores(book_of(40, as_of=day, seed=seed), tmp_path, as_of=day)
    whole = read_desk(tmp_path)
    # killed before the second's was there; or the folder was copied without them
    for number in (2, 1):
        (tmp_path / "history" / f"2025-12-01.{number}.parquet").unlink()
        found = read_desk(tmp_path)
        assert found.rows == whole.rows
        assert found.overview == whole.overview


def test_every_row_is_on_exactly_one_page_of_every_filter(desk):
    by_owner = [choose_rows(desk.rows, Choice(owner=o)) for o in desk.choices["owner"]]
    assert sum(map(len, by_owner)) == len(desk.rows)
    near = choose_rows(desk.rows, Choice(within=30, bands=("red", "orange")))
    assert near
    assert all(r["days_to_renewal"] < 30 for r in near)
    assert {r["band"] for r in near} <= {"red", "orange"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_no_cell_of_the_csv_begins_like_a_formula(desk, start):
    evil = {**desk.rows[0], "name": f"{start}cmd|' /C calc'!A1", "owner": f"{start}1"}
    import csv
    import io

    table = list(csv.DictReader(io.StringIO(as_csv([evil]))))
    assert table[0]["name"] == "'" + evil["name"]
    assert table[0]["owner"].startswith("'")
    assert float(table[0]["value"]) == evil["value"]


def test_retention_is_not_compared_with_a_year_of_a_few_customers(tmp_path):
    def year(i, n):
        return {"to": f"202{i}-01-01", "customers_before": n, "customers_kept": n,
                "customer_retention": 1.0, "grr": None, "nrr": None}  # fmt: skip

    def told(name, *customers):
        day, out = date(2025, 12, 1), tmp_path / name
        lines = [year(i, n) for i, n in enumerate(customers)]
        about = {"retention": lines}
        write_scores(book_of(30, as_of=day), out, as_of=day, about=about)
        overview = read_desk(out).overview
        return overview["retention_before"], overview["retention"]

    assert told("few", 1, 300)[0] is None
    before, now = told("more", 1, 20, 300)
    assert (before["to"], now["to"]) == ("2021-01-01", "2022-01-01")


@pytest.mark.parametrize("text", ["sud", "SÜD", "su\u0308d"])
def test_a_name_is_found_without_its_accents_and_sorted_as_if_it_had_none(desk, text):
    named = zip(desk.rows, ("Zug", "Hafen Süd", "Äther", "Amt"), strict=False)
    rows = [{**row, "name": name} for row, name in named]
    assert [r["name"] for r in choose_rows(rows, Choice(text=text))] == ["Hafen Süd"]
    by_name = choose_rows(rows, Choice(order="name"))
    assert [r["name"] for r in by_name] == ["Amt", "Äther", "Hafen Süd", "Zug"]
