"""A full report, and how its plots are read back from a page."""

import math
import re
import xml.etree.ElementTree as ET

import pytest
from tests.serve.paged import REPORT

from churnhealth.pages.proof import proof_page

COLOURS = ("red", "orange", "yellow", "green", "grey")
SEEN = [0.0, 0.05, 0.1, 0.2, 0.5, 1.0]
FULL = {
    **REPORT,
    "bands": [
        {"band": band, "low": low, "high": high, "n": 90, "predicted": predicted,
         "observed": seen, "interval": [seen / 2, seen * 1.5], "kept": kept}
        for band, low, high, predicted, seen, kept in (
            ("green", 0.0, 0.02, 0.01, 0.015, True),
            ("yellow", 0.02, 0.05, 0.03, 0.04, True),
            ("orange", 0.05, 0.1, 0.07, 0.2, False),
            ("red", 0.1, 1.0, 0.2, 0.16, True),
        )
    ],
    "lead_time": [
        {"days_before": 90, "churners": 40, "red_or_orange": 24, "red": 8, "orange": 16,
         "yellow": 10, "green": 4, "grey": 2, "false_alarm_rate": 0.1},
        {"days_before": 30, "churners": 50, "red_or_orange": 40, "red": 30,
         "orange": 10, "yellow": 5, "green": 5, "grey": 0, "false_alarm_rate": 0.1},
    ],
    "gains": {"seen": SEEN, "outcomes": 50, "ways": {
        "chosen": {"churners": [0, 0.3, 0.42, 0.6, 0.8, 1], "value": None,
                   "interval": [0.3, 0.6]},
        "rules": {"churners": [0, 0.1, 0.2, 0.35, 0.7, 1], "value": None,
                  "interval": [0.1, 0.3]},
    }},
    "learning": [
        {"share": 0.5, "outcomes": 20, "chosen": "rules", "gain": -0.004,
         "interval": [-0.01, 0.002]},
        {"share": 1.0, "outcomes": 80, "chosen": "blend", "gain": 0.012,
         "interval": [0.004, 0.02]},
    ],
    "slices": {
        **REPORT["slices"],
        "recurring_loss": [
            {"quarter": "2025-Q1", "accounts": 9, "expected": 40e3,
             "range": [0.0, 90e3], "actual": 60e3, "inside": True},
            {"quarter": "2025-Q2", "accounts": 9, "expected": 50e3,
             "range": [10e3, 90e3], "actual": 100e3, "inside": False},
        ],
        "calibration": [
            {"from": 0.0, "to": 0.02, "n": 50, "predicted": 0.01, "observed": 0.02,
             "interval": [0.0, 0.05], "holds": True},
            {"from": 0.02, "to": 0.2, "n": 100, "predicted": 0.09, "observed": 0.25,
             "interval": [0.16, 0.3], "holds": False},
        ],
    },
}  # fmt: skip


def plots_of(report):
    """Every plot of the page as XML, by its name."""
    page = proof_page(report, company="Example", since={})
    found = re.findall(r'<figure class="plot card">(<svg.*?</svg>)\n', page, re.DOTALL)
    read = [ET.fromstring(text) for text in found]
    return {svg.find("title").get("id").removeprefix("plot-"): svg for svg in read}


def moves(path):
    """The points of a path of absolute moves."""
    told = path.get("d")
    assert re.fullmatch(r"([ML]-?[\d.]+ -?[\d.]+)+", told), told
    return [
        tuple(map(float, p)) for p in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", told)
    ]


def looks(svg, tag, look):
    return [e for e in svg.iter(tag) if look in (e.get("class") or "").split()]


def number(text):
    text = text.replace("\u2212", "-").replace(",", "").replace("\xa0", " ")
    value, _, unit = text.partition(" ")
    return float(value) * {"%": 0.01, "k": 1e3, "M": 1e6, "": 1.0}[unit]


def ticks(svg, axis):
    """What is written beside an axis: (place of its grid line, value)."""
    lines = moves(svg.find("path"))
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    ups = [a[1] for a, b in pairs if a[1] == b[1]]
    along = [a[0] for a, b in pairs if a[0] == b[0]]
    words = [w.text for w in svg.iter("text") if re.match(r"^\u2212?[\d.,]+", w.text)]
    words = [w for w in words if "scores" not in w and "/" not in w and "-Q" not in w]
    return list(zip(ups, words, strict=False)) if axis == "y" else list(
        zip(along, words[len(ups) :], strict=False)
    )  # fmt: skip


def read_off(svg, axis, place, *, root=False):
    """Read a value off an axis as an eye does: from the two outermost ticks."""
    (p0, w0), *_, (p1, w1) = ticks(svg, axis)
    bend, back = (math.sqrt, lambda v: v * v) if root else (float, float)
    v0, v1 = bend(number(w0)), bend(number(w1))
    return back(v0 + (place - p0) / (p1 - p0) * (v1 - v0))


def near(value, wanted):
    return value == pytest.approx(wanted, rel=0.04, abs=1e-3)
