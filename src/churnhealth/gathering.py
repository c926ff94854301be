"""What we were given, what is wrong with it, and whether it stops: before any model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from churnhealth.checks.check import check
from churnhealth.config import Config
from churnhealth.errors import ConfigError, SourceError
from churnhealth.progress import Progress
from churnhealth.said import many
from churnhealth.sources.findings import CODES, Finding, stopping
from churnhealth.sources.load import Loaded, load

__all__ = ["check_sources", "gather", "stop_at"]


def check_sources(
    config: Config, *, today: date, progress: Progress
) -> tuple[Loaded, tuple[Finding, ...]]:
    """Read the sources and find what is wrong with them; nothing stops yet."""
    unknown = sorted(set(config.check.allow) - set(CODES))
    if unknown:
        raise ConfigError(
            "CH010",
            f"there is no finding {', '.join(unknown)} to allow",
            why="a finding that is allowed by a wrong name would still stop training",
            fix="docs/findings.md lists the codes",
        )
    with progress.stage("read"):
        loaded = load(config, report=lambda _: progress.advance())
    with progress.stage("check"):
        return loaded, check(config, loaded, today=today)


def gather(
    config: Config, *, today: date, progress: Progress
) -> tuple[Loaded, tuple[Finding, ...]]:
    """Read and check the sources, and stop at what would make the result wrong.

    Raises
    ------
    SourceError
        CH150 when a finding would make the result wrong and is not allowed.
    """
    loaded, findings = check_sources(config, today=today, progress=progress)
    stop_at(findings, config)
    return loaded, findings


def stop_at(findings: Sequence[Finding], config: Config) -> None:
    """Stop at findings that would make the result wrong and are not allowed.

    Raises
    ------
    SourceError
        CH150, with a line for each.
    """
    broken = stopping(findings, allow=config.check.allow)
    if not broken:
        return
    lines = "\n".join(f"    [{f.code}] {f.what}" for f in broken)
    raise SourceError(
        "CH150",
        f"{many(len(broken), 'finding stops', 'findings stop')} training:\n{lines}",
        why="a model built on these data would be wrong without looking wrong",
        fix="mend the data, or accept a finding with `--allow CODE` or [check]"
        " allow; `churnhealth check` tells more",
    )
