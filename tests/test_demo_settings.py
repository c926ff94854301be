"""The demo's settings are the example's: one text, two places."""

from importlib.resources import files
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def packaged(name):
    return files("churnhealth").joinpath(name).read_text(encoding="utf-8")


def test_the_demo_runs_on_the_example_configuration():
    example = (EXAMPLES / "simulated.toml").read_text(encoding="utf-8")
    own_root = example.replace('root = "../data/simulated"', 'root = "data"')
    assert packaged("demo.toml") == own_root != example


def test_the_demo_uses_the_example_scorecard():
    example = (EXAMPLES / "rules-simulated.toml").read_text(encoding="utf-8")
    assert packaged("rules-simulated.toml") == example
