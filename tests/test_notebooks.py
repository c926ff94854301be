"""Every notebook runs from top to bottom, and its two forms are one."""

import os
import re
from pathlib import Path

import jupytext
import nbformat
import pytest

from churnhealth.demo import start_project
from churnhealth.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REAL = "07_open_university"
ACCOUNTS = 200  # at most, where the notebooks simulate more: that they run is tested

pytestmark = pytest.mark.filterwarnings("ignore")  # of the kernel's own parts


def source(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_every_text_has_its_notebook():
    texts = sorted(p.stem for p in (ROOT / "notebooks").glob("*.py"))
    assert texts == [p.stem for p in NOTEBOOKS]
    assert len(texts) >= 7


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_text_and_notebook_are_one_and_carry_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    assert source(notebook) == source(jupytext.read(path.with_suffix(".py")))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_use_public_names_and_define_nothing(path):
    text = path.with_suffix(".py").read_text(encoding="utf-8")
    assert not re.search(r"^(def|class) ", text, flags=re.MULTILINE)
    assert not re.search(r"\bfrom churnhealth\b|import churnhealth\.", text)
    assert not re.search(r"\._[a-z]", text)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs_from_top_to_bottom(path, shared_data, tmp_path):
    if path.stem == REAL:
        shared_data("oulad")
    shown = executed(path, path.parent)
    assert sum("text/html" in o.get("data", {}) for o in shown) >= 2


@pytest.mark.slow
def test_the_notebook_of_a_new_project_runs(tmp_path):
    start_project(tmp_path / "new", accounts=ACCOUNTS, seed=7)
    shown = executed(tmp_path / "new" / "start.ipynb", tmp_path / "new")
    assert sum("text/html" in o.get("data", {}) for o in shown) >= 4


def test_a_new_project_never_overwrites(tmp_path):
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(ConfigError, match="CH009"):
        start_project(tmp_path, accounts=60, seed=7)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def executed(path, folder):
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = re.sub(r"(?<=accounts=)\d+", fewer, cell.source)
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    shown = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert not any(o.output_type == "error" for o in shown)
    return shown


def fewer(found):
    return str(min(int(found[0]), ACCOUNTS))
