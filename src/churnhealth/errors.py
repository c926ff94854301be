"""Every error we raise, each with a code, in one tree.

::

    ChurnHealthError            exit code 1: the run failed
    ├── InputError              exit code 2: what was given cannot be used
    │   ├── ConfigError         CH0xx  the configuration
    │   ├── SourceError         CH1xx  files, columns, values
    │   ├── TrainingError       CH3xx  not enough, or one-sided, outcomes
    │   ├── BundleError         CH4xx  a trained model on disk
    │   └── RequestError        CH5xx  an account, a date or a request body
    └── GateError               exit code 3: a gate said no
"""

from __future__ import annotations

__all__ = [
    "BundleError",
    "ChurnHealthError",
    "ConfigError",
    "GateError",
    "InputError",
    "RequestError",
    "SourceError",
    "TrainingError",
    "printable",
]


def printable(text: str) -> str:
    r"""Keep letters and line breaks: names out of files must not steer a terminal.

    >>> printable("a column named \x1b[31m")
    'a column named ?[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


class ChurnHealthError(Exception):
    """A failure told as what, why it matters and how to mend it.

    >>> print(SourceError("CH101", "usage.csv does not exist",
    ...                   why="without usage there is nothing to learn from",
    ...                   fix="correct `path` in [sources.events]"))
    [CH101] usage.csv does not exist
      Why it matters: without usage there is nothing to learn from
      Fix: correct `path` in [sources.events]
    """

    exit_code = 1

    def __init__(
        self, code: str, what: str, *, why: str, fix: str, where: str = ""
    ) -> None:
        super().__init__(code, what, why, fix)
        self.code, self.what, self.why, self.fix = code, what, why, fix
        self.where = where

    def __str__(self) -> str:
        return (
            f"[{self.code}] {printable(self.what)}\n"
            f"  Why it matters: {self.why}\n"
            f"  Fix: {printable(self.fix)}"
        )


class InputError(ChurnHealthError):
    """What was given cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """The configuration file is missing, unreadable or contradicts itself."""


class SourceError(InputError):
    """A file, a column or a value of the business's own data."""


class TrainingError(InputError):
    """There is nothing a model could honestly learn from."""


class BundleError(InputError):
    """A trained model on disk that is missing, damaged or of another kind."""


class RequestError(InputError):
    """An account, a date or a request body that cannot be answered."""


class GateError(ChurnHealthError):
    """A gate said no."""

    exit_code = 3
