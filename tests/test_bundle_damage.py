"""What was damaged is refused with a code and never parsed."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.made import bundle_of

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.errors import BundleError

ROOT = Path(__file__).resolve().parents[1]
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
