"""What several rooms' tests share: a simulated company in memory, a bundle of it."""

import tempfile
import tomllib
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from churnhealth.bundle import Bundle
from churnhealth.config import parse_config
from churnhealth.evaluate.backtest import training_rows
from churnhealth.health.bands import BandCuts
from churnhealth.health.calibrate import Calibrator
from churnhealth.health.intervals import LikelyRange
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.scorers.baselines import ConstantScorer
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.gbm import GbmScorer
from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.rules import RuleScorer
from churnhealth.simulated.company import simulate, write_company
from churnhealth.sources.contract import day_of
from churnhealth.sources.load import load
from churnhealth.sources.schema import schema_of

UNTIL = TODAY = date(2026, 1, 1)
AS_OF = day_of(date(2025, 9, 1))
RENEWAL = {"kind": "renewal", "lead_max_days": 180, "gap_days": 30}
SILENCE = {"kind": "inactivity", "active_days": 28, "horizon_days": 28}
QUESTIONS = {"horizon": None, "renewal": RENEWAL, "silence": SILENCE}
FEW_FEATURES = {
    "include": [
        "contracts__all__*",
        "product__all__*",
        "tickets__all__*",
        "surveys__*",
    ]
}


def settings(folder=Path("nowhere"), **sections):
    """Configure the simulated company; a section given replaces the demo's."""
    text = files("churnhealth").joinpath("demo.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text.replace(".csv", ".parquet"))
    raw.pop("rules", None)
    raw |= {"features": FEW_FEATURES, "tracking": {"uri": ""}}
    return parse_config({**raw, **sections}, folder=folder)


def write_files(folder, accounts=60):
    """Write a company as its owner would have it, with its configuration."""
    company = simulate(accounts=accounts, seed=7, until=UNTIL)
    write_company(company, folder / "data", file_format="parquet")
    return settings(folder)


def asked_company(folder):
    """Write a company's files; give its configuration for a question, made to order."""
    write_files(folder, accounts=60)

    def configured(kind="horizon", **sections):
        question = QUESTIONS[kind]
        asked = {} if question is None else {"question": question}
        return settings(folder, **{**asked, **sections})

    return configured


def contents(folder):
    """Read all that a folder holds, to see later that nobody wrote into it."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def read_only(told):
    """Let nobody write into the arrays of a frozen value that several tests read."""
    if isinstance(told, np.ndarray):
        told.flags.writeable = False
    elif is_dataclass(told):
        for field in fields(told):
            read_only(getattr(told, field.name))
    elif isinstance(told, tuple):
        for part in told:
            read_only(part)
    return told


@cache
def loaded(accounts=300):
    """Simulate and load a company; the rows do not depend on the question."""
    with tempfile.TemporaryDirectory() as place:
        return load(write_files(Path(place), accounts))


@cache
def panel_of(kind="horizon", accounts=300):
    """Build the panel of one of the three questions."""
    sections = {"renewal": {"question": RENEWAL}, "silence": {"question": SILENCE}}
    return panel(settings(**sections.get(kind, {})), loaded(accounts).history)


def panel(config, history):
    with Progress() as progress:
        return build_panel(config, history, progress=progress)


def with_groups(history, group_of):
    """Give every account a group by its position."""
    n = history.accounts.ids.size
    group = np.array([group_of(i) for i in range(n)], dtype=object)
    return replace(history, accounts=replace(history.accounts, group=group))


@cache
def bundle_of(name="gbm", **more):
    """Train one scorer, little and fast: what is tested is the way, not the skill."""
    seen = panel_of()
    rows, _ = training_rows(seen, AS_OF)
    how = {"feature_names": seen.names}

    def fit(scorer):
        return scorer.fit(rows.X, rows.y, rows.account, rows.as_of)

    rules = fit(RuleScorer(specs=seen.specs, **how))
    trees = GbmScorer(rounds=25, **how)
    line = LogisticScorer(penalties=(30.0,), **how)
    scorer = {
        "constant": ConstantScorer(**how),
        "rules": rules,
        "logistic": line,
        "gbm": trees,
        "blend": BlendScorer(members=(line, trees), **how),
    }[name]
    peers = [np.median(x[x == x]) if (x == x).any() else np.nan for x in rows.X.T]
    config = settings()
    return Bundle(
        **{
            "as_of": AS_OF,
            "question": config.question,
            "specs": seen.specs,
            "schema": schema_of(loaded().history, config),
            "scorer": fit(scorer),
            "calibrator": Calibrator(slope=0.9, intercept=-0.1),
            "rules": rules,
            "base_rate": float(rows.y.mean()),
            "cuts": BandCuts(cuts=(0.01, 0.04, 0.1)),
            "peers": np.array(peers),
            "likely": LikelyRange(at=(-3.0, 0.0), below=(-1.5, -1.0), above=(0.7, 0.9)),
            "skill": True,
            "card": {"company": "Example", "verdict": {"skill": True}},
            **more,
        }
    )
