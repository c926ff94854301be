"""A small real bundle from the simulated sample, its scores, and its raw rows."""

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from churnhealth.bundle import Bundle, load_bundle, save_bundle
from churnhealth.config import read_config
from churnhealth.health.bands import BandCuts
from churnhealth.health.calibrate import Calibrator
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.rules import RuleScorer
from churnhealth.serve.live import Live, make_serving
from churnhealth.sources.contract import day_of
from churnhealth.sources.load import load
from churnhealth.sources.schema import schema_of

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from tests.serve.served import AS_OF, RawRows, client_of  # noqa: E402


@pytest.fixture(scope="session")
def config():
    return read_config(ROOT / "examples" / "simulated.toml")


@pytest.fixture(scope="session")
def history(config):
    return load(config).history


@pytest.fixture(scope="session")
def panel(config, history):
    from churnhealth.pipeline import build_panel
    from churnhealth.progress import Progress

    with Progress() as progress:
        return build_panel(config, history, progress=progress)


@pytest.fixture(scope="session")
def bundle_folder(config, history, panel, tmp_path_factory):
    """Train little and fast: what is tested is the way, not the skill."""
    from churnhealth.evaluate.backtest import training_rows

    day = day_of(AS_OF)
    rows, _ = training_rows(panel, day)
    made = {"feature_names": panel.names}
    trees = GbmScorer(rounds=40, **made).fit(rows.X, rows.y, rows.account, rows.as_of)
    rules = RuleScorer(specs=panel.specs, **made)
    rules.fit(rows.X, rows.y, rows.account, rows.as_of)
    peers = [np.median(x[~np.isnan(x)]) if (x == x).any() else np.nan for x in rows.X.T]
    bundle = Bundle(
        as_of=day,
        question=config.question,
        specs=panel.specs,
        schema=schema_of(history, config),
        scorer=trees,
        calibrator=Calibrator(slope=0.9, intercept=-0.1),
        rules=rules,
        base_rate=float(rows.y.mean()),
        cuts=BandCuts(cuts=(0.01, 0.04, 0.1)),
        peers=np.array(peers),
        skill=True,
        card={"company": config.company.name, "verdict": {"skill": True}},
    )
    return save_bundle(bundle, tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture(scope="session")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture(scope="session")
def book(bundle, history):
    from churnhealth.scoring import score_history

    return score_history(
        bundle, history, as_of=day_of(AS_OF), scored_at=datetime(2025, 9, 1, tzinfo=UTC)
    )


@pytest.fixture(scope="session")
def scores_folder(book, tmp_path_factory):
    from churnhealth.archive.runs import write_scores

    out = tmp_path_factory.mktemp("scores")
    write_scores(book, out, as_of=AS_OF)
    return out


@pytest.fixture(scope="session")
def live(bundle_folder, scores_folder):
    return Live(serving=make_serving(load_bundle(bundle_folder), scores=scores_folder))


@pytest.fixture(scope="session")
def client(live):
    with client_of(live) as made:
        yield made


@pytest.fixture(scope="session")
def raw(config):
    """Give an account as JSON, made from the simulated company's files row by row."""
    return RawRows(config).account


@pytest.fixture
def every_line(caplog):
    """Keep every line of the log, to see that none of them betrays anything."""
    caplog.set_level(logging.WARNING, logger="httpx")  # the client's own lines
    caplog.set_level(logging.DEBUG)  # the last one also sets what is captured
