"""The plots of the proof: what is drawn is what the report says."""

import json
import re
import subprocess
import sys

import pytest
from tests.pages.plotted import (
    COLOURS,
    FULL,
    SEEN,
    looks,
    moves,
    near,
    plots_of,
    read_off,
    ticks,
)
from tests.serve.paged import REPORT

from churnhealth.pages.proof import proof_page


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


def test_what_more_outcomes_are_worth_is_told_of_the_test_that_it_was_judged_on():
    def said(folds):
        row = {"test_from": "2025-03-01", "n_test": 900, "outcomes_test": 40}
        learning = [{**point, **row} for point in FULL["learning"]]
        report = {**FULL, "folds": FULL["folds"] * folds, "learning": learning}
        return proof_page(report, company="Example", since={})

    assert "The same test, learned from" in said(1)
    told = "All of the test period (900 scores from 2025-03-01 on, 40 accounts that"
    assert told in said(2)
    assert "newest of the" not in said(2)


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


def test_a_replay_of_several_folds_tells_all_its_days_and_counts_leavers_once():
    [fold] = FULL["folds"]
    later = {**fold, "test_from": "2025-07-01", "test_to": "2025-07-01",
             "outcomes_train": 40, "positives_test": 9}  # fmt: skip
    page = proof_page({**FULL, "folds": [fold, later]}, company="Example", since={})
    first, gone = fold["test_from"], FULL["gains"]["outcomes"]
    rows = fold["positives_test"] + 9
    assert f"scores were made on {first} to 2025-07-01" in page
    learned = f"learned from {fold['outcomes_train']} to 40 accounts that left"
    assert f"2 models, each newer than the one before, that had {learned}" in page
    assert f"who left: {gone} accounts ({rows} scores)" in page


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
