"""The plots of the proof: what is drawn is what the report says, and stays inside."""

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.test_pages import REPORT

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
        {"outcomes": 20, "chosen": "rules", "gain": -0.004, "interval": [-0.01, 0.002]},
        {"outcomes": 80, "chosen": "blend", "gain": 0.012, "interval": [0.004, 0.02]},
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


def test_every_plot_of_a_full_report_is_drawn_beside_its_table():
    found = plots_of(FULL)
    names = ["bands", "lead", "gains-churners", "lost", "chances", "learning"]
    assert list(found) == names


def test_the_dots_of_the_chances_stand_where_the_report_says():
    svg = plots_of(FULL)["chances"]
    dots = list(svg.iter("circle"))
    whiskers = moves(looks(svg, "path", "whisker")[0])
    assert [d.get("class") for d in dots] == ["in", "off"]
    for i, part in enumerate(FULL["slices"]["calibration"]):
        x, y = float(dots[i].get("cx")), float(dots[i].get("cy"))
        assert near(read_off(svg, "x", x, root=True), part["predicted"])
        assert near(read_off(svg, "y", y, root=True), part["observed"])
        for (at, end), wanted in zip(
            whiskers[2 * i : 2 * i + 2], part["interval"], strict=True
        ):
            assert at == x
            assert near(read_off(svg, "y", end, root=True), wanted)
    for x, y in moves(looks(svg, "path", "even")[0]):
        across, up = read_off(svg, "x", x, root=True), read_off(svg, "y", y, root=True)
        assert near(across, up)
    few, many = (float(e.get("height")) for e in looks(svg, "rect", "count"))
    assert many == pytest.approx(2 * few)
    assert "50 to 100 scores a dot" in [w.text for w in svg.iter("text")]


def test_a_colours_block_is_its_promise_and_its_dot_what_was_seen():
    svg = plots_of(FULL)["bands"]
    dots = list(svg.iter("circle"))
    assert [d.get("class") for d in dots] == ["in", "in", "off", "in"]
    for i, band in enumerate(FULL["bands"]):
        (block,) = looks(svg, "rect", band["band"])
        left, wide = float(block.get("x")), float(block.get("width"))
        assert near(read_off(svg, "x", left, root=True), band["low"])
        if band["high"] < 1:
            assert near(read_off(svg, "x", left + wide, root=True), band["high"])
        seen, expected = float(dots[i].get("cx")), looks(svg, "path", "mean")[i]
        assert near(read_off(svg, "x", seen, root=True), band["observed"])
        assert near(
            read_off(svg, "x", moves(expected)[0][0], root=True), band["predicted"]
        )
        low, high = moves(looks(svg, "path", "whisker")[i])
        assert near(read_off(svg, "x", low[0], root=True), band["interval"][0])
        assert near(read_off(svg, "x", high[0], root=True), band["interval"][1])


def test_a_column_of_the_lead_time_holds_the_colours_by_their_counts():
    svg = plots_of(FULL)["lead"]
    (full, _), (nothing, _) = ticks(svg, "y")[-1], ticks(svg, "y")[0]
    lefts = sorted({float(e.get("x")) for e in svg.iter("rect")})
    assert len(lefts) == 3  # two days, and those who stayed
    for row, left in zip(FULL["lead_time"], lefts, strict=False):
        floor = nothing
        for band in COLOURS:
            mine = [e for e in looks(svg, "rect", band) if float(e.get("x")) == left]
            assert len(mine) == (row[band] > 0)
            for block in mine:
                top, tall = float(block.get("y")), float(block.get("height"))
                assert top + tall == pytest.approx(floor, abs=0.11)
                part = tall / (nothing - full)
                assert part == pytest.approx(row[band] / row["churners"], abs=2e-3)
                floor = top
        assert floor == pytest.approx(full, abs=0.11)
    (alarm,) = looks(svg, "rect", "alarm")
    assert float(alarm.get("height")) / (nothing - full) == pytest.approx(0.1, abs=2e-3)
    assert moves(looks(svg, "path", "even")[0])[0][1] == float(alarm.get("y"))


def test_a_report_of_before_knows_fewer_colours_and_is_drawn_with_those():
    svg = plots_of(REPORT)["lead"]
    parts = [(e.get("class"), float(e.get("height"))) for e in svg.iter("rect")]
    total = sum(tall for _, tall in parts[:3])
    shares = {look: tall / total for look, tall in parts[:3]}
    wanted = {"alarm": 33 / 41, "rest": 6 / 41, "green": 2 / 41}
    assert shares == pytest.approx(wanted, abs=2e-3)
    page = proof_page(REPORT, company="Example", since={})
    assert ">yellow or grey</span>" in page.replace("</svg>", ">")
    assert ">yellow or grey" not in proof_page(FULL, company="Example", since={})


def test_each_list_is_a_line_through_what_it_finds():
    svg = plots_of(FULL)["gains-churners"]
    for name, way in FULL["gains"]["ways"].items():
        (line,) = looks(svg, "path", name)
        points = [
            (read_off(svg, "x", x), read_off(svg, "y", y)) for x, y in moves(line)
        ]
        wanted = list(zip(SEEN, way["churners"], strict=True))
        assert points == [pytest.approx(p, abs=2e-3) for p in wanted]


def test_a_quarters_block_is_what_was_likely_and_its_dot_what_was_lost():
    svg = plots_of(FULL)["lost"]
    blocks, dots = looks(svg, "rect", "likely"), list(svg.iter("circle"))
    assert [d.get("class") for d in dots] == ["in", "off"]
    for i, row in enumerate(FULL["slices"]["recurring_loss"]):
        top = float(blocks[i].get("y"))
        floor = top + float(blocks[i].get("height"))
        drawn = [read_off(svg, "y", y) for y in (floor, top, float(dots[i].get("cy")))]
        assert drawn == pytest.approx([*row["range"], row["actual"]], abs=300)
        mean = moves(looks(svg, "path", "mean")[i])[0][1]
        assert read_off(svg, "y", mean) == pytest.approx(row["expected"], abs=300)


def test_the_learning_curve_runs_through_its_gains():
    svg = plots_of(FULL)["learning"]
    points = moves(looks(svg, "path", "way")[0])
    whiskers = moves(looks(svg, "path", "whisker")[0])
    for i, row in enumerate(FULL["learning"]):
        assert read_off(svg, "x", points[i][0]) == pytest.approx(row["outcomes"], abs=1)
        drawn = [points[i][1], *(y for _, y in whiskers[2 * i : 2 * i + 2])]
        told = [read_off(svg, "y", y) for y in drawn]
        assert told == pytest.approx([row["gain"], *row["interval"]], abs=3e-4)


def test_a_plot_can_be_read_out_and_says_in_one_sentence_what_to_read_off():
    page = proof_page(FULL, company="Example", since={})
    for name, svg in plots_of(FULL).items():
        assert svg.get("role") == "img"
        assert svg.get("aria-labelledby").split() == [
            f"plot-{name}", f"plot-{name}-told"
        ]  # fmt: skip
        assert svg.find("title").text
        assert svg.find("desc").text
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert len(captions) == len(plots_of(FULL))
    for caption in captions:
        assert caption.endswith(".")
        assert ". " not in caption.replace("\xa0", " ")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for asked in ("<script", "style=", "<img", "url("):
        assert asked not in page.partition("<body")[2]


def test_the_ring_is_explained_where_one_is_drawn():
    page = proof_page(FULL, company="Example", since={})
    for told in ("promise broken", "beyond what was likely", "off the line"):
        assert told in page
    held = [{**b, "kept": True} for b in FULL["bands"]]
    assert "promise broken" not in proof_page(
        {**FULL, "bands": held}, company="Example", since={}
    )


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        ({"bands": [{**b, "observed": None, "predicted": None, "interval": None, "n": 0,
                     "kept": None} for b in FULL["bands"]]}, "bands"),
        ({"lead_time": []}, "lead"),
        ({"lead_time": [{**FULL["lead_time"][0], "churners": 0}]}, "lead"),
        ({"gains": None}, "gains-churners"),
        ({"slices": {**FULL["slices"],
                     "recurring_loss": FULL["slices"]["recurring_loss"][:1]}}, "lost"),
        ({"slices": {**FULL["slices"],
                     "calibration": FULL["slices"]["calibration"][:1]}}, "chances"),
        ({"learning": FULL["learning"][:1]}, "learning"),
    ],
)  # fmt: skip
def test_a_plot_with_too_little_to_show_is_left_out(changed, gone):
    assert list(plots_of({**FULL, **changed})) == [
        n for n in plots_of(FULL) if n != gone
    ]


def test_where_no_value_is_known_accounts_are_counted_instead():
    line = {"quarter": "2025-Q1", "accounts": 9, "expected": 2.4, "range": [0.0, 5.0],
            "actual": 3.0, "inside": True}  # fmt: skip
    leavers = [line, {**line, "quarter": "2025-Q2", "actual": 6.0, "inside": False}]
    slices = {**FULL["slices"], "recurring_loss": [], "leavers": leavers}
    page = proof_page({**FULL, "slices": slices}, company="Example", since={})
    assert "Was the number that left foreseen?" in page
    found = plots_of({**FULL, "slices": slices})
    assert "left" in found
    assert "lost" not in found
    lost = [read_off(found["left"], "y", float(d.get("cy")))
            for d in found["left"].iter("circle")]  # fmt: skip
    assert lost == pytest.approx([3.0, 6.0], abs=0.05)


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
        "learning": [{"outcomes": n, "chosen": "gbm", "gain": g, "interval": i}
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


def test_drawing_loads_nothing_heavy():
    program = (
        "import json, sys; from churnhealth.pages.proof import proof_page;"
        "page = proof_page(json.load(sys.stdin), company='x', since={});"
        "assert page.count('<figure') == 6;"
        "heavy = {'matplotlib', 'pandas', 'sklearn', 'duckdb', 'lightgbm'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(FULL),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
