"""What the chosen scorer adds to what needs no model is told, and what it loses."""

import numpy as np

from churnhealth.evaluate.beyond import beyond_the_obvious
from churnhealth.health.draws import account_draws
from churnhealth.scorers.curves import sigmoid


def test_a_scorer_that_does_worse_than_the_dates_alone_is_told_as_that():
    random = np.random.default_rng(3)
    z = random.normal(-2.0, 1.0, 2000)
    y = (random.random(2000) < sigmoid(z)).astype(np.int64)
    draws = account_draws(np.arange(2000), seed=1)

    def told(noise):
        chosen = sigmoid(z + random.normal(0.0, noise, 2000))
        return beyond_the_obvious({"hazard": sigmoid(z), "chosen": chosen}, y, draws)

    assert told(2.0).endswith("and not who of them will; hazard alone did better")
    assert told(0.0).endswith("and not who of them will")
