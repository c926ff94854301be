"""Plots of reports that nobody wrote: nothing leaves its box, all are numbers."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pages.plotted import COLOURS, FULL, SEEN, moves, plots_of

share = st.floats(0.0, 1.0)
money = st.floats(0.0, 5e11)
count = st.integers(0, 10**6)
pair = st.tuples(share, share).map(sorted)
maybe = st.none() | pair


@st.composite
def bands(draw):
    cuts = [0.0, *sorted(draw(st.tuples(share, share, share))), 1.0]
    some = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    return [
        {"band": band, "low": low, "high": high, "n": draw(count),
         "predicted": draw(share) if there else None,
         "observed": draw(share) if there else None,
         "interval": draw(maybe) if there else None,
         "kept": draw(st.none() | st.booleans()) if there else None}
        for band, low, high, there in zip(COLOURS[3::-1], cuts, cuts[1:], some,
                                          strict=False)
    ]  # fmt: skip


@st.composite
def reports(draw):
    colours = st.fixed_dictionaries(dict.fromkeys(COLOURS, st.integers(0, 50)))
    alarm = draw(st.none() | share)
    lead = [
        {**row, "days_before": days, "churners": sum(row.values()),
         "red_or_orange": row["red"] + row["orange"], "false_alarm_rate": alarm}
        for days, row in zip((180, 120, 90, 60, 30),
                             draw(st.lists(colours, max_size=5)), strict=False)
    ]  # fmt: skip
    line = st.lists(share, min_size=6, max_size=6).map(sorted)
    way = st.fixed_dictionaries(
        {
            "churners": line,
            "interval": pair,
            "value": line if draw(st.booleans()) else st.none(),
        }
    )
    ways = draw(st.dictionaries(st.sampled_from(["rules", "renewal_date"]), way))
    parts = draw(st.lists(st.tuples(share, share, pair, count), max_size=10))
    quarters = st.lists(st.tuples(money, money, money), max_size=30)
    points = st.lists(st.tuples(count, st.floats(-1, 1), maybe), max_size=4)
    return {
        **FULL,
        "bands": draw(bands()),
        "lead_time": lead,
        "gains": draw(st.none() | st.just({
            "seen": SEEN, "outcomes": 3, "ways": {"chosen": draw(way), **ways}})),
        "learning": [{"share": 1.0, "outcomes": n, "chosen": "gbm", "gain": g,
                      "interval": i}
                     for n, g, i in draw(points)],
        "slices": {
            **FULL["slices"],
            **{name: [{"quarter": f"{2000 + k}-Q1", "accounts": 1, "expected": e,
                       "range": [min(e, r), max(e, r)], "actual": a,
                       "inside": bool(k % 2)}
                      for k, (e, r, a) in enumerate(draw(quarters))]
               for name in draw(st.sampled_from([["recurring_loss"], ["leavers"]]))},
            "calibration": [{"from": p, "to": p, "n": n, "predicted": p, "observed": o,
                             "interval": i, "holds": o > 0.5}
                            for p, o, i, n in sorted(parts, key=lambda x: x[0])],
        },
    }  # fmt: skip


def letter(one):
    """Units that a letter takes at a phone's size, in a wide typeface."""
    if one.isdigit():
        return 8.6
    return {" ": 4.3, "\xa0": 4.3, ".": 4.3, ",": 4.3, "%": 12.8, "\u2212": 11.3,
            "M": 11.7}.get(one, 8.0)  # fmt: skip


def places(svg):
    """Every place that a mark of a plot takes, as (x, y)."""
    for e in svg.iter():
        if e.tag == "path":
            yield from moves(e)
        elif e.tag == "circle":
            x, y, r = (float(e.get(k)) for k in ("cx", "cy", "r"))
            yield from ((x - r, y - r), (x + r, y + r))
        elif e.tag in ("rect", "text") or (e.tag == "svg" and e is not svg):
            x, y = float(e.get("x")), float(e.get("y"))
            wide, tall = (float(e.get(k, 0)) for k in ("width", "height"))
            assert wide >= 0
            assert tall >= 0
            yield from ((x, y), (x + wide, y + tall))
        if e.tag == "text":
            reach = sum(map(letter, e.text))
            part = {"start": 1.0, "middle": 0.5, "end": 0.0}[e.get("class")]
            yield from ((x + (part - 1) * reach, y - 10), (x + part * reach, y + 3))


@settings(deadline=None, max_examples=150)
@given(reports())
def test_whatever_the_report_nothing_leaves_its_box_and_everything_is_a_number(report):
    for svg in plots_of(json.loads(json.dumps(report))).values():
        stays_inside(svg)
        assert not re.search(r"\b(nan|inf|None)\b", ET.tostring(svg, "unicode"))


def stays_inside(svg):
    left, top, wide, tall = map(float, svg.get("viewBox").split())
    assert (left, top) == (0, 0)
    for x, y in places(svg):
        assert 0 <= x <= wide, (svg.find("title").text, x)
        assert 0 <= y <= tall, (svg.find("title").text, y)


@pytest.mark.parametrize("many", range(2, 41))
def test_names_of_many_quarters_stand_apart_and_inside(many):
    line = FULL["slices"]["recurring_loss"][0]
    lost = [{**line, "quarter": f"{2000 + k}-Q1"} for k in range(many)]
    slices = {**FULL["slices"], "recurring_loss": lost}
    svg = plots_of({**FULL, "slices": slices})["lost"]
    stays_inside(svg)
    middles = [float(w.get("x")) for w in svg.iter("text") if "-Q" in w.text]
    assert middles
    assert all(b - a >= 56 for a, b in pairwise(middles))
