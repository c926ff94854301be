"""Leaks that were planted are found, and clean companies are let off."""

import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnhealth.config import Check, parse_config, read_config
from churnhealth.errors import SourceError
from churnhealth.evaluate.screen import screen, single_days, unread_attributes
from churnhealth.gathering import stop_at
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.sources.contract import EventLog
from churnhealth.sources.load import load

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))
import leak_plants  # noqa: E402
import leaks  # noqa: E402


@pytest.fixture(scope="module")
def panel():
    config = read_config(ROOT / "examples" / "simulated.toml")
    with Progress() as progress:
        return build_panel(config, load(config).history, progress=progress)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            lambda i: f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
            "no feature reads its 60 different values",
        ),
        (lambda i: "1,200" if i == 7 else str(i % 90), "because 1 of them"),
    ],
)
def test_an_attribute_that_no_feature_reads_is_told(panel, given, told):
    accounts = panel.history.accounts
    texts = np.array([given(i) for i in range(accounts.ids.size)], dtype=object)
    attributes = {**accounts.attributes, "joined": texts}
    history = replace(panel.history, accounts=replace(accounts, attributes=attributes))
    assert list(unread_attributes(panel)) == []
    [found] = unread_attributes(replace(panel, history=history))
    assert (found.code, found.example) == ("CH216", "joined")
    assert told in found.what


@pytest.mark.parametrize(("days_before", "told"), [(200, True), (700, False)])
def test_rows_that_were_loaded_at_once_long_after_are_told(panel, days_before, told):
    log = panel.history.events[0]
    loaded = int(log.happened_at.max()) - days_before
    columns = {f.name: getattr(log, f.name) for f in fields(EventLog) if f.init}
    columns["known_at"] = np.maximum(log.known_at, loaded)
    history = replace(panel.history, events=(EventLog(**columns),))
    found = [f.code for f in single_days(replace(panel, history=history))]
    assert found == (["CH231"] if told else [])


@pytest.fixture(scope="module")
def company():
    with leaks.written(accounts=300, seed=5) as files:
        yield files


@pytest.fixture(scope="module")
def usual(company):
    return leaks.found_in(company)[0]


def test_a_clean_company_is_accused_of_nothing(usual):
    assert [f for f in usual if f[0] in leaks.LEAKS] == []


@pytest.mark.parametrize(
    "plant",
    [
        leak_plants.outcome_as_a_cohort,
        leak_plants.state_of_the_first_day,
        leak_plants.state_written_over,
        leak_plants.ids_by_outcome,
        leak_plants.ends_overwritten,
        leak_plants.groups_that_leave,
        leak_plants.use_of_leavers_deleted,
        leak_plants.surveys_of_leavers_deleted,
        leak_plants.use_of_most_leavers_deleted,
        leak_plants.tickets_deleted_after_a_year,
        leak_plants.users_of_leavers_anonymised,
        leak_plants.renewal_switched_off,
        leak_plants.renewals_known_too_early,
        leak_plants.renewals_dated_to_their_opening,
        leak_plants.ends_cut_to_whole_months,
        leak_plants.notices_written_to_the_first_day,
        leak_plants.plan_of_leavers,
        leak_plants.segment_of_leavers,
        leak_plants.discount_of_leavers,
        leak_plants.months_of_leavers,
        leak_plants.invoices_written_off,
        leak_plants.ids_of_an_archive,
        leak_plants.total_of_the_export,
        leak_plants.number_of_contracts,
        leak_plants.accounts_there_twice,
        leak_plants.renewal_bills_of_leavers_deleted,
        leak_plants.bills_closed_when_it_was_over,
        leak_plants.use_of_leavers_loaded_again,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_leak_is_caught(company, usual, plant):
    found, _ = leaks.found_in(company, plant)
    assert {code for code, _ in found - usual} & leak_plants.PLANTS[plant]


@pytest.mark.parametrize(
    ("plant", "left_out"),
    [
        (leak_plants.plan_of_leavers, "contracts__plan_*"),
        (leak_plants.discount_of_leavers, "contracts__all__discount"),
        (leak_plants.renewal_switched_off, "renewing__*"),
    ],
)
def test_what_was_left_out_is_told_no_more(company, usual, plant, left_out):
    def mended(f):
        plant(f)
        f.swap("[question]", f'[features]\nexclude = ["{left_out}"]\n[question]')

    found, _ = leaks.found_in(company, mended)
    assert {code for code, _ in found - usual} & {"CH225", "CH227"} == set()


def test_who_left_without_being_asked_about_is_no_stayer(company):
    """Asked about renewals, who cancels in mid-term is not in question."""
    asked = leak_plants.asked_about_renewals

    def planted(f):
        asked(f)
        leak_plants.renewal_switched_off(f)

    usual, found = (leaks.found_in(company, plant)[0] for plant in (asked, planted))
    assert {code for code, _ in found - usual} & {"CH227"}


@pytest.mark.parametrize(("leavers", "told"), [(0.0, True), (0.2, False)])
def test_a_discount_is_a_leak_where_no_leaver_has_it(leavers, told):
    """Where one in five of them has it too, it keeps customers well."""
    with leaks.written(accounts=400, seed=5) as files:
        found, _ = leaks.found_in(
            files, lambda f: leak_plants.discount_of_renewers(f, leavers=leavers)
        )
    assert ("CH291" in {code for code, _ in found}) is told


def months_of_thirty_days(f):
    table = f.read("subscriptions")
    starts = pd.to_datetime(table.start_date)
    ends = starts + pd.to_timedelta(30 * table.term_months, unit="D")
    f.write("subscriptions", table.assign(end_date=ends.dt.date.astype(str)))


def ends_overwritten_among_them(f):
    months_of_thirty_days(f)
    leak_plants.ends_overwritten(f)


@pytest.mark.parametrize(
    ("plant", "caught"),
    [(months_of_thirty_days, set()), (ends_overwritten_among_them, {"CH228"})],
)
def test_terms_of_no_whole_months_are_compared_with_their_like(company, plant, caught):
    found, _ = leaks.found_in(company, plant)
    assert {code for code, _ in found} & {"CH228"} == caught


class Settings:
    check = Check()


def test_a_telling_feature_is_named(panel):
    code = panel.labels().code
    random = np.random.default_rng(1)
    X = panel.X.copy()
    j = next(i for i, s in enumerate(panel.specs) if s.source == "product")
    X[:, j] = (code == 1) + random.random(code.size)
    (found,) = screen(replace(panel, X=X))
    assert (found.code, found.example) == ("CH225", panel.specs[j].name)


def read_too(panel, name, levels):
    """Give every account a level of an attribute that a feature is made of."""
    accounts = replace(panel.history.accounts, attributes={name: levels})
    specs = [replace(s, item=name) if s.item == "industry=media" else s
             for s in panel.specs]  # fmt: skip
    history = replace(panel.history, accounts=accounts)
    return replace(panel, specs=tuple(specs), history=history)


def test_a_telling_attribute_stops_until_it_is_allowed_or_left_out(panel):
    left = np.unique(panel.cohort.account[panel.labels().code == 1])
    told = np.isin(np.arange(panel.history.accounts.ids.size), left)
    levels = np.where(told, "gone", "here").astype(object)
    told = read_too(panel, "state", levels)
    assert screen(replace(told, specs=panel.specs)) == ()
    (found,) = screen(told)
    assert (found.code, found.example, found.stops) == ("CH225", "state", True)
    with pytest.raises(SourceError, match="CH225"):
        stop_at([found], Settings())
    allowed = Settings()
    allowed.check = Check(allow=("CH225",))
    stop_at([found], allowed)


def keeper_of_leavers(f):
    table = f.read("accounts")
    moved = table.churned_on.notna() & (f.random.random(len(table)) < 0.6)
    keeper = np.where(moved, "Bo Example", "Ann Example")
    f.write("accounts", table.assign(keeper=keeper))
    leak_plants.attribute(f, "keeper")


def test_a_level_that_only_leavers_have_is_told_without_its_text(company, usual):
    found, _ = leaks.found_in(company, keeper_of_leavers)
    assert ("CH227", "one level of keeper") in found - usual
    assert not [f for f in found - usual if "Example" in f[1]]


def test_gaps_that_only_leavers_have_are_a_feature_too(panel):
    code = panel.labels().code
    X = panel.X.copy()
    j = next(i for i, s in enumerate(panel.specs) if s.source == "product")
    X[:, j] = np.where(code == 1, 1.0, np.nan)
    (found,) = screen(replace(panel, X=X))
    assert found.what.startswith(f"whether {panel.specs[j].name} is measured")


def test_with_few_leavers_nobody_is_accused(panel):
    few = panel.cohort.account < 40
    small = replace(
        panel,
        cohort=panel.cohort.rows(few),
        X=np.where(np.arange(few.sum())[:, None] % 2 == 0, panel.X[few], np.nan),
    )
    assert screen(small) == ()


@pytest.mark.parametrize("gap", [0, 40])
def test_an_attribute_of_many_numbers_is_ranked_as_numbers(panel, gap):
    code = panel.labels().code
    random = np.random.default_rng(4)
    left = np.zeros(panel.history.accounts.ids.size)
    left[panel.cohort.account[code == 1]] = 1
    values = random.normal(70, 8, left.size) - gap * left
    levels = np.array([f"{value:.3f}" for value in values], dtype=object)
    found = screen(read_too(panel, "points", levels))
    told = [f.what for f in found if "points" in f.what]
    assert [("AUC" in what, "as a number" in what) for what in told] == (
        [(True, True)] if gap else []
    )


def test_a_contract_written_over_when_somebody_left_is_found(panel):
    code = panel.labels().code
    X = panel.X.copy()
    j = panel.names.index("contracts__all__value")
    X[code == 1, j] = 0.0
    (found,) = screen(replace(panel, X=X))
    assert (found.code, found.example) == ("CH225", "contracts__all__value")


@pytest.mark.parametrize(
    ("of_leavers", "of_others", "told"),
    [(0.6, 0.04, ["CH290"]), (0.3, 0.15, [])],
)
def test_an_attribute_written_over_for_most_leavers_is_pointed_at(
    panel, of_leavers, of_others, told
):
    """Some others have it too, so it is no level of leavers only."""
    code = panel.labels().code
    random = np.random.default_rng(4)
    n = panel.history.accounts.ids.size
    left = np.isin(np.arange(n), panel.cohort.account[code == 1])
    over = random.random(n) < np.where(left, of_leavers, of_others)
    names = random.choice(["a", "b", "c"], n).astype(object)
    found = screen(read_too(panel, "manager", np.where(over, "unassigned", names)))
    assert [f.code for f in found if f.example == "manager"] == told


@pytest.mark.parametrize(("event", "told"), [("cancel", ["cancel"]), ("play", [])])
def test_where_churn_is_silence_an_event_of_leaving_is_told(tmp_path, event, told):
    """Who cancelled in the newest weeks did something in them, and left none the less.

    Eighty people play each week until, of half of them, the last thing they do.
    """
    rows = []
    for i in range(80):
        weeks = 8 + i % 16 if i % 2 else 24
        rows += [(f"a{i}", 7 * week + i % 7, "play") for week in range(weeks)]
        rows += [(f"a{i}", 7 * weeks, event)] * (weeks < 24)
    table = pd.DataFrame(rows, columns=["account_id", "day", "event"])
    happened_at = pd.Timestamp("2025-01-01") + pd.to_timedelta(table.day, unit="D")
    table.assign(happened_at=happened_at).to_csv(tmp_path / "app.csv", index=False)
    ask = {"kind": "inactivity", "active_days": 28, "horizon_days": 28}
    sources = {"events": [{"name": "app", "path": "app.csv"}]}
    config = parse_config({"sources": sources, "question": ask}, folder=tmp_path)
    with Progress() as progress:
        asked = build_panel(config, load(config).history, progress=progress)
    found = [f.example for f in screen(asked) if f.code == "CH227"]
    assert found == [f"app: {name}" for name in told]
