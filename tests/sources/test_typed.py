"""What is read of a row are its mapped columns, whatever the others are called."""

import pytest

from churnhealth.sources.load import load


@pytest.mark.parametrize("other", ["once_0", "once_______0", "churnhealth_once_0"])
def test_no_other_column_takes_the_place_of_what_is_read(company, other):
    files = {
        "events.csv": f"account_id,happened_at,{other}\na1,2025-03-01,a2\n"
        "a1,2025-03-02,a2\n"
    }
    history = load(company(files=files)).history
    used = history.accounts.ids[history.events[0].account]
    assert used.tolist() == ["a1", "a1"]
