"""A bundle: what is written is what is read, and what was damaged is never parsed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, panel_of

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.errors import BundleError
from churnhealth.scorers.blend import BlendScorer
from churnhealth.scorers.rules import RuleScorer
from churnhealth.scoring import score_matrix

ROOT = Path(__file__).resolve().parents[1]
SCORERS = ("constant", "rules", "logistic", "gbm", "blend")
FILES = ("MANIFEST.json", "bundle.json", "model.txt")
each_file = pytest.mark.parametrize("name", FILES)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One bundle with trees on disk; tests work on copies."""
    return save_bundle(bundle_of("blend"), tmp_path_factory.mktemp("whole") / "b")


@pytest.fixture
def copy(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "b"))


def manifest_for(folder):
    """Write the manifest anew, as someone would who covers up a change."""
    files = {
        p.name: {
            "sha256": sha256(p.read_bytes()).hexdigest(),
            "size": p.stat().st_size,
        }
        for p in folder.iterdir()
        if p.name != "MANIFEST.json"
    }
    value = {"schema_version": 1, "files": files}
    text = json.dumps(value, indent=1, sort_keys=True) + "\n"
    (folder / "MANIFEST.json").write_text(text, encoding="utf-8")


def refused(folder):
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.fix
    return caught.value.code


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


def test_the_manifest_names_every_file_with_its_hash(written):
    listed = json.loads((written / "MANIFEST.json").read_text())["files"]
    assert set(listed) == set(FILES) - {"MANIFEST.json"}
    for name, told in listed.items():
        content = (written / name).read_bytes()
        assert told == {"sha256": sha256(content).hexdigest(), "size": len(content)}


@each_file
@pytest.mark.parametrize("where", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_one_changed_byte_is_refused(copy, name, where):
    content = bytearray((copy / name).read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    (copy / name).write_bytes(bytes(content))
    assert refused(copy).startswith("CH40")


@each_file
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_refused(copy, name, kept):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(kept * len(content))])
    assert refused(copy) == ("CH401" if name == "MANIFEST.json" else "CH402")


@each_file
def test_a_file_with_more_at_its_end_is_refused(copy, name):
    with (copy / name).open("ab") as stream:
        stream.write(b"\n")
    assert refused(copy) == ("CH401" if name == "MANIFEST.json" else "CH402")


@each_file
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    assert refused(copy) == ("CH401" if name == "MANIFEST.json" else "CH403")


@pytest.mark.parametrize("extra", ["notes.txt", "model.pkl", ".hidden", "sub/"])
def test_an_extra_file_is_refused(copy, extra):
    if extra.endswith("/"):
        (copy / extra).mkdir()
    else:
        (copy / extra).write_text("x")
    assert refused(copy) == "CH403"


@pytest.mark.parametrize("name", ["bundle.json", "model.txt"])
def test_a_file_that_is_a_link_is_refused(copy, tmp_path, name):
    elsewhere = tmp_path / name
    (copy / name).rename(elsewhere)
    (copy / name).symlink_to(elsewhere)
    assert refused(copy) == "CH402"


def test_a_manifest_that_is_a_link_is_refused(copy, tmp_path):
    elsewhere = tmp_path / "MANIFEST.json"
    (copy / "MANIFEST.json").rename(elsewhere)
    (copy / "MANIFEST.json").symlink_to(elsewhere)
    assert refused(copy).startswith("CH40")


@pytest.mark.parametrize("name", ["bundle.json", "model.txt"])
def test_a_folder_in_place_of_a_file_is_refused(copy, name):
    (copy / name).unlink()
    (copy / name).mkdir()
    assert refused(copy) == "CH402"


def test_no_folder_at_all_is_refused(tmp_path):
    assert refused(tmp_path / "nothing") == "CH401"


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda m: m["files"].pop("model.txt"), "CH403"),
        (lambda m: m["files"].pop("bundle.json"), "CH403"),
        (lambda m: m["files"].update({"../b/x": m["files"]["model.txt"]}), "CH403"),
        (lambda m: m["files"]["model.txt"].update(sha256="0" * 64), "CH402"),
        (lambda m: m["files"]["model.txt"].update(size=1), "CH402"),
        (lambda m: m["files"]["model.txt"].update(size="many"), "CH401"),
        (lambda m: m["files"]["model.txt"].pop("sha256"), "CH401"),
        (lambda m: m.update(files=[]), "CH401"),
        (lambda m: m.update(note="more than was written"), "CH401"),
        (lambda m: m.update(schema_version=2), "CH401"),
    ],
)
def test_an_edited_manifest_is_refused(copy, edit, code):
    manifest = json.loads((copy / "MANIFEST.json").read_text())
    edit(manifest)
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (copy / "MANIFEST.json").write_text(text)
    assert refused(copy) == code


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"files": {}}', "\ufeff{}"])
def test_a_manifest_that_is_none_is_refused(copy, text):
    (copy / "MANIFEST.json").write_text(text, encoding="utf-8")
    assert refused(copy) == "CH401"


def test_trees_of_another_model_are_refused_even_under_a_fresh_manifest(copy):
    other = bundle_of("gbm").scorer.model_text
    (copy / "model.txt").write_text(other.replace("shrinkage=0.04", "shrinkage=0.05"))
    manifest_for(copy)
    assert refused(copy).startswith("CH40")


def test_another_schema_version_is_refused_by_name(copy):
    raw = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps({**raw, "schema_version": 2}))
    manifest_for(copy)
    assert refused(copy) == "CH404"


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 1}'])
def test_a_description_that_cannot_be_read_is_a_coded_error(copy, text):
    (copy / "bundle.json").write_text(text)
    manifest_for(copy)
    assert refused(copy) == "CH404"


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


LOADED = """
import sys
from pathlib import Path
import numpy as np
from churnhealth.bundle import load_bundle
from churnhealth.errors import BundleError

for folder in sys.argv[1:]:
    try:
        bundle = load_bundle(Path(folder))
        seen = "lightgbm" in sys.modules
        bundle.scorer.decision_function(np.zeros((1, len(bundle.specs))))
        print("read", seen, "then", "lightgbm" in sys.modules)
    except BundleError as error:
        print(error.code, "lightgbm" in sys.modules)
"""


def test_a_damaged_bundle_is_refused_before_lightgbm_is_even_loaded(written, tmp_path):
    def turn(folder, name):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(bytes(content))

    folders = []
    for name in FILES:
        folders.append(Path(shutil.copytree(written, tmp_path / f"turned {name}")))
        turn(folders[-1], name)
        folders.append(Path(shutil.copytree(written, tmp_path / f"short {name}")))
        os.truncate(folders[-1] / name, 1000)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *map(str, [*folders, written])],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *damaged, whole = done.stdout.split("\n")[:-1]
    assert len(damaged) == 2 * len(FILES)
    assert all(line[:4] == "CH40" and line.endswith("False") for line in damaged)
    assert whole == "read False then True"  # the look can tell


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
