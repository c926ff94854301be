"""A column of a year's price that is mapped to the value of a month is told."""

import pytest
from tests.sources.checked import found


def told(company, column):
    text = f"id,start,{column}\na1,2025-01-01,1200\n"
    columns = {"account_id": "id", "start": "start", "value": column}
    contracts = {"path": "contracts.csv", "columns": columns}
    config = company(files={"contracts.csv": text}, contracts=contracts)
    return found(config, "CH278")


@pytest.mark.parametrize(
    "column",
    [
        *("ARR", "contract_arr", "annual_amount", "AnnualValue", "price per year"),
        *("Jahresbetrag", "ACV (€)", "valor anual"),
    ],
)
def test_a_years_price_is_told(company, column):
    (one,) = told(company, column)
    assert f"{column!r} (our `value`, money per month)" in one.what
    assert not one.stops


@pytest.mark.parametrize("column", ["mrr", "value", "monthly", "array", "carry"])
def test_a_months_is_not(company, column):
    assert told(company, column) == []
