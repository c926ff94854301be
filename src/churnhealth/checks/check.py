"""What is wrong with the data, all at once: each breach with a code and a way out."""

from __future__ import annotations

from datetime import date

from churnhealth.checks.booked_late import booked_late
from churnhealth.checks.came_back import came_back
from churnhealth.checks.carried_on import carried_on
from churnhealth.checks.columns import column_findings
from churnhealth.checks.dates import date_findings
from churnhealth.checks.ends_after import ends_after
from churnhealth.checks.for_nothing import for_nothing
from churnhealth.checks.known_when_left import known_when_left
from churnhealth.checks.never_due import (
    announced_before,
    never_due,
    without_end,
)
from churnhealth.checks.never_ended import never_ended
from churnhealth.checks.only_active import only_active
from churnhealth.checks.outlived import outlived
from churnhealth.checks.people_moved import people_moved
from churnhealth.checks.taken_over import taken_over
from churnhealth.checks.terms import term_findings
from churnhealth.checks.unread_seats import unread_seats
from churnhealth.checks.unread_settings import unread_settings
from churnhealth.checks.written_over import written_over
from churnhealth.config import Config
from churnhealth.sources.contract import day_of
from churnhealth.sources.findings import Finding
from churnhealth.sources.happened import empty_amounts
from churnhealth.sources.load import Loaded
from churnhealth.sources.scales import scale_findings

__all__ = ["check"]

_WEIGHT = {"error": 0, "warning": 1, "advice": 2}


def check(config: Config, loaded: Loaded, *, today: date) -> tuple[Finding, ...]:
    """List every finding, the worst first; ``today`` is the day after which is future.

    Findings that stop training are errors; `[check] allow` is left to the caller
    (`findings.stopping`), so that the list is the same whatever is allowed.
    """
    silence = config.question.kind == "inactivity"
    gap_days = config.question.gap_days
    odd = (
        None if silence else known_when_left(loaded.history),
        taken_over(loaded.history, gap_days=gap_days),
        came_back(loaded.history, gap_days=gap_days),
        for_nothing(loaded.history, gap_days=gap_days),
        never_due(loaded.history, config.question),
        announced_before(loaded.history, config.question),
        without_end(loaded.history, config.question),
        outlived(loaded.history),
        only_active(loaded.history),
        people_moved(loaded.history, gap_days=gap_days),
    )
    several = {f.example for f in loaded.findings if f.code == "CH265"}
    found = [
        *loaded.findings,
        *term_findings(loaded.history, gap_days=gap_days),
        *booked_late(loaded.history, gap_days=gap_days),
        *(f for f in odd if f is not None),
        *ends_after(loaded.history, config.question),
        *date_findings(loaded.history, config, today=day_of(today)),
        *column_findings(loaded.history, loaded.flags, today=day_of(today)),
        *never_ended(loaded.history),
        *unread_settings(config),
        *written_over(loaded.history, loaded.sources.events),
        *scale_findings(loaded.history, told=several),
        *unread_seats(loaded.history, config.sources.states),
        *(empty_amounts(loaded.history) if silence else ()),
        *(carried_on(loaded.history, config.question) if silence else ()),
    ]
    return tuple(sorted(found, key=lambda f: (_WEIGHT[f.severity], f.code)))
