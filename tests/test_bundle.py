"""A bundle: what is written is what is read, and all of it is text."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, panel_of

from churnhealth.assessing import score_matrix
from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.rules import RuleScorer

ROOT = Path(__file__).resolve().parents[1]
SCORERS = ("constant", "rules", "logistic", "gbm", "blend")
FILES = ("MANIFEST.json", "bundle.json", "model.txt")


@pytest.mark.parametrize("name", SCORERS)
def test_a_bundle_that_was_read_scores_bit_for_bit_as_before(name, tmp_path):
    bundle = bundle_of(name)
    again = load_bundle(save_bundle(bundle, tmp_path / "b"))
    X = panel_of().X
    one, other = score_matrix(bundle, X), score_matrix(again, X)
    for field in ("probability", "log_odds", "effects", "points"):
        assert np.array_equal(
            getattr(one.explained, field), getattr(other.explained, field)
        ), field
    for field in ("band", "health_score", "coverage", "rules_score", "rules_band"):
        assert np.array_equal(getattr(one, field), getattr(other, field)), field
    for category, bands in one.categories.items():
        assert np.array_equal(bands, other.categories[category])
    assert again.model_version == bundle.model_version
    assert again.bands_version == bundle.bands_version


def test_a_later_version_that_writes_bundles_otherwise_reads_the_same_model(
    tmp_path, monkeypatch
):
    bundle = bundle_of("logistic")
    folder = save_bundle(bundle, tmp_path / "b")
    written = type(bundle.scorer).to_json

    def with_more(self):
        return {**written(self), "a_setting_of_later": 1}

    monkeypatch.setattr(type(bundle.scorer), "to_json", with_more)
    again = load_bundle(folder)
    assert again.model_version == bundle.model_version
    copied = load_bundle(save_bundle(again, tmp_path / "c"))
    assert copied.model_version == bundle.model_version
    for name in ("bundle.json", "MANIFEST.json"):
        assert (tmp_path / "c" / name).read_bytes() == (folder / name).read_bytes()


def test_all_that_is_told_comes_back(tmp_path):
    bundle = bundle_of("logistic")
    again = load_bundle(save_bundle(bundle, tmp_path / "b"))
    assert again.question == bundle.question
    assert again.specs == bundle.specs
    assert again.schema == bundle.schema
    assert again.cuts == bundle.cuts
    assert again.card == bundle.card
    assert (again.skill, again.base_rate) == (bundle.skill, bundle.base_rate)
    assert (again.as_of, again.calibrator) == (AS_OF, bundle.calibrator)
    assert np.array_equal(again.peers, bundle.peers, equal_nan=True)


def test_rules_that_are_a_rung_of_the_scorer_are_asked_once(tmp_path):
    rules, line = bundle_of("rules").rules, bundle_of("logistic").scorer
    asked = []

    class Watched(RuleScorer):
        def _verdicts(self, X):
            asked.append(len(X))
            return super()._verdicts(X)

    made = replace(bundle_of(), rules=rules, scorer=BlendScorer.of([rules, line]))
    read = load_bundle(save_bundle(made, tmp_path / "b"))
    assert read.rules is read.scorer.members_[0]
    read.rules.__class__ = Watched
    X = panel_of().X[:2]
    score_matrix(read, X, reasons=True)
    assert asked == [2]

    other = rules.card_.model_copy(update={"name": "Another"})
    apart = replace(made, rules=RuleScorer.from_json(rules.to_json()))
    apart.rules.card_ = other
    read = load_bundle(save_bundle(apart, tmp_path / "c"))
    assert read.rules is not read.scorer.members_[0]
    assert read.rules.card_.name == "Another"


@pytest.mark.parametrize("name", SCORERS)
def test_every_file_is_text_and_nothing_is_pickled(name, tmp_path):
    folder = save_bundle(bundle_of(name), tmp_path / "b")
    trees = {"model.txt"} if name in ("gbm", "blend") else set()
    assert {p.name for p in folder.iterdir()} == {
        "MANIFEST.json",
        "bundle.json",
    } | trees
    for file in folder.iterdir():
        content = file.read_bytes()
        text = content.decode("utf-8")  # a pickle is not
        assert b"\0" not in content
        assert text.startswith("tree\n" if file.name == "model.txt" else "{")
        if file.suffix == ".json":
            json.loads(text, parse_constant=lambda word: pytest.fail(word))


def test_the_same_content_has_the_same_version_and_files(tmp_path):
    one = save_bundle(bundle_of("gbm"), tmp_path / "one")
    two = save_bundle(replace(bundle_of("gbm")), tmp_path / "two")
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_other_content_has_another_version():
    base = bundle_of("gbm")
    others = [
        bundle_of("logistic"),
        replace(base, base_rate=base.base_rate * 1.01),
        replace(base, skill=False),
        replace(base, as_of=base.as_of + 1),
        replace(base, card={"company": "Another"}),
        replace(base, calibrator=replace(base.calibrator, intercept=0.0)),
    ]
    versions = [b.model_version for b in (base, *others)]
    assert len(set(versions)) == len(versions)
    assert all(v.startswith("2025-09-0") for v in versions)


def test_the_bands_have_a_version_of_their_own():
    base = bundle_of("gbm")
    moved = replace(base, cuts=replace(base.cuts, cuts=(0.02, 0.04, 0.1)))
    assert moved.bands_version != base.bands_version
    assert replace(base, skill=False).bands_version == base.bands_version


def test_a_new_bundle_takes_the_place_of_the_old_whole(tmp_path):
    save_bundle(bundle_of("gbm"), tmp_path / "b")
    save_bundle(bundle_of("rules"), tmp_path / "b")
    loaded = load_bundle(tmp_path / "b")  # no model.txt left behind
    assert loaded.model_version == bundle_of("rules").model_version
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_value_that_is_no_json_leaves_nothing_behind(tmp_path):
    broken = replace(bundle_of("rules"), base_rate=float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_bundle(broken, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import json, os, signal, sys
from pathlib import Path
from churnhealth.bundle import load_bundle, save_bundle

old, new, home = (Path(p) for p in sys.argv[1:4])
old, new = load_bundle(old), load_bundle(new)
seen = []
watched = ("open", "os.", "shutil.", "ctypes.")


def child(at):
    # Every event of the save is a place to die at.
    count = 0

    def watch(event, args):
        nonlocal count
        if event.startswith(watched):
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    save_bundle(new, home / "b")
    os._exit(0)


at, killed = 1, 1
while killed:
    save_bundle(old, home / "b")
    pid = os.fork()
    if pid == 0:
        child(at)
    killed = os.WTERMSIG(os.waitpid(pid, 0)[1])
    found = load_bundle(home / "b").model_version
    seen.append([old.model_version, new.model_version].index(found))
    at += 1
print(json.dumps(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a Unix")
def test_killed_at_any_moment_a_save_leaves_the_old_or_the_new_never_half(tmp_path):
    old = save_bundle(bundle_of("rules"), tmp_path / "old")
    new = save_bundle(bundle_of("logistic"), tmp_path / "new")
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(old), str(new), str(home)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert len(seen) > 8  # so many places to die at, and one run to the end
    assert seen == sorted(seen)  # old up to one moment, new from it on
    assert (seen[0], seen[-1]) == (0, 1)
    assert seen.count(0) > 4
