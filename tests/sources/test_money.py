"""Money of several currencies is turned into one, or nothing is added up."""

from datetime import date

import numpy as np
import pytest

from churnhealth.checks.check import check
from churnhealth.errors import RequestError, SourceError
from churnhealth.sources.engine import write_table
from churnhealth.sources.load import load
from churnhealth.sources.rows import history_from_rows
from churnhealth.sources.schema import Schema

TERMS = (
    "account_id,start,mrr,currency\na1,2025-01-01,100,EUR\na2,2025-01-01,1000,sek\n"
    "a3,2025-01-01,50,EUR\n"
)
UNMAPPED = {"account_id": "account_id", "start": "start", "value": "mrr"}
MAPPED = {**UNMAPPED, "currency": "currency"}


def contracts(columns):
    return {"path": "contracts.csv", "columns": columns}


def codes(config):
    return {
        f.code: f for f in check(config, load(config), today=date(2026, 1, 1))
        if f.code == "CH238"
    }  # fmt: skip


def test_contracts_in_several_currencies_stop_when_nobody_says_which_is_which(company):
    config = company(files={"contracts.csv": TERMS}, contracts=contracts(UNMAPPED))
    f = codes(config)["CH238"]
    assert (f.count, f.stops, f.severity) == (1, True, "error")
    assert "'currency' (EUR, SEK)" in f.what


@pytest.mark.parametrize(
    "text",
    [
        TERMS.replace("sek", "EUR"),  # one currency
        TERMS.replace("currency", "current").replace("sek", "SEK"),  # another word
        TERMS.replace("sek", "1.0823"),  # a rate, not a code
    ],
)
def test_one_currency_or_none_is_no_finding(company, text):
    assert not codes(
        company(files={"contracts.csv": text}, contracts=contracts(UNMAPPED))
    )


def test_without_a_value_there_is_no_money_to_add_up(company):
    columns = {"account_id": "account_id", "start": "start"}
    assert not codes(
        company(files={"contracts.csv": TERMS}, contracts=contracts(columns))
    )


def test_values_are_turned_into_one_currency_by_the_rates(company):
    config = company(
        files={"contracts.csv": TERMS},
        contracts=contracts(MAPPED),
        company={"rates": {"EUR": 1, "SEK": 0.0877}},
    )
    assert load(config).history.contracts.value.tolist() == [100.0, 87.7, 50.0]
    assert not codes(config)


def test_amounts_of_events_are_too_also_in_parquet_files(company, tmp_path):
    rows = {
        "account_id": np.array(["a1", "a2"], object),
        "happened_at": np.array(["2025-03-01", "2025-03-02"], "datetime64[D]"),
        "amount": np.array([10.0, 1000.0]),
        "currency": np.array(["EUR", "SEK"], object),
    }
    write_table(tmp_path / "invoices.parquet", rows)
    config = company(
        events=[{"name": "invoices", "path": "invoices.parquet"}],
        company={"rates": {"EUR": 1.0, "SEK": 0.09}},
    )
    assert load(config).history.events[0].amount.tolist() == [10.0, 90.0]


@pytest.mark.parametrize(
    ("rates", "lacking"), [({}, "EUR, SEK"), ({"EUR": 1.0}, "SEK")]
)
def test_a_currency_without_a_rate_is_refused(company, rates, lacking):
    config = company(
        files={"contracts.csv": TERMS},
        contracts=contracts(MAPPED),
        company={"rates": rates},
    )
    with pytest.raises(SourceError) as caught:
        load(config)
    assert caught.value.code == "CH116"
    assert f"({lacking})" in str(caught.value)
    many = "are in 2 currencies" if "," in lacking else "is in 1 currency"
    assert f"{many} without a rate" in str(caught.value)


def test_the_mending_names_every_currency_once(company):
    text = TERMS + "a4,2025-01-01,5,USD\n"
    config = company(files={"contracts.csv": text}, contracts=contracts(MAPPED))
    with pytest.raises(SourceError) as caught:
        load(config)
    assert "rates = { EUR = 1, SEK = ?, USD = ? }" in caught.value.fix


def test_an_empty_currency_is_refused_and_a_row_without_money_needs_none(company):
    text = TERMS + "a4,2025-01-01,,\n"
    given = {
        "contracts": contracts(MAPPED),
        "company": {"rates": {"EUR": 1, "SEK": 0.1}},
    }
    config = company(files={"contracts.csv": text}, **given)
    assert np.isnan(load(config).history.contracts.value[3])
    config = company(files={"contracts.csv": text.replace("50,EUR", "50,")}, **given)
    with pytest.raises(SourceError) as caught:
        load(config)
    assert "1 row with money" in str(caught.value)
    assert "fill the column" in str(caught.value)


def test_one_currency_alone_needs_no_rate(company):
    text = TERMS.replace("sek", "EUR")
    config = company(files={"contracts.csv": text}, contracts=contracts(MAPPED))
    assert load(config).history.contracts.value.tolist() == [100.0, 1000.0, 50.0]


def test_currencies_that_the_accounts_tell_are_a_warning(company):
    accounts = "account_id,billing_currency\na1,EUR\na2,SEK\na3,EUR\n"
    config = company(
        files={
            "contracts.csv": "account_id,start,value\na1,2025-01-01,9\n",
            "accounts.csv": accounts,
        },
        sources={"accounts": {"path": "accounts.csv"}},
    )
    f = codes(config)["CH238"]
    assert (f.count, f.stops, f.severity) == (1, False, "warning")


def test_a_request_gives_money_in_the_model_s_currency_and_names_none():
    term = {"start": "2025-01-01", "value": 9.0, "currency": "SEK"}
    with pytest.raises(RequestError) as caught:
        history_from_rows(
            Schema(contracts=True), [{"account_id": "a1", "contracts": [term]}]
        )
    assert caught.value.code == "CH522"


SIGNED = "account_id,start,mrr\na1,2025-01-01,{}\na2,2025-01-01,{}\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("USD 1234.00", "USD 70"),
        ("'1,234.00 USD'", "70"),
        ("'US$ 1,234.00'", "US$70"),
        ("'£1,234'", "£ 70.00"),
    ],
)
def test_the_currency_beside_an_amount_is_no_part_of_it(company, one, other):
    text = SIGNED.format(one, other).replace("'", '"')
    source = {**contracts(UNMAPPED), "formats": {"mrr": "1,234.50"}}
    config = company(files={"contracts.csv": text}, contracts=source)
    assert load(config).history.contracts.value.tolist() == [1234.0, 70.0]


def test_without_a_format_the_one_that_reads_amounts_with_a_currency_is_named(company):
    text = SIGNED.format('"USD 1,234.00"', "USD 70.00")
    config = company(files={"contracts.csv": text}, contracts=contracts(UNMAPPED))
    with pytest.raises(SourceError, match=r'add to `formats`: mrr = "1,234\.50"'):
        load(config)


@pytest.mark.parametrize("other", ["EUR 70", "€70", "70 CHF"])
def test_amounts_written_with_several_currencies_are_not_added_up(company, other):
    text = SIGNED.format("USD 70", other)
    source = {**contracts(UNMAPPED), "formats": {"mrr": "1,234.50"}}
    config = company(files={"contracts.csv": text}, contracts=source)
    with pytest.raises(SourceError, match=r"CH116.*written with 2 currencies"):
        load(config)
