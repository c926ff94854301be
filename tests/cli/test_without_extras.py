"""`pip install churnhealth` alone: what needs more says so, the rest works."""

import json
import subprocess
import sys

import pytest

EXTRAS = (
    *("bentoml", "httptools", "orjson", "starlette", "uvicorn", "uvloop"),
    *("matplotlib", "mlflow", "openpyxl", "optuna", "pandas", "polars"),
    *("pyarrow", "shap"),
)
WITHOUT = f"""\
import sys
sys.modules.update(dict.fromkeys({EXTRAS!r}))  # as if they were not installed
"""
COMMAND = f"{WITHOUT}\nfrom churnhealth.cli import main\nmain()"
NOTEBOOK = f"""{WITHOUT}
import churnhealth as ch

data = ch.simulate_company(accounts=60)
for ask in (data.check, lambda: data.training_set().X):
    try:
        ask()
    except ch.ChurnHealthError as error:
        print(error.code)
"""


def run(code, *given, folder):
    done = subprocess.run(
        [sys.executable, "-c", code, *given],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "company"
    done = run(COMMAND, "init", str(folder), "--accounts", "60", folder=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_whole_way_needs_no_extras(project):
    for verb in (
        ("check",),
        ("train", "--out", "model"),
        ("score", "--bundle", "model", "--out", "scores"),
        ("tasks", "--scores", "scores"),
        ("report", "--scores", "scores", "--kind", "portfolio", "--out", "p.html"),
        ("doctor",),
    ):
        done = run(COMMAND, *verb, folder=project)
        assert done.returncode == 0, (verb, done.stderr)


def test_who_asks_for_more_is_told_what_to_install(project):
    done = run(COMMAND, "train", "--tune", "2", "--out", "tuned", folder=project)
    assert (done.returncode, "[CH310]" in done.stderr) == (2, True)
    done = run(COMMAND, "serve", "--bundle", "model", folder=project)
    assert (done.returncode, "[CH903]" in done.stderr) == (1, True)
    told = run(NOTEBOOK, folder=project)
    assert told.stdout.split() == ["CH800", "CH800"], told.stderr


def test_every_verb_tells_of_itself(project):
    listed = run(f"{WITHOUT}\nfrom churnhealth.cli import EXAMPLES\nimport json\n"
                 "print(json.dumps([*EXAMPLES]))", folder=project)  # fmt: skip
    for verb in json.loads(listed.stdout):
        assert run(COMMAND, verb, "--help", folder=project).returncode == 0
