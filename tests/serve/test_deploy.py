"""What stands in deploy/ can be built and started, and says what the project says."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.serve.process import Service, free_port
from tests.serve.served import strict

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def bento_ml(*args, home, **environment):
    with (home / "log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bentoml", *map(str, args)],
            env={
                **os.environ,
                "BENTOML_DO_NOT_TRACK": "True",
                "BENTOML_HOME": str(home),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )


@pytest.fixture(scope="module")
def bento(tmp_path_factory):
    home = tmp_path_factory.mktemp("bento")
    build = bento_ml("build", "-f", DEPLOY / "bentofile.yaml", "src", home=home)
    assert build.wait(120) == 0, (home / "log").read_text()
    (built,) = (p for p in (home / "bentos" / "churnhealth").iterdir() if p.is_dir())
    return home, built


def test_a_bento_is_built_and_serves_the_bundle_it_is_told(
    bento, bundle, bundle_folder
):
    home, built = bento
    port = free_port()
    process = bento_ml(
        *("serve", built, "--host", "127.0.0.1", "--port", port),
        home=home,
        CHURNHEALTH_BUNDLE=str(bundle_folder),
    )
    service = Service(process, port, home / "log")
    try:
        service.until_ready()
        status, _, text = service.ask("GET", "/readyz")
        told = strict(text)["model_version"]
        assert (status, told) == (200, bundle.model_version)
    finally:
        process.terminate()
        process.wait(30)
    assert (built / "src" / "churnhealth" / "pages" / "templates").is_dir()


def test_a_bento_asks_for_the_packages_that_the_project_names(bento):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["serve"]}
    asked = (bento[1] / "env" / "python" / "requirements.txt").read_text()
    plain = {line.replace('"', "'") for line in asked.splitlines()}
    assert wanted <= plain


def test_the_container_copies_and_starts_what_there_is():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert all((ROOT / name).exists() for names in copied for name in names)
    verb = next(line for line in lines if line.startswith("ENTRYPOINT"))
    assert '"churnhealth", "serve"' in verb
    assert any(line.startswith("USER ") and "root" not in line for line in lines)


def test_the_unit_is_one_that_systemd_understands(tmp_path):
    unit = (DEPLOY / "churnhealth.service").read_text()
    program = shutil.which("true")
    copy = tmp_path / "churnhealth.service"
    copy.write_text(unit.replace("/opt/churnhealth/bin/churnhealth", program))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", str(copy)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert "NoNewPrivileges=yes" in unit
