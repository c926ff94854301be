"""How text files are encoded, and which of many are not as the others are."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from churnhealth.sources.problems import Problem

__all__ = ["is_utf_8", "not_in", "open_text", "unmarked"]

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ALIKE = "all files of a source have one encoding"
_BLOCK = 1 << 20


def open_text(file: str, encoding: str, *, errors: str = "strict") -> IO[str]:
    """Open a text file, packed with gzip or not, its line ends as they are."""
    if file.lower().endswith(".gz"):
        return gzip.open(file, "rt", encoding=encoding, errors=errors, newline="")
    return Path(file).open(encoding=encoding, errors=errors, newline="")


def unmarked(files: Sequence[str], title: str) -> Sequence[str] | Problem:
    """Refuse files that begin as UTF-16 does: as UTF-8 they have no columns."""
    marked = [f for f in files if next(_blocks(f, 2), b"") in _UTF_16]
    if not marked:
        return files
    among = f", as {len(marked)} of {len(files)} files are" if files[1:] else ""
    fix = f"write what is UTF-16 again as UTF-8: {_ALIKE}"
    return Problem(
        code="CH111",
        what=f"{title}: {Path(marked[0]).name!r} is written in UTF-16{among}",
        fix='name it: encoding = "utf-16"' if len(marked) == len(files) else fix,
    )


def is_utf_8(file: str, encoding: str) -> bool:
    """See whether a file is UTF-8, though another encoding was named that reads it too.

    Umlauts in UTF-8 are read as two letters each where one byte is a letter, and two
    letters as one sign of Chinese where two bytes are.
    """
    name = codecs.lookup(encoding).name
    if name.startswith("utf-8"):
        return False
    wide, beyond = name.startswith(("utf-16", "utf-32")), False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(file, _BLOCK):
            decoder.decode(block)
            beyond |= not block.isascii()
            if wide and b"\0" in block:
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return beyond or wide


def not_in(encoding: str, file: str, title: str) -> Problem:
    """Say which file is not in the encoding that its source names."""
    return Problem(
        code="CH111",
        what=f"{title}: {Path(file).name!r} is not written in {encoding}",
        fix=f"correct `encoding`, or write the file again as UTF-8; {_ALIKE}",
    )


def _blocks(file: str, size: int) -> Iterator[bytes]:
    packed = file.lower().endswith(".gz")
    try:
        with gzip.open(file) if packed else Path(file).open("rb") as given:
            while block := given.read(size):
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return  # what is damaged is told by whoever reads it
