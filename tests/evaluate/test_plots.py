"""Each picture is a PNG, the same every time, and its title says the finding."""

import struct
import sys

import numpy as np
import pytest

from churnhealth.errors import ChurnHealthError
from churnhealth.evaluate.plots import bands_plot, calibration_plot, lift_plot

pytest.importorskip("matplotlib")


def rows(n: int = 500):
    rng = np.random.default_rng(4)
    p = rng.beta(1, 9, n)
    return (rng.random(n) < p).astype(np.int64), p


def promise(band: str, low: float, high: float, **more):
    seen = {"n": 0, "predicted": None, "observed": None, "interval": None, "kept": None}
    return {"band": band, "low": low, "high": high, **seen, **more}


def colours(*kept: bool | None):
    ranges = [("green", 0, 0.05), ("yellow", 0.05, 0.1), ("orange", 0.1, 0.2)]
    ranges.append(("red", 0.2, 1.0))
    return [
        promise(band, low, high)
        if keeps is None
        else promise(
            band, low, high, n=80, predicted=low, observed=low,
            interval=[low, low + 0.02], kept=keeps,
        )
        for (band, low, high), keeps in zip(ranges, kept, strict=True)
    ]  # fmt: skip


def saved(picture, path):
    picture.save(path)
    return picture.title


def size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_calibration_says_both_rates(tmp_path):
    # Ten rows at 0.2, three of which churned.
    y, p = np.array([1] * 3 + [0] * 7), np.full(10, 0.2)
    said = saved(calibration_plot(y, p), tmp_path / "c.png")
    assert said == "Predicted 20.0 % on average, 30.0 % churned"
    assert size(tmp_path / "c.png") == (921, 691)


def test_lift_says_what_the_riskiest_tenth_holds(tmp_path):
    # Twenty rows, the two riskiest hold two of the four that churned.
    p = np.linspace(1, 0.05, 20)
    y = np.isin(np.arange(20), [0, 1, 8, 12]).astype(int)
    said = saved(lift_plot(y, p), tmp_path / "l.png")
    assert said == "The riskiest tenth holds 50 % of the churn"


def test_a_constant_finds_churn_only_by_chance(tmp_path):
    y = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    said = saved(lift_plot(y, np.full(10, 0.2)), tmp_path / "l.png")
    assert said == "The riskiest tenth holds 10 % of the churn"
    assert saved(lift_plot(y * 0, np.full(10, 0.2)), tmp_path / "l.png").startswith(
        "No churn"
    )


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ((True, True, True, True), "Every colour keeps its promise"),
        ((True, False, True, True), "Yellow breaks its promise"),
        ((True, False, True, False), "Yellow and Red break their promise"),
        (
            (True, None, True, True),
            "3 of 4 colours can be judged; each keeps its promise",
        ),
        (
            (None, True, None, None),
            "1 of 4 colours can be judged; it keeps its promise",
        ),
        ((None, None, None, None), "No colour could be judged"),
    ],
)
def test_bands_say_which_colour_breaks_its_promise(tmp_path, kept, said):
    assert saved(bands_plot(colours(*kept)), tmp_path / "b.png") == said
    assert size(tmp_path / "b.png") == (921, 691)


def test_equal_numbers_make_equal_files(tmp_path):
    y, p = rows()
    for name in ("one", "two"):
        saved(calibration_plot(y, p), tmp_path / f"{name}-c.png")
        saved(lift_plot(y, p), tmp_path / f"{name}-l.png")
        saved(bands_plot(colours(True, True, True, True)), tmp_path / f"{name}-b.png")
    for kind in "clb":
        one, two = (tmp_path / f"{name}-{kind}.png" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_other_numbers_make_another_picture(tmp_path):
    y, p = rows()
    saved(calibration_plot(y, p), tmp_path / "one.png")
    saved(calibration_plot(y, p / 2), tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_nothing_to_draw_is_still_drawn(tmp_path):
    none = np.empty(0)
    assert saved(calibration_plot(none, none), tmp_path / "c.png") == "No rows to judge"
    assert saved(lift_plot(none, none), tmp_path / "l.png") == "No churn in these rows"


def test_drawing_leaves_no_global_state(tmp_path):
    y, p = rows()
    before = "matplotlib.pyplot" in sys.modules
    saved(lift_plot(y, p), tmp_path / "l.png")
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_without_matplotlib_the_error_names_the_command(tmp_path, monkeypatch):
    for name in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ChurnHealthError, match="CH612") as caught:
        saved(lift_plot(*rows()), tmp_path / "l.png")
    assert 'pip install "churnhealth[track]"' in caught.value.fix
