"""What is installed, what is missing, and the command that adds it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["examine"]

_PARTS = (
    ("duckdb", "reads files and databases", None),
    ("lightgbm", "boosted trees", None),
    ("scikit-learn", "regularised logistic regression", None),
    ("bentoml", "serves scores over HTTP", "serve"),
    ("mlflow", "tracks and registers runs", "track"),
    ("matplotlib", "draws the plots of a run", "track"),
    ("shap", "plots of drivers in notebooks", "explain"),
    ("openpyxl", "reads Excel workbooks", "excel"),
    ("optuna", "searches settings inside training", "tune"),
)


def examine() -> list[dict[str, str | None]]:
    """List every part with its version, or the command that adds it.

    >>> examine()[0]["name"]
    'python'
    """
    parts: list[dict[str, str | None]] = [
        {
            "name": "python",
            "for": "runs it all",
            "version": platform.python_version(),
            "fix": None,
        }
    ]
    for name, use, extra in _PARTS:
        package = "churnhealth" if extra is None else f"churnhealth[{extra}]"
        try:
            found, fix = version(name), None
        except PackageNotFoundError:
            found, fix = None, f'pip install "{package}"'
        parts.append({"name": name, "for": use, "version": found, "fix": fix})
    return parts
