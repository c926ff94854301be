"""The rooms stand in a row: each looks back only, and each heavy library has one home.

A fault is told as a sentence, such as "pages/render imports mlflow; only tracking may".
"""

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src" / "churnhealth"

FLOOR = (
    "errors",
    "categories",
    "config",
    "config_sections",
    "config_playbooks",
    "folders",
    "progress",
    "progress_cell",
    "said",
)
ROOMS = (
    "sources",
    "simulated",
    "checks",
    "snapshots",
    "features",
    "trees",
    "scorers",
    "health",
    "evaluate",
    "explain",
    "bundle",
    "registry",
    "assessing",
    "scoring",
    "what_if",
    "archive",
    "tracking",
    "monitor",
    "pages",
    "serve",
    "client",
    "gathering",
    "pipeline",
    "commands",
    "frames",
    "workbench",
    "demo",
    "doctor",
    "cli",
)
# A scorer of trees parts its own margin, so these files stand before their room.
PLACED = {"explain/tree*": "trees"}
ONLY_IN = {
    "bentoml": ("serve/service",),
    "duckdb": ("sources/engine",),
    "jinja2": ("pages/render",),
    "lightgbm": ("scorers/gbm",),
    "matplotlib": ("evaluate/plot_style", "evaluate/plots*"),
    "mlflow": ("tracking",),
    "openpyxl": ("sources/workbook",),
    "optuna": ("evaluate/tuning",),
    "narwhals": ("frames",),
    "pandas": ("frames",),
    "polars": (),
    "pyarrow": (),
    "pyspark": (),
    "IPython": ("progress_cell",),
    "rich": ("progress",),
    "shap": ("explain/as_shap",),
    "sklearn": ("scorers/*",),
    "starlette": ("serve/*",),
    "typer": ("cli", "cli/*"),
    "uvicorn": ("serve/*",),
}
NUMPY_ONLY = ("features/kernel*", "explain/tree*")
HEAVY = ("bentoml", "duckdb", "lightgbm", "matplotlib", "mlflow", "pandas", "shap",
         "sklearn")  # fmt: skip


def imports(file):
    """Every module that a file names in an import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(src):
    """Name every file as ``room/file``, with the modules it imports."""
    return {
        str(file.relative_to(src).with_suffix("")).removesuffix("/__init__"): set(
            imports(file)
        )
        for file in sorted(src.rglob("*.py"))
        # the front doors look at everything
        if file not in (src / "__init__.py", src / "__main__.py")
    }


def ours(names):
    """Rooms/files of our own among imported modules, as ``room/file``."""
    return {
        name.removeprefix("churnhealth.").replace(".", "/")
        for name in names
        if name.startswith("churnhealth.")
    }


def room(name):
    placed = [home for files, home in PLACED.items() if fnmatch(name, files)]
    return placed[0] if placed else name.split("/")[0]


def direction_faults(name, imported):
    here = room(name)
    if here not in (*FLOOR, *ROOMS):
        yield f"{name} is in no known room: add it to ROOMS in {Path(__file__).name}"
        return
    allowed = FLOOR if here in FLOOR else FLOOR + ROOMS[: ROOMS.index(here) + 1]
    for other in sorted({room(x) for x in ours(imported)} & {*FLOOR, *ROOMS}):
        if other not in allowed:
            yield f"{name} looks right at {other}"


def library_faults(name, imported):
    for library in sorted({x.split(".")[0] for x in imported} & ONLY_IN.keys()):
        homes = ONLY_IN[library]
        if not any(fnmatch(name, home) for home in homes):
            may = f"only {' and '.join(homes)} may" if homes else "nothing may"
            yield f"{name} imports {library}; {may}"


def kernel_faults(tree):
    """The kernels, and all of ours that they stand on, know NumPy and nothing else."""
    todo = {name for name in tree for files in NUMPY_ONLY if fnmatch(name, files)}
    seen = set()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= {x for x in ours(tree[name]) if x in tree} - seen
    for name in sorted(seen):
        roots = {x.split(".")[0] for x in tree[name]} - {"churnhealth", "numpy"}
        for root in sorted(roots - set(sys.stdlib_module_names)):
            yield f"{name} imports {root}; a kernel knows NumPy only"


def faults(src):
    tree = modules(src)
    found = []
    for name, imported in tree.items():
        found += [*direction_faults(name, imported), *library_faults(name, imported)]
    return [*found, *kernel_faults(tree)]


def test_rooms_look_back_only_and_each_heavy_library_has_one_home():
    assert faults(SRC) == []


def test_planted_faults_are_found(tmp_path):
    files = {
        "__init__.py": "from churnhealth.cli import main",
        "errors.py": "from churnhealth import sources",
        "sources/contract.py": "import numpy as np\nfrom typing import Any",
        "sources/engine.py": "import duckdb",
        "features/kernel.py": "import numpy\nfrom churnhealth.sources import contract"
        "\nfrom churnhealth.sources.engine import x",
        "explain/drivers.py": "",
        "explain/trees.py": "from churnhealth.explain.drivers import driver_table",
        "scorers/gbm.py": "from churnhealth.explain.trees import tree_tables",
        "scorers/rules.py": "from churnhealth.explain.drivers import driver_table",
        "features/spec.py": "def f():\n    from churnhealth.pages.render import g",
        "pages/render.py": "import mlflow.sklearn, jinja2",
        "evaluate/helpers.py": "if 1:\n    import pandas as pd",
        "misc.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(faults(tmp_path)) == [
        "errors looks right at sources",
        "evaluate/helpers imports pandas; only frames may",
        "explain/trees looks right at explain",
        "features/spec looks right at pages",
        "misc is in no known room: add it to ROOMS in test_architecture.py",
        "pages/render imports mlflow; only tracking may",
        "scorers/rules looks right at explain",
        "sources/engine imports duckdb; a kernel knows NumPy only",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import churnhealth",
        "import churnhealth.cli as cli, sys; sys.argv[1:] = ['--help']; cli.main()",
    ],
    ids=["import churnhealth", "churnhealth --help"],
)
def test_looking_through_the_door_loads_nothing_heavy(code):
    program = (
        f"import sys\ntry:\n    exec({code!r})\nexcept SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('loaded:', sorted(set({HEAVY!r}) & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("loaded: []"), done.stdout[-500:]


def test_importing_the_package_imports_no_numpy_either():
    program = "import sys, churnhealth; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_files_that_are_run_first_are_there():
    from tests.conftest import LONGEST

    root = SRC.parents[1]
    assert [name for name in LONGEST if not (root / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
