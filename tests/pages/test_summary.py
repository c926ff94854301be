"""Scores and drivers become one plain dict."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pages.made_up import BANDS, CARD, portfolio

from churnhealth.errors import InputError
from churnhealth.pages.summary import summarise

GOLDEN = Path(__file__).parent / "golden_summary.json"
EMPTY_SCORES = {
    k: [] for k in ("account_id", "as_of", "status", "churn_probability", "band")
}
NO_DRIVERS = {"account_id": [], "label": [], "effect_points": []}


def score(account_id, p, **columns):
    return {"account_id": account_id, "as_of": "2026-01-01", "status": "scored",
            "churn_probability": p, "band": "green", **columns}  # fmt: skip


def of(*rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_the_summary_of_a_small_portfolio_is_the_golden_one(update_golden):
    text = json.dumps(
        summarise(*portfolio(3, drivers=3), CARD, top=1), indent=1, allow_nan=False
    )
    if update_golden:
        GOLDEN.write_text(text + "\n", encoding="utf-8")
    assert _rounded(json.loads(text)) == _rounded(
        json.loads(GOLDEN.read_text(encoding="utf-8"))
    )


def _rounded(value):
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 9) if isinstance(value, float) else value


def test_every_number_missing_is_null_and_never_nan():
    text = json.dumps(summarise(*portfolio(40), CARD), allow_nan=False)
    assert "NaN" not in text


def test_the_dearest_expected_loss_comes_first_and_the_unscored_come_last():
    rows = (
        score("cheap", 0.5, value=10.0),
        score("dear", 0.1, value=1000.0),
        score("no value", 0.9, value=None),
        {**score("gone", None, value=9999.0), "status": "announced", "band": None},
    )
    order = [a["account_id"] for a in summarise(of(*rows), NO_DRIVERS, {})["accounts"]]
    assert order == ["dear", "cheap", "no value", "gone"]


def test_totals_count_only_what_was_scored():
    rows = (
        score("a", 0.25, value=100.0),  # 0.25 x 100 x 12 = 300
        {**score("b", None, value=50.0), "status": "grace", "band": None},
    )
    totals = summarise(of(*rows), NO_DRIVERS, {})["totals"]
    assert totals == {"accounts": 2, "scored": 1, "expected_leavers": 0.25,
                      "value": 100.0, "expected_loss": 300.0}  # fmt: skip


def test_unknown_values_are_not_added_up_to_nought():
    totals = summarise(of(score("a", 0.25)), NO_DRIVERS, {})["totals"]
    assert totals["value"] is None
    assert totals["expected_loss"] is None


def test_from_green_to_yellow_is_worse_and_grey_is_no_movement():
    rows = (
        score("a", 0.1, previous_band="yellow") | {"band": "green"},
        score("b", 0.1, previous_band="green") | {"band": "yellow"},
        score("c", 0.1, previous_band="green") | {"band": "grey"},
        score("d", 0.1, previous_band=None),
    )
    summary = summarise(of(*rows), NO_DRIVERS, {})
    moves = {a["account_id"]: a["move"] for a in summary["accounts"]}
    assert moves == {"a": "better", "b": "worse", "c": None, "d": None}
    assert summary["movement"]["known"] == 2
    assert summary["movement"]["table"][0] == [0, 1, 0, 0]


def test_without_a_former_colour_there_is_no_movement():
    assert summarise(of(score("a", 0.1)), NO_DRIVERS, {})["movement"] is None


def test_a_promise_without_an_interval_stays_open():
    band = {"band": "red", "low": 0.3, "high": 1.0, "n": 0, "predicted": float("nan"),
            "observed": None, "interval": [np.nan, np.nan], "kept": None}  # fmt: skip
    lines = summarise(of(score("a", 0.1)), NO_DRIVERS, {"bands": [band]})["bands"]
    assert [line["band"] for line in lines] == list(BANDS)
    kept = {k: v for k, v in band.items() if k != "band"}
    assert lines[3]["promise"] == {**kept, "predicted": None, "interval": None}
    assert lines[0]["promise"] is None


def test_renewals_are_split_by_nearness_with_the_day_itself_in_the_nearest():
    first = np.datetime64("2026-01-01")
    rows = [
        score(str(d), 0.1, renewal_date=first + np.timedelta64(d, "D"))
        for d in (0, 29, 30, 180, -4)
    ]
    lines = summarise(of(*rows), NO_DRIVERS, {})["renewals"]
    assert [line["accounts"] for line in lines] == [2, 1, 0, 0, 1]


def test_little_coverage_is_said():
    rows = (score("a", 0.1, coverage=0.41) | {"band": "grey"},)
    (account,) = summarise(of(*rows), NO_DRIVERS, {})["accounts"]
    assert account["warnings"] == [
        "Only 41 % of what the model reads was measured: too little for a colour."
    ]


@pytest.mark.parametrize("gone", ["account_id", "band"])
def test_a_missing_column_is_named(gone):
    scores = {k: v for k, v in EMPTY_SCORES.items() if k != gone}
    with pytest.raises(InputError, match=gone) as failed:
        summarise(scores, NO_DRIVERS, {})
    assert failed.value.code == "CH601"


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="different lengths"):
        summarise({**EMPTY_SCORES, "account_id": ["a"]}, NO_DRIVERS, {})


@given(
    st.lists(st.floats(-20, 20).filter(lambda x: x == 0 or abs(x) > 1e-3), max_size=14),
    st.floats(0.01, 0.99),
    st.integers(1, 6),
)
def test_what_is_told_and_what_is_not_adds_up_to_the_chance(effects, p, top):
    drivers = {"account_id": ["a"] * len(effects), "label": ["x"] * len(effects),
               "effect_points": effects}  # fmt: skip
    base = p - sum(effects) / 100
    card = {"base_probability": base}
    (account,) = summarise(of(score("a", p)), drivers, card, top=top)["accounts"]
    told = account["points"]
    total = told["start"] + told["raising"] + told["lowering"] + told["other"]
    assert total == pytest.approx(told["end"], abs=1e-9)
    untold = sum(effects) - told["raising"] - told["lowering"]
    assert told["other"] == pytest.approx(untold, abs=1e-9)
    told = [e for e in effects if e >= 0.05]  # less reads as nought
    assert len(account["raising"]) == min(top, len(told))
