"""One account explained: in words, as tables, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from churnhealth.evaluate.plot_style import COLOURS
from churnhealth.explain.numbers import points
from churnhealth.explain.telling import account_text, changed_text, rule_text
from churnhealth.frames import to_frame
from churnhealth.pages.render import render_card

__all__ = ["Explanation"]

_SHOWN = 8


class Explanation:
    """Why one account has its score; ``told`` is all of it as plain values."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    @property
    def churn_probability(self) -> float | None:
        """The probability, ``None`` where the account is not scored."""
        return self.told["score"]["churn_probability"]  # type: ignore[no-any-return]

    @property
    def band(self) -> str | None:
        """The colour."""
        return self.told["score"]["band"]  # type: ignore[no-any-return]

    @property
    def drivers(self) -> Any:
        """Every driver, strongest first; effect_points add up to the score."""
        return _frame(self.told["drivers"])

    @property
    def changes(self) -> Any:
        """What moved the score since the earlier day; empty without one."""
        return _frame(self.told.get("changes", []))

    @property
    def text(self) -> str:
        """The whole in words."""
        told = self.told
        parts = [account_text(told["score"], told["drivers"], outcome=told["outcome"])]
        if "move" in told:
            parts.append(changed_text(told["move"], told["changes"]))
        if "suggestion" in told:
            parts.append(told["suggestion"]["sentence"])
        if told["rules"]:
            parts.append(rule_text(told["rules"][0]))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        score = self.told["score"]
        p = score["churn_probability"]
        title = str(score["name"] or score["account_id"])
        if p is None:
            return render_card(title, [str(score["status"])])
        bars = [
            (d["sentence"], d["effect_points"], points(d["effect_points"]),
             COLOURS["red" if d["effect_points"] > 0 else "green"])
            for d in self.told["drivers"] if d["sentence"]
        ][:_SHOWN]  # fmt: skip
        lines = [f"{score['band']}: {p:.1%} churn probability"]
        if self.told.get("move"):
            lines.append(self.told["move"]["line"])
        if "suggestion" in self.told:
            lines.append(self.told["suggestion"]["sentence"])
        foot = "percentage points; associations, not causes"
        return render_card(title, lines, bars=bars, foot=foot)


def _frame(rows: list[dict[str, Any]]) -> Any:
    names = list(rows[0]) if rows else []
    table = {n: np.array([r[n] for r in rows] + [None], object)[:-1] for n in names}
    return to_frame(table).infer_objects()
