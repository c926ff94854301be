"""Scores of the made company, and whether two are the same to the last bit."""

from datetime import UTC, datetime
from functools import cache

import numpy as np
from tests.made import AS_OF, bundle_of, loaded

from churnhealth.scoring import score_history

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def scored(bundle, *, history=None, as_of=AS_OF, **more):
    history = loaded().history if history is None else history
    return score_history(bundle, history, as_of=as_of, scored_at=NOW, **more)


@cache
def book():
    return scored(bundle_of("gbm"))


def column(name):
    return book().scores[name]


def same(one, two):
    """Equal to the last bit, tables with their order."""
    for table in ("scores", "drivers", "reasons"):
        mine, theirs = getattr(one, table), getattr(two, table)
        assert list(mine) == list(theirs)
        for name, values in mine.items():
            other = theirs[name]
            floats = values.dtype.kind in "fM"
            assert np.array_equal(values, other, equal_nan=floats), name
