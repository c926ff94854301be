"""The list of findings and its page say the same."""

import re
from pathlib import Path

from churnhealth.sources.findings import CODES, finding, stopping

PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
HEAD = re.compile(r"^## (CH2\d\d) · (.+)$\n\n\*(\w+); (stops|does not stop)", re.M)


def test_every_code_is_on_the_page_with_its_title_severity_and_whether_it_stops():
    page = {
        m[1]: (m[2], m[3], m[4] == "stops") for m in HEAD.finditer(PAGE.read_text())
    }
    listed = {k: (c.title, c.severity, c.stops) for k, c in CODES.items()}
    assert page == listed


def test_there_are_at_least_fifteen():
    assert len(CODES) >= 15


def test_what_stops_is_an_error_and_what_is_let_off_a_warning():
    assert all(c.stops == (c.severity == "error") for c in CODES.values())
    assert finding("CH206", "few", count=1, stops=False).severity == "warning"
    assert finding("CH213", "many", count=9, stops=True).severity == "error"


def test_an_allowed_finding_no_longer_stops():
    findings = [finding("CH205", "x", count=1), finding("CH206", "y", count=1)]
    assert [f.code for f in stopping(findings, allow=["CH205"])] == ["CH206"]
