"""A column of a year's price that is mapped to the value of a month is told."""

import numpy as np
import pytest
from tests.sources.checked import found

SEATS = list(enumerate(range(2, 42)))


def told(company, column, beside="owner"):
    text = f"id,start,{column},{beside}\na1,2025-01-01,1200,x\n"
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


def test_the_amount_of_a_deal_is_told(company):
    (one,) = told(company, "Amount", "StageName")
    assert "'Amount' (our `value`, money per month) is that of a whole deal" in one.what
    assert told(company, "Amount") == []
    assert told(company, "Monthly_Amount__c", "StageName") == []


@pytest.mark.parametrize("column", ["mrr", "value", "monthly", "array", "carry"])
def test_a_months_is_not(company, column):
    assert told(company, column) == []


def of_terms(company, rows):
    text = "id,start,end,price,seats\n"
    text += "\n".join(",".join(map(str, (*r, "")[:5])) for r in rows)
    columns = {"account_id": "id", "start": "start", "end": "end", "value": "price"}
    columns["seats"] = "seats"
    contracts = {"path": "contracts.csv", "columns": columns}
    return found(company(files={"contracts.csv": text}, contracts=contracts), "CH278")


def longer_terms(times):
    """Give customers of a year who stay for two, at so many times the price."""
    price = 100 * np.exp(np.random.default_rng(1).normal(0, 1, 15))
    for i, p in enumerate(price):
        yield f"a{i}", "2023-01-01", "2024-01-01", p
        yield f"a{i}", "2024-01-01", "2026-01-01", p * times


def test_a_price_that_grew_with_the_term_of_the_same_customer_is_told(company):
    (one,) = of_terms(company, longer_terms(2.1))
    assert "it grew with the term when that was longer, 15 times" in one.what


@pytest.mark.parametrize("times", [1.0, 0.9, 1.5])
def test_a_price_that_was_raised_or_lowered_is_not(company, times):
    assert of_terms(company, longer_terms(times)) == []


@pytest.mark.parametrize(("times", "told"), [(11.0, 1), (1.2, 0), (4.0, 0)])
def test_yearly_contracts_that_cost_as_twelve_monthly_are_told(company, times, told):
    price = 30 * np.exp(np.random.default_rng(2).normal(0, 0.5, 50))
    rows = [(f"a{i}", "2025-01-01", "2025-02-01", p) for i, p in enumerate(price)]
    rows += [
        (f"y{i}", "2025-01-01", "2026-01-01", p * times) for i, p in enumerate(price)
    ]
    seen = of_terms(company, rows)
    assert len(seen) == told
    if seen:
        assert "terms of 12 months cost 11.0 times those of 1" in seen[0].what


@pytest.mark.parametrize(("months", "told"), [(1, 0), (12, 1)])
def test_large_customers_who_sign_for_a_year_are_told_by_the_price_of_a_seat(
    company, months, told
):
    """A seat costs 10 a month; who pays yearly has twelve times as many."""
    rows = [(f"a{i}", "2025-01-01", "2025-02-01", 10 * n, n) for i, n in SEATS]
    rows += [
        (f"y{i}", "2025-01-01", "2026-01-01", 10 * 12 * n * months, 12 * n)
        for i, n in SEATS
    ]
    seen = of_terms(company, rows)
    assert len(seen) == told
    if seen:
        assert "cost 12.0 times those of 1, for each seat" in seen[0].what
