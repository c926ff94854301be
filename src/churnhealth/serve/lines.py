"""Lines of the log: for people, or one JSON object each for programs."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Literal

__all__ = ["ANSWERED", "lines_of", "log"]

log = logging.getLogger("churnhealth.serve")

ANSWERED = "%s %s %s %s %.1f ms key=%s"
"""What is written of an answer; its parts are named in ``_PARTS``."""

_PARTS = ("request_id", "method", "route", "status", "ms", "key")


def lines_of(form: Literal["text", "json"]) -> logging.Formatter:
    """Give what writes lines in a form."""
    if form == "json":
        return _JsonLines()
    return _Lines("%(asctime)s %(levelname)s %(message)s")


class _Lines(logging.Formatter):
    """Writes the second of a line once for all lines of that second."""

    _second, _written = 0, ""

    def formatTime(  # noqa: N802 (logging calls it by this name)
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        second = int(record.created)
        if second != self._second:
            when = time.localtime(second)
            self._written = time.strftime(datefmt or self.default_time_format, when)
            self._second = second
        return f"{self._written},{int(record.msecs):03d}"


class _JsonLines(logging.Formatter):
    """Writes an object per line: of an answer its parts, of all else the message."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, object] = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if record.msg == ANSWERED and isinstance(record.args, tuple):
            told |= zip(_PARTS, record.args, strict=True)
            told["ms"] = round(float(str(told["ms"])), 1)
            told["key"] = None if told["key"] == "-" else told["key"]
        else:
            told["message"] = record.getMessage()
        return json.dumps(told)
