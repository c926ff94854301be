"""Every key, every error code and every page that is pointed at is written down."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from churnhealth.config import Config, parse_config
from churnhealth.scorers.card import parse_card

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")


def list_codes():
    spec = importlib.util.spec_from_file_location("list_codes", DOCS / "list_codes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sections(text):
    """Cut a page at its headings: heading without signs -> what stands under it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {parts[i].strip("`[] "): parts[i + 1] for i in range(1, len(parts), 2)}


def models(annotation):
    """Find the section models inside an annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in get_args(annotation) for m in models(inner)]


def keys(model=Config, path=""):
    """Yield ``section, key`` for every key that a configuration may have."""
    for name, field in model.model_fields.items():
        if path == "" and name == "folder":
            continue
        inner = [m for m in models(field.annotation) if m.__name__ != "CategoryColumn"]
        if path:
            yield path, field.alias or name
        for found in inner:
            yield from keys(found, f"{path}.{name}".strip("."))


SHARED = ("path", "sql", "columns", "where", "formats")
SHARED += ("missing", "encoding", "skip", "sheet", "timezone")


@pytest.mark.parametrize(("section", "key"), sorted(set(keys())))
def test_every_key_has_a_row_in_its_section_with_a_sentence(section, key):
    every = key in SHARED and section.startswith("sources.")
    text = sections(CONFIGURATION)["Every source" if every else section]
    row = re.search(rf"^\| `{key}` \| .+ \| (.+\.) \|$", text, flags=re.MULTILINE)
    assert row, f"docs/configuration.md: [{section}] has no row for `{key}`"


def test_no_row_is_left_of_a_key_that_is_gone():
    known = {key for _, key in keys()}
    rows = set(re.findall(r"^\| `(\w+)` \|", CONFIGURATION, flags=re.MULTILINE))
    assert rows <= known


def test_the_example_configuration_is_accepted():
    (example,) = re.findall(r"```toml\n(.+?)```", CONFIGURATION, flags=re.DOTALL)
    assert parse_config(tomllib.loads(example), folder=ROOT).company.name == "Example"


def test_every_code_in_the_source_is_explained():
    tool = list_codes()
    missing = tool.codes_in_source().keys() - tool.codes_on_pages()
    assert not missing, (
        f"explain in docs/errors.md or docs/findings.md: {sorted(missing)};"
        " `python docs/list_codes.py --missing` writes the rows"
    )


def test_no_code_is_explained_that_nothing_raises():
    tool = list_codes()
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| (CH\d\d\d) \|", page, flags=re.MULTILINE))
    assert told <= tool.codes_in_source().keys()


@pytest.mark.parametrize(
    "page",
    sorted(
        p.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "[!.]*/**/*.md")
        for p in ROOT.glob(pattern)
    ),
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} points at {target}"


def test_pages_that_messages_name_exist():
    named = set()
    for file in (ROOT / "src").rglob("*.py"):
        named |= set(re.findall(r"docs/\w+\.md", file.read_text(encoding="utf-8")))
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []


def test_the_example_scorecard_is_accepted():
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.+?)```", page, flags=re.DOTALL)
    card = parse_card(tomllib.loads(example))
    assert [stage.name for stage in card.stages] == ["onboarding", "everyone else"]


def test_the_page_of_quality_says_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from quality_page import page

    measured = json.loads((DOCS / "quality.json").read_text(encoding="utf-8"))
    assert (DOCS / "quality.md").read_text(encoding="utf-8") == page(measured)


def test_who_follows_the_pages_has_the_commands_they_tell_to_type():
    # `make demo` leaves the command in .venv, and no extra brings Jupyter's own pages.
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    begun = readme.index("After that")
    assert (
        ". .venv/bin/activate"
        in readme[begun : readme.index("churnhealth demo", begun)]
    )
    notebooks = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    [install] = [line for line in notebooks.splitlines() if "pip install" in line]
    assert "jupyterlab" in install[: install.index("`jupyter lab`")]
