"""Contracts that cost nothing among paid ones are told: trials and free plans."""

import pytest
from tests.sources.checked import found


def _freemium(company, *, trials=0, fell=0, add_ons=0, paid=40, prices=(0, 20)):
    """Write accounts with a year that is paid, some with something for nothing."""
    none, price = prices
    rows = [f"p{i:02d},2024-02-01,2025-02-01,{price}" for i in range(paid)]
    rows += [f"t{i:02d},2024-02-01,2024-02-15,{none}" for i in range(trials)]
    rows += [f"p{i:02d},2025-02-{1 + i % 9},,{none}" for i in range(fell)]
    rows += [f"p{i:02d},2024-0{2 + i % 5}-01,,{none}" for i in range(add_ons)]
    text = "\n".join(["account_id,start,end,value", *rows])
    use = "account_id,happened_at\np00,2025-12-01\n"
    return found(company(files={"contracts.csv": text, "events.csv": use}), "CH295")


def test_trials_and_who_goes_on_for_nothing_are_told(company):
    [told] = _freemium(company, trials=12, fell=11)
    assert (told.count, told.example, told.stops) == (23, "p00", False)
    assert "12 of 52 accounts begin with a `value` of 0, 12 of which never" in told.what
    assert "11 that paid go on with one" in told.what


def test_who_begins_for_nothing_and_pays_later_is_among_them(company):
    later = [f"t{i:02d},2024-02-15,2025-02-15,20" for i in range(12)]
    begun = [f"t{i:02d},2024-02-01,2024-02-15,0" for i in range(12)]
    text = "\n".join(["account_id,start,end,value", *later, *begun])
    use = "account_id,happened_at\nt00,2025-12-01\n"
    files = {"contracts.csv": text, "events.csv": use}
    [told] = found(company(files=files), "CH295")
    assert "12 of 12 accounts begin with a `value` of 0, 0 of which" in told.what


@pytest.mark.parametrize(
    "more",
    [
        {"trials": 9},
        {"add_ons": 30},
        {"trials": 12, "paid": 9},
        {"fell": 20, "prices": (5, 20)},
    ],
    ids=["few", "add-ons", "next to nobody pays", "a price"],
)
def test_others_are_not(company, more):
    assert _freemium(company, **more) == []
