"""The page's configuration for use that is billed knows what was known on each day."""

import numpy as np
from tests.shapes_of_changes import billed_by_use
from tests.test_snippets import blocks

from churnhealth.config import read_config
from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.contract import parse_day
from churnhealth.sources.load import load

A = "2024-02-06 2024-02-07 2024-03-07 2024-03-21 2024-06-02 2024-06-04"


def test_the_value_is_what_was_billed_and_a_correction_is_known_from_its_day(tmp_path):
    [text] = [t for t in blocks("your-data.md", "toml") if "Billed by use" in t]
    billed_by_use(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    history = load(read_config(tmp_path / "churnhealth.toml")).history
    days = np.array([parse_day(d) for d in A.split()])
    account = np.zeros(days.size, np.int64)
    seen = cover_at(history.contracts, account=account, as_of=days, gap_days=30)
    dollars = seen.value / 0.92
    assert np.isnan(dollars[0])
    assert np.allclose(dollars[1:], [100, 300, 250, 250, 250])
    assert seen.announced_cancel.tolist() == [False] * 5 + [True]
    [use] = [log for log in history.events if log.name == "usage"]
    mine = (use.account == 0) & (use.happened_at == parse_day("2024-01-02"))
    assert use.count[mine].tolist() == [1, 0]
    assert use.amount[mine].tolist() == [10.0, -6.0]
