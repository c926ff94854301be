"""A card that is learned takes expected directions, stays short and comes back."""

import json
from dataclasses import dataclass

import numpy as np

from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.rules import RuleScorer


@dataclass(frozen=True)
class Expected:
    name: str
    category: str
    label: str
    direction: int


def learned(directions, rows=2000):
    """Logins lower the risk, tickets raise it, the third column is noise."""
    random = np.random.default_rng(1)
    X = np.column_stack([random.poisson(10, rows), random.poisson(2, rows)])
    X = np.column_stack([X, random.normal(size=rows), random.uniform(0, 900, rows)])
    z = -2 - 0.2 * (X[:, 0] - 10) + 0.5 * (X[:, 1] - 2)
    y = (random.random(rows) < sigmoid(z)).astype(int)
    names = ("logins", "tickets", "noise", "contracts__all__tenure")
    kinds = ("usage", "experience", "value", "contract")
    labels = ("Logins", "Tickets", "Noise", "Tenure")
    specs = tuple(map(Expected, names, kinds, labels, directions))
    return RuleScorer(feature_names=names, specs=specs).fit(X, y), X


def test_the_learned_card_takes_the_expected_directions():
    scorer, X = learned((-1, 1, 0, 0))
    lines = {m.feature: m for m in scorer.card_.stages[0].measures}
    assert lines["logins"].green > lines["logins"].red
    assert lines["tickets"].green < lines["tickets"].red
    assert "contracts__all__tenure" not in lines
    # thresholds are the fifths of what was seen
    assert lines["logins"].red == np.quantile(X[:, 0], 0.2)
    assert lines["logins"].green == np.quantile(X[:, 0], 0.8)


def test_a_line_whose_data_contradict_its_direction_is_left_out():
    scorer, _ = learned((1, 1, 0, 0))  # "more logins raise the risk" is not so
    assert "logins" not in scorer.card_.features


def test_the_learned_card_is_short_and_without_near_copies():
    random = np.random.default_rng(2)
    true = random.normal(size=3000)
    X = true[:, None] + 0.2 * random.normal(size=(3000, 40))
    X[:, 20:] = random.normal(size=(3000, 20))
    y = (random.random(3000) < sigmoid(-2 + true)).astype(int)
    card = RuleScorer().fit(X, y).card_
    assert len(card.features) <= 10
    assert len([f for f in card.features if int(f[1:]) < 20]) == 1
    assert card.learned


def test_with_nothing_but_contracts_the_card_reads_what_happened_to_them():
    random = np.random.default_rng(3)
    late, cut, term = random.normal(size=(3, 3000))
    y = (random.random(3000) < sigmoid(-2 + late - cut + 2 * term)).astype(int)
    names = (
        "contracts__all__tenure",
        "contracts__all__term_months",
        "contracts__all__seats_change",
        "invoices__all__days_to_end__28d",
    )
    labels = ("Tenure", "Term", "Change of seats", "Days until invoices end")
    kinds, ways = ["contract"] * 4, (0, 0, -1, 1)
    specs = tuple(map(Expected, names, kinds, labels, ways))
    X = np.column_stack([random.uniform(0, 900, 3000), term, cut, late])
    scorer = RuleScorer(feature_names=names, specs=specs).fit(X, y)
    lines = {m.label for m in scorer.card_.stages[0].measures}
    assert lines == {"Change of seats", "Days until invoices end"}


def test_saved_and_read_again_it_says_the_same_words():
    scorer, _ = learned((-1, 1, 0, 0))
    again = RuleScorer.from_json(json.loads(json.dumps(scorer.to_json())))
    assert again.table() == scorer.table()
    assert "Logins" in scorer.table()
    row = np.array([3.0, 5.0, 0.1, 200.0])
    assert again.reasons(row) == scorer.reasons(row)
