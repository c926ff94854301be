"""What a finding is: one breach in the data, with its code and a way out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from churnhealth.errors import printable
from churnhealth.sources.contract import History, Ints
from churnhealth.sources.finding_code import Severity
from churnhealth.sources.finding_codes import CODES

__all__ = [
    "CODES",
    "Finding",
    "finding",
    "first_id",
    "stopping",
    "told_findings",
    "warned",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One breach in the data: how often, one example, why it matters, how to mend.

    ``example`` is an account id, a date or a source name, never a personal text.
    """

    code: str
    severity: Severity
    stops: bool
    count: int
    example: str
    what: str
    why: str
    fix: str

    def line(self, *, accepted: bool) -> str:
        """Say what was found; ``accepted`` by the owner it stops nothing."""
        stops = ", stops training" if self.stops else ""
        stops = ", accepted" if accepted else stops
        example = f" (for example {self.example})" if self.example else ""
        return f"[{self.code}] {self.severity}{stops}: {printable(self.what + example)}"

    def to_json(self) -> dict[str, str | int | bool]:
        """Give the finding as plain values, in a fixed order of keys."""
        return {
            "code": self.code,
            "severity": self.severity,
            "stops": self.stops,
            "count": self.count,
            "example": self.example,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
        }


def finding(
    code: str, what: str, *, count: int, example: str = "", stops: bool | None = None
) -> Finding:
    """Make a finding of a listed code; ``stops`` overrides what the list says.

    A finding that is let off with ``stops=False`` is a warning, one that stops an
    error.

    >>> finding("CH202", "[sources.contracts]: 2 rows end before they start",
    ...         count=2, example="a1").severity
    'error'
    """
    c = CODES[code]
    made = Finding(
        code=code,
        severity=c.severity,
        stops=c.stops,
        count=count,
        example=example,
        what=what,
        why=c.why,
        fix=c.fix,
    )
    if stops is None or stops == c.stops:
        return made
    return replace(made, stops=stops, severity="error" if stops else "warning")


def stopping(findings: Sequence[Finding], *, allow: Collection[str]) -> list[Finding]:
    """List the findings that keep a model from being trained.

    >>> one = finding("CH205", "2 rows from 2031", count=2)
    >>> len(stopping([one], allow=())), len(stopping([one], allow=("CH205",)))
    (1, 0)
    """
    return [f for f in findings if f.stops and f.code not in allow]


def told_findings(findings: Sequence[Finding], *, allow: Collection[str]) -> list[str]:
    """Say findings as errors are said; neighbours alike share their why and fix.

    >>> two = [finding("CH202", f"{t} ends too early", count=1) for t in "ab"]
    >>> for line in told_findings(two, allow=["CH202"]):
    ...     print(line[:40])
    [CH202] error, accepted: a ends too earl
    [CH202] error, accepted: b ends too earl
      Why it matters: the end of cover is th
      Fix: correct the rows, or leave them o
    """
    told = []
    for here, after in zip(findings, [*findings[1:], None], strict=True):
        told.append(here.line(accepted=here.code in allow))
        if after is None or (here.why, here.fix) != (after.why, after.fix):
            told += [f"  Why it matters: {here.why}", f"  Fix: {here.fix}"]
    return told


def warned(findings: Sequence[Mapping[str, Any]], *, allow: Collection[str]) -> str:
    """Say which findings, as in JSON, warn whoever trains and has not run `check`.

    >>> two = [finding(c, "odd", count=1).to_json() for c in ("CH204", "CH209")]
    >>> warned(two, allow=())
    '`churnhealth check` warns (CH204): read why before you rely on the figures'
    >>> warned(two, allow=["CH204"])
    ''
    """
    grave = {f["code"] for f in findings if f["severity"] != "advice"}
    codes = ", ".join(sorted(grave.difference(allow)))
    told = f"`churnhealth check` warns ({codes}): read why before you rely on"
    return f"{told} the figures" if codes else ""


def first_id(history: History, accounts: Ints) -> str:
    """Give the first of some accounts by its id, as the example of a finding."""
    return str(history.accounts.ids[accounts[0]])
