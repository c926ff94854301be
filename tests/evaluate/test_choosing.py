"""What is chosen, and what the blend is made of, given the losses on later dates."""

import numpy as np
import pytest

from churnhealth.evaluate.choosing import FEW, Held, choose, holds_its_own, rules_share
from churnhealth.scorers.curves import sigmoid


def test_the_blend_is_preferred_unless_it_is_clearly_behind():
    account, random = np.arange(400), np.random.default_rng(0)
    constant = np.full(400, 0.3)
    gain = 0.02 + 0.01 * random.normal(size=400)
    near = {"constant": constant, "gbm": constant - gain, "blend": constant - gain}
    near["blend"] = near["blend"] + 0.01 * random.normal(size=400) ** 2 - 0.0095
    far = {**near, "blend": near["blend"] + 0.005}
    worse = {**near, "blend": constant + 0.01}
    assert choose(near, account, outcomes=FEW)[0] == "blend"
    assert choose(far, account, outcomes=FEW)[0] == "gbm"
    # with many outcomes the best is not the best by chance
    assert choose(near, account, outcomes=500)[0] == "gbm"
    assert choose(worse, account, outcomes=FEW)[0] == "gbm"
    assert choose({"rules": constant}, account, outcomes=FEW - 1)[0] == "rules"
    # the last bits of a sum are no gain
    same = {"constant": constant, "hazard": constant - 1e-12}
    assert choose(same, account, outcomes=FEW)[0] == "constant"


def test_without_a_constant_it_is_said_what_a_gain_is_over():
    account, random = np.arange(400), np.random.default_rng(0)
    rules = np.full(400, 0.3)
    gbm = rules - 0.02 - 0.01 * random.normal(size=400)
    chosen, reasons = choose({"rules": rules, "gbm": gbm}, account, outcomes=FEW)
    assert chosen == "gbm"
    assert "over rules on" in reasons[0]
    chosen, reasons = choose({"gbm": gbm}, account, outcomes=FEW)
    assert (chosen, reasons) == ("gbm", ("gbm is the only scorer that may be used",))


def held_of(margins, y, *, folds=3):
    parts = [np.arange(k, y.size, folds) for k in range(folds)]
    return Held(
        row=parts,
        y=[y[p].astype(float) for p in parts],
        margin={n: [m[p] for p in parts] for n, m in margins.items()},
    )


@pytest.mark.parametrize(
    ("knowing", "written", "share"),
    [
        ("rules", True, 0.5),
        ("both", True, 0.2),
        ("models", True, 0.0),
        ("rules", False, 0.5),
        ("both", False, 0.1),
        ("models", False, 0.0),
    ],
)
def test_the_rules_share_is_the_usual_one_unless_the_evidence_speaks(
    knowing, written, share
):
    random = np.random.default_rng(0)
    true, noise = random.normal(size=(2, 6000))
    y = random.random(6000) < sigmoid(2.0 * true - 2.0)
    card = 2.0 * true if knowing != "models" else 2.0 * noise
    model = 2.0 * true if knowing != "rules" else 0.0 * noise
    held = held_of({"rules": card, "logistic": model, "gbm": model}, y)
    slope = dict.fromkeys(held.margin, 1.0)
    account = np.concatenate(held.row)
    assert rules_share(held, slope, account, written=written) == share
    nothing = Held(margin={name: [] for name in slope})
    usual = 0.2 if written else 0.1
    assert rules_share(nothing, slope, account, written=written) == usual


def test_the_level_of_a_fold_is_not_held_against_a_scorer():
    random = np.random.default_rng(1)
    z = random.normal(size=900) - 2.0
    y = random.random(900) < sigmoid(z)
    held = held_of({"one": z}, y)
    shifted = [z + 3.0 * k for k, z in enumerate(held.margin["one"])]
    np.testing.assert_allclose(
        held.losses(shifted), held.losses(held.margin["one"]), atol=1e-6
    )


@pytest.mark.parametrize("beside", ["logistic", "gbm"])
def test_a_lifetime_is_held_against_what_was_learned_whichever_rung_it_is(beside):
    random = np.random.default_rng(0)
    true, noise = random.normal(size=(2, 3000))
    y = random.random(3000) < sigmoid(2.0 * true - 2.0)
    for lifetime, kept in ((2.0 * true, True), (2.0 * noise, False)):
        held = held_of({"lifetime": lifetime, beside: 2.0 * true}, y)
        slope = dict.fromkeys(held.margin, 1.0)
        account = np.concatenate(held.row)
        assert holds_its_own("lifetime", held, slope, account) is kept
