"""Sentences that people would say, and none that claims a cause."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnhealth.explain.numbers import about, between
from churnhealth.explain.phrases import WORDS
from churnhealth.explain.telling import change_text
from churnhealth.explain.wording import clause, sentence
from churnhealth.features.kinds import KINDS
from churnhealth.features.spec import FeatureSpec, feature

NAN = math.nan
CAUSES = re.compile(
    r"\b(becaus|caus|due to|leads? to|led to|drive[ns]?|driving|result|therefore"
    r"|thanks to|owing|makes|responsible|impact|explains?|why)",
    re.IGNORECASE,
)
JARGON = re.compile(r"log-odds|shap|feature|nan\b|none\b|__|[{}]", re.IGNORECASE)


def app(kind: str, item: str | None = "logins", days: int | None = 28) -> FeatureSpec:
    return feature(
        kind, source="app", item=item, days=days if KINDS[kind].windowed else None
    )


def state(kind: str, item: str = "nps", days: int = 90) -> FeatureSpec:
    window = days if KINDS[kind].windowed else None
    return feature(kind, source="surveys", item=item, days=window)


def contract(kind: str) -> FeatureSpec:
    return feature(kind, source="contracts", category="contract")


def every_kind() -> list[FeatureSpec]:
    made = []
    for kind, known in KINDS.items():
        item = "country=SE" if kind == "is" else "logins"
        days = 28 if known.windowed else None
        made.append(feature(kind, source="app", item=item, days=days))
    return made


# (feature, value, past, peers, effect, sentence)
GOLDEN = [
    (
        feature("active_users", source="product", days=28),
        (8, 14, 12, 0.6),
        "Active users of product fell from 14 to 8 in the last 4 weeks;"
        " similar accounts have 12.",
    ),
    (app("count"), (8, 8, NAN, 0.6), "Logins stayed at 8 in the last 4 weeks."),
    (
        app("count"),
        (1204, NAN, 980.5, 0.6),
        "Logins: 1,204 in the last 4 weeks; similar accounts have 980.5.",
    ),
    (
        app("count", days=90),
        (0, NAN, NAN, 0.6),
        "Logins: 0 in the last 90 days, associated with higher risk.",
    ),
    (
        app("count"),
        (NAN, 14, 12, -0.6),
        "No record of logins in the last 4 weeks, associated with lower risk.",
    ),
    (
        app("users_share", item=None),
        (0.55, 0.95, NAN, 0.2),
        "Share of seats using app fell from 95 % to 55 % in the last 4 weeks.",
    ),
    (
        app("active_days"),
        (3, 11, NAN, 0.2),
        "Days with logins fell from 11 to 3 in the last 4 weeks.",
    ),
    (
        app("trend"),
        (-0.25, NAN, NAN, 0.2),
        "Logins fell by 40 % against the 4 weeks before.",
    ),
    (
        app("trend", days=7),
        (0.2, NAN, -0.25, -0.2),
        "Logins rose by 50 % against the week before; similar accounts −40 %.",
    ),
    (
        app("trend"),
        (0.6, NAN, 1.0, -0.2),
        "Logins rose to 4 times the 4 weeks before.",
    ),
    (
        app("trend"),
        (0.001, NAN, 0, 0.2),
        "Logins rose by 0.2 % against the 4 weeks before; similar accounts 0 %.",
    ),
    (
        app("trend"),
        (0, NAN, NAN, 0.2),
        "Logins held steady against the 4 weeks before.",
    ),
    (
        app("trend"),
        (-1, NAN, NAN, 0.2),
        "Logins stopped: nothing in the last 4 weeks.",
    ),
    (
        app("trend"),
        (1, NAN, NAN, 0.2),
        "Logins began: nothing in the 4 weeks before.",
    ),
    (
        app("own_norm"),
        (-0.5, NAN, NAN, 0.2),
        "Logins fell by 67 % against the account's own habit.",
    ),
    (
        app("fading", days=7),
        (0.06, 0.13, 2.3, 0.2),
        "Logins weighed by age fell from 0.13 to 0.06 with weights halved every week;"
        " similar accounts have 2.3.",
    ),
    (
        app("own_life"),
        (-0.5, NAN, NAN, 0.2),
        "Logins fell by 67 % against the account's whole past.",
    ),
    (
        app("days_since", item="champion_contact"),
        (61, 33, 9, 0.2),
        "The last champion contact was 61 days ago; among similar accounts 9 days ago.",
    ),
    (
        app("days_since", item="champion_contact"),
        (NAN, NAN, 9, 0.2),
        "No champion contact on record, associated with higher risk.",
    ),
    (
        app("oldest_open", item="ticket"),
        (1, NAN, NAN, 0.2),
        "The oldest open ticket is 1 day old, associated with higher risk.",
    ),
    (
        feature("days_since", source="tickets", item="urgent"),
        (85, NAN, NAN, 0.2),
        "The last urgent ticket was 85 days ago, associated with higher risk.",
    ),
    (
        feature("count", source="tickets", item="urgent", days=28),
        (3, 1, NAN, 0.2),
        "Urgent tickets rose from 1 to 3 in the last 4 weeks.",
    ),
    (
        feature("silence", source="tickets"),
        (2.3, NAN, 1.2, 0.2),
        "The time since the last ticket is 2.3 times the usual gap;"
        " among similar accounts 1.2.",
    ),
    (
        feature("longer_gaps", source="tickets"),
        (0.4, NAN, 0.5, 0.2),
        "Of the earlier gaps between tickets, 40 % were as long as this one;"
        " among similar accounts 50 %.",
    ),
    (
        feature("silent_users", source="product", days=28),
        (5, 3, NAN, 0.2),
        "Newly silent users of product rose from 3 to 5 in the last 4 weeks.",
    ),
    (
        feature("total_days", source="tickets"),
        (8, NAN, 12, 0.2),
        "Days with tickets so far: 8; similar accounts have 12.",
    ),
    (
        feature("done_by", source="goals", days=90),
        (1, NAN, 1, -0.2),
        "At least one goal in the first 90 days, associated with lower risk.",
    ),
    (
        feature("done_by", source="goals", days=90),
        (0, NAN, 1, 0.2),
        "No goal in the first 90 days, associated with higher risk.",
    ),
    (
        feature("done_by", source="goals", days=90),
        (NAN, NAN, 1, 0),
        "No full record of the first 90 days yet.",
    ),
    (
        state("days_since_noted", item="days_late"),
        (8, NAN, 20, 0.2),
        "The last record of days late is 8 days old; among similar accounts 20 days.",
    ),
    (
        contract("price_change"),
        (-0.125, NAN, 0.03, 0.2),
        "The price of a seat fell by 13 % against the term before;"
        " similar accounts +3 %.",
    ),
    (state("latest"), (3, 9, 8, 0.2), "NPS fell from 9 to 3; similar accounts have 8."),
    (
        state("latest", item="nps_answer"),
        (NAN, NAN, NAN, 0),
        "No record of NPS answer.",
    ),
    (
        state("change"),
        (-6, NAN, -1, 0.2),
        "NPS fell by 6 in the last 90 days; similar accounts −1.",
    ),
    (state("change"), (0, NAN, NAN, 0.2), "NPS did not change in the last 90 days."),
    (
        contract("tenure"),
        (840, 812, 400, -0.2),
        "Customer for 2.3 years; similar accounts for 13 months.",
    ),
    (
        contract("days_to_renewal"),
        (45, 73, NAN, 0.2),
        "The renewal is 45 days away, associated with higher risk.",
    ),
    (
        contract("days_to_renewal"),
        (0, 31, 57, 0.2),
        "The renewal is today; among similar accounts 57 days.",
    ),
    (
        contract("days_to_renewal"),
        (NAN, NAN, NAN, -0.2),
        "No renewal date: the contract is open-ended, associated with lower risk.",
    ),
    (
        contract("value"),
        (12000, 9500, 11250.4, 0.2),
        "Monthly value rose from 9,500 to 12,000; similar accounts have 11,250.",
    ),
    (
        contract("value_change"),
        (-0.125, NAN, 0.03, 0.2),
        "The contract value fell by 13 % against the term before;"
        " similar accounts +3 %.",
    ),
    (
        contract("term_months"),
        (1, 12, NAN, 0.2),
        "The term is 1 month, associated with higher risk.",
    ),
    (
        contract("term_months"),
        (12, 12, 12, 0.2),
        "The term is 12 months; similar accounts have 12 months too, associated with"
        " higher risk.",
    ),
    (
        state("latest"),
        (7, 7, 7, -0.2),
        "NPS stayed at 7; similar accounts have 7 too, associated with lower risk.",
    ),
    (
        feature("latest", source="goals", item="share_of_goals_met"),
        (0.25, 0.5, 0.75, 0.2),
        "Share of goals met fell from 50 % to 25 %; similar accounts have 75 %.",
    ),
    (
        feature("change", source="goals", item="share_of_goals_met", days=90),
        (-0.25, NAN, 0, 0.2),
        "Share of goals met fell by 25 points in the last 90 days;"
        " similar accounts 0 points.",
    ),
    (
        state("latest"),
        (7, 8, 7, -0.2),
        "NPS fell from 8 to 7; similar accounts have 7 too.",
    ),
    (
        feature("is", source="accounts", item="country=SE"),
        (1, 1, 0, 0.2),
        "Country is SE, associated with higher risk.",
    ),
    (
        feature("is", source="accounts", item="country=SE"),
        (0, 1, 0, -0.2),
        "Country is not SE, associated with lower risk.",
    ),
    (
        feature("number", source="accounts", item="seats_sold"),
        (240, 240, 60, -0.3),
        "Seats sold: 240; among similar accounts 60.",
    ),
    (
        feature("number", source="accounts", item="employees"),
        (NAN, NAN, 60, 0.3),
        "No employees on record, associated with higher risk.",
    ),
    (
        feature("is", source="accounts", item="country=SE"),
        (NAN, 1, 0, 0),
        "No country on record.",
    ),
]


@pytest.mark.parametrize(("spec", "given_", "said"), GOLDEN, ids=lambda x: str(x)[:40])
def test_sentences_read_as_people_speak(spec, given_, said):
    assert sentence(spec, *given_) == said


def test_values_that_have_names_are_told_by_them():
    words = (("red", 1.0), ("yellow", 2.0), ("green", 3.0))
    pulse = replace(state("latest", item="pulse"), words=words)
    assert sentence(pulse, 1.0, 3.0, 2.5, 0.4) == (
        "Pulse fell from green to red; similar accounts have yellow to green."
    )
    assert clause(pulse, 3.0, 1.0) == "pulse fell from green to red"
    assert change_text(pulse, 1.0, 2.0, 0.5).startswith("pulse: yellow instead of red")
    assert sentence(pulse, 4.0, NAN, 2.0, 0.4).startswith("Pulse: 4;")  # without name


def test_days_are_said_once_where_a_feature_is_named_after_them():
    spec = feature("days_since", source="tickets", item="urgent")
    assert clause(spec, 14.0, 8.0) == (
        "days since the last urgent ticket fell from 14 to 8"
    )
    assert clause(app("mean_gap"), 14.0, 8.0) == (
        "usual gap between logins fell from 14 days to 8 days"
    )


def test_every_word_belongs_to_a_kind():
    assert set(WORDS) <= set(KINDS)


@pytest.mark.parametrize("spec", every_kind(), ids=lambda s: s.kind)
@given(
    value=st.floats(-1, 1e6) | st.just(NAN),
    past=st.floats(0, 1e6) | st.just(NAN),
    peers=st.floats(-1, 1e6) | st.just(NAN),
    effect=st.floats(-3, 3),
)
def test_every_kind_says_a_whole_sentence_and_no_cause(
    spec, value, past, peers, effect
):
    said = sentence(spec, value, past, peers, effect)
    assert said.endswith(".")
    assert not said.endswith("..")
    assert said[0].isupper()
    assert "  " not in said
    assert not CAUSES.search(said), said
    assert not JARGON.search(said), said


def test_other_numbers_make_another_sentence():
    spec = app("count")
    assert sentence(spec, 8, 14, 12, 0.1) != sentence(spec, 7, 14, 12, 0.1)
    assert sentence(spec, 8, 14, 12, 0.1) != sentence(spec, 8, 15, 12, 0.1)
    assert sentence(spec, 8, 14, 12, 0.1) != sentence(spec, 8, 14, 13, 0.1)


def test_names_from_files_cannot_break_a_sentence():
    spec = feature("count", source="app", item="{value} %s\x1b[31m\n", days=7, slug="x")
    said = sentence(spec, 8, 14, NAN, 0.1)
    assert said == "{value} %s [31m fell from 14 to 8 in the last week."
    assert (
        sentence(spec, NAN, 1, 1, 0) == "No record of {value} %s [31m in the last week."
    )


@given(st.floats(0, 1))
def test_a_probability_is_always_said(p):
    assert re.fullmatch(r"(about|under|over) \d+ in \d+", about(p))


def test_no_range_of_small_chances_goes_from_nothing_to_nothing():
    told = {between(low, high) for low in (0.0, 1e-6) for high in (4e-6, 9e-4)}
    assert told == {"between 0 and 1 in 1000"}
