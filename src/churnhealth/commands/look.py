"""The verb that looks before anything is learned: check."""

from __future__ import annotations

from datetime import date

from churnhealth.config import Config
from churnhealth.errors import TrainingError
from churnhealth.evaluate.screen import screen, unread_attributes
from churnhealth.gathering import check_sources
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.sources.findings import Finding, stopping

__all__ = ["check_all"]


def check_all(
    config: Config, *, today: date, progress: Progress
) -> tuple[Finding, ...]:
    """Find what is wrong with the sources, and what in them tells the outcome.

    The second needs snapshots with outcomes: where the first stops, or where there are
    none, it is left out.
    """
    loaded, findings = check_sources(config, today=today, progress=progress)
    if stopping(findings, allow=config.check.allow):
        return findings
    try:
        panel = build_panel(config, loaded.history, progress=progress)
    except TrainingError:  # `train` says what is missing
        return findings
    return (*findings, *screen(panel), *unread_attributes(panel))
