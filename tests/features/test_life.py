"""Features of a whole life say nothing of a time that nobody recorded."""

import numpy as np

from churnhealth.config import parse_config
from churnhealth.features.kernel import compute
from churnhealth.features.spec import feature
from churnhealth.sources.contract import parse_day
from churnhealth.sources.load import load


def test_days_to_the_first_event_are_unknown_of_accounts_older_than_the_source(
    tmp_path,
):
    """Logins are recorded from 2025-01-01; "old" may have logged in since 2020."""
    (tmp_path / "c.csv").write_text(
        "account_id,start\nnew,2025-01-10\nold,2020-01-01\nzero,2025-01-01\n"
    )
    (tmp_path / "e.csv").write_text(
        "account_id,happened_at\nzero,2025-01-01\nnew,2025-01-13\nold,2025-01-20\n"
    )
    sources = {
        "contracts": {"path": "c.csv"},
        "events": [{"name": "product", "path": "e.csv"}],
    }
    values = compute(
        load(parse_config({"sources": sources}, folder=tmp_path)).history,
        [feature("days_to_first", source="product")],
        account=np.array([0, 1, 2]),
        as_of=np.full(3, parse_day("2025-01-25")),
        gap_days=0,
    )
    assert np.array_equal(values[:, 0], [3.0, np.nan, 0.0], equal_nan=True)
