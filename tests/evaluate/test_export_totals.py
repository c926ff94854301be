"""Attributes that were added up at the export are told from honest ones."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests import made

from churnhealth.evaluate.export_totals import export_totals, rank_correlation


@pytest.fixture(scope="module")
def panel():
    return made.panel_of()


def told(panel, values):
    texts = np.array([None if v is None else str(v) for v in values], dtype=object)
    accounts = replace(panel.history.accounts, attributes={"figure": texts})
    history = replace(panel.history, accounts=accounts)
    return [f.what for f in export_totals(replace(panel, history=history))]


def use(panel, until=np.inf):
    log = panel.history.events[0]
    kept = log.happened_at < until
    n = panel.history.accounts.ids.size
    return np.bincount(log.account[kept], log.count[kept], minlength=n)


def test_the_whole_use_is_found_in_any_unit_and_with_gaps(panel):
    values = [None if i % 9 == 0 else v / 60 for i, v in enumerate(use(panel))]
    (what,) = told(panel, values)
    assert "figure is all but the counts of product" in what


def test_what_was_known_in_the_middle_of_the_dates_is_let_off(panel):
    half = int(np.median(panel.cohort.as_of))
    assert told(panel, use(panel, until=half)) == []


def test_a_figure_that_use_follows_all_along_is_let_off(panel):
    """Seats: whoever has more of them uses more, in the first half as in the second."""
    log = panel.history.events[0]
    seats = np.rint(10 * 1.12 ** np.arange(panel.history.accounts.ids.size))
    busy = replace(log.as_arrays(), count=seats[log.account].astype(np.int64))
    history = replace(panel.history, events=(busy,), contracts=None)
    followed = replace(panel, history=history)
    assert rank_correlation(seats, use(followed)) > 0.97
    assert told(followed, seats) == []


def test_rank_correlation_is_that_of_scipy():
    random = np.random.default_rng(4)
    for ties in (3, 40, 10_000):
        x, y = random.integers(0, ties, (2, 200)).astype(float)
        x += y // 2
        assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation(np.ones(9), np.arange(9.0)) == 0.0
