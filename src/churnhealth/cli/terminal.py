"""Text for terminals and files that know few letters.

Where the locale is not UTF-8 (and where Windows sends output to a file), a minus sign
cannot be written, and the whole command would end with it.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable
from typing import TextIO

__all__ = ["write_plainly"]

_PLAIN = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{MIDDLE DOT}": ",",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}


def write_plainly(streams: Iterable[TextIO]) -> None:
    r"""Let streams write the nearest letters they know, and ``?`` where there is none.

    >>> kept = io.BytesIO()
    >>> out = io.TextIOWrapper(kept, encoding="latin-1")
    >>> write_plainly([out])
    >>> print("Müller: \N{MINUS SIGN}3 \N{SNOWMAN}", file=out, flush=True)
    >>> kept.getvalue().decode("latin-1")
    'Müller: -3 ?\n'
    """
    codecs.register_error("churnhealth", _nearest)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="churnhealth")


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in lost), error.end
