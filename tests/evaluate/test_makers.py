"""Which scorers a configuration asks for, and with what settings."""

import pytest
from tests.evaluate.judged import configured
from tests.made import panel_of

from churnhealth.config import Model
from churnhealth.evaluate.makers import scorer_makers


def trees(**model):
    seen = panel_of()
    config = configured().model_copy(update={"model": Model(**model)})
    made = [make() for make in scorer_makers(config, seen.specs)]
    return next(scorer for scorer in made if scorer.name == "gbm"), seen.specs


@pytest.mark.parametrize(("kept", "free_from"), [("few", 250), ("always", None)])
def test_trees_keep_to_the_directions_of_the_features_in_column_order(kept, free_from):
    gbm, specs = trees(monotone=kept)
    assert gbm.monotone == tuple(spec.direction for spec in specs)
    assert {1, -1} <= set(gbm.monotone)
    assert gbm.free_from == free_from


def test_trees_are_free_unless_the_configuration_says_otherwise():
    usual, _ = trees()
    asked, _ = trees(monotone="never")
    assert usual.monotone is None
    assert asked.get_params() == usual.get_params()
