"""List every coded error that the source raises, as Markdown for ``docs/errors.md``.

``python docs/list_codes.py`` prints all of them; with ``--missing`` only those that
neither ``errors.md`` nor ``findings.md`` explains yet. Parts of a message that are only
known when it happens are shown as an ellipsis. Read and polish before pasting: the page
is for people.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
SRC = DOCS.parent / "src" / "churnhealth"
CODE = re.compile(r"CH\d\d\d")


class Raised(NamedTuple):
    """One place that raises a code."""

    code: str
    what: str
    why: str
    fix: str
    file: str


def codes_in_source() -> dict[str, str]:
    """Find every code that is written as a text of its own: code -> first file."""
    found: dict[str, str] = {}
    for file in sorted(SRC.rglob("*.py")):
        for code in re.findall(r"""["'](CH\d\d\d)["']""", file.read_text("utf-8")):
            found.setdefault(code, str(file.relative_to(SRC)))
    return found


def codes_on_pages() -> set[str]:
    """Find every code that has a heading or a table row on one of the two pages."""
    pages = [DOCS / "errors.md", DOCS / "findings.md"]
    texts = [page.read_text("utf-8") for page in pages if page.exists()]
    return {code for text in texts for code in CODE.findall(text)}


def raised() -> Iterator[Raised]:
    """Read what, why and fix out of every call that is given a code."""
    for file in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            given = {k.arg: _said(k.value) for k in node.keywords}
            given |= zip(("code", "what"), map(_said, node.args), strict=False)
            code = given.get("code", "")
            if not CODE.fullmatch(code):
                continue
            yield Raised(
                code,
                given.get("what", ""),
                given.get("why", ""),
                given.get("fix", ""),
                str(file.relative_to(SRC)),
            )


def _said(node: ast.expr) -> str:
    """Give the text of an expression, with an ellipsis for what it fills in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _said(node.left) + _said(node.right)
    return "…"


def markdown(entry: Raised) -> str:
    """Write one entry of the page."""
    one_line = [" ".join(text.split()) for text in entry[1:4]]
    return "| {} | {} | {} | {} |".format(entry.code, *one_line)


def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missing", action="store_true")
    known = codes_on_pages() if parser.parse_args().missing else set()
    entries = sorted({e for e in raised() if e.code not in known})
    sys.stdout.writelines(markdown(e) + f" <!-- {e.file} -->\n" for e in entries)
    silent = codes_in_source().keys() - {e.code for e in entries} - known
    sys.stdout.writelines(f"not read: {code}\n" for code in sorted(silent))


if __name__ == "__main__":
    main()
