"""churnhealth: honest, calibrated, explained renewal risk and customer health.

This is the front door. Names are fetched when they are first asked for, so that
importing the package does nothing and loads nothing heavy.

>>> import churnhealth
>>> churnhealth.read_config.__module__
'churnhealth.config'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churnhealth.config import Config, read_config
    from churnhealth.errors import ChurnHealthError
    from churnhealth.pages.render import render_report
    from churnhealth.pages.summary import summarise
    from churnhealth.progress import Progress

__version__ = "0.1.0"

__all__ = [
    "ChurnHealthError",
    "Config",
    "Progress",
    "read_config",
    "render_report",
    "summarise",
]

_HOME = {
    "ChurnHealthError": "errors",
    "Config": "config",
    "Progress": "progress",
    "read_config": "config",
    "render_report": "pages.render",
    "summarise": "pages.summary",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'churnhealth' has no attribute {name!r}")
    return getattr(import_module(f"churnhealth.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
