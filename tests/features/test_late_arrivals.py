"""Real rows that arrive late: what is known on a day is what had arrived by then."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from churnhealth.config import read_config
from churnhealth.features.library import default_specs
from churnhealth.features.runtime import feature_table
from churnhealth.sources.contract import date_of, day_of
from churnhealth.sources.load import load

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "openstack.toml"
FIRST, DATES = day_of(date(2011, 7, 1)), 30
ARRIVED = (
    "select * from '{{root}}/commits.parquet'"
    " where arrival_time < timestamp '{day} 00:00:00'"
)


@pytest.fixture(scope="module")
def config(shared_data):
    config = read_config(EXAMPLE)
    root = str(shared_data("openstack"))
    sources = config.sources.model_copy(update={"root": root})
    return config.model_copy(update={"sources": sources})


def read(config, **changes):
    """Read the commits with some settings of their source changed."""
    (commits,) = config.sources.events
    commits = commits.model_copy(update=changes)
    sources = config.sources.model_copy(update={"events": (commits,)})
    return load(config.model_copy(update={"sources": sources})).history


def cut_at(config, day):
    """Read a file that holds what had arrived before a day, and no more."""
    return read(config, path=None, sql=ARRIVED.format(day=date_of(day)))


def table(history, specs, day):
    everyone = np.arange(history.accounts.ids.size)
    days = np.full(everyone.size, day)
    return feature_table(history, specs, account=everyone, as_of=days, gap_days=0)


def chosen(config, history, day):
    windows = config.features.windows_days
    return default_specs(history, windows_days=windows, known_before=day)


@pytest.fixture(scope="module")
def whole(config):
    return load(config).history


def test_features_are_those_of_a_file_cut_to_what_had_arrived(config, whole):
    (log,) = whole.events
    happened, known, proving = log.happened_at, log.known_at, 0
    for day in np.linspace(FIRST, day_of(date(2018, 7, 1)), DATES).astype(int).tolist():
        proving += bool(((happened < day) & (known >= day)).any())
        cut = cut_at(config, day)
        specs = chosen(config, whole, day)
        assert specs == chosen(config, cut, day)
        mine, theirs = table(whole, specs, day), table(cut, specs, day)
        assert mine.values.tobytes() == theirs.values.tobytes(), date_of(day)
    assert proving > DATES * 0.9  # dates without late rows would prove nothing


def test_without_the_second_clock_the_features_would_be_others(config, whole):
    (commits,) = config.sources.events
    clocks = {k: v for k, v in commits.columns.items() if k != "known_at"}
    day = day_of(date(2015, 1, 1))
    specs = chosen(config, whole, day)
    mine = table(read(config, columns=clocks), specs, day)
    theirs = table(cut_at(config, day), specs, day)
    assert mine.values.tobytes() != theirs.values.tobytes()
