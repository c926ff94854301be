"""Tables with a column for each month: told how to make rows of them."""

import pytest

from churnhealth.config import read_config
from churnhealth.errors import SourceError
from churnhealth.sources.across import across
from churnhealth.sources.load import load

TOML = """
[company]
name = "Across"
[sources.contracts]
path = "mrr.csv"
columns = { account_id = "Customer ID", start = "month", value = "mrr" }
"""


def test_a_table_with_a_column_for_each_month_is_told_to_be_unpivoted(tmp_path):
    head = "Customer ID,Customer,Jan-24,Feb-24,Mar-24,Apr-24"
    (tmp_path / "mrr.csv").write_text(f"{head}\na,Amber,9,9,9,9\n", encoding="utf-8")
    (tmp_path / "churnhealth.toml").write_text(TOML, encoding="utf-8")
    with pytest.raises(SourceError) as refused:
        load(read_config(tmp_path / "churnhealth.toml"))
    told = str(refused.value)
    assert "CH102" in told
    assert "no column 'month'" in told
    assert "`unpivot`" in told
    assert "correct `columns`" not in told


WRITTEN = """2024-01 | 2024-01-31 00:00:00 | 202401 | 01/2024 | 31.01.2024 | 1/31/24
| Jan-24 | January 2024 | Jan'24 | Sept. 2024 | Mär 24 | déc. 2024 | Q1 2024
| 2024-Q1"""


@pytest.mark.parametrize("month", [m.strip() for m in WRITTEN.split("|")])
def test_months_are_known_however_they_are_written(month):
    assert across(["Customer", month, month + " "])


@pytest.mark.parametrize("name", ["score 10", "plan 24", "start", "address 2", "2024"])
def test_other_names_are_no_months(name):
    assert not across([name])
