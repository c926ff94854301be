"""Of contracts that are known when they stop, nobody who left is learned (CH286)."""

from datetime import date

import pytest

from churnhealth.checks.check import check
from churnhealth.sources.load import load

HEAD = "account_id,start,end,cancelled_at,notice_at,contract_id,known_at\n"


def contracts(row, *, left=12, stayed=20):
    rows = [row(i) for i in range(left)]
    rows += [f"b{i},2024-01-01,2026-01-01,,,,2023-12-20\n" for i in range(stayed)]
    return HEAD + "".join(rows)


def told(company, text):
    config = company(files={"contracts.csv": text})
    found = check(config, load(config), today=date(2026, 1, 1))
    return [f for f in found if f.code == "CH286"]


def test_a_rows_last_change_that_is_mapped_to_known_at_stops(company):
    def row(i):
        return f"a{i},2024-01-01,2026-01-01,2025-05-{i + 1:02},,,2025-05-{i + 1:02}\n"

    [finding] = told(company, contracts(row))
    assert finding.stops
    assert "of 12 contracts that stopped early 12 are first known" in finding.what


def test_the_day_of_the_notice_counts_as_the_day_it_stopped(company):
    def row(i):
        return f"a{i},2024-01-01,2026-01-01,2025-05-01,2025-02-01,,2025-02-02\n"

    assert told(company, contracts(row))


@pytest.mark.parametrize(
    "row",
    [
        lambda i: f"a{i},2024-01-01,2026-01-01,2025-05-01,,,2023-12-10\n",  # signed
        lambda i: f"a{i},2024-01-01,2026-01-01,2025-05-01,,,\n",  # not said
        lambda i: f"a{i},2024-01-01,2026-01-01,2024-01-10,,,2024-01-10\n",  # at once
        lambda i: (  # two versions: the second is known when it stops, as it should be
            f"a{i},2024-01-01,2026-01-01,,,c{i},2023-12-10\n"
            f"a{i},2024-01-01,2026-01-01,2025-05-01,,c{i},2025-05-01\n"
        ),
    ],
)
def test_contracts_that_were_known_before_they_stopped_are_as_they_should(company, row):
    assert not told(company, contracts(row))


def test_half_of_those_who_left_are_needed_and_ten(company):
    def mixed(at_most):
        def row(i):
            known = "2025-05-01" if i < at_most else "2023-12-10"
            return f"a{i},2024-01-01,2026-01-01,2025-05-01,,,{known}\n"

        return row

    assert told(company, contracts(mixed(12), left=24))
    assert not told(company, contracts(mixed(11), left=24))
    assert not told(company, contracts(mixed(9), left=9))


def test_who_asks_who_falls_silent_looks_at_accounts_without_contracts(company):
    def row(i):
        return f"a{i},2024-01-01,2026-01-01,2025-05-01,,,2025-05-01\n"

    config = company(files={"contracts.csv": contracts(row)})
    loaded = load(config)
    asked = config.question.model_copy(update={"kind": "inactivity"})
    silence = config.model_copy(update={"question": asked})
    today = date(2026, 1, 1)
    assert "CH286" in {f.code for f in check(config, loaded, today=today)}
    assert "CH286" not in {f.code for f in check(silence, loaded, today=today)}
