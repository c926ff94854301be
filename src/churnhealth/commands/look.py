"""The verb that looks before anything is learned: check."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from churnhealth.config import Config
from churnhealth.errors import TrainingError
from churnhealth.evaluate.backtest import can_learn
from churnhealth.evaluate.makers import configured_card
from churnhealth.evaluate.screen import screen, unread_attributes
from churnhealth.gathering import check_sources
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.sources.findings import Finding, finding, stopping
from churnhealth.sources.load import Loaded

__all__ = ["check_all", "look_into"]


def check_all(
    config: Config, *, today: date, progress: Progress
) -> tuple[Finding, ...]:
    """Find what is wrong with the sources, and what in them tells the outcome."""
    loaded, findings = check_sources(config, today=today, progress=progress)
    return look_into(config, loaded, findings, progress=progress)


def look_into(
    config: Config,
    loaded: Loaded,
    findings: tuple[Finding, ...],
    *,
    progress: Progress,
) -> tuple[Finding, ...]:
    """Add to the findings of reading what tells the outcome, unless they stop.

    It needs snapshots with outcomes. Where there are none, or too few to place a test
    period, it is told what `train` would say.
    """
    if stopping(findings, allow=config.check.allow):
        return findings
    try:
        panel = build_panel(config, loaded.history, progress=progress)
    except TrainingError as error:
        return (*findings, _no_training(error))
    found = (*findings, *screen(panel), *unread_attributes(panel))
    try:
        can_learn(panel, config)
        card = configured_card(config) if "rules" in config.model.ladder else None
        if card is not None:
            card.check(panel.names)
    except TrainingError as error:
        return (*found, _no_training(error))
    return found


def _no_training(error: TrainingError) -> Finding:
    """Tell early what stops `train`; the data may be right and merely too young."""
    what = f"`train` and `backtest` stop with {error.code}: {error.what}"
    return replace(finding("CH249", what, count=1), why=error.why, fix=error.fix)
