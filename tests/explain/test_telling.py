"""An account told whole, so that what is told adds up."""

import math

import pytest

from churnhealth.explain.telling import account_text, changed_text

NAN = math.nan

SCORE = {
    "account_id": "a1",
    "name": "Acme",
    "as_of": "2026-01-01",
    "status": "scored",
    "churn_probability": 0.2,
    "base_probability": 0.07,
    "health_score": 41.3,
    "band": "orange",
    "previous_band": "yellow",
    "renewal_date": "2026-03-01",
    "days_to_renewal": 59,
    "value": 900.0,
    "expected_loss": 2160.0,
    "rules_score": 74.0,
    "rules_band": "green",
    "agreement": "further",
    "coverage": 0.61,
}
DRIVERS = [
    {"sentence": "NPS rose from 3 to 9.", "effect_points": -2.0, "label": "NPS"},
    {"sentence": "Logins fell from 14 to 8.", "effect_points": 14.0, "label": "Logins"},
    {"sentence": None, "effect_points": 1.0, "label": "Seats", "value": 20.0},
]


def test_an_account_is_told_whole():
    assert account_text(SCORE, DRIVERS) == (
        "Acme (a1) on 2026-01-01\n"
        "At risk (orange): about 1 in 5 accounts like this leave (20.0 %);"
        " health score 41 of 100.\n"
        "Renewal on 2026-03-01, in 59 days · 900 a month · expected loss 2,160 a year"
        " · before: Watch (yellow)\n"
        "\n"
        "What raises the risk, in percentage points:\n"
        "  +14.0  Logins fell from 14 to 8.\n"
        "What lowers the risk, in percentage points:\n"
        "   −2.0  NPS rose from 3 to 9.\n"
        "From 7.0 %: raising +14.0, lowering −2.0, others +1.0, together 20.0 %.\n"
        "\n"
        "The rules say Healthy (green), 74 of 100: contradicts the model: talk to"
        " someone who knows the account.\n"
        "Measured: 61 % of what the model reads; the rest had no record.\n"
        "Associations, not causes: changing one need not change the outcome."
    )


def test_what_is_not_told_is_still_counted():
    text = account_text(SCORE, DRIVERS, top=1)
    assert "Seats" not in text
    assert "raising +14.0, lowering −2.0, others +1.0, together 20.0 %" in text


def test_what_reads_as_nought_is_no_reason_and_counts_among_the_others():
    tiny = [{"sentence": f"Thing {k} rose.", "effect_points": 0.04} for k in (1, 2)]
    text = account_text(SCORE, DRIVERS + tiny)
    assert "Thing" not in text
    assert "0.0  " not in text
    moved = changed_text(
        {"since": "2025-12-01", "line": "Watch", "previous_probability": 0.08,
         "churn_probability": 0.1008},
        [{"sentence": "logins fell", "effect_points": 2.0}, *tiny],
    )  # fmt: skip
    assert "these +2.0, others +0.1, together 10.1 %" in moved
    assert "hing" not in moved


def test_the_services_answer_reads_the_same_as_the_files_row():
    answer = {k: v for k, v in SCORE.items() if not k.startswith("rules_")}
    answer["rules"] = {"score": 74, "band": "green", "reasons": []}
    assert account_text(answer, DRIVERS) == account_text(SCORE, DRIVERS)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("announced", "It has said that it will leave."),
        ("grace", "Its contract has ended and may still be renewed."),
        ("too_new", "It is too new to be judged."),
        ("churned", "It has left."),
    ],
)
def test_an_account_without_a_score_says_so(status, why):
    row = {"account_id": "a1", "as_of": "2026-01-01", "status": status}
    row["churn_probability"] = NAN
    assert account_text(row, []) == f"a1 on 2026-01-01\nNo probability. {why}"


def test_the_question_names_the_outcome():
    text = account_text(SCORE, [], outcome="do not renew")
    assert "accounts like this do not renew" in text


def test_two_accounts_are_told_apart():
    other = {**SCORE, "churn_probability": 0.3}
    assert account_text(SCORE, DRIVERS) != account_text(other, DRIVERS)


def test_drivers_without_sentences_are_told_by_their_labels():
    plain = [{**driver, "sentence": None, "value": 20.0} for driver in DRIVERS]
    assert "+1.0  Seats: 20." in account_text(SCORE, plain)


def test_a_move_is_told_so_that_it_adds_up():
    move = {
        "since": "2025-12-01",
        "line": "Orange from Yellow: logins fell from 14 to 8",
        "previous_probability": 0.08,
        "churn_probability": 0.2,
        "other_points": 0.5,
    }
    rows = [{"sentence": f"thing {k} rose", "effect_points": 2.0} for k in range(7)]
    text = changed_text(move, rows)
    assert text.count("\n  ") == 6
    assert "From 8.0 %: these +12.0, others 0.0, together 20.0 %." in text
    assert "no score on the earlier day" in changed_text(None, [])
