"""A model of a day: what it was trained on, and that it knows nothing later."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.made import QUESTIONS, RENEWAL, TODAY, asked_company

from churnhealth.assessing import features_on
from churnhealth.bundle import load_bundle
from churnhealth.commands.learn import train_bundle
from churnhealth.errors import TrainingError
from churnhealth.features.levels import medians
from churnhealth.gathering import gather
from churnhealth.pipeline import newest_day, train
from churnhealth.progress import Progress
from churnhealth.snapshots.cohort import cohort
from churnhealth.sources.contract import date_of


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company's files, and its configuration for each question."""
    return asked_company(tmp_path_factory.mktemp("company"))


def test_training_as_of_a_day_knows_nothing_of_later_days(company, tmp_path):
    config = company(backtest={"test_from": "2025-01-01"})
    day = date(2025, 6, 1)
    with Progress() as progress:
        train_bundle(
            config,
            out=tmp_path / "m",
            as_of=(day - date(1970, 1, 1)).days,
            today=TODAY,
            progress=progress,
        )
    bundle = load_bundle(tmp_path / "m")
    assert bundle.model_version.startswith("2025-06-01-")
    # 90 days of window and 30 of gap must have passed before that day
    assert bundle.card["trained_on"]["to"] <= "2025-02-01"
    assert 12.0 in bundle.card["terms_seen"]


@pytest.mark.parametrize("kind", QUESTIONS)
def test_training_on_a_day_that_the_data_do_not_reach_is_refused(company, kind):
    with Progress() as progress:
        data, findings = gather(company(kind), today=TODAY, progress=progress)
        late = newest_day(data.history, company(kind)) + 1
        with pytest.raises(TrainingError) as caught:
            train(company(kind), data, findings, as_of=late, progress=progress)
    assert caught.value.code == "CH307"


def test_similar_accounts_are_those_of_the_day_of_training(company):
    """Not those of the newest outcomes, which are months older."""
    config = company(model={"ladder": ["constant", "rules"]})
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        bundle = train(config, data, (), progress=progress).bundle
    history = data.history
    account = np.arange(history.accounts.ids.size)
    days = np.full(account.size, bundle.as_of)
    rows = cohort(history, config.question, account=account, as_of=days)
    asked = rows.account[rows.scored]
    X = features_on(bundle, history, account=asked, day=bundle.as_of)
    assert np.array_equal(bundle.peers, medians(X), equal_nan=True)
    for name, told in bundle.segment_peers.items():
        mine = X[history.accounts.segment[asked] == name]
        assert np.array_equal(told, medians(mine), equal_nan=True)


def test_a_weekend_on_which_no_contract_moved_does_not_stop_training(company):
    asked = {"kind": "horizon", "horizon_days": 90}
    config = company(question=asked, model={"ladder": ["constant", "rules"]})
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        friday = newest_day(data.history, config) - 3
        quiet = data.history.as_known(friday).contracts
        data = replace(data, history=replace(data.history, contracts=quiet))
        newest = newest_day(data.history, config)
        assert newest <= friday
        monday = newest + 3  # and the events go on until then
        made = train(config, data, (), as_of=monday, progress=progress).bundle
        assert made.as_of == newest
        stale = data.history.as_known(newest - 40).contracts
        data = replace(data, history=replace(data.history, contracts=stale))
        with pytest.raises(TrainingError) as caught:
            train(config, data, (), as_of=monday, progress=progress)
    assert caught.value.code == "CH307"
    day = date_of(newest_day(data.history, config))
    assert f"leave --as-of out to train as of {day}" in caught.value.fix


def test_what_became_known_after_the_day_of_training_changes_no_byte(company):
    """Files cut on a day and whole files give the same model of that day."""
    config = company(backtest={"test_from": "2025-01-01"})
    day = (date(2025, 6, 1) - date(1970, 1, 1)).days
    with Progress() as progress:
        data, _ = gather(config, today=TODAY, progress=progress)
        cut = replace(data, history=data.history.as_known(day))
        assert cut.history.events[0].account.size < data.history.events[0].account.size
        pinned = RENEWAL | {"data_until": "2025-06-01"}
        config = company(question=pinned, backtest={"test_from": "2025-01-01"})
        one, two = (
            train(config, d, (), as_of=day, progress=progress).bundle
            for d in (data, cut)
        )
    assert one.scorer.to_json() == two.scorer.to_json()
    assert one.calibrator == two.calibrator
    assert one.specs == two.specs
    assert one.cuts == two.cuts
    assert np.array_equal(one.peers, two.peers, equal_nan=True)
