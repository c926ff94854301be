"""What a terminal knows: letters, and signals.

Where the locale is not UTF-8 (and where Windows sends output to a file), a minus sign
cannot be written, and the whole command would end with it. And whoever ends a command
by a signal means it to take along what it wrote for itself: copies of customers' rows.
"""

from __future__ import annotations

import codecs
import io
import signal
from collections.abc import Iterable
from typing import Never, TextIO

__all__ = ["end_cleanly", "write_plainly"]

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


def end_cleanly() -> None:
    """Leave at a signal as at an error, so that temporary folders go.

    Whoever started us with nohup wants no hang-up.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) == signal.SIG_DFL:
            signal.signal(name, _left)


def _left(number: int, *_: object) -> Never:
    raise SystemExit(128 + number)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in lost), error.end
