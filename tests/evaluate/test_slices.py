"""Slices of a backtest are what a plain count over its predictions says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tests.made import panel_of, settings

from churnhealth.evaluate.report_text import report_text
from churnhealth.evaluate.shown import shown_colours
from churnhealth.evaluate.slices import slices_of
from churnhealth.health.bands import BandCuts
from churnhealth.pages.proof import proof_page
from churnhealth.pipeline import judge
from churnhealth.progress import Progress

LADDER = {"ladder": ["constant", "rules", "hazard"]}


@cache
def judged():
    with Progress() as progress:
        return judge(settings(model=LADDER), panel_of(), progress=progress, leaky=False)


def frame():
    done, seen = judged()[0], panel_of()
    history = seen.history
    return pd.DataFrame(
        {
            "account": done.account,
            "as_of": pd.to_datetime(done.as_of.astype("datetime64[D]")),
            "p": done.p["chosen"],
            "rules": done.p["rules"],
            "y": done.y,
            "segment": history.accounts.segment[done.account],
            "value": 12 * seen.X[done.row, seen.names.index("contracts__all__value")],
            "start": pd.to_datetime(
                seen.cohort.start[done.row].astype("datetime64[D]")
            ),
        }
    )


def told():
    return judged()[1]["slices"]


def cuts():
    return BandCuts.from_json(judged()[1]["cuts"])


def looked_at(done, seen, *, seed, shown=None):
    if shown is None:
        shown = shown_colours(done, seen, cuts(), skill=True)
    return slices_of(done, seen, cuts(), shown=shown, seed=seed)


def test_segments_have_their_own_rates_with_intervals():
    rows = {r["slice"]: r for r in told()["reliability"] if r["by"] == "segment"}
    groups = frame().groupby("segment")
    assert set(rows) <= set(groups.groups)
    assert rows
    for name, row in rows.items():
        mine = groups.get_group(name)
        assert row["n"] == len(mine)
        assert row["observed"] == pytest.approx(mine["y"].mean())
        assert row["predicted"] == pytest.approx(mine["p"].mean())
        assert row["interval"][0] <= row["observed"] <= row["interval"][1]
        assert row["outcomes"] == mine.loc[mine["y"] == 1, "account"].nunique()


def test_parts_by_chance_hold_every_row_once_in_the_order_of_their_chances():
    done, rows = judged()[0], frame()
    rows["p"] = done.p["rules"]
    moved = replace(done, p={**done.p, "chosen": done.p["rules"]})
    parts = looked_at(moved, panel_of(), seed=1)["calibration"]
    assert 2 <= len(parts) <= 10
    assert sum(part["n"] for part in parts) == len(rows)
    for part, later in zip(parts, [*parts[1:], {"from": 2.0}], strict=True):
        mine = rows[rows["p"].between(part["from"], part["to"])]
        assert part["n"] == len(mine)
        assert part["observed"] == pytest.approx(mine["y"].mean())
        assert part["predicted"] == pytest.approx(mine["p"].mean())
        low, high = part["interval"]
        assert part["holds"] is bool(low <= mine["p"].mean() <= high)
        assert part["to"] < later["from"]
    (only,) = told()["calibration"]  # of the constant: equal chances stay together
    assert only["n"] == len(rows)


def test_thirds_of_tenure_value_and_lead_hold_every_row_once():
    for kind in ("tenure_days", "yearly_value", "days_to_renewal"):
        rows = [r for r in told()["reliability"] if r["by"] == kind]
        assert len(rows) == 3
        assert sum(r["n"] for r in rows) <= len(frame())


def test_names_of_slices_are_true_of_their_rows():
    done, seen = judged()[0], panel_of()
    contracts = seen.history.contracts
    millions = replace(contracts, value=contracts.value / 1e6)
    small = replace(seen, history=replace(seen.history, contracts=millions))
    names = {}
    for row in looked_at(done, small, seed=7)["reliability"]:
        names.setdefault(row["by"], []).append(row)
    first, middle, last = names["yearly_value"]
    low, high = middle["slice"].split(" to ")
    assert 0.0 < float(low) < float(high)
    assert (first["slice"], last["slice"]) == (f"below {low}", f"{high} and more")
    lead = seen.cohort.end[done.row] - done.as_of
    below, *_ = names["days_to_renewal"]
    days = int(below["slice"].removeprefix("below ").replace(",", ""))
    assert below["n"] == (lead < days).sum()


def test_lost_value_is_counted_once_per_account_and_quarter():
    rows = frame()
    rows["quarter"] = rows["as_of"].dt.to_period("Q")
    first = rows.sort_values("as_of").groupby(["quarter", "account"]).head(1)
    for row in told()["recurring_loss"]:
        quarter = pd.Period(row["quarter"].replace("-", ""), "Q")
        mine = first[first["quarter"] == quarter]
        assert row["accounts"] == len(mine)
        assert row["actual"] == pytest.approx((mine["value"] * mine["y"]).sum())
        assert row["expected"] == pytest.approx((mine["value"] * mine["p"]).sum())
        low, high = row["range"]
        assert low <= row["expected"] <= high
        assert row["inside"] == (low <= row["actual"] <= high)


def test_leavers_are_counted_once_per_account_and_quarter():
    rows = frame()
    rows["quarter"] = rows["as_of"].dt.to_period("Q")
    first = rows.sort_values("as_of").groupby(["quarter", "account"]).head(1)
    assert len(told()["leavers"]) == first["quarter"].nunique()
    for row in told()["leavers"]:
        mine = first[first["quarter"] == pd.Period(row["quarter"].replace("-", ""))]
        assert (row["accounts"], row["actual"]) == (len(mine), mine["y"].sum())
        assert row["expected"] == pytest.approx(mine["p"].sum())
        half = 1.959964 * np.sqrt((mine["p"] * (1 - mine["p"])).sum())
        assert row["range"][1] == pytest.approx(row["expected"] + half, abs=1.0)


def test_the_four_quadrants_hold_every_row_and_what_happened():
    rows, alarm = told()["agreement"], frame()
    assert sum(r["n"] for r in rows) == len(alarm)
    (fold,) = judged()[0].folds  # the rule's colour is that of its points
    colour = fold.ladder.rungs["rules"].scorer.bands(panel_of().X[fold.test])
    quiet = ~np.isin(colour, ("orange", "red"))
    assert 0 < quiet.sum() != (cuts().level(alarm["rules"]) < 2).sum()
    mine = alarm[(cuts().level(alarm["p"]) >= 2) & quiet]
    row = next(r for r in rows if r["model_alarm"] and not r["rules_alarm"])
    assert row["n"] == len(mine)
    if len(mine):
        assert row["observed"] == pytest.approx(mine["y"].mean())


def test_the_value_that_was_seen_coming_is_a_share_of_what_was_lost():
    rows, done = frame(), judged()[0]
    rows["shown"] = np.where(np.arange(len(rows)) % 3 == 0, "red", "green")
    lost = rows[rows["y"] == 1]
    times = lost.groupby("account")["y"].transform("size")
    assert times.max() > 1  # a loss that several rows tell of counts once
    once = lost["value"] / times
    share = once[lost["shown"] == "red"].sum() / once.sum()
    found = looked_at(done, panel_of(), seed=7, shown=rows["shown"].to_numpy(object))
    assert found["value_lead"]["lost"] == pytest.approx(share)
    kept = rows[rows["y"] == 0]
    once = kept["value"] / kept.groupby("account")["y"].transform("size")
    share = once[kept["shown"] == "red"].sum() / once.sum()
    assert found["value_lead"]["kept"] == pytest.approx(share)


def test_starts_count_accounts_not_rows():
    rows = frame()
    rows["quarter"] = rows["start"].dt.to_period("Q").astype(str)
    for row in told()["starts"]:
        mine = rows[rows["quarter"] == row["started"].replace("-", "")]
        assert row["accounts"] == mine["account"].nunique()
        assert row["churned"] == mine.loc[mine["y"] == 1, "account"].nunique()


def test_a_term_that_never_came_up_in_training_is_named():
    assert told()["new_terms"] == []
    done, seen = judged()[0], panel_of()
    at = seen.names.index("contracts__all__term_months")
    X = seen.X.copy()
    test = done.folds[0].test
    X[test[:40], at] = 60.0
    found = looked_at(done, replace(seen, X=X), seed=7)["new_terms"]
    due = X[test[:40], seen.names.index("contracts__all__days_to_renewal")]
    horizon = seen.question.lead_days + seen.question.horizon_days
    n = int((due < horizon).sum())
    assert n > 0
    assert found == [{"term_months": 60.0, "n": n}]
    columns = ("row", "y", "account", "as_of", "outcome", "rate")
    twice = replace(
        done,
        folds=done.folds * 2,
        p={name: np.tile(p, 2) for name, p in done.p.items()},
        **{name: np.tile(getattr(done, name), 2) for name in columns},
    )
    found = looked_at(twice, replace(seen, X=X), seed=7)["new_terms"]
    assert found == [{"term_months": 60.0, "n": 2 * n}]


def test_the_text_says_what_the_slices_show():
    report = judged()[1]
    text = report_text(report)
    assert "of the lost value was red or orange" in text
    [quarter] = report["slices"]["recurring_loss"][:1]
    expected, actual = quarter["expected"], quarter["actual"]
    again = {**report["slices"], "recurring_loss": [quarter, quarter]}
    text = report_text({**report, "slices": again})
    said = "recurring value lost a year, mean of 2 quarters"  # no loss counts twice
    assert f"{said}: {expected:,.0f} expected, {actual:,.0f} actual" in text


def test_without_values_and_contracts_there_is_no_money_in_it():
    done, seen = judged()[0], panel_of()
    bare = replace(seen, history=replace(seen.history, contracts=None))
    found = looked_at(done, bare, seed=7)
    assert found["recurring_loss"] == []
    assert found["value_lead"] == {"lost": None, "kept": None}
    assert np.isfinite([r["observed"] for r in found["starts"]]).all()


def test_a_source_that_no_feature_is_made_of_is_named():
    done, seen = judged()[0], panel_of()
    names = {log.name for log in (*seen.history.events, *seen.history.states)}
    read = {spec.source for spec in seen.specs}
    assert told()["unread"] == sorted(names - read)
    young = tuple(spec for spec in seen.specs if spec.source != "product")
    found = looked_at(done, replace(seen, specs=young), seed=7)["unread"]
    assert "product" in found


def test_features_there_was_no_room_for_are_named_and_counted_by_source():
    done, seen = judged()[0], panel_of()
    assert told()["crowded_out"] == list(seen.crowded_out)
    names = (
        "product__a__trend__28d",
        "product__b__trend__28d",
        "tickets__c__trend__28d",
    )
    found = looked_at(done, replace(seen, crowded_out=names), seed=7)
    report = {**judged()[1], "slices": found}
    assert found["crowded_out"] == list(names)
    assert "leaves no room for: product 2, tickets 1" in report_text(report)


def test_segments_too_small_to_judge_are_counted_with_their_accounts():
    done, seen = judged()[0], panel_of()
    accounts = seen.history.accounts
    segment = np.full(accounts.segment.size, "large", dtype=object)
    tried = np.unique(done.account)
    segment[tried[:3]], segment[tried[3:5]] = "tiny", "wee"
    parted = replace(
        seen, history=replace(seen.history, accounts=replace(accounts, segment=segment))
    )
    found = looked_at(done, parted, seed=7)
    assert found["too_small"] == {"segments": 2, "accounts": 5, "fewest": 30}
    report = {**judged()[1], "slices": found}
    said = "2 segments with 5 accounts are not judged apart: each has fewer than 30"
    assert said in report_text(report)
    assert said in proof_page(report, company="Example", since={})


def test_where_the_chances_miss_the_text_says_by_how_much_and_what_to_do():
    row = {"by": "days_to_renewal", "slice": "242 and more", "n": 999, "outcomes": 8,
           "predicted": 0.02, "observed": 0.008, "interval": [0.002, 0.015],
           "holds": False}  # fmt: skip
    report = judged()[1]
    slices = {**report["slices"], "reliability": [row]}
    shown = {**report["verdict"], "skill": True}
    text = report_text({**report, "slices": slices, "verdict": shown})
    assert (
        "days to renewal 242 and more: 2.0% expected, 0.8% seen (0.2% to 1.5%)" in text
    )
    assert "(one in twenty misses by chance; where a miss is large, trust" in text
    none = {**shown, "skill": False}  # then there is no order to trust
    text = report_text({**report, "slices": slices, "verdict": none})
    assert "(one in twenty misses by chance):" in text
