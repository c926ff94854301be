"""The six example configurations load, are checked, and hold what they promise."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from churnhealth.checks.check import check
from churnhealth.config import read_config
from churnhealth.sources.findings import stopping
from churnhealth.sources.load import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TODAY = date(2026, 1, 1)
ROWS = {  # accounts, contracts, rows per events source, rows per states source
    "crm5": (521, 3_788, {"product": 428_205}, {}),
    "oulad": (
        16_628,
        16_628,
        {"clicks": 4_112_189, "submissions": 86_427, "deadlines": 130_704},
        {"marks": 86_322},
    ),
    "openstack": (1_131, None, {"commits": 47_536}, {}),
    "cdnow": (23_570, None, {"orders": 69_659}, {}),
    "ravenstack": (
        500,
        500,
        {"usage": 25_000, "tickets": 2_000},
        {"satisfaction": 1_175, "subscriptions": 10_000},
    ),
}
ROWS["ravenstack_excel"] = ROWS["ravenstack"]


@pytest.fixture(scope="module")
def loaded(shared_data):
    done = {}

    def one(name):
        if name not in done:
            config = read_config(EXAMPLES / f"{name}.toml")
            sources = config.sources.model_copy(update={"root": str(shared_data(name))})
            config = config.model_copy(update={"sources": sources})
            done[name] = config, load(config)
        return done[name]

    return one


@pytest.mark.parametrize("name", ROWS)
def test_an_example_loads_every_row(loaded, name):
    history = loaded(name)[1].history
    accounts, contracts, events, states = ROWS[name]
    assert history.accounts.ids.size == accounts
    if contracts is None:
        assert history.contracts is None
    else:
        assert history.contracts.account.size == contracts
    assert {e.name: e.account.size for e in history.events} == events
    assert {s.name: s.account.size for s in history.states} == states


@pytest.mark.parametrize("name", ROWS)
def test_no_example_stops_on_what_it_does_not_allow(loaded, name):
    config, one = loaded(name)
    assert stopping(check(config, one, today=TODAY), allow=config.check.allow) == []


@pytest.mark.parametrize("name", ["crm5", "oulad", "openstack", "cdnow"])
def test_sound_data_need_no_allowance(loaded, name):
    assert loaded(name)[0].check.allow == ()


def test_the_contradictions_of_ravenstack_show_up(loaded):
    config, one = loaded("ravenstack")
    found = {(f.code, f.what.split(":")[0]): f for f in check(config, one, today=TODAY)}
    assert found["CH201", "[[sources.events]] usage"].count == 21
    tickets = found["CH206", "[[sources.events]] tickets"]
    assert "(53.9 %)" in tickets.what
    assert tickets.stops
    assert found["CH206", "[[sources.events]] usage"].stops
    flags = found["CH213", "accounts.churn_flag"]
    assert "false for 277 of 352 accounts" in flags.what  # 79 %
    assert flags.stops


def tables(history):
    yield "accounts", history.accounts
    yield "contracts", history.contracts
    yield from ((t.name, t) for t in (*history.events, *history.states))


def test_a_round_trip_through_a_spreadsheet_changes_nothing(loaded):
    plain, excel = (loaded(n)[1].history for n in ("ravenstack", "ravenstack_excel"))
    for (name, a), (_, b) in zip(tables(plain), tables(excel), strict=True):
        for column in a.__dataclass_fields__:
            mine, theirs = getattr(a, column), getattr(b, column)
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, theirs, err_msg=f"{name}.{column}")
            elif column == "attributes":
                assert {k: v.tolist() for k, v in mine.items()} == {
                    k: v.tolist() for k, v in theirs.items()
                }
            else:
                assert mine == theirs, f"{name}.{column}"


def test_legitimate_repeats_and_late_clicks_of_oulad_are_kept(loaded):
    log = loaded("oulad")[1].history.events[0]
    assert int(log.count.sum()) > log.account.size
    assert log.unrepeated is False


def test_a_deadline_is_known_from_the_first_day_of_the_course(loaded):
    history = loaded("oulad")[1].history
    log = next(e for e in history.events if e.name == "deadlines")
    assert log.planned
    assert (log.known_at < log.happened_at).mean() > 0.99
    assert np.isin(log.known_at, np.unique(history.contracts.start)).all()


def test_clock_skew_and_late_rows_of_openstack_are_told(loaded):
    config, one = loaded("openstack")
    codes = {f.code: f for f in check(config, one, today=TODAY)}
    assert codes["CH207"].count == 39
    assert codes["CH208"].count > 20_000
