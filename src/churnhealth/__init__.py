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
    from churnhealth.progress import Progress
    from churnhealth.workbench.data import (
        CompanyData,
        company_data,
        read_company,
        simulate_company,
    )
    from churnhealth.workbench.learned import Backtest, Model, load_model
    from churnhealth.workbench.told import Explanation
    from churnhealth.workbench.training import TrainingSet

__version__ = "0.1.0"

__all__ = [
    "Backtest",
    "ChurnHealthError",
    "CompanyData",
    "Config",
    "Explanation",
    "Model",
    "Progress",
    "TrainingSet",
    "company_data",
    "load_model",
    "read_company",
    "read_config",
    "simulate_company",
]

_HOME = {
    "Backtest": "workbench.learned",
    "ChurnHealthError": "errors",
    "CompanyData": "workbench.data",
    "Config": "config",
    "Explanation": "workbench.told",
    "Model": "workbench.learned",
    "Progress": "progress",
    "TrainingSet": "workbench.training",
    "company_data": "workbench.data",
    "load_model": "workbench.learned",
    "read_company": "workbench.data",
    "read_config": "config",
    "simulate_company": "workbench.data",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'churnhealth' has no attribute {name!r}")
    return getattr(import_module(f"churnhealth.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
