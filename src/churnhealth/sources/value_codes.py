"""Findings of values: what a number stands for, and whether it can be.

A part of the list in `finding_codes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.sources.finding_code import Code, code

__all__ = ["VALUE_CODES"]

VALUE_CODES: Mapping[str, Code] = {
    "CH264": code(
        "advice",
        False,
        "a state that may be the seats",
        "without seats no share of them in use and no price of one is known",
        "if it says how many seats an account has, name it on the source: seats ="
        ' "licences"; if it says how many are used, nothing need be done',
    ),
}
"""Those of values, by code."""
