"""What `doctor` says is missing is something that the code would use."""

import re
from pathlib import Path

import pytest

import churnhealth
from churnhealth.doctor import examine

MODULES = {"scikit-learn": "sklearn"}
PARTS = [str(part["name"]) for part in examine() if part["name"] != "python"]


@pytest.fixture(scope="module")
def source() -> str:
    folder = Path(churnhealth.__file__).parent
    return "\n".join(f.read_text(encoding="utf-8") for f in folder.rglob("*.py"))


@pytest.mark.parametrize("name", PARTS)
def test_every_part_that_doctor_names_is_used(source, name):
    module = MODULES.get(name, name)
    assert re.search(rf"(import|from) {module}\b|import_module\(\"{module}\b", source)
