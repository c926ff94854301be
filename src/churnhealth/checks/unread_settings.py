"""Settings that are given and that nothing reads: what was asked for is not done."""

from __future__ import annotations

from collections.abc import Iterator

from churnhealth.config import Config, Question
from churnhealth.sources.findings import Finding, finding

__all__ = ["unread_settings"]

_UNREAD = {
    "renewal": ("lead_days", "horizon_days", "active_days"),
    "horizon": ("lead_max_days", "active_days"),
    "inactivity": ("lead_max_days", "churn_when"),
}
_INSTEAD = {
    "renewal": "lead_max_days",
    "horizon": "horizon_days and lead_days",
    "inactivity": "active_days and horizon_days",
}


def unread_settings(config: Config) -> Iterator[Finding]:
    """Name keys of the question that are of another kind, and rates without money."""
    asked = config.question
    idle = [key for key in _UNREAD[asked.kind] if _is_set(asked, key)]
    if idle:
        keys = ", ".join(f"`{key}`" for key in idle)
        what = (
            f"[question]: {asked.kind} does not read {keys}; what it looks at is set by"
            f" {_INSTEAD[asked.kind]}"
        )
        yield finding("CH273", what, count=len(idle), example=idle[0])
    sources = config.sources
    tables = (sources.accounts, sources.contracts, *sources.events, *sources.states)
    if config.company.rates and not any(
        "currency" in (t.columns or ("currency",)) for t in tables if t is not None
    ):
        what = "[company]: `rates` are given, and no source maps `currency`"
        yield finding("CH273", what, count=1, example="rates")


def _is_set(asked: Question, key: str) -> bool:
    return bool(getattr(asked, key) != Question.model_fields[key].default)
