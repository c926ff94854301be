"""A company that contradicts itself is told so, point by point."""

from datetime import date
from pathlib import Path

import pytest

from churnhealth.checks.check import check
from churnhealth.config import Check, parse_config, read_config
from churnhealth.gathering import gather, stop_at
from churnhealth.pipeline import build_panel, judge
from churnhealth.progress import Progress
from churnhealth.sources.findings import stopping
from churnhealth.sources.load import load

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ravenstack.toml"
TODAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def by_subscription(shared_data):
    """Each subscription stands for itself, its end taken for an agreed one."""

    def found(ended):
        their = {"account_id": "subscription_id", "start": "start_date"}
        raw = {
            "root": str(shared_data("ravenstack")),
            "contracts": {
                "path": "ravenstack_subscriptions.csv",
                "columns": {**their, ended: "end_date"},
            },
            "events": [
                {
                    "name": "usage",
                    "path": "ravenstack_feature_usage.csv",
                    "columns": {
                        "account_id": "subscription_id",
                        "happened_at": "usage_date",
                        "event": "feature_name",
                        "event_id": "usage_id",
                    },
                }
            ],
        }
        config = parse_config({"sources": raw}, folder=EXAMPLE.parent)
        findings = check(config, load(config), today=TODAY)
        return {f.code: f for f in findings}

    return found


def test_use_before_its_subscription_is_told_and_stops(by_subscription):
    found = by_subscription("end")["CH206"]
    assert "(76.6 %)" in found.what
    assert found.stops


def test_repeated_ids_of_use_are_counted(by_subscription):
    assert by_subscription("end")["CH201"].count == 21


def test_an_end_that_is_filled_in_on_leaving_is_no_agreed_end(by_subscription):
    assert by_subscription("end")["CH233"].count == 486
    assert "CH233" not in by_subscription("cancelled_at")


def test_the_column_that_knows_the_outcome_is_named_and_not_used(by_subscription):
    assert "contracts.churn_flag" in by_subscription("end")["CH222"].what


@pytest.fixture(scope="module")
def allowed(shared_data):
    config = read_config(EXAMPLE)
    sources = config.sources.model_copy(update={"root": str(shared_data("ravenstack"))})
    return config.model_copy(update={"sources": sources})


def test_nothing_is_learned_from_it_until_it_is_accepted(allowed):
    strict = allowed.model_copy(update={"check": Check()})
    findings = check(strict, load(strict), today=TODAY)
    broken = {f.code for f in stopping(findings, allow=())}
    assert broken == {"CH206", "CH213"}
    stop_at(findings, allowed)  # its owner accepts both


def test_what_it_is_worth_is_no_skill(allowed):
    model = allowed.model.model_copy(update={"ladder": ("constant", "logistic")})
    config = allowed.model_copy(update={"model": model})
    with Progress() as progress:
        loaded, _ = gather(config, today=TODAY, progress=progress)
        panel = build_panel(config, loaded.history, progress=progress)
        _, report = judge(config, panel, progress=progress, leaky=False)
    assert report["verdict"]["skill"] is False
